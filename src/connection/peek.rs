//! Peek: is there a PROXY header, and what does it say?
//!
//! The header, and only the header, is looked for with `MSG_PEEK` (`recv(2)`): a connection without one keeps every byte
//! in its socket. A header that is not whole is waited for with the low-water mark raised above what is there, because
//! bytes that were peeked at stay readable, and waiting for "readable" would spin. Never with `MSG_WAITALL`: through
//! io_uring it returns peeked bytes repeated until the buffer is full. A whole header is consumed to its exact length.
//!
//! PROXY protocol section 2 and its security considerations: whether a header is wanted is configured, never guessed,
//! and it is believed only from trusted addresses.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;

use super::close::{Close, Record};
use crate::config::{Listener, ProxyProtocol};
use crate::limits::{Limit, Limits};
use crate::log::{Cause, CloseReason, Side};
use crate::sys::socket::Socket;
use crate::tap::event::Direction;
use crate::wire::proxy_protocol::{Command, Header, PAYLOAD_TOO_LONG, Prefix, parse};

/// Takes the PROXY header off the connection, as the listener's policy says.
pub(super) async fn proxy_prefix(
    client: &Socket,
    listener: &Listener,
    limits: &Limits,
    record: &Record,
) -> Result<Option<Header>, Close> {
    if listener.proxy_protocol == ProxyProtocol::Off {
        return Ok(None);
    }
    let required = listener.proxy_protocol == ProxyProtocol::Required;
    let header = match tokio::time::timeout(limits.time(Limit::ProxyDeadline), take(client, limits, record)).await {
        Ok(header) => header?,
        // Where a header may be left out, a client that waits for the server to speak sends none either.
        Err(_elapsed) if !required && is_silent(client) => None,
        Err(_elapsed) => {
            sample_unread(client, limits, record);
            return Err(reached(Limit::ProxyDeadline, Cause::ProxyTimeout, limits));
        }
    };
    match header {
        Some(_) if !is_trusted(listener, record.peer()) => {
            Err(Close::silent(CloseReason::client(Cause::ProxyUntrusted))
                .because("the peer is in none of the trusted networks"))
        }
        None if required => Err(Close::silent(CloseReason::client(Cause::ProxyMissing))
            .because("the first bytes are no PROXY header, and the listener requires one")),
        Some(header) if header.command == Command::Local && has_left(client) => {
            Err(Close::silent(CloseReason::client(Cause::Probe)))
        }
        header => Ok(header),
    }
}

/// Whether the client has gone already, in whatever way, without a byte: it only looked whether somebody is here.
fn has_left(client: &Socket) -> bool {
    matches!(client.peek(&mut [0]), Ok(Some(0)) | Err(_))
}

/// No list of networks means that every peer is trusted; only `required` allows that.
pub(super) fn is_trusted(listener: &Listener, peer: Option<SocketAddr>) -> bool {
    listener.trusted.is_empty()
        || peer.is_some_and(|peer| listener.trusted.iter().any(|network| network.contains(&peer.ip())))
}

fn is_silent(client: &Socket) -> bool {
    matches!(client.peek(&mut [0]), Ok(None))
}

async fn take(client: &Socket, limits: &Limits, record: &Record) -> Result<Option<Header>, Close> {
    let mut seen = 0;
    loop {
        match look(client, limits, record, &mut seen)? {
            Look::Nothing => client.readable().await.map_err(failed)?,
            Look::More { at_least } => client.readable_bytes(at_least).await.map_err(failed)?,
            Look::Done(header) => return Ok(header),
        }
    }
}

/// What a look at the waiting bytes tells.
enum Look {
    /// There are none.
    Nothing,
    /// A header that is not whole.
    More { at_least: usize },
    /// There is none, or it was taken.
    Done(Option<Header>),
}

/// Looks at the waiting bytes; `seen` is how many there were the last time.
fn look(client: &Socket, limits: &Limits, record: &Record, seen: &mut usize) -> Result<Look, Close> {
    with_buffer(limits, |buffer| look_into(buffer, client, limits, record, seen))
}

fn look_into(
    buffer: &mut [u8],
    client: &Socket,
    limits: &Limits,
    record: &Record,
    seen: &mut usize,
) -> Result<Look, Close> {
    let peeked = match client.peek(buffer) {
        Ok(Some(0)) => return Err(Close::silent(CloseReason::client(Cause::Probe))),
        Ok(Some(peeked)) => peeked,
        Ok(None) => return Ok(Look::Nothing),
        // Some balancers end their probes so: it costs them no TIME_WAIT.
        Err(error) if *seen == 0 && error.kind() == ErrorKind::ConnectionReset => {
            return Err(Close::silent(CloseReason::client(Cause::Probe)));
        }
        Err(error) => return Err(failed(error)),
    };
    // The low-water mark was not reached and yet the wait is over: nothing more will come.
    if peeked == *seen {
        record.copy(Direction::ToBackend, buffer.get(..peeked).unwrap_or_default());
        return Err(Close::silent(CloseReason::client(Cause::Truncated)).because("the end within a PROXY header"));
    }
    *seen = peeked;
    let bytes = buffer.get(..peeked).unwrap_or_default();
    match parse(bytes, limits.count(Limit::ProxyV2PayloadBytes)) {
        Ok(Prefix::Absent) => Ok(Look::Done(None)),
        Ok(Prefix::More { at_least }) => Ok(Look::More { at_least }),
        Ok(Prefix::Complete { header, length }) => {
            let prefix = buffer.get_mut(..length).unwrap_or_default();
            consume(client, prefix)?;
            record.copy(Direction::ToBackend, prefix);
            Ok(Look::Done(Some(header)))
        }
        Err(malformed) => {
            record.copy(Direction::ToBackend, bytes);
            if malformed.rule == PAYLOAD_TOO_LONG {
                return Err(reached(Limit::ProxyV2PayloadBytes, Cause::ProxyMalformed, limits));
            }
            Err(Close::silent(CloseReason::client(Cause::ProxyMalformed)).because(malformed))
        }
    }
}

/// Copies to the tap the beginning of a header that never became whole.
fn sample_unread(client: &Socket, limits: &Limits, record: &Record) {
    with_buffer(limits, |buffer| {
        if let Ok(Some(peeked)) = client.peek(buffer) {
            record.copy(Direction::ToBackend, buffer.get(..peeked).unwrap_or_default());
        }
    });
}

/// Takes bytes that were peeked at; they are there, so one read returns them all.
fn consume(client: &Socket, prefix: &mut [u8]) -> Result<(), Close> {
    let expected = prefix.len();
    match client.receive(prefix) {
        Ok(Some(received)) if received == expected => Ok(()),
        Ok(_) => Err(Close::silent(CloseReason::client(Cause::Failed)).because("a peeked PROXY header went away")),
        Err(error) => Err(failed(error)),
    }
}

fn reached(limit: Limit, cause: Cause, limits: &Limits) -> Close {
    Close::silent(CloseReason::client(cause)).at(limit, limits)
}

fn failed(error: std::io::Error) -> Close {
    Close::failed(Side::Client, &error)
}

/// The head of a version 2 header (PROXY protocol section 2.2).
const HEAD_BYTES: usize = 16;

/// Lends the shard's one buffer, which has room for the longest header.
fn with_buffer<T>(limits: &Limits, use_it: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(HEAD_BYTES + limits.count(Limit::ProxyV2PayloadBytes), 0);
        use_it(buffer)
    })
}

thread_local! {
    /// Bytes stand here within one look, without a wait: no connection has a buffer of its own for them.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
