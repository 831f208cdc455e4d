//! A proxy in this process whose log the test reads.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;

use spliceway::config::Config;
use spliceway::log::{Cause, CloseReason, Line, Log, Notice, Side, Summary, Totals};
use spliceway::proxy::Proxy;
use spliceway::shard::BoundAddress;
use spliceway::tap::reader::Observer;

use super::{Backend, DEADLINE, ENGINE, Peer, wait_until};

/// A running proxy. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Front {
    proxy: Option<Proxy>,
    lines: Receiver<Line>,
}

/// A configuration of one shard, one listener with these further keys, and one pool `main` with these backends.
pub(crate) fn config(listener: &str, backends: &[&Backend]) -> String {
    let addresses: Vec<String> = backends.iter().map(|backend| format!("{:?}", backend.address())).collect();
    format!(
        "shards = 1\n\
         [[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n{listener}\n\
         [[pool]]\nname = \"main\"\nbackends = [{}]\n",
        addresses.join(", ")
    )
}

/// A proxy of one shard and one listener with these further keys, with pools `a` and `b` behind these routes.
#[track_caller]
pub(crate) fn two_pools(a: &Backend, b: &Backend, listener: &str, routes: &str) -> Front {
    let (a, b) = (a.address(), b.address());
    Front::start(&format!(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\n{listener}\n{routes}\n\
         [[pool]]\nname = \"a\"\nbackends = [\"{a}\"]\n[[pool]]\nname = \"b\"\nbackends = [\"{b}\"]\n"
    ))
}

impl Front {
    #[track_caller]
    pub(crate) fn start(config: &str) -> Front {
        Front::observed(config, None)
    }

    /// A proxy whose sampled connections are shown to `observer`.
    #[track_caller]
    pub(crate) fn observed(config: &str, observer: Option<Box<dyn Observer>>) -> Front {
        let mut config = match Config::from_text("test.toml", config, &|_| None) {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        };
        config.engine = ENGINE;
        let (log, lines) = Log::queue();
        let proxy = Proxy::start(config, log, observer).expect("the proxy starts");
        Front { proxy: Some(proxy), lines }
    }

    /// A proxy as [`config`] describes it.
    #[track_caller]
    pub(crate) fn before(backend: &Backend, listener: &str) -> Front {
        Front::start(&config(listener, &[backend]))
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("it is taken only by `joined`")
    }

    /// Where the first listener listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.proxy().addresses()[0] {
            BoundAddress::Inet(address) => *address,
            BoundAddress::Unix(path) => panic!("{} is a Unix socket", path.display()),
        }
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address())
    }

    /// The summary of the next connection that ends.
    #[track_caller]
    pub(crate) fn summary(&self) -> Summary {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(Line::Summary(summary)) => return *summary,
                Ok(Line::Sample { .. } | Line::Notice(_) | Line::Stop) => {}
                Err(error) => panic!("no summary: {error}"),
            }
        }
    }

    /// The next notice that is not about listening.
    #[track_caller]
    pub(crate) fn notice(&self) -> Notice {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(Line::Notice(Notice::Listening { .. }) | Line::Sample { .. } | Line::Summary(_) | Line::Stop) => {}
                Ok(Line::Notice(notice)) => return notice,
                Err(error) => panic!("no notice: {error}"),
            }
        }
    }

    /// Waits for the next connection to end, which must be for this reason.
    #[track_caller]
    pub(crate) fn closed(&self, side: Side, cause: Cause) -> Summary {
        let summary = self.summary();
        let reason = (summary.reason.side.label(), summary.reason.cause.label());
        assert_eq!(reason, (side.label(), cause.label()), "{summary:?}");
        summary
    }

    /// Waits until this many probes have ended, which have no summaries.
    #[track_caller]
    pub(crate) fn probed(&self, times: u64) {
        let probe = CloseReason::client(Cause::Probe);
        wait_until("a probe is counted", || self.proxy().totals().count(probe) >= times);
        assert_eq!(self.proxy().totals().count(probe), times);
    }

    /// Waits for the shards to end.
    pub(crate) fn joined(mut self) -> Totals {
        self.proxy.take().expect("it is taken once").join()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(proxy) = self.proxy.take() {
            proxy.stop();
            proxy.join();
        }
    }
}
