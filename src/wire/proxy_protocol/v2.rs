//! Version 2: a binary header (PROXY protocol section 2.2).
//!
//! ```text
//!  0           12   13   14       16          28, 52 or 232    16 + length
//! +-----------+----+----+--------+-----------+----------------+
//! | signature | vc | ft | length | addresses | vectors        | the client's bytes
//! +-----------+----+----+--------+-----------+----------------+
//!   vc: version 2 and command    ft: address family and transport protocol
//! ```
//!
//! The family alone says how long the addresses are, so it also says where the vectors begin; with an unspecified
//! family they begin right behind the head. The block of a LOCAL header is skipped by its length and believed in
//! nothing: its vectors are kept if they can be read, and no harm is done if they can't. An unspecified transport leaves
//! the layout as it is, but the addresses are not told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::Malformed;
use super::{Addresses, Command, Header, PAYLOAD_TOO_LONG, Prefix, SECTION_V2, Transport, Version, crc32c, tlv};

/// Parses bytes that begin with a CR.
pub(super) fn parse(bytes: &[u8], payload_limit: usize) -> Result<Prefix, Malformed> {
    let Some(rest) = bytes.strip_prefix(&SIGNATURE) else {
        let more = Prefix::More { at_least: bytes.len() + 1 };
        return Ok(if SIGNATURE.starts_with(bytes) { more } else { Prefix::Absent });
    };
    let Some((&[version_command, family_transport, high, low], payload)) = rest.split_first_chunk() else {
        if let Some(&version_command) = rest.first() {
            command(version_command)?;
        }
        return Ok(Prefix::More { at_least: HEAD_BYTES });
    };
    let command = command(version_command)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > payload_limit {
        return Err(malformed(PAYLOAD_TOO_LONG, 14));
    }
    let layout = Layout::read(family_transport);
    if command == Command::Proxy && layout?.family.address_bytes() > length {
        return Err(malformed("length too short for the addresses of the family", 14));
    }
    let whole_bytes = HEAD_BYTES + length;
    let Some(((payload, _), whole)) = payload.split_at_checked(length).zip(bytes.get(..whole_bytes)) else {
        return Ok(Prefix::More { at_least: whole_bytes });
    };
    let (addresses, vectors) = match command {
        Command::Proxy => proxied(layout?, payload, whole)?,
        Command::Local => (None, layout.map_or(Ok(&[][..]), |layout| local(layout.family, payload, whole))?),
    };
    let header = Header { version: Version::V2, command, addresses, vectors: vectors.into() };
    Ok(Prefix::Complete { header, length: whole_bytes })
}

fn command(version_command: u8) -> Result<Command, Malformed> {
    match (version_command >> 4, version_command & 0x0F) {
        (VERSION, 0) => Ok(Command::Local),
        (VERSION, 1) => Ok(Command::Proxy),
        (VERSION, _) => Err(malformed("command is neither LOCAL nor PROXY", 12)),
        _ => Err(malformed("version is not 2 behind the signature of version 2", 12)),
    }
}

/// Address family and transport, one byte together.
#[derive(Clone, Copy)]
struct Layout {
    family: Family,
    /// None if unspecified.
    transport: Option<Transport>,
}

impl Layout {
    fn read(byte: u8) -> Result<Self, Malformed> {
        let family = match byte >> 4 {
            0 => Family::Unspecified,
            1 => Family::Inet,
            2 => Family::Inet6,
            3 => Family::Unix,
            _ => return Err(malformed("unassigned address family", 13)),
        };
        let transport = match byte & 0x0F {
            0 => None,
            1 => Some(Transport::Stream),
            2 => Some(Transport::Datagram),
            _ => return Err(malformed("unassigned transport protocol", 13)),
        };
        Ok(Self { family, transport })
    }
}

#[derive(Clone, Copy)]
enum Family {
    Unspecified,
    Inet,
    Inet6,
    Unix,
}

impl Family {
    const fn address_bytes(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::Inet => 2 * (4 + 2),
            Self::Inet6 => 2 * (16 + 2),
            Self::Unix => 2 * UNIX_BYTES,
        }
    }
}

/// Reads the payload of a PROXY header; `whole` is the header itself, for its checksum.
fn proxied<'a>(
    Layout { family, transport }: Layout,
    payload: &'a [u8],
    whole: &[u8],
) -> Result<(Option<Addresses>, &'a [u8]), Malformed> {
    let (addresses, vectors) = payload.split_at_checked(family.address_bytes()).unwrap_or((&[], payload));
    let checksum_at = tlv::validate(vectors, HEAD_BYTES + addresses.len())?;
    verify(whole, checksum_at)?;
    let addresses = transport.and_then(|transport| read_addresses(family, transport, addresses));
    Ok((addresses, vectors))
}

