//! TLS: read up to the end of the ClientHello, never answered, never decrypted.
//!
//! The name and the protocols that a client asks for are facts to route by; the server that is chosen gets every byte
//! as it came, and both sides talk to each other alone from then on. Only who is refused hears us: an alert in plain
//! text, as from any server that cannot take the handshake up (RFC 8446 section 6).

use tokio::time::{Instant, timeout_at};

use super::super::close::{Close, Record};
use super::read::{Read, read};
use super::{Inspected, ended_early, failed};
use crate::limits::{Limit, Limits};
use crate::log::{Cause, CloseReason, Side, Summary};
use crate::route::Protocol;
use crate::sys::socket::Socket;
use crate::wire::Parsed;
use crate::wire::client_hello::{self, Alert, ClientHello, Fault, Reader};

/// A TLS connection whose ClientHello is known.
#[derive(Debug)]
pub(in crate::connection) struct Tls {
    /// What it says.
    hello: ClientHello,
    /// The records it came in, and what was read behind them.
    pub(in crate::connection) replay: Vec<u8>,
}

impl Tls {
    /// Ends the connection with an alert in place of a server.
    pub(in crate::connection) fn refuse(&self, reason: CloseReason) -> Close {
        let is_named = self.hello.server_name.is_some();
        let alert = match (reason.side, reason.cause) {
            (Side::Proxy, Cause::NoRoute) if is_named => Alert::UnrecognizedName,
            (Side::Proxy, Cause::NoRoute) => Alert::MissingExtension,
            _ => Alert::InternalError,
        };
        Close::answered(reason, alert.record().to_vec())
    }
}

impl Inspected {
    /// The ClientHello, of TLS.
    pub(in crate::connection) fn hello(&self) -> Option<&ClientHello> {
        match self {
            Inspected::Tls(tls) => Some(&tls.hello),
            Inspected::Http2(_) | Inspected::Http1(_) | Inspected::Other { .. } => None,
        }
    }
}

/// Reads the ClientHello of a connection that began with these bytes.
pub(super) async fn inspect(
    client: &Socket,
    limits: &Limits,
    begun: &[u8],
    record: &mut Record,
) -> Result<Inspected, Close> {
    record.summary().protocol = Some(Protocol::Tls);
    let deadline = Instant::now() + limits.time(Limit::HeaderDeadline);
    let mut reader = Reader::new(client_hello::Limits {
        bytes: limits.count(Limit::ClientHelloBytes),
        protocols: limits.count(Limit::ClientHelloProtocols),
    });
    let mut parsed = reader.received(begun).map_err(|fault| refused(&fault, limits))?;
    loop {
        if let Parsed::Complete { value: hello, .. } = parsed {
            tell(&hello, record.summary());
            return Ok(Inspected::Tls(Box::new(Tls { hello, replay: reader.into_bytes() })));
        }
        match read(client, record, |bytes| reader.received(bytes)) {
            Read::Bytes(outcome) => parsed = outcome.map_err(|fault| refused(&fault, limits))?,
            Read::Empty => match timeout_at(deadline, client.readable()).await {
                Ok(outcome) => outcome.map_err(|error| failed(&error))?,
                Err(_elapsed) => return Err(ended_by(Limit::HeaderDeadline, Cause::OpeningTimeout, limits)),
            },
            Read::End => return Err(ended_early().because("the end within a ClientHello")),
            Read::Failed(error) => return Err(failed(&error)),
        }
    }
}

fn tell(hello: &ClientHello, summary: &mut Summary) {
    summary.sni = hello.server_name.as_deref().map(str::to_owned);
    let protocols: Vec<&[u8]> = hello.protocols().collect();
    summary.alpn = (!protocols.is_empty()).then(|| Summary::text(&protocols.join(&b',')));
}

fn refused(fault: &Fault, limits: &Limits) -> Close {
    match fault {
        Fault::Malformed { malformed, alert } => {
            Close::answered(CloseReason::client(Cause::Malformed), alert.record().to_vec()).because(malformed)
        }
        // No fault of the protocol's: elsewhere it might have been read.
        Fault::TooLong => ended_by(Limit::ClientHelloBytes, Cause::Limit, limits),
        Fault::TooManyProtocols => ended_by(Limit::ClientHelloProtocols, Cause::Limit, limits),
    }
}

fn ended_by(limit: Limit, cause: Cause, limits: &Limits) -> Close {
    Close::answered(CloseReason::client(cause), Alert::InternalError.record().to_vec()).at(limit, limits)
}
