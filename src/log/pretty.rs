//! Lines for people: times, sizes and texts in few characters.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use super::notice::Notice;
use super::summary::{RequestsSeen, Summary};
use super::timestamp::time_of_day;

/// Appends a connection's line.
pub(super) fn summary(summary: &Summary, out: &mut String) {
    put(out, format_args!("{} #{}", time_of_day(summary.start), summary.id));
    match (summary.client, summary.peer) {
        (Some(client), Some(peer)) if client != peer => put(out, format_args!(" {client} via {peer}")),
        (Some(client), _) => put(out, format_args!(" {client}")),
        (None, Some(peer)) => put(out, format_args!(" {peer}")),
        (None, None) => out.push_str(" unix"),
    }
    if !summary.tlvs.is_empty() {
        let told: Vec<_> = summary.tlvs.iter().map(|(name, text)| format!("{name}={}", text.escape_debug())).collect();
        put(out, format_args!(" [{}]", told.join(" ")));
    }
    if let Some(protocol) = summary.protocol {
        put(out, format_args!(" {protocol}"));
    }
    if summary.authority.is_some() || summary.path.is_some() {
        let [authority, path] = [&summary.authority, &summary.path].map(|text| text.as_deref().unwrap_or_default());
        put(out, format_args!(" {}{}", authority.escape_debug(), path.escape_debug()));
    }
    if let Some(name) = &summary.sni {
        put(out, format_args!(" {}", name.escape_debug()));
    }
    if let Some(protocols) = &summary.alpn {
        put(out, format_args!(" alpn={}", protocols.escape_debug()));
    }
    if let Some(pool) = &summary.pool {
        put(out, format_args!(" -> {pool}"));
    }
    if let Some(backend) = &summary.backend {
        put(out, format_args!(" {backend}"));
    }
    if let Some(route) = &summary.route {
        put(out, format_args!(" ({route})"));
    }
    if let Some(unique_id) = &summary.unique_id {
        put(out, format_args!(" as {}", unique_id.escape_debug()));
    }
    let (up, down) = (size(summary.to_backend.total()), size(summary.to_client.total()));
    let reason = summary.reason;
    put(out, format_args!(", {up} up, {down} down, {}", period(summary.duration)));
    if let Some(RequestsSeen { requests, misrouted, complete }) = summary.requests {
        put(out, format_args!(", {requests}{} requests", if complete { "" } else { " or more" }));
        if misrouted > 0 {
            put(out, format_args!(" ({misrouted} misrouted)"));
        }
    }
    put(out, format_args!(", {} {}", reason.side.label(), reason.cause.label()));
    if let Some(detail) = &summary.detail {
        put(out, format_args!(": {}", detail.escape_debug()));
    }
    out.push('\n');
}

/// Appends a notice, said at `now`.
pub(super) fn notice(notice: &Notice, now: SystemTime, out: &mut String) {
    put(out, format_args!("{} {notice}\n", time_of_day(now)));
}

fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

fn period(duration: Duration) -> String {
    if duration.as_secs() >= 120 {
        format!("{} min", duration.as_secs() / 60)
    } else if duration.as_secs() >= 1 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
    }
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(arguments).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limit;
    use crate::log::{Cause, CloseReason, RequestTotals, Tlvs, Totals};
    use crate::route::Protocol;

    #[test]
    fn a_summary_is_one_line() {
        let mut out = String::new();
        summary(&Summary::example(), &mut out);
        let expected = "14:13:20.123 #1-7 203.0.113.7:40312 via 10.0.0.9:51234 h2c api.example/users.v1.Users/AddUser \
                        -> billing 10.0.0.5:50051 (x-prism-namespace=billing), 1.2 kB up, 2.1 MB down, 12.3 ms, \
                        client finished\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_request_without_a_path_tells_its_authority() {
        let mut out = String::new();
        summary(&Summary { path: None, ..Summary::example() }, &mut out);
        assert!(out.contains(" h2c api.example -> billing "), "{out}");
        out.clear();
        summary(&Summary { authority: None, ..Summary::example() }, &mut out);
        assert!(out.contains(" h2c /users.v1.Users/AddUser -> billing "), "{out}");
    }

    #[test]
    fn a_tls_client_asks_for_a_name_and_protocols() {
        let mut out = String::new();
        let tls = Summary {
            protocol: Some(Protocol::Tls),
            authority: None,
            path: None,
            sni: Some("shop.example".to_owned()),
            alpn: Some("h2,\n".to_owned()),
            ..Summary::example()
        };
        summary(&tls, &mut out);
        assert!(out.contains(" tls shop.example alpn=h2,\\n -> billing "), "{out}");
    }

    #[test]
    fn what_a_prefix_tells_stands_behind_the_client() {
        let mut out = String::new();
        let told = Summary { tlvs: Tlvs::example(), unique_id: Some("id-1-7".to_owned()), ..Summary::example() };
        summary(&told, &mut out);
        assert!(out.contains(" via 10.0.0.9:51234 [authority=a.example 0xe4=0x0a] h2c "), "{out}");
        assert!(out.contains(" (x-prism-namespace=billing) as id-1-7, 1.2 kB up"), "{out}");
    }

    #[test]
    fn a_watched_connection_tells_of_its_requests() {
        let told = |misrouted, complete| {
            let mut out = String::new();
            let requests = Some(RequestsSeen { requests: 12, misrouted, complete });
            summary(&Summary { requests, ..Summary::example() }, &mut out);
            out
        };
        assert!(told(0, true).ends_with(", 12.3 ms, 12 requests, client finished\n"));
        assert!(told(3, false).ends_with(", 12.3 ms, 12 or more requests (3 misrouted), client finished\n"));
    }

    #[test]
    fn a_connection_that_never_got_far_says_so() {
        let mut out = String::new();
        let example = Summary::example();
        let early = Summary {
            start: example.start,
            duration: example.duration,
            reason: CloseReason::client(Cause::ProxyMalformed),
            detail: Some("no CRLF within 107 bytes (PROXY protocol section 2.1) at byte 107\n".to_owned()),
            ..Summary::new(example.id, example.listener, None)
        };
        summary(&early, &mut out);
        let expected = "14:13:20.123 #1-7 unix, 0 B up, 0 B down, 12.3 ms, client proxy_malformed: \
                        no CRLF within 107 bytes (PROXY protocol section 2.1) at byte 107\\n\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_notice_is_one_line() {
        let mut out = String::new();
        let said = Notice::LinesDropped { lines: 3 };
        notice(&said, SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123), &mut out);
        assert_eq!(out, "14:13:20.123 3 log lines dropped: the reader is too slow\n");
    }

    #[test]
    fn counts_are_one_line_and_limits_stand_last() {
        let limit = CloseReason::client(Cause::Limit);
        let closed = vec![(CloseReason::client(Cause::Finished), 4), (limit, 3)];
        let limited = vec![(Limit::PingFrames, 3)];
        let totals = Totals { accepted: 9, closed, limited, requests: RequestTotals::default() };
        let mut out = String::new();
        notice(&Notice::Counts { totals }, SystemTime::UNIX_EPOCH, &mut out);
        let expected = "00:00:00.000 counts: 9 connections, 4 client finished, 3 client limit, 3 at limit ping_frames, \
                        2 open\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn sizes_and_periods_are_short() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(1_234_567), "1.2 MB");
        assert_eq!(size(3_000_000_000), "3.0 GB");
        assert_eq!(period(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(period(Duration::from_millis(2500)), "2.5 s");
        assert_eq!(period(Duration::from_secs(3600)), "60 min");
    }
}
