//! Version 1: one line of text (PROXY protocol section 2.1).
//!
//! To the letter: one space between fields, addresses and ports in canonical form, CRLF and nothing else at the end.
//! What one receiver reads leniently and the next one strictly is how an address gets forged, so nothing is guessed.
//! Dotted quads in a `TCP6` line, which some senders write, are refused too: the text allows hexadecimal groups only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::Malformed;
use super::{Addresses, Command, Header, Prefix, Transport, Version};

/// Parses bytes that begin with a `P`.
pub(super) fn parse(bytes: &[u8]) -> Result<Prefix, Malformed> {
    let more = Prefix::More { at_least: bytes.len() + 1 };
    let Some(rest) = bytes.strip_prefix(SIGNATURE) else {
        return Ok(if SIGNATURE.starts_with(bytes) { more } else { Prefix::Absent });
    };
    if !PROTOCOLS.iter().any(|protocol| protocol.starts_with(rest) || rest.starts_with(protocol)) {
        return Err(malformed("protocol is none of TCP4, TCP6 and UNKNOWN", SIGNATURE.len()));
    }
    let Some(line) = line(bytes)? else { return Ok(more) };
    let length = line.len() + CRLF.len();
    let mut fields = Fields { rest: line.get(SIGNATURE.len()..), offset: SIGNATURE.len() };
    // After UNKNOWN the line may hold anything; it is ignored whether or not a space comes first.
    let addresses = if rest.starts_with(UNKNOWN) { None } else { Some(fields.addresses()?) };
    let header = Header { version: Version::V1, command: Command::Proxy, addresses, vectors: Box::default() };
    Ok(Prefix::Complete { header, length })
}

/// The line without its CRLF; none while the CRLF can still come.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let window = bytes.get(..LINE_BYTES).unwrap_or(bytes);
    let end = window.iter().position(|byte| CRLF.contains(byte)).unwrap_or(window.len());
    match window.split_at_checked(end) {
        Some((line, [b'\r', b'\n', ..])) => Ok(Some(line)),
        _ if window.len() == LINE_BYTES && end + 1 >= LINE_BYTES => {
            Err(malformed("no CRLF within 107 bytes", LINE_BYTES))
        }
        Some((_, [] | [b'\r'])) => Ok(None),
        _ => Err(malformed("CR or LF alone", end)),
    }
}

/// The rest of the line, a field at a time.
struct Fields<'a> {
    /// None when the last field has been taken.
    rest: Option<&'a [u8]>,
    offset: usize,
}

impl<'a> Fields<'a> {
    fn addresses(&mut self) -> Result<Addresses, Malformed> {
        let (protocol, _) = self.next();
        let address = if protocol == b"TCP4" { ipv4 } else { ipv6 };
        let source = self.read(address, "source address is not in the form of its family")?;
        let destination = self.read(address, "destination address is not in the form of its family")?;
        let source_port = self.read(port, "source port is not a decimal number from 0 to 65535")?;
        let destination_port = self.read(port, "destination port is not a decimal number from 0 to 65535")?;
        if self.rest.is_some() {
            return Err(malformed("text behind the destination port", self.offset));
        }
        Ok(Addresses::Inet {
            source: SocketAddr::new(source, source_port),
            destination: SocketAddr::new(destination, destination_port),
            transport: Transport::Stream,
        })
    }

    fn read<T>(&mut self, read: fn(&str) -> Option<T>, rule: &'static str) -> Result<T, Malformed> {
        let (field, offset) = self.next();
        str::from_utf8(field).ok().and_then(read).ok_or(malformed(rule, offset))
    }

    /// The next field and where it begins. Behind the last one come empty fields, which nothing accepts.
    fn next(&mut self) -> (&'a [u8], usize) {
        let (rest, offset) = (self.rest.unwrap_or_default(), self.offset);
        let mut parts = rest.splitn(2, |byte| *byte == b' ');
        let field = parts.next().unwrap_or_default();
        self.rest = parts.next();
        self.offset += field.len() + usize::from(self.rest.is_some());
        (field, offset)
    }
}