/// The vectors of a LOCAL header, if they can be read. A checksum among them must be right all the same.
fn local<'a>(family: Family, payload: &'a [u8], whole: &[u8]) -> Result<&'a [u8], Malformed> {
    let vectors = payload.get(family.address_bytes()..).unwrap_or_default();
    match tlv::validate(vectors, HEAD_BYTES + family.address_bytes()) {
        Ok(checksum_at) => verify(whole, checksum_at).map(|()| vectors),
        Err(_) => Ok(&[]),
    }
}

/// Compares the checksum whose value stands at `at`, if there is one.
fn verify(whole: &[u8], at: Option<usize>) -> Result<(), Malformed> {
    let Some(at) = at else { return Ok(()) };
    let parts = whole.split_at_checked(at).and_then(|(before, rest)| Some((before, rest.split_first_chunk::<4>()?)));
    match parts {
        Some((before, (sent, after))) if crc32c::checksum(&[before, &[0; 4], after]) == u32::from_be_bytes(*sent) => {
            Ok(())
        }
        _ => Err(Malformed { rule: "checksum differs", section: "PROXY protocol section 2.2.3", offset: at }),
    }
}

/// Reads a block of exactly the family's length. None if the family is unspecified.
fn read_addresses(family: Family, transport: Transport, block: &[u8]) -> Option<Addresses> {
    let (source, destination) = match family {
        Family::Unspecified => return None,
        Family::Inet => {
            let (source, rest) = block.split_first_chunk::<4>()?;
            let (destination, ports) = rest.split_first_chunk::<4>()?;
            with_ports(Ipv4Addr::from(*source).into(), Ipv4Addr::from(*destination).into(), ports)?
        }
        Family::Inet6 => {
            let (source, rest) = block.split_first_chunk::<16>()?;
            let (destination, ports) = rest.split_first_chunk::<16>()?;
            with_ports(Ipv6Addr::from(*source).into(), Ipv6Addr::from(*destination).into(), ports)?
        }
        Family::Unix => {
            let (source, destination) = block.split_at_checked(UNIX_BYTES)?;
            let (source, destination) = (unpadded(source).into(), unpadded(destination).into());
            return Some(Addresses::Unix { source, destination });
        }
    };
    Some(Addresses::Inet { source, destination, transport })
}

