//! What is compared: ways from the clients to the same backends.
//!
//! Every proxy is one instance with a listener a backend, two threads that relay, and else what its makers chose. All
//! of them are up for the whole comparison; one that waits costs nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{POLL_INTERVAL, Program};
use crate::workload::Service;

pub mod configuration;
pub mod peers;

use configuration::{Route, Variant};
use peers::Peers;

/// One way to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No proxy: what the rest of the machine can do.
    Direct,
    /// Ours, with io_uring.
    Spliceway,
    /// Ours, with epoll.
    SplicewayEpoll,
    /// Ours, with io_uring, and `watch = true`: later requests are looked at.
    SplicewayWatch,
    /// Ours, with io_uring, and `pin = false`: the scheduler places its threads.
    SplicewayUnpinned,
    /// HAProxy in TCP mode.
    Haproxy,
    /// HAProxy, which may splice.
    HaproxySplice,
    /// nginx's stream module.
    Nginx,
    /// Envoy's TCP proxy filter.
    Envoy,
    /// [`crate::serve::tokio_copy`].
    TokioCopy,
}

impl Kind {
    /// In the order in which the first round runs them.
    pub const ALL: [Self; 10] = [
        Self::Direct,
        Self::Spliceway,
        Self::SplicewayEpoll,
        Self::SplicewayWatch,
        Self::SplicewayUnpinned,
        Self::Haproxy,
        Self::HaproxySplice,
        Self::Nginx,
        Self::Envoy,
        Self::TokioCopy,
    ];

    /// As it is selected and reported.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Spliceway => "spliceway",
            Self::SplicewayEpoll => "spliceway-epoll",
            Self::SplicewayWatch => "spliceway-watch",
            Self::SplicewayUnpinned => "spliceway-unpinned",
            Self::Haproxy => "haproxy",
            Self::HaproxySplice => "haproxy-splice",
            Self::Nginx => "nginx",
            Self::Envoy => "envoy",
            Self::TokioCopy => "tokio-copy",
        }
    }

    /// Whether it is the proxy of this repository.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Spliceway | Self::SplicewayEpoll | Self::SplicewayWatch | Self::SplicewayUnpinned)
    }

    /// Whether it runs without having been named. The difference that pinning makes depends on what shares the CPUs, so
    /// it is measured on purpose, and does not make every comparison longer.
    fn is_usual(self) -> bool {
        self != Self::SplicewayUnpinned
    }

    /// Those that were asked for, in their order; the usual ones if none were.
    ///
    /// # Errors
    ///
    /// A name is none, in words.
    pub fn select(names: &[String]) -> Result<Vec<Self>, String> {
        if let Some(unknown) = names.iter().find(|name| !Self::ALL.iter().any(|kind| kind.name() == name.as_str())) {
            let known: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            return Err(format!("there is no target {unknown:?}; there are {}", known.join(", ")));
        }
        let asked = |kind: &Self| names.iter().any(|name| name == kind.name());
        let wanted = |kind: &Self| if names.is_empty() { kind.is_usual() } else { asked(kind) };
        Ok(Self::ALL.into_iter().filter(wanted).collect())
    }
}

/// Where the backends are, or the listeners before them.
pub type Addresses = BTreeMap<Service, SocketAddr>;

/// A target that takes connections.
#[derive(Debug)]
pub struct Instance {
    program: Option<Program>,
    addresses: Addresses,
}

/// How long a proxy may take to listen.
const START_LIMIT: Duration = Duration::from_secs(15);

impl Instance {
    /// Starts it, and waits until every listener accepts.
    ///
    /// # Errors
    ///
    /// It is not there, could not be started, or does not listen.
    pub fn start(kind: Kind, peers: &Peers, backends: &Addresses, folder: &Path) -> io::Result<Self> {
        if kind == Kind::Direct {
            return Ok(Self { program: None, addresses: backends.clone() });
        }
        let folder = folder.join(kind.name());
        fs::create_dir_all(&folder)?;
        let routes: Vec<_> = backends
            .iter()
            .zip(free_addresses(backends.len())?)
            .map(|((service, backend), listen)| Route { service: *service, listen, backend: *backend })
            .collect();
        let mut command = command(kind, peers, &routes, &folder)?;
        let mut program = Program::start(kind.name(), &mut command, &folder, Stdio::null())?;
        for route in &routes {
            wait_until_accepting(route.listen, &mut program)?;
        }
        let addresses = routes.iter().map(|route| (route.service, route.listen)).collect();
        Ok(Self { program: Some(program), addresses })
    }