fn ipv4(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn ipv6(text: &str) -> Option<IpAddr> {
    // The standard library would read a dotted quad at the end.
    if text.contains('.') { None } else { text.parse::<Ipv6Addr>().ok().map(IpAddr::V6) }
}

fn port(text: &str) -> Option<u16> {
    // The standard library would read a plus sign and leading zeros.
    let canonical = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
    if canonical { text.parse().ok() } else { None }
}

fn malformed(rule: &'static str, offset: usize) -> Malformed {
    Malformed { rule, section: "PROXY protocol section 2.1", offset }
}

/// Longest line, CRLF included.
const LINE_BYTES: usize = 107;
const SIGNATURE: &[u8] = b"PROXY ";
const UNKNOWN: &[u8] = b"UNKNOWN";
const PROTOCOLS: [&[u8]; 3] = [b"TCP4 ", b"TCP6 ", UNKNOWN];
const CRLF: &[u8] = b"\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(line: &[u8]) -> Option<(String, String)> {
        match parse(line) {
            Ok(Prefix::Complete { header, length }) => {
                assert_eq!((header.version, header.command, length), (Version::V1, Command::Proxy, line.len()));
                match header.addresses? {
                    Addresses::Inet { source, destination, transport: Transport::Stream } => {
                        Some((source.to_string(), destination.to_string()))
                    }
                    other @ (Addresses::Inet { .. } | Addresses::Unix { .. }) => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn rule(line: &[u8]) -> (&'static str, usize) {
        let error = parse(line).unwrap_err();
        assert_eq!(error.section, "PROXY protocol section 2.1");
        (error.rule, error.offset)
    }

    #[test]
    fn the_example_of_the_specification() {
        let line = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
        assert_eq!(addresses(line), Some(("192.168.0.1:56324".into(), "192.168.0.11:443".into())));
    }

    #[test]
    fn the_longest_lines_of_the_specification() {
        let tcp4 = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
        assert_eq!(addresses(tcp4), Some(("255.255.255.255:65535".into(), "255.255.255.255:65535".into())));
        let tcp6 = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
            65535 65535\r\n";
        let longest = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".to_owned();
        assert_eq!(tcp6.len(), 104);
        assert_eq!(addresses(tcp6), Some((longest.clone(), longest)));
        let unknown = b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
            65535 65535\r\n";
        assert_eq!(unknown.len(), 107);
        assert_eq!(addresses(unknown), None);
    }

    #[test]
    fn ipv6_in_either_case_and_shortened() {
        let line = b"PROXY TCP6 2001:DB8::a :: 0 1\r\n";
        assert_eq!(addresses(line), Some(("[2001:db8::a]:0".into(), "[::]:1".into())));
    }

    #[test]
    fn unknown_ignores_the_rest_of_the_line() {
        for line in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN \r\n", b"PROXY UNKNOWN a  b \xFF\0\r\n"] {
            assert_eq!(addresses(line), None);
        }
    }

    #[test]
    fn what_is_not_a_line_is_absent_at_the_first_byte_that_differs() {
        for bytes in [&b"PO"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PRI", b"PROX/", b"PROXYs", b"PROXY\r\n"] {
            assert_eq!(parse(bytes), Ok(Prefix::Absent), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_line_without_end_is_refused_at_byte_107() {
        let mut line = b"PROXY UNKNOWN ".to_vec();
        line.resize(106, b'x');
        assert_eq!(parse(&line), Ok(Prefix::More { at_least: 107 }));
        line.push(b'x');
        assert_eq!(rule(&line), ("no CRLF within 107 bytes", 107));
        line[106] = b'\r';
        assert_eq!(rule(&line), ("no CRLF within 107 bytes", 107));
        line[105] = b'\r';
        line[106] = b'\n';
        assert_eq!(addresses(&line), None);
        line[105] = b'x';
        line[106] = b'\r';
        line.push(b'\n');
        assert_eq!(rule(&line), ("no CRLF within 107 bytes", 107));
    }

    #[test]
    fn a_protocol_is_refused_at_its_first_wrong_byte() {
        let expected = ("protocol is none of TCP4, TCP6 and UNKNOWN", 6);
        for line in [&b"PROXY  "[..], b"PROXY T4", b"PROXY TCP5", b"PROXY TCP4\t", b"PROXY TCP4\r\n", b"PROXY UDP4 "] {
            assert_eq!(rule(line), expected, "{}", line.escape_ascii());
        }
        assert_eq!(rule(b"PROXY unknown\r\n"), expected);
    }

    #[test]
    fn cr_or_lf_alone() {
        assert_eq!(rule(b"PROXY UNKNOWN\n"), ("CR or LF alone", 13));
        assert_eq!(rule(b"PROXY UNKNOWN\r\r\n"), ("CR or LF alone", 13));
        assert_eq!(rule(b"PROXY TCP4 1.2.3.4\n"), ("CR or LF alone", 18));
        assert_eq!(rule(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx"), ("CR or LF alone", 30));
    }

    #[test]
    fn addresses_out_of_form() {
        let source = ("source address is not in the form of its family", 11);
        for line in [
            &b"PROXY TCP4 \r\n"[..],
            b"PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
            b"PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
            b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
            b"PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
            b"PROXY TCP4 ::1 ::2 1 2\r\n",
            b"PROXY TCP4 1.2.3.\xFF 5.6.7.8 1 2\r\n",
            b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
            b"PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n",
            b"PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n",
            b"PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n",
            b"PROXY TCP6 1::2::3 ::1 1 2\r\n",
            b"PROXY TCP6 00001:: ::1 1 2\r\n",
            b"PROXY TCP6 [::1] ::1 1 2\r\n",
            b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        ] {
            assert_eq!(rule(line), source, "{}", line.escape_ascii());
        }
        let destination = "destination address is not in the form of its family";
        assert_eq!(rule(b"PROXY TCP4 1.2.3.4\r\n"), (destination, 18));
        assert_eq!(rule(b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n"), (destination, 19));
    }

    #[test]
    fn ports_out_of_form() {
        let source = "source port is not a decimal number from 0 to 65535";
        let destination = "destination port is not a decimal number from 0 to 65535";
        for port in ["", "01", "00", "+1", "-1", "65536", "1a", "99999999999999"] {
            let line = format!("PROXY TCP4 1.2.3.4 5.6.7.8 {port} 2\r\n");
            assert_eq!(rule(line.as_bytes()), (source, 27), "{port}");
            let line = format!("PROXY TCP4 1.2.3.4 5.6.7.8 1 {port}\r\n");
            assert_eq!(rule(line.as_bytes()), (destination, 29), "{port}");
        }
        assert_eq!(rule(b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), (destination, 28));
    }

    #[test]
    fn nothing_follows_the_ports() {
        assert_eq!(rule(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"), ("text behind the destination port", 31));
        assert_eq!(rule(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), ("text behind the destination port", 31));
    }
}
