//! Which protocol a connection speaks, told from its first bytes.
//!
//! HTTP/2 with prior knowledge begins with a fixed preface (RFC 9113 section 3.4) that no HTTP/1 request can be
//! mistaken for: `PRI` is no method anyone serves. TLS begins with a handshake record (RFC 8446 section 5.1), HTTP/1
//! with a method token and a space (RFC 9112 section 3). Whatever is none of these is opaque, which is an answer and
//! no error.

use super::{Malformed, Parsed};

/// The client's connection preface: `PRI * HTTP/2.0`, two line ends, `SM`, two line ends (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstBytes {
    /// The whole HTTP/2 preface.
    Http2,
    /// The start of an HTTP/1 request line, or more of a token or of empty lines than is looked at here: servers read
    /// a request behind any number of either.
    Http1,
    /// The start of a TLS handshake record.
    Tls,
    /// Something else.
    Opaque,
}

/// Tells the protocol, or how many bytes it takes to tell.
///
/// # Errors
///
/// The request line of the preface followed by anything but the rest of the preface: nobody else sends that, and
/// passing it on would let a backend see an HTTP/2 connection that was never inspected.
pub fn parse(bytes: &[u8]) -> Result<Parsed<FirstBytes>, Malformed> {
    let complete = |value, length| Ok(Parsed::Complete { value, length });
    let same = bytes.iter().zip(PREFACE).take_while(|(byte, expected)| byte == expected).count();
    if same == PREFACE.len() {
        return complete(FirstBytes::Http2, PREFACE.len());
    }
    if same == bytes.len() {
        return Ok(Parsed::More { at_least: bytes.len() + 1 });
    }
    if same >= REQUEST_LINE_BYTES {
        return Err(Malformed { rule: "malformed connection preface", section: "RFC 9113 section 3.4", offset: same });
    }
    match bytes {
        [HANDSHAKE_RECORD] => return Ok(Parsed::More { at_least: 2 }),
        [HANDSHAKE_RECORD, VERSION_MAJOR, ..] => return complete(FirstBytes::Tls, 0),
        _ => {}
    }
    let empty_lines = empty_lines(bytes);
    let line = bytes.get(empty_lines..).unwrap_or_default();
    let method = line.iter().take_while(|byte| is_token(**byte)).count();
    // Whoever reads requests knows what else it may be, and looks at each byte once. What has come of it by now must make
    // no difference.
    if method > METHOD_BYTES || empty_lines > EMPTY_LINES_BYTES {
        return complete(FirstBytes::Http1, 0);
    }
    match line.get(method) {
        None => Ok(Parsed::More { at_least: bytes.len() + 1 }),
        Some(b' ') if method > 0 => complete(FirstBytes::Http1, 0),
        Some(_) => complete(FirstBytes::Opaque, 0),
    }
}

/// How many of the bytes are empty lines: servers skip them before a request (RFC 9112 section 2.2), so a request behind
/// them is one.
pub fn empty_lines(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// `PRI * HTTP/2.0`: from here on the bytes cannot be an HTTP/1 request that anyone means.
pub const REQUEST_LINE_BYTES: usize = 14;
/// Content type of a TLS handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;
/// First byte of every TLS record version from SSL 3 to TLS 1.3.
const VERSION_MAJOR: u8 = 0x03;
/// Longest token that is looked at here; the longest method registered is 17 bytes (`UPDATEREDIRECTREF`).
const METHOD_BYTES: usize = 32;
/// Most bytes of empty lines that are looked at here; clients that have the habit send one line.
const EMPTY_LINES_BYTES: usize = 32;

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: &[u8]) -> Parsed<FirstBytes> {
        parse(bytes).unwrap()
    }

    #[test]
    fn every_proper_prefix_of_the_preface_waits() {
        for length in 0..24 {
            assert_eq!(answer(&PREFACE[..length]), Parsed::More { at_least: length + 1 }, "{length} bytes");
        }
        assert_eq!(answer(PREFACE), Parsed::Complete { value: FirstBytes::Http2, length: 24 });
        assert_eq!(
            answer(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00"),
            Parsed::Complete { value: FirstBytes::Http2, length: 24 }
        );
    }

    #[test]
    fn a_preface_that_goes_wrong_after_its_request_line_is_malformed() {
        for length in 14..24 {
            let mut bytes = PREFACE[..length].to_vec();
            bytes.push(b'x');
            let malformed = parse(&bytes).unwrap_err();
            assert_eq!((malformed.section, malformed.offset), ("RFC 9113 section 3.4", length));
        }
    }

    #[test]
    fn a_method_and_a_space_are_http1() {
        let http1 = Parsed::Complete { value: FirstBytes::Http1, length: 0 };
        for request in [&b"GET / HTTP/1.1\r\n"[..], b"POST ", b"PUT /x", b"PRI /", b"PRIME * HTTP/2.0", b"M-SEARCH *"] {
            assert_eq!(answer(request), http1, "{request:?}");
        }
        for length in 0..4 {
            assert_eq!(answer(&b"POST "[..length]), Parsed::More { at_least: length + 1 });
        }
    }

    #[test]
    fn empty_lines_before_a_request_do_not_hide_it() {
        let http1 = Parsed::Complete { value: FirstBytes::Http1, length: 0 };
        let opaque = Parsed::Complete { value: FirstBytes::Opaque, length: 0 };
        for request in [&b"\r\nGET / HTTP/1.1\r\n"[..], b"\nGET ", b"\r\n\r\nPRI * HTTP/2.0"] {
            assert_eq!(answer(request), http1, "{request:?}");
        }
        for length in 1..6 {
            assert_eq!(answer(&b"\r\nGET "[..length]), Parsed::More { at_least: length + 1 });
        }
        for bytes in [&b"\r\n\r\n\0"[..], b"\n\x16\x03", b"\r\n GET / HTTP/1.1"] {
            assert_eq!(answer(bytes), opaque, "{bytes:?}");
        }
        assert_eq!(answer(&[b'\n'; 32]), Parsed::More { at_least: 33 });
    }

    /// Node.js skips any number of empty lines, and Go reads any method: none of it may hide a request.
    #[test]
    fn more_than_is_looked_at_is_left_to_the_reader_of_requests() {
        let http1 = Parsed::Complete { value: FirstBytes::Http1, length: 0 };
        for undecided in [b'A', b'\n', b'\r'] {
            assert_eq!(answer(&[undecided; 32]), Parsed::More { at_least: 33 }, "{undecided}");
            for behind in [&b""[..], b"GET / HTTP/1.1\r\n", b"/", b"\0"] {
                assert_eq!(answer(&[&[undecided; 33], behind].concat()), http1, "{undecided}, {behind:?}");
            }
        }
    }

    #[test]
    fn a_handshake_record_is_tls() {
        assert_eq!(answer(b"\x16"), Parsed::More { at_least: 2 });
        assert_eq!(answer(b"\x16\x03"), Parsed::Complete { value: FirstBytes::Tls, length: 0 });
        assert_eq!(answer(b"\x16\x02"), Parsed::Complete { value: FirstBytes::Opaque, length: 0 });
    }

    #[test]
    fn everything_else_is_opaque() {
        let opaque = Parsed::Complete { value: FirstBytes::Opaque, length: 0 };
        for bytes in [&b"\x00"[..], b" GET", b"GET\t/", b"SSH-2.0-x\r\n"] {
            assert_eq!(answer(bytes), opaque, "{bytes:?}");
        }
        assert_eq!(answer(&[b'A'; 32]), Parsed::More { at_least: 33 });
    }
}
