//! Settings of the network: queues of listeners, congestion control, local ports.

use super::finding::{Finding, counted};
use crate::limits;
use crate::sys::host::{Fact, Unknown, sysctl};
use crate::tap::render::grouped;

/// What the judgement is made of.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) somaxconn: Fact<u64>,
    pub(super) syn_backlog: Fact<u64>,
    pub(super) syn_cookies: Fact<u64>,
    pub(super) congestion: Fact<Vec<String>>,
    pub(super) congestion_available: Fact<Vec<String>>,
    pub(super) ports: Fact<(u16, u16)>,
}

impl Facts {
    pub(super) fn read() -> Facts {
        Facts {
            somaxconn: sysctl::number("net.core.somaxconn"),
            syn_backlog: sysctl::number("net.ipv4.tcp_max_syn_backlog"),
            syn_cookies: sysctl::number("net.ipv4.tcp_syncookies"),
            congestion: sysctl::names("net.ipv4.tcp_congestion_control"),
            congestion_available: sysctl::names("net.ipv4.tcp_available_congestion_control"),
            ports: sysctl::ports("net.ipv4.ip_local_port_range"),
        }
    }
}

/// The findings `listen_queue`, `handshakes`, `congestion_control` and `local_ports`.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![
        judge_listen_queue(&facts.somaxconn),
        judge_handshakes(&facts.syn_backlog, &facts.syn_cookies),
        judge_congestion(&facts.congestion, &facts.congestion_available),
        judge_ports(&facts.ports),
    ]
}

/// The kernel cuts what a listener asks for to the setting.
fn judge_listen_queue(somaxconn: &Fact<u64>) -> Finding {
    let (name, title) = ("listen_queue", "listen queue");
    let asked = u64::from(limits::LISTEN_BACKLOG.unsigned_abs());
    let finding = match somaxconn {
        Err(why) => unknown(name, title, why, "net.core.somaxconn"),
        Ok(most) => {
            let value = format!("{} of {} asked for (net.core.somaxconn)", grouped(asked.min(*most)), grouped(asked));
            let finding = Finding::ok(name, title, value);
            if *most >= asked {
                finding
            } else {
                finding.note(format!(
                    "set `sysctl net.core.somaxconn={asked}` for bursts of clients; where it is full, they try again \
                     after a second"
                ))
            }
        }
    };
    finding.fact("somaxconn", somaxconn).data("asked", asked)
}

/// With SYN cookies the backlog bounds nothing: a full listen queue answers with cookies.
fn judge_handshakes(backlog: &Fact<u64>, cookies: &Fact<u64>) -> Finding {
    let (name, title) = ("handshakes", "handshakes");
    let asked = u64::from(limits::LISTEN_BACKLOG.unsigned_abs());
    let finding = match (backlog, cookies) {
        (Err(why), _) => unknown(name, title, why, "net.ipv4.tcp_max_syn_backlog"),
        (Ok(backlog), Ok(0)) => {
            let value =
                format!("{} may be unfinished (net.ipv4.tcp_max_syn_backlog), no SYN cookies", grouped(*backlog));
            let finding = Finding::ok(name, title, value);
            if *backlog >= asked {
                finding
            } else {
                finding.note(format!(
                    "set `sysctl net.ipv4.tcp_syncookies=1`, or net.ipv4.tcp_max_syn_backlog to {asked} or more"
                ))
            }
        }
        (Ok(backlog), Ok(_)) => Finding::ok(
            name,
            title,
            format!("SYN cookies beyond the listen queue; net.ipv4.tcp_max_syn_backlog {}", grouped(*backlog)),
        ),
        (Ok(backlog), Err(_)) => Finding::ok(
            name,
            title,
            format!("net.ipv4.tcp_max_syn_backlog {}; whether there are SYN cookies is unknown", grouped(*backlog)),
        ),
    };
    finding.fact("tcp_max_syn_backlog", backlog).fact("tcp_syncookies", cookies)
}

/// bbr paces each connection by a clock, which over loopback takes about half of the throughput.
fn judge_congestion(in_force: &Fact<Vec<String>>, available: &Fact<Vec<String>>) -> Finding {
    let (name, title) = ("congestion_control", "congestion control");
    let in_force = in_force.as_ref().map(|names| names.join(" "));
    let finding = match &in_force {
        Err(why) => unknown(name, title, why, "net.ipv4.tcp_congestion_control"),
        Ok(control) => {
            let others = available.as_ref().map_or_else(|_| "unknown".to_owned(), |names| names.join(", "));
            let finding = Finding::ok(name, title, format!("{control} (available: {others})"));
            if control.starts_with("bbr") {
                finding.note(
                    "nothing, unless clients or backends are on this host: over loopback it halves bulk, and `sysctl \
                     net.ipv4.tcp_congestion_control=cubic` does not",
                )
            } else {
                finding
            }
        }
    };
    finding.fact("in_force", &in_force.map_err(Clone::clone)).fact("available", available)
}

