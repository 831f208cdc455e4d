//! The PROXY protocol, versions 1 and 2: who the client of the proxy in front of us is.
//!
//! A prefix stands before the first byte of the connection or nowhere, and [`parse`] tells which from the bytes alone.
//! Whether a prefix is wanted, and whom it is believed from, is the listener's business: the specification forbids a
//! receiver to trust what it merely finds. Only one prefix is taken; a second one behind it is payload.
//!
//! Everything is to the letter of the specification, and what breaks it is refused, with one exception: the block of a
//! LOCAL header must be accepted whatever it holds. Where a choice is left: a header that tells no addresses
//! (`UNKNOWN`, unspecified family or transport) is accepted, and the real endpoints count; headers may arrive in
//! pieces; a checksum is verified wherever it is given.
//!
//! Specification: `doc/proxy-protocol.txt` of HAProxy, cited as "PROXY protocol section 2.1".

use std::net::SocketAddr;

mod crc32c;
mod encode;
pub mod name;
pub mod tlv;
mod v1;
mod v2;

pub use encode::{LOCAL, UNKNOWN, Unencodable, encode_v1, encode_v2};
pub use name::Name;
pub use tlv::Tlv;

use super::Malformed;

/// Looks for a prefix at the start of `bytes`.
///
/// A version 2 header that announces more than `v2_payload_limit` bytes behind its 16-byte head is malformed; that
/// shows as soon as the head is there.
pub fn parse(bytes: &[u8], v2_payload_limit: usize) -> Result<Prefix, Malformed> {
    // The first byte tells the versions apart.
    match bytes.first() {
        None => Ok(Prefix::More { at_least: 1 }),
        Some(b'P') => v1::parse(bytes),
        Some(b'\r') => v2::parse(bytes, v2_payload_limit),
        Some(_) => Ok(Prefix::Absent),
    }
}

/// The rule of [`parse`] that is the caller's own: a header that announces more than its limit.
pub const PAYLOAD_TOO_LONG: &str = "version 2 payload longer than the configured limit";

/// What stands at the start of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Prefix {
    /// No prefix: the bytes differ from both signatures, and more of them cannot change that.
    Absent,
    /// So far it can be a prefix.
    More {
        /// The smallest total length, greater than the input's, at which asking again can help. While the bytes may
        /// still turn out to be no prefix, this is one byte more: a client that sent them may be waiting for us.
        at_least: usize,
    },
    /// A whole prefix.
    Complete {
        /// What it says.
        header: Header,
        /// How many bytes it took; what follows belongs to the client.
        length: usize,
    },
}

/// What a prefix says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format it came in.
    pub version: Version,
    /// Whose connection this is.
    pub command: Command,
    /// The original endpoints. None if the header tells none (LOCAL, UNKNOWN, unspecified): the endpoints of the TCP
    /// connection itself count then.
    pub addresses: Option<Addresses>,
    /// The type-length-value vectors as received; they end exactly at the end.
    vectors: Box<[u8]>,
}

impl Header {
    /// The type-length-value vectors in the order received; none in version 1.
    pub fn tlvs(&self) -> impl Iterator<Item = Tlv<'_>> {
        tlv::iterate(&self.vectors)
    }

    /// The value of the first vector of type `kind`, one of the constants in [`tlv`] or the sender's own.
    pub fn value(&self, kind: u8) -> Option<&[u8]> {
        self.tlvs().find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }
}

/// The format of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Whose connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The sender's own, such as a health check.
    Local,
    /// Somebody's on whose behalf the sender connects.
    Proxy,
}

/// The endpoints of the original connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// IPv4 or IPv6, the same for both.
    Inet {
        /// The client.
        source: SocketAddr,
        /// Where the client connected to.
        destination: SocketAddr,
        /// How.
        transport: Transport,
    },
    /// Unix domain sockets: paths without the padding, or abstract names with their leading NUL; empty if unnamed. At
    /// most 108 bytes each.
    Unix {
        /// The client.
        source: Box<[u8]>,
        /// Where the client connected to.
        destination: Box<[u8]>,
    },
}

