//! What a PROXY protocol header says, as pairs of a name and a value.

use super::python;
use crate::wire::proxy_protocol::tlv::{self, PrivateEndpoint, Ssl, Tlv};
use crate::wire::proxy_protocol::{Addresses, Command, Header, Name, Transport, Version};

/// The facts of a header, in the order in which it tells them.
pub(super) fn facts(header: &Header) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    fact("Version", version(header).to_owned());
    fact("Command", if header.command == Command::Local { "LOCAL" } else { "PROXY" }.to_owned());
    match &header.addresses {
        Some(Addresses::Inet { source, destination, transport }) => {
            fact("Transport", if *transport == Transport::Stream { "TCP" } else { "UDP" }.to_owned());
            fact("Source", source.to_string());
            fact("Destination", destination.to_string());
        }
        Some(Addresses::Unix { source, destination }) => {
            fact("Transport", "Unix".to_owned());
            fact("Source", quoted(source));
            fact("Destination", quoted(destination));
        }
        None => fact("Addresses", "none".to_owned()),
    }
    header.tlvs().for_each(|tlv| vector(&mut facts, tlv));
    facts
}

/// The version as a digit.
pub(super) fn version(header: &Header) -> &'static str {
    match header.version {
        Version::V1 => "1",
        Version::V2 => "2",
    }
}

/// A vector by its name and number, and those inside it behind it.
fn vector(facts: &mut Vec<(String, String)>, tlv: Tlv<'_>) {
    let title = format!("TLV {} ({:02x})", Name::of_kind(tlv.kind).map_or("unknown", Name::text), tlv.kind);
    if let Some(ssl) = Some(tlv).filter(|tlv| tlv.kind == tlv::SSL).and_then(|tlv| Ssl::read(tlv.value)) {
        facts.push((title, ssl_words(&ssl)));
        ssl.tlvs().for_each(|inner| vector(facts, inner));
        return;
    }
    let value = match PrivateEndpoint::read(tlv) {
        Some(PrivateEndpoint::Aws(id)) => id.to_owned(),
        Some(PrivateEndpoint::Azure(id)) => id.to_string(),
        Some(PrivateEndpoint::Gcp(id)) => id.to_string(),
        None => quoted(tlv.value),
    };
    facts.push((title, value));
}

fn ssl_words(ssl: &Ssl<'_>) -> String {
    let words = [
        (ssl.over_tls(), "over TLS"),
        (ssl.certificate_on_connection(), "certificate on this connection"),
        (ssl.certificate_in_session(), "certificate in this session"),
        (ssl.verified(), "verified"),
    ];
    let said: Vec<&str> = words.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect();
    if said.is_empty() { "without TLS".to_owned() } else { said.join(", ") }
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = String::new();
    python::repr_bytes(&mut out, bytes);
    out
}
