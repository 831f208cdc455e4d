//! Introduce: the PROXY header that tells a backend who its client is.
//!
//! The header goes in one write with what the backend gets first, because a receiver may refuse one that comes in pieces
//! (PROXY protocol section 2). Whom it names is whom the log names: the client of the header that came in, or else the
//! TCP peer. A connection of the sender's own (LOCAL) stays one, and tells nothing else.
//!
//! What a stranger may have written is not vouched for. A network namespace never passes: it is a name on the sender's
//! host, and receivers may enter the one of that name on theirs. A TLS vector, which may say that a certificate was
//! verified, passes only where the listener lists whom it trusts. The checksum is computed anew, for the bytes have
//! changed.

use std::net::SocketAddr;

use crate::route::SendProxy;
use crate::wire::proxy_protocol::{
    Addresses, Command, Header, LOCAL, Tlv, Transport, UNKNOWN, Version, encode_v1, encode_v2, tlv,
};

/// What is known of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'a> {
    /// The header that came in.
    pub(super) prefix: Option<&'a Header>,
    /// Whether the listener says whose headers it believes.
    pub(super) is_vouched_for: bool,
    /// Who it is; `None` for a Unix socket.
    pub(super) source: Option<SocketAddr>,
    /// Where it connected to.
    pub(super) destination: Option<SocketAddr>,
    /// A name for the connection, if it has none.
    pub(super) unique_id: &'a str,
}

/// The header, and the unique id in it.
pub(super) fn introduce<'a>(how: SendProxy, client: Client<'a>) -> (Vec<u8>, Option<&'a [u8]>) {
    let is_local = client.prefix.is_some_and(|prefix| prefix.command == Command::Local);
    match (how, client.prefix) {
        _ if is_local => (how.of_nobody().to_vec(), None),
        (SendProxy::V1, _) => (client.line(), None),
        (SendProxy::Relay, Some(prefix)) if prefix.version == Version::V1 => (relayed_line(prefix), None),
        (SendProxy::Relay, Some(prefix)) => client.relayed(prefix),
        (SendProxy::V2, _) | (SendProxy::Relay, None) => client.binary(),
    }
}

impl<'a> Client<'a> {
    fn line(self) -> Vec<u8> {
        self.source.zip(self.destination).map_or_else(|| UNKNOWN.to_vec(), |(from, to)| encode_v1(from, to))
    }

    /// A version 2 header of our own, with those vectors of the one that came in which are any backend's business.
    fn binary(self) -> (Vec<u8>, Option<&'a [u8]>) {
        let Some((source, destination)) = self.source.zip(self.destination) else {
            // Not AF_UNIX, nor an unspecified family: HAProxy refuses both. LOCAL asks for the same, the real endpoints.
            return (LOCAL.to_vec(), None);
        };
        let addresses = Addresses::Inet { source, destination, transport: Transport::Stream };
        let mut tlvs = self.tlvs(|kind| {
            matches!(kind, tlv::ALPN | tlv::AUTHORITY | tlv::CRC32C | tlv::UNIQUE_ID | tlv::SSL | 0xE0..=0xEF)
        });
        let named = self.prefix.and_then(|prefix| prefix.value(tlv::UNIQUE_ID));
        let unique_id = named.unwrap_or(self.unique_id.as_bytes());
        if named.is_none() {
            tlvs.push(Tlv { kind: tlv::UNIQUE_ID, value: unique_id });
        }
        match encode_v2(Command::Proxy, Some(&addresses), &tlvs) {
            Ok(header) => (header, Some(unique_id)),
            // Too long with our id; without vectors there is room for certain.
            Err(_) => (encode_v2(Command::Proxy, Some(&addresses), &[]).unwrap_or_else(|_| LOCAL.to_vec()), None),
        }
    }

    /// The version 2 header that came in.
    fn relayed(self, prefix: &'a Header) -> (Vec<u8>, Option<&'a [u8]>) {
        // It fits: it came in a header, and nothing is added to it. Only addresses of two families would be longer.
        match encode_v2(prefix.command, prefix.addresses.as_ref(), &self.tlvs(|_| true)) {
            Ok(header) => (header, prefix.value(tlv::UNIQUE_ID)),
            Err(_) => (LOCAL.to_vec(), None),
        }
    }

    /// The vectors that came in, as far as they are `wanted` and may pass.
    fn tlvs(self, wanted: impl Fn(u8) -> bool) -> Vec<Tlv<'a>> {
        let passes = |kind| match kind {
            tlv::NETNS => false,
            tlv::SSL => self.is_vouched_for,
            _ => true,
        };
        let tlvs = self.prefix.into_iter().flat_map(Header::tlvs);
        tlvs.filter(|tlv| wanted(tlv.kind) && passes(tlv.kind)).collect()
    }
}