fn with_ports(source: IpAddr, destination: IpAddr, ports: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let &[a, b, c, d] = ports.first_chunk()?;
    let (source_port, destination_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some((SocketAddr::new(source, source_port), SocketAddr::new(destination, destination_port)))
}

/// A Unix address without what pads its field.
fn unpadded(field: &[u8]) -> &[u8] {
    // A path ends at its first NUL, whatever the sender's buffer holds behind it. An abstract name begins with one and
    // may contain more.
    let end = match field.first() {
        Some(0) => field.iter().rposition(|byte| *byte != 0).map(|last| last + 1),
        _ => field.iter().position(|byte| *byte == 0).or(Some(field.len())),
    };
    field.get(..end.unwrap_or(0)).unwrap_or_default()
}

fn malformed(rule: &'static str, offset: usize) -> Malformed {
    Malformed { rule, section: SECTION_V2, offset }
}

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const VERSION: u8 = 2;
/// Signature, version and command, family and transport, length.
pub(super) const HEAD_BYTES: usize = 16;
/// One Unix address with its padding.
pub(super) const UNIX_BYTES: usize = 108;

#[cfg(test)]
mod tests {
    use super::*;

    const IPV4: &[u8] = b"\x7F\0\0\x01\x7F\0\0\x01\0\x2A\x05\x39";

    /// A header with these two bytes, its true length and this payload.
    fn header(version_command: u8, family_transport: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_command, family_transport], &length, payload].concat()
    }

    fn complete(bytes: &[u8]) -> (Header, usize) {
        match parse(bytes, 4096) {
            Ok(Prefix::Complete { header, length }) => (header, length),
            other => panic!("{}: {other:?}", bytes.escape_ascii()),
        }
    }

    fn rule(bytes: &[u8]) -> (&'static str, usize) {
        let error = parse(bytes, 4096).unwrap_err();
        (error.rule, error.offset)
    }

    fn inet(source: &str, destination: &str, transport: Transport) -> Option<Addresses> {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        Some(Addresses::Inet { source, destination, transport })
    }

    #[test]
    fn a_header_with_a_vector() {
        let bytes = header(0x21, 0x11, &[IPV4, b"\x02\0\x0512345"].concat());
        let (header, length) = complete(&bytes);
        assert_eq!(length, 36);
        assert_eq!((header.version, header.command), (Version::V2, Command::Proxy));
        assert_eq!(header.addresses, inet("127.0.0.1:42", "127.0.0.1:1337", Transport::Stream));
        assert_eq!(header.tlvs().map(|tlv| (tlv.kind, tlv.value)).collect::<Vec<_>>(), [(2, &b"12345"[..])]);
        assert_eq!(header.value(tlv::AUTHORITY), Some(&b"12345"[..]));
        assert_eq!(header.value(tlv::ALPN), None);
    }

    #[test]
    fn a_vector_behind_the_end_is_payload() {
        let mut bytes = header(0x21, 0x11, &[IPV4, b"\x02\0\x0512345"].concat());
        bytes.extend(b"\x02\0\x0554321");
        let (header, length) = complete(&bytes);
        assert_eq!(length, 36);
        assert_eq!(header.tlvs().count(), 1);
    }

    #[test]
    fn a_vector_that_exceeds_the_header_is_refused() {
        let mut bytes = header(0x21, 0x11, &[IPV4, b"\x02\0\x0A12345"].concat());
        bytes.extend(b"12345");
        assert_eq!(rule(&bytes), ("type-length-value vector runs past the end of the header", 28));
    }

    #[test]
    fn vectors_that_end_before_the_header_are_refused() {
        let bytes = header(0x21, 0x11, &[IPV4, b"\x02\0\x041234\0"].concat());
        assert_eq!(rule(&bytes), ("type-length-value vector runs past the end of the header", 35));
        // The length counts one byte more than was meant, so the client's first byte falls into the header.
        let mut bytes = header(0x21, 0x11, &[IPV4, b"\x02\0\x041234"].concat());
        bytes[15] = 20;
        bytes.extend(b"GET /");
        assert_eq!(rule(&bytes), ("type-length-value vector runs past the end of the header", 35));
    }

    #[test]
    fn every_family_and_transport() {
        let ipv6 = b"\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xFF\xFF\0\0";
        let addresses = |family, payload: &[u8]| complete(&header(0x21, family, payload)).0.addresses;
        assert_eq!(addresses(0x11, IPV4), inet("127.0.0.1:42", "127.0.0.1:1337", Transport::Stream));
        assert_eq!(addresses(0x12, IPV4), inet("127.0.0.1:42", "127.0.0.1:1337", Transport::Datagram));
        assert_eq!(addresses(0x21, ipv6), inet("[2001:db8::1]:65535", "[::1]:0", Transport::Stream));
        assert_eq!(addresses(0x22, ipv6), inet("[2001:db8::1]:65535", "[::1]:0", Transport::Datagram));
        for (family, payload) in
            [(0x00, &b""[..]), (0x01, b""), (0x02, b""), (0x10, IPV4), (0x20, ipv6), (0x30, &[0; 216])]
        {
            assert_eq!(addresses(family, payload), None, "{family:#04x}");
        }
    }

    #[test]
    fn unix_addresses_lose_their_padding_only() {
        let mut block = [0; 216];
        // Behind the path stands what the sender's buffer held before.
        block[..12].copy_from_slice(b"/run/a.sock\0");
        block[12..20].copy_from_slice(b"leftover");
        block[108..113].copy_from_slice(b"\0a\0b\0");
        let unix = |source: &[u8], destination: &[u8]| {
            Some(Addresses::Unix { source: source.into(), destination: destination.into() })
        };
        for family in [0x31, 0x32] {
            assert_eq!(complete(&header(0x21, family, &block)).0.addresses, unix(b"/run/a.sock", b"\0a\0b"));
        }
        assert_eq!(complete(&header(0x21, 0x31, &[0; 216])).0.addresses, unix(b"", b""));
        assert_eq!(complete(&header(0x21, 0x31, &[b'x'; 216])).0.addresses, unix(&[b'x'; 108], &[b'x'; 108]));
    }

    #[test]
    fn vectors_begin_where_the_family_says() {
        let tlv = b"\x01\0\x02h2";
        for (family, address_bytes) in [(0x00, 0), (0x01, 0), (0x11, 12), (0x10, 12), (0x21, 36), (0x31, 216)] {
            for version_command in [0x20, 0x21] {
                let payload = [&vec![0xFF; address_bytes][..], tlv].concat();
                let header = complete(&header(version_command, family, &payload)).0;
                assert_eq!(header.value(tlv::ALPN), Some(&b"h2"[..]), "{version_command:#04x} {family:#04x}");
                assert_eq!(header.tlvs().count(), 1);
            }
        }
    }

    #[test]
    fn local_is_accepted_whatever_its_block_holds() {
        for (family, payload) in [
            (0x00, &b""[..]),
            (0x11, b""),
            (0x11, IPV4),
            (0x11, b"\xFF\xFF"),
            (0x00, b"\xFF\xFF"),
            (0x00, b"\x03\0\x01\0"),
            (0xFF, b"\x01\0\x02h2"),
            (0x13, IPV4),
        ] {
            let bytes = header(0x20, family, payload);
            let (header, length) = complete(&bytes);
            assert_eq!((header.command, header.addresses.clone(), length), (Command::Local, None, bytes.len()));
            assert_eq!(header.tlvs().count(), 0, "{family:#04x} {}", payload.escape_ascii());
        }
    }

    #[test]
    fn unassigned_values_are_refused() {
        let command = ("command is neither LOCAL nor PROXY", 12);
        let version = ("version is not 2 behind the signature of version 2", 12);
        for (byte, expected) in [(0x22, command), (0x2F, command), (0x11, version), (0x01, version), (0x31, version)] {
            assert_eq!(rule(&header(byte, 0x11, IPV4)), expected, "{byte:#04x}");
            assert_eq!(rule(&header(byte, 0x11, IPV4)[..13]), expected, "at the first byte that shows it");
        }
        for byte in [0x41, 0x51, 0xF1] {
            assert_eq!(rule(&header(0x21, byte, IPV4)), ("unassigned address family", 13), "{byte:#04x}");
        }
        for byte in [0x13, 0x1F, 0x03, 0x23, 0x33] {
            assert_eq!(rule(&header(0x21, byte, IPV4)), ("unassigned transport protocol", 13), "{byte:#04x}");
        }
    }

    #[test]
    fn lengths_are_judged_by_the_head_alone() {
        let head = |family, length: u16| [&SIGNATURE[..], &[0x21, family], &length.to_be_bytes()].concat();
        for (family, length) in [(0x11, 11), (0x10, 11), (0x22, 35), (0x31, 215), (0x11, 0)] {
            let expected = ("length too short for the addresses of the family", 14);
            assert_eq!(rule(&head(family, length)), expected, "{family:#04x}");
        }
        assert_eq!(rule(&head(0x11, 4097)), ("version 2 payload longer than the configured limit", 14));
        assert_eq!(parse(&head(0x11, 4096), 4096), Ok(Prefix::More { at_least: 4112 }));
        assert_eq!(parse(&head(0x11, 65_535), 65_535), Ok(Prefix::More { at_least: 65_551 }));
    }

    #[test]
    fn how_much_is_asked_for() {
        let bytes = header(0x21, 0x11, IPV4);
        for length in 1..12 {
            let more = Ok(Prefix::More { at_least: length + 1 });
            assert_eq!(parse(&bytes[..length], 4096), more, "a client that sent only this may be waiting for us");
        }
        for length in 12..16 {
            assert_eq!(parse(&bytes[..length], 4096), Ok(Prefix::More { at_least: 16 }));
        }
        for length in 16..28 {
            assert_eq!(parse(&bytes[..length], 4096), Ok(Prefix::More { at_least: 28 }));
        }
    }

    #[test]
    fn what_differs_from_the_signature_is_absent_at_once() {
        for length in 1..12 {
            let mut bytes = SIGNATURE;
            bytes[length] ^= 0x20;
            assert_eq!(parse(&bytes[..=length], 4096), Ok(Prefix::Absent), "{length}");
        }
    }

    #[test]
    fn the_checksum_covers_every_byte_but_its_own() {
        // Computed by another implementation.
        let bytes = header(0x21, 0x11, &[IPV4, b"\x03\0\x04\xAD\x7E\x44\x92\x01\0\x02h2"].concat());
        let (header, _) = complete(&bytes);
        assert_eq!(header.value(tlv::ALPN), Some(&b"h2"[..]));
        for at in [16, 27, 31, 34, 38, 39] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(rule(&damaged), ("checksum differs", 31), "{at}");
        }
    }

    #[test]
    fn the_checksum_of_a_local_header_counts_too() {
        let mut bytes = header(0x20, 0x00, b"\x03\0\x04\xA9\xB8\x7E\x8F");
        assert_eq!(complete(&bytes).0.tlvs().count(), 1);
        bytes[19] ^= 1;
        assert_eq!(rule(&bytes), ("checksum differs", 19));
    }
}
