//! Lines for machines: one JSON object each. Its keys are what others build on; they are added to, never renamed.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::json;

use super::counters::Totals;
use super::notice::Notice;
use super::requests::{PathTotal, RequestTotals};
use super::summary::{Bytes, ConnectionId, Summary};
use super::timestamp::rfc3339;
use super::tlvs::Tlvs;
use crate::limits::Limit;
use crate::route::Protocol;

/// Appends a connection's line.
pub(super) fn summary(summary: &Summary, out: &mut String) {
    let line = SummaryLine {
        event: "connection",
        id: summary.id.to_string(),
        start: rfc3339(summary.start),
        duration_ms: millis(summary.duration),
        listener: &summary.listener,
        shard: summary.id.shard,
        peer: summary.peer,
        client: summary.client,
        proxy_protocol: summary.proxy_protocol,
        tlvs: &summary.tlvs,
        protocol: summary.protocol.map(Protocol::name),
        authority: summary.authority.as_deref(),
        path: summary.path.as_deref(),
        sni: summary.sni.as_deref(),
        alpn: summary.alpn.as_deref(),
        route: summary.route.as_deref(),
        pool: summary.pool.as_deref(),
        backend: summary.backend.as_deref(),
        unique_id: summary.unique_id.as_deref(),
        connect_us: summary.connect.map(|connect| u64::try_from(connect.as_micros()).unwrap_or(u64::MAX)),
        bytes_to_backend: summary.to_backend,
        bytes_to_client: summary.to_client,
        close: Close { side: summary.reason.side.label(), cause: summary.reason.cause.label() },
        limit: summary.limit.map(Limit::name),
        requests: summary.requests.map(|seen| seen.requests),
        misrouted: summary.requests.map(|seen| seen.misrouted),
        unfollowed: summary.requests.filter(|seen| !seen.complete).map(|_| true),
        detail: summary.detail.as_deref(),
    };
    // Only a map with keys that are no strings can fail, and there is none.
    if let Ok(json) = serde_json::to_string(&line) {
        out.push_str(&json);
        out.push('\n');
    }
}

/// Appends part of a sampled connection; its lines are for people, so they are one text.
pub(super) fn sample(id: ConnectionId, text: &str, out: &mut String) {
    let object = json!({ "event": "sample", "id": id.to_string(), "text": text });
    out.push_str(&object.to_string());
    out.push('\n');
}

/// Appends a notice, said at `now`.
pub(super) fn notice(notice: &Notice, now: SystemTime, out: &mut String) {
    let mut object = match notice {
        Notice::Listening { listener, address, shards } => {
            json!({ "event": "listening", "listener": listener, "address": address, "shards": shards })
        }
        Notice::Warning { message } => json!({ "event": "warning", "message": message }),
        Notice::AcceptFailed { listener, error, times } => {
            json!({ "event": "accept_failed", "listener": listener, "error": error, "times": times })
        }
        Notice::Draining { open } => json!({ "event": "draining", "open": open }),
        Notice::Counts { totals } => counts("counts", totals),
        Notice::Stopped { totals } => counts("stopped", totals),
        Notice::SamplesLost { lost, sampled } => {
            json!({ "event": "samples_lost", "lost": lost, "sampled": sampled })
        }
        Notice::Misrouted { listener, id, path, why, untold } => json!({
            "event": "misrouted", "listener": listener, "id": id.to_string(), "path": path, "detail": why, "untold": untold
        }),
        Notice::Requests { totals } => requests(totals),
        Notice::LinesDropped { lines } => json!({ "event": "log_lines_dropped", "lines": lines }),
    };
    object["time"] = json!(rfc3339(now));
    out.push_str(&object.to_string());
    out.push('\n');
}

fn counts(event: &'static str, totals: &Totals) -> serde_json::Value {
    let closed = totals
        .closed
        .iter()
        .map(|(reason, count)| json!({ "side": reason.side.label(), "cause": reason.cause.label(), "count": count }));
    let limits = totals.limited.iter().map(|(limit, count)| json!({ "limit": limit.name(), "count": count }));
    json!({
        "event": event,
        "accepted": totals.accepted,
        "open": totals.open(),
        "closed": closed.collect::<Vec<_>>(),
        "limits": limits.collect::<Vec<_>>(),
    })
}

