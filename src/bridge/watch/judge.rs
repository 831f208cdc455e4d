//! Where a later request would have gone, had it been the first one.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::route::{Facts, PoolId, Protocol, Refusal, Table};
use crate::wire::head::RequestHead;
use crate::wire::request::names_two_hosts;

/// What is known of a connection beside its requests, and where it went.
#[derive(Debug)]
pub struct Judge {
    /// The routes.
    pub routes: Arc<Table>,
    /// The listener's name.
    pub listener: Arc<str>,
    /// The client, after a PROXY header.
    pub source: Option<SocketAddr>,
    /// The address it connected to, after a PROXY header.
    pub destination: Option<SocketAddr>,
    /// Type and value of the TLVs of the PROXY header.
    pub tlvs: Vec<(u8, Box<[u8]>)>,
    /// Where the listener sends what no route takes.
    pub default_pool: Option<PoolId>,
    /// Where the connection goes,
    pub pool: PoolId,
    /// and by which route: its line, or `default`.
    pub route: String,
}

/// A request that is not where it would have gone by itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Mismatch<'a> {
    /// It belongs to another pool.
    OtherPool {
        /// The line of its route, or `default`.
        route: &'a str,
        /// The connection's.
        taken: &'a str,
    },
    /// No route holds for it, and there is no default: as a first request it would have been refused.
    NoRoute,
    /// It could be read in two ways, and would have been refused.
    Refused(Refusal),
    /// The same: some backends go by its `:authority`, others by its `host`.
    TwoHosts,
}

impl Judge {
    /// What is wrong with the request on this connection, if anything is. Two routes to the same pool are no difference.
    pub fn judge(&self, request: &RequestHead) -> Option<Mismatch<'_>> {
        if names_two_hosts(request) {
            return Some(Mismatch::TwoHosts);
        }
        let tlvs: Vec<(u8, &[u8])> = self.tlvs.iter().map(|(kind, value)| (*kind, &**value)).collect();
        let facts = Facts {
            listener: &self.listener,
            protocol: Protocol::H2c,
            source: self.source,
            destination: self.destination,
            request: Some(request),
            sni: None,
            alpn: &[],
            tlvs: &tlvs,
        };
        match self.routes.decide(&facts, self.default_pool) {
            Ok(Some((pool, route))) => (pool != self.pool).then_some(Mismatch::OtherPool { route, taken: &self.route }),
            Ok(None) => Some(Mismatch::NoRoute),
            Err(refusal) => Some(Mismatch::Refused(refusal)),
        }
    }
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::OtherPool { route, taken } => {
                write!(f, "its route is `{route}`, and the connection went by `{taken}`")
            }
            Mismatch::NoRoute => f.write_str("no route holds for it, and the listener has no default pool"),
            Mismatch::Refused(refusal) => refusal.fmt(f),
            Mismatch::TwoHosts => f.write_str("its `host` occurs twice or says something else than its `:authority`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Match, Rule};

    fn judge(default_pool: Option<PoolId>) -> Judge {
        let rule = |(index, text): (usize, &str)| Rule {
            listener: None,
            matcher: Match::parse(text).unwrap(),
            text: text.to_owned(),
            pool: PoolId(index),
        };
        let mut rules: Vec<Rule> = ["x-ns=a", "x-ns=b"].into_iter().enumerate().map(rule).collect();
        rules.extend(["x-ns=a2", "source=10.0.0.0/8 x-in=1", "tlv.netns=blue x-in=2"].map(|text| rule((0, text))));
        Judge {
            routes: Arc::new(Table::new(rules)),
            listener: "grpc".into(),
            source: Some("10.1.2.3:1".parse().unwrap()),
            destination: None,
            tlvs: vec![(0x30, b"blue"[..].into())],
            default_pool,
            pool: PoolId(0),
            route: "x-ns=a".to_owned(),
        }
    }

    fn judged(judge: &Judge, fields: &[(&str, &str)]) -> Option<String> {
        let mut request = RequestHead::default();
        fields.iter().for_each(|(name, value)| request.push(name.as_bytes(), value.as_bytes()));
        judge.judge(&request).map(|mismatch| mismatch.to_string())
    }

    #[test]
    fn the_same_pool_is_no_mismatch_by_whichever_route() {
        let judge = judge(None);
        for fields in [[("x-ns", "a")], [("x-ns", "a2")], [("x-in", "1")], [("x-in", "2")]] {
            assert_eq!(judged(&judge, &fields), None, "{fields:?}");
        }
    }

    #[test]
    fn each_mismatch_says_why() {
        let other = "its route is `x-ns=b`, and the connection went by `x-ns=a`";
        assert_eq!(judged(&judge(None), &[("x-ns", "b")]).unwrap(), other);
        let none = "no route holds for it, and the listener has no default pool";
        assert_eq!(judged(&judge(None), &[("x-ns", "c")]).unwrap(), none);
        assert_eq!(judged(&judge(None), &[]).unwrap(), none);
        assert_eq!(judged(&judge(Some(PoolId(0))), &[]), None);
        let default = "its route is `default`, and the connection went by `x-ns=a`";
        assert_eq!(judged(&judge(Some(PoolId(7))), &[]).unwrap(), default);
        let twice = "`x-ns` occurs more than once in the request, and this listener routes by it";
        assert_eq!(judged(&judge(None), &[("x-ns", "a"), ("x-ns", "a")]).unwrap(), twice);
        let hosts = "its `host` occurs twice or says something else than its `:authority`";
        let naming = |host| judged(&judge(None), &[("x-ns", "a"), (":authority", "a.example"), ("host", host)]);
        assert_eq!(naming("A.example"), None);
        assert_eq!(naming("b.example").unwrap(), hosts);
        assert_eq!(naming("a.example:80").unwrap(), hosts);
        assert_eq!(judged(&judge(None), &[("x-ns", "a"), ("host", "x"), ("host", "x")]).unwrap(), hosts);
    }
}