/// Each connection to one address of a backend takes a port of its own.
fn judge_ports(range: &Fact<(u16, u16)>) -> Finding {
    let (name, title) = ("local_ports", "local ports");
    let connections = |(first, last): (u16, u16)| u64::from(last.saturating_sub(first)) + 1;
    let finding = match range {
        Err(why) => unknown(name, title, why, "net.ipv4.ip_local_port_range"),
        Ok((first, last)) => {
            let count = connections((*first, *last));
            let value = format!("{first} to {last}: {} to one backend address", counted(count, "connection"));
            let finding = Finding::ok(name, title, value);
            if count >= DEFAULT_PORTS {
                finding
            } else {
                finding.note("set `sysctl net.ipv4.ip_local_port_range=\"1024 65535\"`, or add addresses of backends")
            }
        }
    };
    finding
        .fact("first", &range.clone().map(|(first, _)| first))
        .fact("last", &range.clone().map(|(_, last)| last))
        .fact("connections", &range.clone().map(connections))
}

fn unknown(name: &'static str, title: &'static str, why: &Unknown, setting: &str) -> Finding {
    Finding::unknown(name, title, why, &format!("ask `sysctl {setting}` on the host"))
}

/// What the kernel grants unless it is told otherwise, 32768 to 60999.
const DEFAULT_PORTS: u64 = 28_232;

#[cfg(test)]
mod tests {
    use super::super::finding::Judgement::{self, Note, Ok as Good};
    use super::*;

    fn told(finding: &Finding) -> (&str, Judgement) {
        assert_eq!(finding.remedy.is_none(), finding.judgement == Good, "{finding:?}");
        (&finding.value, finding.judgement)
    }

    fn missing<T>() -> Fact<T> {
        Err(Unknown::new("it is not there"))
    }

    #[test]
    fn a_listener_gets_what_it_asks_for_or_less() {
        let judged = |value| judge_listen_queue(&Ok(value));
        assert_eq!(told(&judged(4096)), ("4,096 of 4,096 asked for (net.core.somaxconn)", Good));
        assert_eq!(told(&judged(u64::MAX)), ("4,096 of 4,096 asked for (net.core.somaxconn)", Good));
        assert_eq!(told(&judged(128)), ("128 of 4,096 asked for (net.core.somaxconn)", Note));
        assert_eq!(told(&judged(0)).1, Note);
        assert_eq!(told(&judge_listen_queue(&missing())), ("unknown: it is not there", Note));
    }

    #[test]
    fn the_backlog_matters_without_cookies_only() {
        let (value, judgement) = ("SYN cookies beyond the listen queue; net.ipv4.tcp_max_syn_backlog 128", Good);
        assert_eq!(told(&judge_handshakes(&Ok(128), &Ok(1))), (value, judgement));
        let value = "128 may be unfinished (net.ipv4.tcp_max_syn_backlog), no SYN cookies";
        assert_eq!(told(&judge_handshakes(&Ok(128), &Ok(0))), (value, Note));
        assert_eq!(told(&judge_handshakes(&Ok(4096), &Ok(0))).1, Good);
        assert_eq!(told(&judge_handshakes(&Ok(128), &missing())).1, Good);
        assert_eq!(told(&judge_handshakes(&missing(), &Ok(1))), ("unknown: it is not there", Note));
    }

    #[test]
    fn bbr_is_worth_a_note() {
        let names = |text: &str| -> Fact<Vec<String>> { Ok(text.split(' ').map(str::to_owned).collect()) };
        let finding = judge_congestion(&names("bbr"), &names("reno bbr cubic"));
        assert_eq!(told(&finding), ("bbr (available: reno, bbr, cubic)", Note));
        let finding = judge_congestion(&names("cubic"), &missing());
        assert_eq!(told(&finding), ("cubic (available: unknown)", Good));
        assert_eq!(told(&judge_congestion(&missing(), &names("reno"))), ("unknown: it is not there", Note));
    }

    #[test]
    fn ports_are_connections_to_one_address() {
        let finding = judge_ports(&Ok((32_768, 60_999)));
        assert_eq!(told(&finding), ("32768 to 60999: 28,232 connections to one backend address", Good));
        let finding = judge_ports(&Ok((50_000, 50_000)));
        assert_eq!(told(&finding), ("50000 to 50000: 1 connection to one backend address", Note));
        assert_eq!(finding.data[2], ("connections", 1.into()));
        let finding = judge_ports(&Ok((0, u16::MAX)));
        assert_eq!(told(&finding), ("0 to 65535: 65,536 connections to one backend address", Good));
        assert_eq!(told(&judge_ports(&missing())), ("unknown: it is not there", Note));
        assert_eq!(judge_ports(&missing()).data[2], ("connections", serde_json::Value::Null));
    }
}