    /// Where clients of a backend connect.
    ///
    /// # Errors
    ///
    /// That backend was not started.
    pub fn address(&self, service: Service) -> io::Result<SocketAddr> {
        let address = self.addresses.get(&service).copied();
        address.ok_or_else(|| io::Error::other(format!("there is no backend {}", service.name())))
    }

    /// The proxy's process; none without one.
    pub fn process(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
    }

    /// An error if the proxy has ended.
    ///
    /// # Errors
    ///
    /// It has.
    pub fn check_running(&mut self) -> io::Result<()> {
        self.program.as_mut().map_or(Ok(()), Program::check_running)
    }
}

fn command(kind: Kind, peers: &Peers, routes: &[Route], folder: &Path) -> io::Result<Command> {
    let program = peers.program(kind).ok_or_else(|| io::Error::other(format!("{} is missing", kind.name())))?;
    let mut command = Command::new(program);
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map(|()| path)
    };
    match kind {
        // It has no process; nothing is started for it.
        Kind::Direct => {}
        Kind::Spliceway | Kind::SplicewayEpoll | Kind::SplicewayWatch | Kind::SplicewayUnpinned => {
            let variant = Variant {
                engine: if kind == Kind::SplicewayEpoll { "epoll" } else { "io_uring" },
                watch: kind == Kind::SplicewayWatch,
                unpinned: kind == Kind::SplicewayUnpinned,
            };
            let text = configuration::spliceway(routes, variant);
            command.args(["run", "--config"]).arg(write("spliceway.toml", text)?);
        }
        Kind::Haproxy => {
            command.args(["-db", "-f"]).arg(write("haproxy.cfg", configuration::haproxy(routes, false))?);
        }
        Kind::HaproxySplice => {
            command.args(["-db", "-f"]).arg(write("haproxy.cfg", configuration::haproxy(routes, true))?);
        }
        Kind::Nginx => {
            let text = configuration::nginx(routes, peers.nginx_module.as_deref(), folder);
            command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(write("nginx.conf", text)?);
        }
        Kind::Envoy => {
            command.args(["--concurrency", "2", "--disable-hot-restart", "--log-level", "error", "--config-path"]);
            command.arg(write("envoy.yaml", configuration::envoy(routes))?);
        }
        Kind::TokioCopy => {
            command.args(["serve", "tokio-copy"]);
            routes.iter().for_each(|route| {
                command.arg(format!("--forward={}={}", route.listen, route.backend));
            });
        }
    }
    Ok(command)
}

/// Addresses that nobody uses. All are chosen before any is let go, so they differ.
fn free_addresses(count: usize) -> io::Result<Vec<SocketAddr>> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<_>>()?;
    listeners.iter().map(TcpListener::local_addr).collect()
}

fn wait_until_accepting(address: SocketAddr, program: &mut Program) -> io::Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while TcpStream::connect(address).is_err() {
        program.check_running()?;
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("it does not listen on {address}: {}", program.last_words())));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    program.check_running()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_selected_by_name() {
        let select = |names: &[&str]| Kind::select(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(select(&["nginx", "direct"]).unwrap(), [Kind::Direct, Kind::Nginx]);
        let usual = select(&[]).unwrap();
        assert_eq!((usual.len(), usual.contains(&Kind::SplicewayUnpinned)), (9, false));
        assert_eq!(select(&["spliceway-unpinned", "spliceway"]).unwrap(), [Kind::Spliceway, Kind::SplicewayUnpinned]);
        let error = select(&["nginx", "apache"]).unwrap_err();
        assert!(error.starts_with("there is no target \"apache\"; there are direct, spliceway, "), "{error}");
    }

    #[test]
    fn free_addresses_differ() {
        let mut addresses = free_addresses(16).unwrap();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 16);
    }
}