fn requests(totals: &RequestTotals) -> serde_json::Value {
    let (requests, misrouted) = totals.sums();
    let events: serde_json::Map<_, _> =
        totals.events.iter().map(|(event, count)| (event.label().to_owned(), json!(count))).collect();
    let path = |path: &PathTotal| json!({ "path": path.path, "requests": path.requests, "misrouted": path.misrouted });
    let paths: Vec<_> = totals.paths.iter().map(path).collect();
    json!({ "event": "requests", "requests": requests, "misrouted": misrouted, "events": events, "paths": paths })
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    event: &'static str,
    id: String,
    start: String,
    duration_ms: f64,
    listener: &'a str,
    shard: usize,
    peer: Option<SocketAddr>,
    client: Option<SocketAddr>,
    proxy_protocol: &'static str,
    #[serde(skip_serializing_if = "Tlvs::is_empty")]
    tlvs: &'a Tlvs,
    protocol: Option<&'static str>,
    authority: Option<&'a str>,
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn: Option<&'a str>,
    route: Option<&'a str>,
    pool: Option<&'a str>,
    backend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_id: Option<&'a str>,
    connect_us: Option<u64>,
    bytes_to_backend: Bytes,
    bytes_to_client: Bytes,
    close: Close,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    misrouted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfollowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct Close {
    side: &'static str,
    cause: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Cause, CloseReason, RequestsSeen, WatchEvent};

    #[test]
    fn a_summary_is_one_object() {
        let mut out = String::new();
        summary(&Summary::example(), &mut out);
        let expected = concat!(
            r#"{"event":"connection","id":"1-7","start":"2026-09-21T14:13:20.123Z","duration_ms":12.345,"listener":"grpc","#,
            r#""shard":1,"peer":"10.0.0.9:51234","client":"203.0.113.7:40312","proxy_protocol":"v1","protocol":"h2c","#,
            r#""authority":"api.example","path":"/users.v1.Users/AddUser","route":"x-prism-namespace=billing","#,
            r#""pool":"billing","backend":"10.0.0.5:50051","connect_us":321,"#,
            r#""bytes_to_backend":{"copied":1234,"spliced":0},"bytes_to_client":{"copied":1048576,"spliced":1048576},"#,
            r#""close":{"side":"client","cause":"finished"}}"#,
            "\n"
        );
        assert_eq!(out, expected);
    }

    #[test]
    fn what_a_tls_client_asked_for_is_told_of_tls_alone() {
        let mut out = String::new();
        let tls = Summary {
            protocol: Some(Protocol::Tls),
            authority: None,
            path: None,
            sni: Some("shop.example".to_owned()),
            alpn: Some("h2,http/1.1".to_owned()),
            ..Summary::example()
        };
        summary(&tls, &mut out);
        let expected = r#""protocol":"tls","authority":null,"path":null,"sni":"shop.example","alpn":"h2,http/1.1","#;
        assert!(out.contains(expected), "{out}");
    }

    #[test]
    fn counts_name_reasons_and_limits() {
        let closed = vec![(CloseReason::client(Cause::Limit), 3)];
        let limited = vec![(Limit::PingFrames, 3)];
        let totals = Totals { accepted: 5, closed, limited, requests: RequestTotals::default() };
        let mut out = String::new();
        notice(&Notice::Counts { totals }, SystemTime::UNIX_EPOCH, &mut out);
        let expected = concat!(
            r#"{"accepted":5,"closed":[{"cause":"limit","count":3,"side":"client"}],"event":"counts","#,
            r#""limits":[{"count":3,"limit":"ping_frames"}],"open":2,"time":"1970-01-01T00:00:00.000Z"}"#,
            "\n"
        );
        assert_eq!(out, expected);
    }

    #[test]
    fn a_watched_connection_tells_of_its_requests() {
        let told = |complete| {
            let mut out = String::new();
            let requests = Some(RequestsSeen { requests: 12, misrouted: 3, complete });
            summary(&Summary { requests, ..Summary::example() }, &mut out);
            out
        };
        assert!(told(true).ends_with("\"cause\":\"finished\"},\"requests\":12,\"misrouted\":3}\n"));
        assert!(told(false).ends_with(",\"requests\":12,\"misrouted\":3,\"unfollowed\":true}\n"));
    }

    #[test]
    fn requests_are_one_object() {
        let mut out = String::new();
        let paths = vec![PathTotal { path: "/a.B/C".to_owned(), requests: 5, misrouted: 1 }];
        let totals = RequestTotals { events: vec![(WatchEvent::OtherPool, 1)], paths };
        notice(&Notice::Requests { totals }, SystemTime::UNIX_EPOCH, &mut out);
        let expected = concat!(
            r#"{"event":"requests","events":{"other_pool":1},"misrouted":1,"#,
            r#""paths":[{"misrouted":1,"path":"/a.B/C","requests":5}],"requests":5,"time":"1970-01-01T00:00:00.000Z"}"#,
            "\n"
        );
        assert_eq!(out, expected);
    }

    #[test]
    fn a_connection_that_a_limit_ended_names_it() {
        let mut out = String::new();
        summary(&Summary { limit: Some(Limit::UnroutedIdle), ..Summary::example() }, &mut out);
        assert!(out.ends_with("\"limit\":\"unrouted_idle\"}\n"), "{out}");
    }

    #[test]
    fn what_a_prefix_tells_is_an_object_in_it() {
        let mut out = String::new();
        let told = Summary { tlvs: Tlvs::example(), unique_id: Some("id-1-7".to_owned()), ..Summary::example() };
        summary(&told, &mut out);
        let expected = r#""proxy_protocol":"v1","tlvs":{"authority":"a.example","0xe4":"0x0a"},"protocol":"h2c""#;
        assert!(out.contains(expected), "{out}");
        assert!(out.contains(r#""backend":"10.0.0.5:50051","unique_id":"id-1-7","connect_us":321"#), "{out}");
    }

    #[test]
    fn a_notice_is_one_object() {
        let mut out = String::new();
        let said = Notice::LinesDropped { lines: 3 };
        notice(&said, SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123), &mut out);
        assert_eq!(out, "{\"event\":\"log_lines_dropped\",\"lines\":3,\"time\":\"2026-09-21T14:13:20.123Z\"}\n");
    }
}