/// The version 1 line that came in. It tells TCP addresses or none.
fn relayed_line(prefix: &Header) -> Vec<u8> {
    match prefix.addresses {
        Some(Addresses::Inet { source, destination, .. }) => encode_v1(source, destination),
        Some(Addresses::Unix { .. }) | None => UNKNOWN.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::proxy_protocol::{Prefix, parse};

    const NONE: Client<'static> =
        Client { prefix: None, is_vouched_for: true, source: None, destination: None, unique_id: "ours" };
    const ADDRESSES: &[u8] = &[203, 0, 113, 7, 192, 0, 2, 1, 0x9D, 0x78, 0x01, 0xBB];
    const V1: &str = "PROXY TCP4 203.0.113.7 192.0.2.1 40312 443\r\n";

    /// What comes in, as a client that it names.
    fn after(bytes: &[u8]) -> Header {
        match parse(bytes, 65_535) {
            Ok(Prefix::Complete { header, length }) if length == bytes.len() => header,
            other => panic!("{other:?}"),
        }
    }

    fn v2(command: u8, family: u8, payload: &[&[u8]]) -> Vec<u8> {
        let payload = payload.concat();
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, &payload].concat()
    }

    fn inet<'a>() -> Client<'a> {
        let (source, destination) = ("203.0.113.7:40312".parse().ok(), "192.0.2.1:443".parse().ok());
        Client { source, destination, ..NONE }
    }

    #[track_caller]
    fn sends(how: SendProxy, client: Client<'_>, expected: &[u8], unique_id: Option<&str>) {
        let (header, told) = introduce(how, client);
        assert_eq!(header.escape_ascii().to_string(), expected.escape_ascii().to_string());
        assert_eq!(told, unique_id.map(str::as_bytes));
        // Whoever reads to the letter accepts it.
        after(&header);
    }

    #[test]
    fn a_client_without_a_header_gets_one_of_ours() {
        sends(SendProxy::V1, inet(), V1.as_bytes(), None);
        let ours = v2(0x21, 0x11, &[ADDRESSES, b"\x05\0\x04ours"]);
        sends(SendProxy::V2, inet(), &ours, Some("ours"));
        sends(SendProxy::Relay, inet(), &ours, Some("ours"));
    }

    #[test]
    fn a_client_of_a_unix_socket_has_no_address_that_every_receiver_takes() {
        sends(SendProxy::V1, NONE, b"PROXY UNKNOWN\r\n", None);
        for how in [SendProxy::V2, SendProxy::Relay] {
            sends(how, NONE, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", None);
        }
    }

    #[test]
    fn the_senders_own_connection_stays_one() {
        for bytes in [v2(0x20, 0x00, &[]), v2(0x20, 0x11, &[ADDRESSES, b"\x05\0\x02id"])] {
            let header = after(&bytes);
            let client = Client { prefix: Some(&header), ..inet() };
            sends(SendProxy::V1, client, b"PROXY UNKNOWN\r\n", None);
            for how in [SendProxy::V2, SendProxy::Relay] {
                sends(how, client, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", None);
            }
        }
    }

    #[test]
    fn version_2_passes_on_what_is_any_backends_business() {
        let passing = [
            &b"\x02\0\x09a.example"[..],
            b"\x01\0\x02h2",
            b"\x20\0\x05\x01\0\0\0\0",
            b"\xEA\0\x08\x01vpce-1a",
            b"\xE4\0\x01x",
        ]
        .concat();
        let other = [&b"\x30\0\x04blue"[..], b"\x04\0\x02\0\0", b"\xF0\0\x01x", b"\x41\0\x01x"].concat();
        let header = after(&v2(0x21, 0x11, &[ADDRESSES, &passing, &other]));
        let client = Client { prefix: Some(&header), ..inet() };
        sends(SendProxy::V2, client, &v2(0x21, 0x11, &[ADDRESSES, &passing, b"\x05\0\x04ours"]), Some("ours"));
        sends(SendProxy::V1, client, V1.as_bytes(), None);
        // An id that the connection has is kept.
        let header = after(&v2(0x21, 0x11, &[ADDRESSES, b"\x05\0\x06theirs\x01\0\x02h2"]));
        let client = Client { prefix: Some(&header), ..inet() };
        let expected = v2(0x21, 0x11, &[ADDRESSES, b"\x05\0\x06theirs\x01\0\x02h2"]);
        sends(SendProxy::V2, client, &expected, Some("theirs"));
    }

    #[test]
    fn relaying_keeps_all_but_the_namespace() {
        let tlvs: &[u8] = b"\x04\0\x02\0\0\x41\0\x01x\x05\0\x06theirs";
        let header = after(&v2(0x21, 0x11, &[ADDRESSES, b"\x30\0\x04blue", tlvs]));
        let client = Client { prefix: Some(&header), ..inet() };
        sends(SendProxy::Relay, client, &v2(0x21, 0x11, &[ADDRESSES, tlvs]), Some("theirs"));
    }

    #[test]
    fn a_claim_of_strangers_to_tls_does_not_pass() {
        let header = after(&v2(0x21, 0x11, &[ADDRESSES, b"\x20\0\x05\x07\0\0\0\0\x01\0\x02h2"]));
        let client = Client { prefix: Some(&header), is_vouched_for: false, ..inet() };
        let without = v2(0x21, 0x11, &[ADDRESSES, b"\x01\0\x02h2"]);
        sends(SendProxy::Relay, client, &without, None);
        sends(SendProxy::V2, client, &v2(0x21, 0x11, &[ADDRESSES, b"\x01\0\x02h2\x05\0\x04ours"]), Some("ours"));
    }

    #[test]
    fn the_checksum_is_computed_anew_if_there_was_one() {
        let bytes = encode_v2(
            Command::Proxy,
            Some(&Addresses::Inet {
                source: "127.0.0.1:42".parse().unwrap(),
                destination: "127.0.0.1:1337".parse().unwrap(),
                transport: Transport::Stream,
            }),
            &[Tlv { kind: tlv::NETNS, value: b"blue" }, tlv::CHECKSUM, Tlv { kind: tlv::ALPN, value: b"h2" }],
        );
        let header = after(&bytes.unwrap());
        // Computed by another implementation.
        let expected =
            v2(0x21, 0x11, &[b"\x7F\0\0\x01\x7F\0\0\x01\0\x2A\x05\x39", b"\x03\0\x04\xAD\x7E\x44\x92\x01\0\x02h2"]);
        sends(SendProxy::Relay, Client { prefix: Some(&header), ..inet() }, &expected, None);
    }

    #[test]
    fn relaying_keeps_version_and_addresses_as_they_came() {
        for bytes in [
            V1.as_bytes().to_vec(),
            b"PROXY UNKNOWN\r\n".to_vec(),
            v2(0x21, 0x00, &[b"\x01\0\x02h2"]),
            v2(0x21, 0x12, &[ADDRESSES]),
            v2(0x21, 0x31, &[&[b'a'; 216]]),
        ] {
            let header = after(&bytes);
            sends(SendProxy::Relay, Client { prefix: Some(&header), ..NONE }, &bytes, None);
        }
    }

    proptest! {
        /// Whatever came in, what goes out is one whole header to who reads to the letter.
        #[test]
        fn receivers_accept_what_is_sent(
            command in prop::sample::select(vec![0x20, 0x21]),
            family in prop::sample::select(vec![0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x10]),
            addresses in prop::collection::vec(any::<u8>(), 216),
            tlvs in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..6),
            is_vouched_for in any::<bool>(),
            with_source in any::<bool>(),
        ) {
            let addresses = addresses.get(..match family >> 4 { 0 => 0, 1 => 12, 2 => 36, _ => 216 }).unwrap();
            let tlvs: Vec<u8> = tlvs
                .iter()
                .filter(|(kind, _)| *kind != tlv::CRC32C)
                .flat_map(|(kind, value)| [&[*kind, 0, u8::try_from(value.len()).unwrap()][..], value].concat())
                .collect();
            let header = after(&v2(command, family, &[addresses, &tlvs]));
            let client = if with_source { inet() } else { NONE };
            let client = Client { prefix: Some(&header), is_vouched_for, ..client };
            for how in [SendProxy::V1, SendProxy::V2, SendProxy::Relay] {
                let told = after(&introduce(how, client).0);
                prop_assert_eq!(told.value(tlv::NETNS), None);
                prop_assert!(is_vouched_for || told.value(tlv::SSL).is_none());
            }
        }
    }

    #[test]
    fn where_no_room_is_left_the_addresses_alone_go() {
        let tlv = [&[0xE1, 0xFF, 0x00][..], &[0; 0xFF00], b"\xE2\0\xF0", &[0; 0xF0 - 6]].concat();
        let long = v2(0x21, 0x11, &[ADDRESSES, &tlv[..0xFF00 + 3], b"\xE2\0\xE0", &[0; 0xE0]]);
        let header = after(&long);
        let client = Client { prefix: Some(&header), ..inet() };
        sends(SendProxy::Relay, client, &long, None);
        let id = "i".repeat(20);
        sends(SendProxy::V2, Client { unique_id: &id, ..client }, &v2(0x21, 0x11, &[ADDRESSES]), None);
    }
}
