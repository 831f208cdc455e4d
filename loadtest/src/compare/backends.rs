//! What must run or be built before anything can be compared.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::process::Program;
use crate::target::Addresses;
use crate::target::peers::{Peers, root};
use crate::workload::Service;

/// Starts the backends that are needed, each once.
///
/// # Errors
///
/// One could not be started.
pub fn start(needed: &[Service], peers: &Peers, folder: &Path) -> io::Result<(Vec<Program>, Addresses)> {
    let mut programs = Vec::new();
    let mut addresses = Addresses::new();
    for service in [Service::Echo, Service::Bulk, Service::H2, Service::Grpc] {
        if !needed.contains(&service) {
            continue;
        }
        let mut command = match service {
            Service::Echo | Service::Bulk | Service::H2 => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["serve", service.name()]);
                command
            }
            Service::Grpc => {
                let program = peers.grpc_server.as_ref();
                let mut command = Command::new(program.ok_or_else(|| io::Error::other("grpc-go is missing"))?);
                command.args(["grpc-server", "loadtest"]);
                command
            }
        };
        let (program, port) = Program::start_announcing(service.name(), &mut command, folder)?;
        addresses.insert(service, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        programs.push(program);
    }
    Ok((programs, addresses))
}

/// Builds our proxy if it is older than its sources, which cargo knows. One that SPLICEWAY_BIN names is taken as it is.
///
/// # Errors
///
/// It does not build, or there is none.
pub fn build_ours(peers: &Peers) -> io::Result<()> {
    if std::env::var_os("SPLICEWAY_BIN").is_none() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--release", "--package", "spliceway", "--bin", "spliceway"]);
        if !command.current_dir(root()).status()?.success() {
            return Err(io::Error::other("spliceway does not build"));
        }
    }
    if !peers.spliceway.is_file() {
        return Err(io::Error::other(format!("there is no proxy at {}", peers.spliceway.display())));
    }
    Ok(())
}
