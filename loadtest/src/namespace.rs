//! A network of our own: loopback without strangers' traffic, and TCP with one congestion control for all.
//!
//! BBR, the default of many machines, paces by what it believes of a wire, of which loopback has none; it halves bulk
//! transfers. A namespace's sysctl takes only what the whole machine allows to everyone, but a route may name any
//! congestion control (ip-route(8), `congctl`); so it is loopback's routes that do.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::net::sockopt::tcp_congestion;

use crate::process::which;

/// Says that the namespace is there already.
const INSIDE: &str = "LOADTEST_NAMESPACE";
/// What all connections have. The kernel's default, and without a pace of its own.
const CONGESTION_CONTROL: &str = "cubic";
/// Short connections leave ports in TIME_WAIT; there should be enough of them for a run.
const PORT_RANGE: (&str, &str) = ("/proc/sys/net/ipv4/ip_local_port_range", "16384 65535");

/// Whether this process was started by [`enter`].
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Starts this program anew with the same arguments in a network namespace of its own, and does not return: unless
/// that cannot be done, which it tells in a sentence.
pub fn enter() -> String {
    let Some((unshare, exe)) = which("unshare").zip(std::env::current_exe().ok()) else {
        return "The network was the machine's: unshare (util-linux) is missing.".to_owned();
    };
    if !rustix::process::geteuid().is_root() {
        return "The network was the machine's: only root can make one of its own.".to_owned();
    }
    let tried = Command::new(&unshare).args(["--net", "true"]).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        return "The network was the machine's: a namespace of its own was refused.".to_owned();
    }
    let error =
        Command::new(unshare).arg("--net").arg("--").arg(exe).args(std::env::args_os().skip(1)).env(INSIDE, "1").exec();
    format!("The network was the machine's: {error}.")
}

/// Brings up the namespace's loopback and chooses its TCP. Returns what could not be chosen, in sentences.
///
/// # Errors
///
/// There is no loopback: nothing can be measured.
pub fn furnish() -> io::Result<Vec<String>> {
    ip(&["link", "set", "lo", "up"])?;
    let mut refused = Vec::new();
    for destination in ["127.0.0.0/8", "127.0.0.1"] {
        let route = ["local", destination, "dev", "lo", "table", "local", "proto", "kernel", "scope", "host"];
        let chosen = ["src", "127.0.0.1", "congctl", CONGESTION_CONTROL];
        if let Err(error) = ip(&[&["route", "change"], route.as_slice(), chosen.as_slice()].concat()) {
            refused.push(format!("Connections to {destination} could not get {CONGESTION_CONTROL}: {error}."));
        }
    }
    let (path, range) = PORT_RANGE;
    if let Err(error) = fs::write(path, range) {
        refused.push(format!("{path} could not be set to {range}: {error}."));
    }
    Ok(refused)
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("ip {}: {words}", arguments.join(" "))))
}

/// The congestion control of both ends of a connection over loopback: asked of one, as settings have exceptions.
pub fn congestion_control() -> String {
    let asked = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        Ok::<_, io::Error>([tcp_congestion(&client)?, tcp_congestion(&server)?])
    };
    match asked() {
        Ok([client, server]) if client == server => client,
        Ok([client, server]) => format!("{client} and {server}"),
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_congestion_control_in_force_is_one_the_kernel_has() {
        let available = fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap();
        let name = congestion_control();
        assert!(available.split_whitespace().any(|known| known == name), "{name} is none of {available}");
    }
}
