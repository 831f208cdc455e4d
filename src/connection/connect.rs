//! Connect: a backend of the pool, the next one if it refuses or does not answer.
//!
//! Nothing has been sent to any backend yet, so trying another one is always safe.

use std::io;
use std::time::{Duration, Instant};

use socket2::SockAddr;

use super::close::{Close, Record};
use super::context::Context;
use super::inspect::Inspected;
use crate::bridge::Refusal;
use crate::log::{Cause, CloseReason};
use crate::route::{Address, Pool, PoolId};
use crate::sys::socket::Socket;
use crate::wire::grpc_timeout;

/// Connects to the first backend that answers.
pub(super) async fn connect(
    client: &Socket,
    pool: PoolId,
    inspected: &Inspected,
    record: &mut Record,
    context: &Context,
) -> Result<Socket, Close> {
    let begun = Instant::now();
    let candidates = context.candidates(pool);
    let pool = context.pool(pool);
    let connected = tokio::select! {
        // In this order, so that a backend that is there at once leaves no wait for the client behind.
        biased;
        connected = first_to_answer(pool, &candidates, record) => connected,
        () = gone(client, inspected) => return Err(Close::silent(CloseReason::client(Cause::Truncated))
            .because("the client left while a backend was being connected")),
    };
    record.summary().connect = Some(begun.elapsed());
    connected.map_err(|failure| failure.answer(pool, inspected, is_expired(inspected, begun.elapsed())))
}

/// Whether the time that a call may take is over, if it has said how long that is.
fn is_expired(inspected: &Inspected, waited: Duration) -> bool {
    let Inspected::Http2(opened) = inspected else { return false };
    opened.request.value(b"grpc-timeout").and_then(grpc_timeout::parse).is_some_and(|limit| limit <= waited)
}

/// Waits until the client has gone. An HTTP/2 client that ends its side wants no answer any more, and a TLS client cannot
/// end its handshake; of anything else the end of one direction is no end of the other.
async fn gone(client: &Socket, inspected: &Inspected) {
    match inspected {
        Inspected::Http2(_) | Inspected::Tls(_) => client.finished().await,
        Inspected::Http1(_) | Inspected::Other { .. } => drop(client.broken().await),
    }
}

async fn first_to_answer(pool: &Pool, candidates: &[usize], record: &mut Record) -> Result<Socket, Failure> {
    let mut failure = Failure::TimedOut;
    for backend in candidates.iter().filter_map(|candidate| pool.backends.get(*candidate)) {
        record.summary().backend = Some(backend.address.to_string());
        match tokio::time::timeout(pool.connect_timeout, to(&backend.address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => failure = Failure::Refused(error),
            Err(_elapsed) => {}
        }
    }
    Err(failure)
}

async fn to(address: &Address) -> io::Result<Socket> {
    let address = match address {
        Address::Inet(address) => SockAddr::from(*address),
        Address::Unix(path) => SockAddr::unix(path)?,
    };
    Socket::connect(&address).await
}

/// Why no backend answered: the last refusal, or, if none even refused, silence.
enum Failure {
    Refused(io::Error),
    TimedOut,
}

impl Failure {
    /// The client is told the pool and the error, but no address: those are nobody's business outside.
    fn answer(&self, pool: &Pool, inspected: &Inspected, is_expired: bool) -> Close {
        let name = &pool.name;
        match self {
            Failure::Refused(error) => inspected.refuse(
                CloseReason::backend(Cause::Refused),
                &Refusal {
                    grpc_status: 14,
                    http_status: 503,
                    proxy_error: "connection_refused",
                    message: format!("no backend of pool \"{name}\" can be reached: {}", reason(error)),
                },
            ),
            Failure::TimedOut => inspected.refuse(
                CloseReason::backend(Cause::ConnectTimeout),
                &Refusal {
                    grpc_status: if is_expired { 4 } else { 14 },
                    http_status: 504,
                    proxy_error: "connection_timeout",
                    message: format!("no backend of pool \"{name}\" answered within {:?}", pool.connect_timeout),
                },
            ),
        }
    }
}

/// The error without the number that the standard library appends.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}
