//! Writing headers: what we send ourselves, and what tests send to us.
//!
//! A header must reach its receiver in one piece, so it comes as one buffer to be written together with what follows.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::v2::{HEAD_BYTES, SIGNATURE, UNIX_BYTES};
use super::{Addresses, Command, Tlv, Transport, crc32c, tlv};

/// The version 1 line of a sender that tells no addresses.
pub const UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";

/// The version 2 header of a sender that speaks for itself: LOCAL, an unspecified family, and nothing behind the head.
pub const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// Writes the version 1 line for a TCP connection.
///
/// If one address is IPv4 and the other IPv6, the former is written as an IPv4-mapped IPv6 address: a line has one
/// family. The answer is at most 104 bytes long.
pub fn encode_v1(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (source_port, destination_port) = (source.port(), destination.port());
    let line = match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            format!("PROXY TCP4 {source} {destination} {source_port} {destination_port}\r\n")
        }
        (source, destination) => {
            let (source, destination) = (hexadecimal(source), hexadecimal(destination));
            format!("PROXY TCP6 {source} {destination} {source_port} {destination_port}\r\n")
        }
    };
    line.into_bytes()
}

/// An IPv6 address in hexadecimal groups only: the standard library writes mapped addresses with a dotted quad.
fn hexadecimal(address: IpAddr) -> String {
    let address = ipv6(address);
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("::ffff:{high:x}:{low:x}"),
        (None, _) => address.to_string(),
    }
}

/// Writes a version 2 header.
///
/// Without `addresses` the family is unspecified, which is what a LOCAL header should say. If one address is IPv4 and
/// the other IPv6, the former is written as an IPv4-mapped IPv6 address. The checksum goes where [`tlv::CHECKSUM`]
/// stands among the `tlvs`.
pub fn encode_v2(command: Command, addresses: Option<&Addresses>, tlvs: &[Tlv<'_>]) -> Result<Vec<u8>, Unencodable> {
    let command: u8 = match command {
        Command::Local => 0,
        Command::Proxy => 1,
    };
    let mut header = [&SIGNATURE[..], &[0x20 | command]].concat();
    let mut block = Vec::new();
    header.push(write_addresses(addresses, &mut block)?);
    let mut checksum_at = None;
    for Tlv { kind, value } in tlvs {
        let value: &[u8] = if *kind == tlv::CRC32C { &[0; 4] } else { value };
        let length = u16::try_from(value.len()).map_err(|_| Unencodable::TooLong)?;
        block.push(*kind);
        block.extend(length.to_be_bytes());
        if *kind == tlv::CRC32C && checksum_at.replace(HEAD_BYTES + block.len()).is_some() {
            return Err(Unencodable::SecondChecksum);
        }
        block.extend(value);
    }
    let length = u16::try_from(block.len()).map_err(|_| Unencodable::TooLong)?;
    header.extend(length.to_be_bytes());
    header.extend(block);
    let checksum = crc32c::checksum(&[&header]).to_be_bytes();
    if let Some(field) = checksum_at.and_then(|at| header.get_mut(at..)).and_then(<[u8]>::first_chunk_mut) {
        *field = checksum;
    }
    Ok(header)
}

/// Why a header cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unencodable {
    /// The field of a Unix address has 108 bytes.
    #[error("Unix socket address longer than 108 bytes")]
    UnixAddressTooLong,
    /// The fields of both lengths have 16 bits.
    #[error("PROXY protocol version 2 payload longer than 65,535 bytes")]
    TooLong,
    /// A header has one checksum.
    #[error("second checksum in one PROXY protocol header")]
    SecondChecksum,
}

/// Appends the address block and answers its family and transport byte.
fn write_addresses(addresses: Option<&Addresses>, block: &mut Vec<u8>) -> Result<u8, Unencodable> {
    let (family, transport) = match addresses {
        None => return Ok(0),
        Some(Addresses::Inet { source, destination, transport }) => {
            let family = match (source.ip(), destination.ip()) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => {
                    block.extend(source.octets());
                    block.extend(destination.octets());
                    1
                }
                (source, destination) => {
                    block.extend(ipv6(source).octets());
                    block.extend(ipv6(destination).octets());
                    2
                }
            };
            block.extend(source.port().to_be_bytes());
            block.extend(destination.port().to_be_bytes());
            (family, transport)
        }
        Some(Addresses::Unix { source, destination }) => {
            for address in [source, destination] {
                let padding = UNIX_BYTES.checked_sub(address.len()).ok_or(Unencodable::UnixAddressTooLong)?;
                block.extend(&address[..]);
                block.extend(std::iter::repeat_n(0, padding));
            }
            (3, &Transport::Stream)
        }
    };
    let transport: u8 = match transport {
        Transport::Stream => 1,
        Transport::Datagram => 2,
    };
    Ok(family << 4 | transport)
}

