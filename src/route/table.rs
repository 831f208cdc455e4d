//! The route table: rules in order, of which the first that holds wins.
//!
//! It is built once a configuration and then only read, so that the shards can share it.
//!
//! A request that the backend may read otherwise than we do is refused, not routed by a guess. What matters is what
//! *any* rule of the listener looks at, not what the winning rule looks at: otherwise the answer would depend on the
//! order in which rules are tried.

use std::collections::HashMap;

use super::facts::Facts;
use super::index::Index;
use super::pool::PoolId;
use super::refusal::Refusal;
use super::rule::Rule;

/// All rules of a configuration.
#[derive(Debug)]
pub struct Table {
    rules: Vec<Rule>,
    /// For each listener that rules name: their rules and those for every listener.
    listeners: HashMap<String, Index>,
    /// The rules for every listener.
    others: Index,
}

impl Table {
    /// A table of these rules, in this order.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let names = rules.iter().filter_map(|rule| rule.listener.clone());
        let mut listeners: HashMap<_, _> = names.map(|name| (name, Index::default())).collect();
        let mut others = Index::default();
        for (index, rule) in rules.iter().enumerate() {
            match &rule.listener {
                Some(name) => listeners.entry(name.clone()).or_default().add(index, rule),
                None => {
                    listeners.values_mut().for_each(|listener| listener.add(index, rule));
                    others.add(index, rule);
                }
            }
        }
        Self { rules, listeners, others }
    }

    /// The rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first rule for the facts' listener that holds, if any. Allocates nothing unless it refuses.
    ///
    /// # Errors
    ///
    /// A request that must not be routed at all.
    pub fn route(&self, facts: &Facts<'_>) -> Result<Option<&Rule>, Refusal> {
        let index = self.listener(facts.listener).route(&self.rules, facts)?;
        Ok(index.and_then(|index| self.rules.get(index)))
    }

    /// Where the facts lead: the pool and the line of the rule that [holds](Table::route), or else the listener's default
    /// pool and `default`; `None` if neither is there.
    ///
    /// # Errors
    ///
    /// A request that must not be routed at all.
    pub fn decide(&self, facts: &Facts<'_>, default_pool: Option<PoolId>) -> Result<Option<(PoolId, &str)>, Refusal> {
        let rule = self.route(facts)?.map(|rule| (rule.pool, rule.text.as_str()));
        Ok(rule.or_else(|| default_pool.map(|pool| (pool, "default"))))
    }

    /// The header fields (lower case) by which the listener routes, when there is a request that has none of them:
    /// what its sender most likely forgot. Empty otherwise.
    #[must_use]
    pub fn missing_headers(&self, facts: &Facts<'_>) -> Vec<&str> {
        facts.request.map(|request| self.listener(facts.listener).missing_headers(request)).unwrap_or_default()
    }

    fn listener(&self, name: &str) -> &Index {
        self.listeners.get(name).unwrap_or(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::facts::Protocol;
    use crate::route::grammar::Match;
    use crate::route::pool::PoolId;
    use crate::wire::head::RequestHead;

    /// A table of `(listener, match)`; a rule's pool is its number.
    fn table_of(rules: &[(Option<&str>, &str)]) -> Table {
        let rule = |(index, (listener, text)): (usize, &(Option<&str>, &str))| Rule {
            listener: listener.map(str::to_owned),
            matcher: Match::parse(text).unwrap(),
            text: (*text).to_owned(),
            pool: PoolId(index),
        };
        Table::new(rules.iter().enumerate().map(rule).collect())
    }

    fn head(fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead::default();
        for (name, value) in fields {
            head.push(name.as_bytes(), value.as_bytes());
        }
        head
    }

    fn facts<'a>(listener: &'a str, request: &'a RequestHead) -> Facts<'a> {
        Facts {
            listener,
            protocol: Protocol::H2c,
            source: None,
            destination: None,
            request: Some(request),
            sni: None,
            alpn: &[],
            tlvs: &[],
        }
    }

    fn route(table: &Table, listener: &str, fields: &[(&str, &str)]) -> Result<Option<usize>, Refusal> {
        let request = head(fields);
        table.route(&facts(listener, &request)).map(|rule| rule.map(|rule| rule.pool.0))
    }

    #[test]
    fn the_first_rule_wins_whether_found_by_hash_or_by_scan() {
        let table = table_of(&[
            (None, "a=1 b=1"),
            (None, "a^=1"),
            (None, "a=1"),
            (None, "b=1"),
            (None, "c=1 | b=2"),
            (None, "b^=2"),
        ]);
        assert_eq!(route(&table, "l", &[("a", "1"), ("b", "1")]), Ok(Some(0)));
        assert_eq!(route(&table, "l", &[("b", "1"), ("a", "1")]), Ok(Some(0)));
        assert_eq!(route(&table, "l", &[("a", "1")]), Ok(Some(1)));
        assert_eq!(route(&table, "l", &[("a", "2"), ("b", "1")]), Ok(Some(3)));
        assert_eq!(route(&table, "l", &[("b", "2")]), Ok(Some(4)));
        assert_eq!(route(&table, "l", &[("b", "20"), ("c", "2")]), Ok(Some(5)));
        assert_eq!(route(&table, "l", &[("d", "1")]), Ok(None));
    }

    #[test]
    fn hosts_and_services_are_found_by_hash_too() {
        let table = table_of(&[(None, ":authority=A.example"), (None, "service=s.S"), (None, ":path=/p")]);
        assert_eq!(route(&table, "l", &[(":authority", "a.EXAMPLE")]), Ok(Some(0)));
        assert_eq!(route(&table, "l", &[(":path", "/s.S/M")]), Ok(Some(1)));
        assert_eq!(route(&table, "l", &[(":path", "/p")]), Ok(Some(2)));
        let long = format!("{}.example", "a".repeat(300));
        assert_eq!(route(&table, "l", &[(":authority", &long)]), Ok(None));
        let line = format!(":authority={long}");
        assert_eq!(route(&table_of(&[(None, &line)]), "l", &[(":authority", &long)]), Ok(Some(0)));
    }

    #[test]
    fn server_names_need_no_request() {
        let table = table_of(&[(None, "sni=a.example"), (None, "protocol=tls")]);
        let request = RequestHead::default();
        let facts = Facts { request: None, protocol: Protocol::Tls, sni: Some("A.Example"), ..facts("l", &request) };
        assert_eq!(table.route(&facts).unwrap().unwrap().text, "sni=a.example");
        let other = Facts { sni: Some("b.example"), ..facts };
        assert_eq!(table.route(&other).unwrap().unwrap().text, "protocol=tls");
    }

    #[test]
    fn a_rule_is_for_its_listener_only() {
        let table = table_of(&[(Some("x"), "a=1"), (None, "a=1"), (Some("y"), "a=1"), (Some("y"), "b=1")]);
        assert_eq!(route(&table, "x", &[("a", "1")]), Ok(Some(0)));
        assert_eq!(route(&table, "y", &[("a", "1")]), Ok(Some(1)));
        assert_eq!(route(&table, "z", &[("a", "1")]), Ok(Some(1)));
        assert_eq!(route(&table, "y", &[("b", "1")]), Ok(Some(3)));
        assert_eq!(route(&table, "z", &[("b", "1")]), Ok(None));
    }

    #[test]
    fn a_duplicate_of_a_field_that_any_rule_looks_at_is_refused() {
        let table = table_of(&[(None, "a=1"), (Some("x"), "protocol=tls b!=1")]);
        let duplicate = |name: &str| Err(Refusal::DuplicateHeader { name: name.to_owned() });
        assert_eq!(route(&table, "l", &[("a", "1"), ("a", "1")]), duplicate("a"));
        assert_eq!(route(&table, "l", &[("a", "2"), ("c", "3"), ("a", "3")]), duplicate("a"));
        assert_eq!(route(&table, "x", &[("a", "1"), ("b", "3"), ("b", "3")]), duplicate("b"));
        assert_eq!(route(&table, "l", &[("a", "1"), ("b", "3"), ("b", "3")]), Ok(Some(0)));
        assert_eq!(route(&table, "l", &[("a", "1"), ("c", "3"), ("c", "3")]), Ok(Some(0)));
    }

    #[test]
    fn a_field_beside_one_that_backends_take_for_it_is_refused() {
        let table = table_of(&[(None, "a-b-c=1"), (None, "d_e=1")]);
        let alike = |first: &str, second: &str| {
            Err(Refusal::AlikeHeaders { first: first.to_owned(), second: second.to_owned() })
        };
        for (one, other) in [("a-b-c", "a_b-c"), ("a_b_c", "a-b-c"), ("d_e", "d-e")] {
            assert_eq!(route(&table, "l", &[(one, "1"), ("x", "2"), (other, "1")]), alike(one, other));
        }
        // Where no rule looks at either it makes no difference, and alone a field is what it is.
        assert_eq!(route(&table, "l", &[("d_e", "1"), ("f-g", "1"), ("f_g", "1")]), Ok(Some(1)));
        assert_eq!(route(&table, "l", &[("a_b_c", "1")]), Ok(None));
        assert_eq!(route(&table, "l", &[("a-b-c", "1"), ("a-b-cc", "2"), ("a.b.c", "2")]), Ok(Some(0)));
    }

    #[test]
    fn an_ambiguous_path_is_refused_where_parts_of_it_count() {
        let ambiguous = [(":path", "/a/../b"), ("x", "1")];
        for line in [":path^=/c", ":path~=/c.*", "service=c", "method!=c"] {
            let table = table_of(&[(None, "x=1"), (Some("parts"), line)]);
            let refusal = Refusal::InvalidHeader { name: ":path".to_owned(), reason: "a dot segment" };
            assert_eq!(route(&table, "parts", &ambiguous), Err(refusal), "{line}");
            assert_eq!(route(&table, "whole", &ambiguous), Ok(Some(0)), "{line}");
        }
        assert_eq!(route(&table_of(&[(None, ":path=/a/../b")]), "l", &ambiguous), Ok(Some(0)));
    }

    #[test]
    fn forgotten_headers_are_named_when_none_is_there() {
        let table = table_of(&[(None, "b=1 :path=/ | a=1"), (Some("x"), "c^=1 b=2")]);
        let none = head(&[("d", "1")]);
        assert_eq!(table.missing_headers(&facts("l", &none)), ["b", "a"]);
        assert_eq!(table.missing_headers(&facts("x", &none)), ["b", "a", "c"]);
        let one = head(&[("a", "9")]);
        assert!(table.missing_headers(&facts("l", &one)).is_empty());
        assert!(table.missing_headers(&Facts { request: None, ..facts("l", &none) }).is_empty());
    }

    /// A line of a few keys and values, so that rules overlap.
    fn line() -> impl Strategy<Value = String> {
        let terms = [
            "a=1",
            "a=2",
            "b=1",
            "b!=1",
            "b^=1",
            "c~=1.*",
            ":authority=H",
            ":authority=g",
            ":path=/s/m",
            ":path=/",
            "service=s",
            "method=m",
            "sni=h",
            "sni=*.h",
            "listener=x",
            "protocol=h2c",
            "alpn=h2",
        ];
        let alternative = prop::collection::vec(prop::sample::select(terms.to_vec()), 1..3);
        prop::collection::vec(alternative.prop_map(|terms| terms.join(" ")), 1..3)
            .prop_map(|alternatives| alternatives.join(" | "))
    }

    /// Fields without duplicates.
    fn fields() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
        let values = |name: &'static str, values: &'static [&'static str]| {
            prop::option::of(prop::sample::select(values).prop_map(move |value| (name, value)))
        };
        (
            values(":authority", &["h", "G", "i"]),
            values(":path", &["/s/m", "/", "/s/n"]),
            values("a", &["1", "2", "3"]),
            values("b", &["1", "12", "2"]),
            values("c", &["1", "21"]),
        )
            .prop_map(|(authority, path, a, b, c)| [c, authority, b, path, a].into_iter().flatten().collect())
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_scan_finds(
            rules in prop::collection::vec((prop::sample::select(vec![None, Some("x"), Some("y")]), line()), 0..12),
            fields in fields(),
            listener in prop::sample::select(vec!["x", "y", "z"]),
            sni in prop::sample::select(vec![None, Some("H"), Some("g.h"), Some("i")]),
        ) {
            let rules: Vec<_> = rules.iter().map(|(listener, line)| (*listener, line.as_str())).collect();
            let table = table_of(&rules);
            let request = head(&fields);
            let facts = Facts { sni, alpn: &[b"h2"], ..facts(listener, &request) };
            let applies = |rule: &&Rule| rule.listener.as_deref().is_none_or(|name| name == listener);
            let scanned = table.rules().iter().filter(applies).find(|rule| rule.matcher.matches(&facts));
            let found = table.route(&facts).unwrap();
            prop_assert_eq!(found.map(|rule| rule.pool), scanned.map(|rule| rule.pool));
        }
    }
}
