//! Route: a decision, once a connection.

use super::close::{Close, Record};
use super::context::Context;
use super::inspect::Inspected;
use crate::bridge::Refusal;
use crate::config::Listener;
use crate::log::{Cause, CloseReason};
use crate::route::{Facts, PoolId, Refusal as RouteRefusal};

/// Chooses the pool by the routes, or else the listener's default.
pub(super) fn choose(
    inspected: &Inspected,
    listener: &Listener,
    record: &mut Record,
    context: &Context,
) -> Result<PoolId, Close> {
    let tlvs: Vec<(u8, &[u8])> =
        record.header().map(|header| header.tlvs().map(|tlv| (tlv.kind, tlv.value)).collect()).unwrap_or_default();
    let hello = inspected.hello();
    let alpn: Vec<&[u8]> = hello.map(|hello| hello.protocols().collect()).unwrap_or_default();
    let facts = Facts {
        listener: &listener.name,
        protocol: inspected.protocol(),
        source: record.client(),
        destination: record.destination(),
        request: inspected.request(),
        sni: hello.and_then(|hello| hello.server_name.as_deref()),
        alpn: &alpn,
        tlvs: &tlvs,
    };
    let routes = &context.config.routes;
    let (pool, route) = match routes.decide(&facts, listener.default_pool) {
        Ok(Some(decision)) => decision,
        Ok(None) => return Err(nowhere(inspected, &routes.missing_headers(&facts))),
        Err(refusal) => return Err(refused(inspected, &refusal)),
    };
    let summary = record.summary();
    summary.route = Some(route.to_owned());
    summary.pool = Some(context.pool(pool).name.clone());
    Ok(pool)
}

fn nowhere(inspected: &Inspected, missing: &[&str]) -> Close {
    match missing {
        [] => inspected.refuse(
            CloseReason::proxy(Cause::NoRoute),
            &Refusal {
                grpc_status: 12,
                http_status: 404,
                proxy_error: "destination_not_found",
                message: "no route matches this request, and the listener has no default pool".to_owned(),
            },
        ),
        names => inspected.refuse(
            CloseReason::client(Cause::HeaderMissing),
            &Refusal {
                grpc_status: 3,
                http_status: 400,
                proxy_error: "http_request_error",
                message: format!("the request lacks the header that routes it: {}", names.join(" or ")),
            },
        ),
    }
}

fn refused(inspected: &Inspected, refusal: &RouteRefusal) -> Close {
    let message = refusal.to_string();
    let answer = Refusal { grpc_status: 3, http_status: 400, proxy_error: "http_request_error", message };
    inspected.refuse(CloseReason::client(Cause::HeaderRejected), &answer)
}

impl Inspected {
    /// Ends the connection with an answer that its client can read, if it speaks a protocol that has one.
    pub(super) fn refuse(&self, reason: CloseReason, refusal: &Refusal) -> Close {
        let close = match (self.answerer(), self) {
            (Some(answerer), _) => Close::answered(reason, answerer.answer(refusal)),
            (None, Inspected::Tls(tls)) => tls.refuse(reason),
            (None, _) => Close::silent(reason),
        };
        close.because(&refusal.message)
    }
}