fn ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_keeps_one_family() {
        let encoded = |source: &str, destination: &str| {
            String::from_utf8(encode_v1(source.parse().unwrap(), destination.parse().unwrap())).unwrap()
        };
        assert_eq!(encoded("192.0.2.1:1", "192.0.2.2:0"), "PROXY TCP4 192.0.2.1 192.0.2.2 1 0\r\n");
        assert_eq!(encoded("[2001:db8::1]:1", "[::1]:2"), "PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
        assert_eq!(encoded("192.0.2.1:1", "[::1]:2"), "PROXY TCP6 ::ffff:c000:201 ::1 1 2\r\n");
        assert_eq!(encoded("[::1]:1", "0.0.0.1:2"), "PROXY TCP6 ::1 ::ffff:0:1 1 2\r\n");
        assert_eq!(
            encoded("[::c000:201]:1", "[64:ff9b::c000:201]:2"),
            "PROXY TCP6 ::c000:201 64:ff9b::c000:201 1 2\r\n"
        );
    }

    #[test]
    fn a_version_2_header_byte_by_byte() {
        let addresses = Addresses::Inet {
            source: "127.0.0.1:42".parse().unwrap(),
            destination: "127.0.0.1:1337".parse().unwrap(),
            transport: Transport::Stream,
        };
        let tlvs = [tlv::CHECKSUM, Tlv { kind: tlv::ALPN, value: b"h2" }];
        // The checksum was computed by another implementation.
        let expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x18\x7F\0\0\x01\x7F\0\0\x01\0\x2A\x05\x39\
            \x03\0\x04\xAD\x7E\x44\x92\x01\0\x02h2";
        assert_eq!(encode_v2(Command::Proxy, Some(&addresses), &tlvs).unwrap(), expected);
        assert_eq!(encode_v2(Command::Local, None, &[]).unwrap(), LOCAL);
        assert_eq!(LOCAL, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }

    #[test]
    fn version_2_keeps_one_family_too() {
        let addresses = Addresses::Inet {
            source: "192.0.2.1:1".parse().unwrap(),
            destination: "[::1]:2".parse().unwrap(),
            transport: Transport::Datagram,
        };
        let expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x22\0\x24\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\0\x02\x01\
            \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x02";
        assert_eq!(encode_v2(Command::Proxy, Some(&addresses), &[]).unwrap(), expected);
    }

    #[test]
    fn unix_addresses_are_padded() {
        let addresses = Addresses::Unix { source: b"/a"[..].into(), destination: Box::default() };
        let header = encode_v2(Command::Proxy, Some(&addresses), &[]).unwrap();
        assert_eq!(header.len(), 232);
        assert_eq!(header[12..20], *b"\x21\x31\0\xD8/a\0\0");
    }

    #[test]
    fn what_has_no_room_in_the_format_is_refused() {
        let unix = |bytes: usize| Addresses::Unix { source: vec![b'a'; bytes].into(), destination: Box::default() };
        assert!(encode_v2(Command::Proxy, Some(&unix(108)), &[]).is_ok());
        assert_eq!(encode_v2(Command::Proxy, Some(&unix(109)), &[]), Err(Unencodable::UnixAddressTooLong));
        let noop = |value| Tlv { kind: tlv::NOOP, value };
        assert!(encode_v2(Command::Local, None, &[noop(&[0; 65_532])]).is_ok());
        assert_eq!(encode_v2(Command::Local, None, &[noop(&[0; 65_533])]), Err(Unencodable::TooLong));
        assert_eq!(encode_v2(Command::Local, None, &[noop(&[0; 65_536])]), Err(Unencodable::TooLong));
        assert_eq!(encode_v2(Command::Local, None, &[tlv::CHECKSUM; 2]), Err(Unencodable::SecondChecksum));
    }
}
