//! Finds the rules that may hold for a connection without asking each of them.
//!
//! A rule can be found by hash when each of its alternatives has an exact term (`x-tenant=a`): unless one of these
//! holds the rule cannot hold. Such rules are filed under that key and value. What is asked then is the connection's
//! own fields and names, so the cost does not grow with the number of rules or of different keys. Every other rule is
//! asked in turn. All lists are in the order of the rules, and a search ends at the best rule found so far.

use std::collections::HashMap;

use crate::wire::head::RequestHead;

use super::facts::Facts;
use super::key::{Case, Key};
use super::path;
use super::refusal::Refusal;
use super::rule::Rule;
use super::term::Term;

/// The rules that apply to one listener.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The fields of the request that some rule looks at, pseudo-header fields included.
    fields: HashMap<Box<[u8]>, Filed>,
    services: Filed,
    server_names: Filed,
    /// The rules that cannot be found by hash.
    scanned: Vec<usize>,
    /// The regular header fields that some rule looks at, in the order of the rules.
    headers: Vec<String>,
    /// Whether some rule looks at a part of `:path`.
    divides_path: bool,
}

impl Index {
    /// Files a rule; rules come in ascending order.
    pub(super) fn add(&mut self, index: usize, rule: &Rule) {
        for term in rule.matcher.terms() {
            self.divides_path |= term.divides_path();
            let Some(name) = term.key().field() else { continue };
            if !self.fields.contains_key(name.as_bytes()) {
                self.fields.insert(name.as_bytes().into(), Filed::default());
                self.headers.extend((!name.starts_with(':')).then(|| name.to_owned()));
            }
        }
        let alternatives = rule.matcher.alternatives().iter();
        let exact: Option<Vec<_>> = alternatives.map(|terms| terms.iter().find_map(filed_under)).collect();
        let Some(exact) = exact else {
            self.scanned.push(index);
            return;
        };
        for (place, value) in exact {
            let filed = match place {
                Place::Field(name) => self.fields.entry(name.as_bytes().into()).or_default(),
                Place::Service => &mut self.services,
                Place::ServerName => &mut self.server_names,
            };
            filed.add(value, index);
        }
    }

    /// The first rule that holds, by its index.
    pub(super) fn route(&self, rules: &[Rule], facts: &Facts<'_>) -> Result<Option<usize>, Refusal> {
        let mut search = Search { rules, facts, best: rules.len() };
        if let Some(request) = facts.request {
            self.route_by_request(request, &mut search)?;
        }
        if let Some(name) = facts.sni {
            search.among_folded(&self.server_names, name.as_bytes());
        }
        search.among(&self.scanned);
        Ok((search.best < rules.len()).then_some(search.best))
    }

    fn route_by_request(&self, request: &RequestHead, search: &mut Search<'_>) -> Result<(), Refusal> {
        for (name, value) in request.fields() {
            let Some(filed) = self.fields.get(name) else { continue };
            let mut alike = request.fields().map(|(field, _)| field).filter(|field| is_alike(field, name));
            if let (Some(first), Some(second)) = (alike.next(), alike.next()) {
                return Err(Refusal::twice(first, second));
            }
            match name {
                b":authority" => search.among_folded(filed, value),
                b":path" => {
                    if self.divides_path
                        && let Some(reason) = path::ambiguity(value)
                    {
                        return Err(Refusal::InvalidHeader { name: ":path".to_owned(), reason });
                    }
                    search.among(filed.under(value));
                    if let Some((service, _)) = path::service_and_method(value) {
                        search.among(self.services.under(service));
                    }
                }
                _ => search.among(filed.under(value)),
            }
        }
        Ok(())
    }

    /// The header fields that rules look at, when the request has none of them.
    pub(super) fn missing_headers(&self, request: &RequestHead) -> Vec<&str> {
        let present = self.headers.iter().any(|name| request.value(name.as_bytes()).is_some());
        if present { Vec::new() } else { self.headers.iter().map(String::as_str).collect() }
    }
}

/// Whether some backends take two fields for one: CGI and what descends from it have no `-` in names (RFC 3875 section
/// 4.1.18).
fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
    one.len() == other.len() && one.iter().map(folded).eq(other.iter().map(folded))
}

/// The best rule found so far.
struct Search<'a> {
    rules: &'a [Rule],
    facts: &'a Facts<'a>,
    /// Its index, or the number of rules.
    best: usize,
}

impl Search<'_> {
    /// Looks for a better one among these.
    fn among(&mut self, candidates: &[usize]) {
        let better = candidates.iter().take_while(|index| **index < self.best);
        let holds = |index: &usize| self.rules.get(*index).is_some_and(|rule| rule.matcher.matches(self.facts));
        if let Some(index) = better.copied().find(holds) {
            self.best = index;
        }
    }

    /// The same for those under the name of a host, whose case makes no difference.
    fn among_folded(&mut self, filed: &Filed, name: &[u8]) {
        let mut lower = [0; HOST_BYTES];
        if let Some(lower) = lower.get_mut(..name.len()) {
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            self.among(filed.under(lower));
        }
    }
}

/// Rules by the value of one key.
#[derive(Debug, Default)]
struct Filed(HashMap<Box<[u8]>, Vec<usize>>);

impl Filed {
    fn add(&mut self, value: &[u8], index: usize) {
        let indices = self.0.entry(value.into()).or_default();
        // Two alternatives of one rule may name the same value.
        if indices.last() != Some(&index) {
            indices.push(index);
        }
    }

    fn under(&self, value: &[u8]) -> &[usize] {
        self.0.get(value).map_or(&[], Vec::as_slice)
    }
}

/// Where a rule is filed.
enum Place<'a> {
    Field(&'a str),
    Service,
    ServerName,
}

/// Where the term files its rule, and under which value. Keys with few values are not worth it.
fn filed_under(term: &Term) -> Option<(Place<'_>, &[u8])> {
    let value = term.exact()?;
    let key = term.key();
    if key.case() == Case::Insensitive && value.len() > HOST_BYTES {
        return None;
    }
    let place = match key {
        Key::Header(name) => Place::Field(name),
        Key::Authority => Place::Field(":authority"),
        Key::Path => Place::Field(":path"),
        Key::RpcService => Place::Service,
        Key::ServerName => Place::ServerName,
        Key::Listener
        | Key::Protocol
        | Key::Source
        | Key::Destination
        | Key::Alpn
        | Key::Tlv(_)
        | Key::Method
        | Key::RpcMethod => return None,
    };
    Some((place, value))
}

/// Longest name of a host that is found by hash: 253 characters (RFC 1035 section 3.1), a colon and a port, rounded up.
const HOST_BYTES: usize = 264;
