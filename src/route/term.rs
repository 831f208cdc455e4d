//! One term of a match: a key, an operator and a value, checked so that it can hold at all.
//!
//! A key may have no value (no such header field) or several (ALPN offers a list). `=`, `^=` and `~=` hold when one of
//! the values passes, so never without a value. `!=` holds exactly when `=` does not, so always without a value.
//!
//! `~=` must match the **whole** value, as `=` compares all of it: `x~=a` is not true of `banana`, `x~=.*a.*` is. A
//! forgotten anchor would let more through than was meant. Regexes see bytes, so `\w` is ASCII.

use ipnet::IpNet;
use regex::bytes::Regex;

use super::error::{MatchError, Spanned};
use super::facts::Facts;
use super::key::{Case, Key};
use super::operator::Operator;
use super::{path, value};

/// A key with what one of its values must be.
#[derive(Clone, Debug)]
pub(super) struct Term {
    key: Key,
    test: Test,
    negated: bool,
}

/// What a value must be. Texts of case-insensitive keys are lower case.
#[derive(Clone, Debug)]
enum Test {
    Equal(Box<[u8]>),
    Prefix(Box<[u8]>),
    /// A server name below this one, which keeps its leading dot.
    Below(Box<[u8]>),
    Pattern(Regex),
    Network(IpNet),
}

impl Term {
    /// The term of these parts; `value` spans its quotes if it has any.
    pub(super) fn new(key: Key, operator: Spanned<Operator>, value: Spanned<String>) -> Result<Self, MatchError> {
        let negated = operator.value == Operator::NotEqual;
        if matches!(key, Key::Source | Key::Destination | Key::Protocol)
            && !matches!(operator.value, Operator::Equal | Operator::NotEqual)
        {
            let message = format!("`{}` cannot compare this key", operator.value.symbol());
            return Err(operator.error(message).help("only = and != can"));
        }
        let test = Test::new(&key, operator.value, &value)?;
        Ok(Self { key, test, negated })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// The value that the key must be equal to, where that is what the term asks.
    pub(super) fn exact(&self) -> Option<&[u8]> {
        match &self.test {
            Test::Equal(value) if !self.negated => Some(value),
            Test::Equal(_) | Test::Prefix(_) | Test::Below(_) | Test::Pattern(_) | Test::Network(_) => None,
        }
    }

    /// The text that the term compares the whole of a value with, be it for `=` or for `!=`.
    pub(super) fn equal_text(&self) -> Option<&str> {
        let Test::Equal(text) = &self.test else { return None };
        std::str::from_utf8(text).ok()
    }

    /// Whether the term looks at a part of `:path`, which an ambiguous path must not satisfy.
    pub(super) fn divides_path(&self) -> bool {
        match (&self.key, &self.test) {
            (Key::RpcService | Key::RpcMethod, _) | (Key::Path, Test::Prefix(_) | Test::Pattern(_)) => true,
            (_, _) => false,
        }
    }

    /// Whether the facts satisfy the term.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        let passes = |value: &[u8]| self.test.passes(value, self.key.case());
        let holds = if let Test::Network(network) = &self.test {
            self.key.address(facts).is_some_and(|address| network.contains(&address))
        } else if self.divides_path() {
            self.key.any(facts, |value| passes(value) && path::ambiguity(value).is_none())
        } else {
            self.key.any(facts, passes)
        };
        holds != self.negated
    }
}

impl Test {
    fn new(key: &Key, operator: Operator, value: &Spanned<String>) -> Result<Self, MatchError> {
        value::check(key, operator, value)?;
        let text = || match key.case() {
            Case::Sensitive => Box::from(value.value.as_bytes()),
            Case::Insensitive => value.value.to_ascii_lowercase().into_bytes().into_boxed_slice(),
        };
        Ok(match (operator, key) {
            (Operator::Prefix, _) => Self::Prefix(text()),
            (Operator::Pattern, _) => Self::Pattern(value::pattern(value, key.case())?),
            (_, Key::Source | Key::Destination) => Self::Network(value::network(value)?),
            (_, Key::ServerName) if value.value.starts_with("*.") => {
                Self::Below(text().iter().skip("*".len()).copied().collect())
            }
            (_, _) => Self::Equal(text()),
        })
    }

