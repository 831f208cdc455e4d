//! HTTP/1: the head of the first request, by which the whole connection is routed.
//!
//! The head is read as far as its empty line and replayed as it came. Nothing is added, removed or rewritten, so further
//! requests on the connection, bodies, and whatever an upgrade turns it into, need no understanding: they follow the
//! first request, unread. The contract that follows from it stands in `docs/CONFIGURATION.md`.

use tokio::time::{Instant, timeout_at};

use super::super::close::{Close, Record};
use super::read::{Read, read};
use super::{Inspected, ended_early, failed, other};
use crate::bridge::{Http1Answerer, Refusal};
use crate::config::{H2cUpgrade, Listener};
use crate::limits::{Limit, Limits};
use crate::log::{Cause, CloseReason, Summary};
use crate::route::Protocol;
use crate::sys::socket::Socket;
use crate::wire::http1::{self, Error, Head, Reader, Request};

/// A first request.
#[derive(Debug)]
pub(in super::super) struct Asked {
    pub(in super::super) request: crate::wire::head::RequestHead,
    /// Everything received: the head, and what came with its end.
    pub(in super::super) replay: Vec<u8>,
    /// Answers the request in the backend's place.
    pub(in super::super) answerer: Http1Answerer,
}

/// Reads the rest of the head that `bytes` begin.
pub(super) async fn inspect(
    client: &Socket,
    listener: &Listener,
    limits: &Limits,
    record: &mut Record,
    mut bytes: Vec<u8>,
) -> Result<Inspected, Close> {
    let deadline = Instant::now() + limits.time(Limit::HeaderDeadline);
    let mut reader = Reader::new(http1::Limits {
        bytes: limits.count(Limit::Http1HeadBytes),
        fields: limits.count(Limit::Http1Fields),
    });
    loop {
        match reader.read(&bytes) {
            Ok(Head::Complete { request, .. }) => return asked(request, bytes, listener, record),
            Ok(Head::Absent) => return Ok(other(record, Protocol::Opaque, bytes)),
            Ok(Head::More { .. }) => {}
            Err(error) => return Err(refused(&bytes, error, limits, record)),
        }
        match read(client, record, |received| bytes.extend_from_slice(received)) {
            Read::Bytes(()) => {}
            Read::Empty => match timeout_at(deadline, client.readable()).await {
                Ok(outcome) => outcome.map_err(|error| failed(&error))?,
                // Not even as something else, though one line may not tell yet: whoever is slow enough would get a
                // request past the routes.
                Err(_elapsed) => return Err(late(&bytes, limits, record)),
            },
            Read::End if reader.is_request(&bytes) => return Err(ended_early()),
            Read::End => return Ok(other(record, Protocol::Opaque, bytes)),
            Read::Failed(error) => return Err(failed(&error)),
        }
    }
}

fn asked(request: Request, replay: Vec<u8>, listener: &Listener, record: &mut Record) -> Result<Inspected, Close> {
    let Request { head, upgrades_to_h2c } = request;
    let summary = record.summary();
    summary.protocol = Some(Protocol::Http1);
    summary.path = head.value(b":path").map(Summary::text);
    summary.authority = head.value(b":authority").map(Summary::text);
    let answerer = Http1Answerer::of(&replay);
    let inspected = Inspected::Http1(Box::new(Asked { request: head, replay, answerer }));
    if upgrades_to_h2c && listener.h2c_upgrade == H2cUpgrade::Deny {
        // Not 426 or 501: the request is understood, and would be served without the wish. To take the wish out would
        // be the first byte that we change, and would leave those of later requests in.
        return Err(inspected.refuse(
            CloseReason::client(Cause::UpgradeDenied),
            &Refusal {
                grpc_status: 7,
                http_status: 403,
                proxy_error: "http_request_denied",
                message: "an upgrade to h2c is denied here: use HTTP/2 with prior knowledge, or HTTP/1.1".to_owned(),
            },
        ));
    }
    Ok(inspected)
}

fn refused(bytes: &[u8], error: Error, limits: &Limits, record: &mut Record) -> Close {
    match error {
        Error::Malformed(malformed) => {
            close(bytes, record, Cause::Malformed, 400, format!("malformed request: {malformed}"))
        }
        Error::TooLong => too_large(bytes, Limit::Http1HeadBytes, limits, record),
        Error::TooManyFields => too_large(bytes, Limit::Http1Fields, limits, record),
    }
}

fn too_large(bytes: &[u8], limit: Limit, limits: &Limits, record: &mut Record) -> Close {
    let message = format!("request head too large: {}", limit.exceeded(limits.value(limit)));
    close(bytes, record, Cause::Limit, 431, message).at(limit, limits)
}

fn late(bytes: &[u8], limits: &Limits, record: &mut Record) -> Close {
    let limit = Limit::HeaderDeadline;
    let message = format!("no whole request head within {:?}", limits.time(limit));
    close(bytes, record, Cause::OpeningTimeout, 408, message).at(limit, limits)
}

/// Ends the connection for a head that is not whole or cannot be routed by.
fn close(bytes: &[u8], record: &mut Record, cause: Cause, http_status: u16, message: String) -> Close {
    record.summary().protocol = Some(Protocol::Http1);
    let refusal = Refusal { grpc_status: 3, http_status, proxy_error: "http_request_error", message };
    let answer = Http1Answerer::of(bytes).answer(&refusal);
    Close::answered(CloseReason::client(cause), answer).because(refusal.message)
}
