//! The proxy that anyone would write first: tokio's `copy_bidirectional` on a runtime with two workers.
//!
//! It looks at nothing, routes nothing and logs nothing. What it costs is what relaying costs with a task a connection
//! and a buffer a direction.

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// One listener and the backend behind it, on the command line as `LISTEN=BACKEND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where they are connected to.
    pub backend: SocketAddr,
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (listen, backend) = text.split_once('=').ok_or("expected LISTEN=BACKEND")?;
        let address = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
        Ok(Self { listen: address(listen)?, backend: address(backend)? })
    }
}

/// Forwards until the process is ended.
///
/// # Errors
///
/// A listener could not be opened or fails.
pub fn run(forwards: &[Forward]) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build()?;
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for forward in forwards {
            let listener = TcpListener::bind(forward.listen).await?;
            tasks.spawn(serve(listener, forward.backend));
        }
        tasks.join_next().await.map_or(Ok(()), |ended| ended.map_err(io::Error::other)?)
    })
}

/// Forwards what a listener accepts to a backend.
///
/// # Errors
///
/// The listener fails.
pub async fn serve(listener: TcpListener, backend: SocketAddr) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(async move {
            // Both peers see for themselves how it ended.
            relay(client, backend).await.ok();
        });
    }
}

async fn relay(mut client: TcpStream, backend: SocketAddr) -> io::Result<()> {
    let mut backend = TcpStream::connect(backend).await?;
    client.set_nodelay(true)?;
    backend.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut backend).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_two_addresses() {
        let forward: Forward = "127.0.0.1:1=127.0.0.1:2".parse().unwrap();
        assert_eq!(forward.listen, "127.0.0.1:1".parse().unwrap());
        assert_eq!(forward.backend, "127.0.0.1:2".parse().unwrap());
        assert_eq!("127.0.0.1:1".parse::<Forward>(), Err("expected LISTEN=BACKEND".to_owned()));
        assert!("127.0.0.1:1=backend".parse::<Forward>().is_err());
    }
}