/// The transport protocol of the original connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// Where version 2 and its vectors are specified.
const SECTION_V2: &str = "PROXY protocol section 2.2";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Headers of every kind, each whole.
    fn valid() -> Vec<Vec<u8>> {
        let tlvs = [tlv::CHECKSUM, Tlv { kind: tlv::ALPN, value: b"h2" }];
        let inet = |source: &str, destination: &str, transport| Addresses::Inet {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            transport,
        };
        let unix = Addresses::Unix { source: b"/run/a"[..].into(), destination: b"\0b"[..].into() };
        let encoded = |command, addresses: Option<&Addresses>| encode_v2(command, addresses, &tlvs).unwrap();
        vec![
            b"PROXY UNKNOWN\r\n".to_vec(),
            b"PROXY UNKNOWN ::1 ::1 1 1\r\n".to_vec(),
            b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n".to_vec(),
            b"PROXY TCP6 2001:db8::1 ::1 56324 443\r\n".to_vec(),
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(),
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\x7F\0\0\x01\x7F\0\0\x01\0\x2A\x05\x39".to_vec(),
            encoded(Command::Local, None),
            encoded(Command::Proxy, None),
            encoded(Command::Proxy, Some(&inet("192.0.2.1:1", "192.0.2.2:2", Transport::Datagram))),
            encoded(Command::Proxy, Some(&inet("[::1]:1", "[::2]:2", Transport::Stream))),
            encoded(Command::Proxy, Some(&unix)),
        ]
    }

    #[test]
    fn every_shorter_length_asks_for_more_and_what_follows_is_left() {
        for whole in valid() {
            for length in 0..whole.len() {
                match parse(&whole[..length], 4096) {
                    Ok(Prefix::More { at_least }) => {
                        assert!(at_least > length && at_least <= whole.len(), "{at_least} of {length}");
                    }
                    other => panic!("{length} bytes of {}: {other:?}", whole.escape_ascii()),
                }
            }
            for payload in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &whole] {
                let bytes = [&whole, payload].concat();
                match parse(&bytes, 4096) {
                    Ok(Prefix::Complete { length, .. }) => assert_eq!(length, whole.len()),
                    other => panic!("{}: {other:?}", bytes.escape_ascii()),
                }
            }
        }
    }

    #[test]
    fn nothing_yet_can_be_anything() {
        assert_eq!(parse(b"", 4096), Ok(Prefix::More { at_least: 1 }));
    }

    #[test]
    fn other_protocols_have_no_prefix() {
        for bytes in [&b"PRI * HTTP/2.0\r\n"[..], b"GET / HTTP/1.1\r\n", b"POST", b"\x16\x03\x01", b"\n", b"\0", b"\rA"]
        {
            assert_eq!(parse(bytes, 4096), Ok(Prefix::Absent), "{}", bytes.escape_ascii());
        }
    }

    fn address() -> impl Strategy<Value = SocketAddr> {
        let ip = prop_oneof![any::<[u8; 4]>().prop_map(Into::into), any::<[u8; 16]>().prop_map(Into::into)];
        (ip, any::<u16>()).prop_map(|(ip, port): (std::net::IpAddr, u16)| SocketAddr::new(ip, port))
    }

    fn mapped(address: SocketAddr) -> std::net::Ipv6Addr {
        match address.ip() {
            std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            std::net::IpAddr::V6(ip) => ip,
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Prefix::Complete { length, .. }) = parse(&bytes, 4096) {
                prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn damaged_headers_are_answered(
            which in any::<prop::sample::Index>(),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let headers = valid();
            let mut bytes = which.get(&headers).clone();
            for (at, value) in damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            match parse(&bytes, 4096) {
                Ok(Prefix::Complete { header, length }) => {
                    prop_assert!(length <= bytes.len());
                    prop_assert!(header.tlvs().count() <= length);
                }
                Ok(Prefix::More { at_least }) => prop_assert!(at_least > bytes.len()),
                Ok(Prefix::Absent) => {}
                Err(error) => prop_assert!(error.offset <= bytes.len()),
            }
        }

        #[test]
        fn what_is_written_is_read(
            source in address(),
            destination in address(),
            values in proptest::collection::vec((0x40..=0xFF_u8, proptest::collection::vec(any::<u8>(), 0..50)), 0..5),
        ) {
            let tlvs: Vec<_> = values.iter().map(|(kind, value)| Tlv { kind: *kind, value }).collect();
            let sent = Addresses::Inet { source, destination, transport: Transport::Stream };
            let v2 = encode_v2(Command::Proxy, Some(&sent), &[&tlvs[..], &[tlv::CHECKSUM]].concat()).unwrap();
            for (bytes, tlvs) in [(encode_v1(source, destination), &[][..]), (v2, &tlvs[..])] {
                let Ok(Prefix::Complete { header, length }) = parse(&bytes, 4096) else {
                    return Err(TestCaseError::fail(bytes.escape_ascii().to_string()));
                };
                prop_assert_eq!(length, bytes.len());
                prop_assert!(header.tlvs().filter(|tlv| tlv.kind != tlv::CRC32C).eq(tlvs.iter().copied()));
                match header.addresses {
                    Some(Addresses::Inet { source: s, destination: d, transport: Transport::Stream }) => {
                        prop_assert_eq!((mapped(s), s.port()), (mapped(source), source.port()));
                        prop_assert_eq!((mapped(d), d.port()), (mapped(destination), destination.port()));
                    }
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                }
            }
        }
    }
}