    fn passes(&self, value: &[u8], case: Case) -> bool {
        let equal = |value: &[u8], text: &[u8]| match case {
            Case::Sensitive => value == text,
            Case::Insensitive => value.eq_ignore_ascii_case(text),
        };
        match self {
            Self::Equal(text) => equal(value, text),
            Self::Prefix(text) => value.get(..text.len()).is_some_and(|start| equal(start, text)),
            Self::Below(text) => value
                .len()
                .checked_sub(text.len())
                .filter(|start| *start > 0)
                .and_then(|start| value.get(start..))
                .is_some_and(|end| equal(end, text)),
            Self::Pattern(regex) => regex.is_match(value),
            Self::Network(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::grammar::Match;
    use super::*;
    use crate::route::facts::Protocol;
    use crate::wire::head::RequestHead;

    fn head(fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead::default();
        for (name, value) in fields {
            head.push(name.as_bytes(), value.as_bytes());
        }
        head
    }

    fn facts(request: Option<&RequestHead>) -> Facts<'_> {
        Facts {
            listener: "grpc",
            protocol: Protocol::H2c,
            source: Some("10.2.3.4:5678".parse().unwrap()),
            destination: Some("[fd00::1]:443".parse().unwrap()),
            request,
            sni: Some("Shop.Example"),
            alpn: &[b"h2", b"http/1.1"],
            tlvs: &[(0x30, b"blue"), (0xEA, b"\x01vpce-1")],
        }
    }

    /// Tests `true` lines and `false` lines.
    fn check(facts: &Facts<'_>, holding: &[&str], failing: &[&str]) {
        for line in holding {
            assert!(Match::parse(line).unwrap().matches(facts), "{line}");
        }
        for line in failing {
            assert!(!Match::parse(line).unwrap().matches(facts), "{line}");
        }
    }

    #[test]
    fn header_values_are_compared_byte_by_byte() {
        let request = head(&[("x", "Abc"), ("empty", "")]);
        check(
            &facts(Some(&request)),
            &["x=Abc", "X=Abc", "x!=abc", "x^=A", "x^=Abc", "x~=A.c", "x~=.*", "empty~=.*", "empty!=x"],
            &["x=abc", "x!=Abc", "x^=a", "x^=Abcd", "x~=b", "x~=Ab", "x~=bc", "x~=a.c", "empty=x"],
        );
    }

    #[test]
    fn only_unequal_holds_without_a_value() {
        let request = head(&[(":path", "/")]);
        let lines = ["x=a", "x^=a", "x~=.*", "service=s", "method~=.*", ":authority=a", "tlv.alpn~=.*"];
        check(&facts(Some(&request)), &["x!=a", "service!=s", "tlv.alpn!=a"], &lines);
        check(&facts(None), &["x!=a", ":path!=/"], &["x~=.*", ":path=/"]);
    }

    #[test]
    fn one_of_several_values_is_enough() {
        let request = head(&[("x", "1"), ("x", "2")]);
        check(
            &facts(Some(&request)),
            &["x=1", "x=2", "x!=3", "alpn=h2", "alpn=http/1.1", "alpn^=http/", "alpn!=h3"],
            &["x=3", "x!=1", "x!=2", "alpn=h", "alpn!=h2", "alpn~=http"],
        );
    }

    #[test]
    fn the_request_line_is_compared_as_a_whole_and_by_service_and_method() {
        let request = head(&[(":method", "POST"), (":path", "/shop.v1.Cart/Add"), (":authority", "Shop.Example:8080")]);
        check(
            &facts(Some(&request)),
            &[
                ":method=POST",
                ":path=/shop.v1.Cart/Add",
                ":path^=/shop.v1.Cart/",
                ":path~=/shop.*",
                "service=shop.v1.Cart",
                "service^=shop.",
                "method=Add",
                "service=shop.v1.Cart method!=Remove",
                ":authority=shop.example:8080",
                ":authority=SHOP.example:8080",
                ":authority^=shop.EXAMPLE:",
                ":authority~=SHOP.*80",
            ],
            &[
                ":method=post",
                ":path=/shop",
                ":path^=/shop.V1",
                "service=shop",
                "method=add",
                ":authority=shop.example",
            ],
        );
    }

    #[test]
    fn an_ambiguous_path_has_no_parts() {
        let request = head(&[(":path", "/public/..%2fadmin")]);
        check(
            &facts(Some(&request)),
            &[":path=/public/..%2fadmin", ":path!=/admin", "service!=public"],
            &[":path^=/public/", ":path~=/public/.*", "service=public", "method~=.*"],
        );
    }

    #[test]
    fn server_names_have_no_case_and_a_star_for_any_labels() {
        let mut facts = facts(None);
        check(
            &facts,
            &["sni=shop.example", "sni=SHOP.Example", "sni=*.example", "sni^=shop.", "sni~=shop[.]EXAMPLE"],
            &["sni=example", "sni=*.shop.example", "sni!=*.example", "sni=*.xample", "sni~=shop"],
        );
        facts.sni = Some("a.b.example");
        check(&facts, &["sni=*.example", "sni=*.b.example", "sni!=*.a.example"], &["sni=*.a.b.example"]);
        facts.sni = None;
        check(&facts, &["sni!=*.example"], &["sni=*.example", "sni~=.*"]);
    }

    #[test]
    fn addresses_are_compared_without_their_port() {
        let mut facts = facts(None);
        check(
            &facts,
            &[
                "source=10.2.3.4",
                "source=10.2.0.0/16",
                "source=0.0.0.0/0",
                "source!=10.3.0.0/16",
                "destination=fd00::/8",
            ],
            &["source=10.2.3.5", "source!=10.0.0.0/8", "source=::/0", "destination=fd00::2", "destination=0.0.0.0/0"],
        );
        facts.source = Some("[::ffff:10.2.3.4]:5678".parse().unwrap());
        check(&facts, &["source=10.2.3.4", "source=::ffff:10.2.0.0/112"], &["source=::/0"]);
        facts.source = None;
        check(&facts, &["source!=0.0.0.0/0"], &["source=0.0.0.0/0", "source=::/0"]);
    }

    #[test]
    fn the_rest_of_the_facts_is_compared_as_text() {
        check(
            &facts(None),
            &["listener=grpc", "listener^=g", "listener~=g.*", "protocol=h2c", "protocol!=tls", "tlv.netns=blue"],
            &["listener=Grpc", "listener!=grpc", "protocol=tls", "protocol!=h2c", "tlv.netns=b", "tlv.netns!=blue"],
        );
        check(&facts(None), &["tlv.aws_vpce_id=vpce-1", "tlv.aws_vpce_id^=vpce-"], &["tlv.aws_vpce_id=vpce-2"]);
    }

    #[test]
    fn all_terms_of_one_alternative_must_hold() {
        let lines = ["listener=grpc protocol=h2c", "listener=x | protocol=h2c", "listener=x protocol=tls | sni^=s"];
        check(&facts(None), &lines, &["listener=grpc protocol=tls", "listener=x | protocol=tls"]);
    }
}
