//! The heads of HTTP/1 messages, and how their bodies are delimited (RFC 9112 sections 2 to 6).

use httparse::{EMPTY_HEADER, Header, Status};

use crate::tap::event::{Direction, Fields, Framing, Start};
use crate::wire::Malformed;
use crate::wire::first_bytes::is_token;
use crate::wire::hpack::Field;

/// A head as it is written.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) start: Start,
    pub(super) minor_version: u8,
    pub(super) fields: Fields,
}

/// How long the head is that begins with the bytes: up to and with its empty line. `scanned` bytes are known not to
/// hold its end.
pub(super) fn end(bytes: &[u8], scanned: usize) -> Option<usize> {
    // Empty lines before a message do not end it (RFC 9112 section 2.2).
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let from = scanned.saturating_sub(3).max(blank);
    let rest = bytes.get(from..).unwrap_or_default();
    (0..rest.len()).find_map(|at| match rest.get(at..) {
        Some([b'\n', b'\n', ..]) => Some(from + at + 2),
        Some([b'\n', b'\r', b'\n', ..]) => Some(from + at + 3),
        _ => None,
    })
}

/// Whether bytes cannot be the beginning of a head, so that it makes no sense to wait for the end.
pub(super) fn cannot_begin(direction: Direction, bytes: &[u8]) -> Option<Malformed> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let rest = bytes.get(blank..).unwrap_or_default();
    let same = match direction {
        // A method and a blank (RFC 9112 section 3).
        Direction::ToBackend => rest.iter().take_while(|byte| is_token(**byte)).count(),
        Direction::ToClient => rest.iter().zip(STATUS_LINE).take_while(|(byte, expected)| byte == expected).count(),
    };
    let begins = match (direction, rest.get(same)) {
        (_, None) => true,
        (Direction::ToBackend, Some(byte)) => *byte == b' ' && same > 0,
        (Direction::ToClient, Some(_)) => same == STATUS_LINE.len(),
    };
    let (rule, section) = ("a first line that is none of HTTP/1", "RFC 9112 section 2.1");
    (!begins).then_some(Malformed { rule, section, offset: blank + same })
}

/// Reads a request head.
pub(super) fn request(head: &[u8], fields_max: usize) -> Result<Parsed, Malformed> {
    let mut fields = vec![EMPTY_HEADER; fields_max];
    let mut request = httparse::Request::new(&mut fields);
    let outcome = request.parse(head);
    complete(outcome, head, |part| httparse::Request::new(&mut vec![EMPTY_HEADER; fields_max]).parse(part).is_err())?;
    let httparse::Request { method: Some(method), path: Some(target), version: Some(minor_version), .. } = request
    else {
        return Err(INCOMPLETE);
    };
    let start = Start::Request { method: method.to_owned(), target: target.to_owned() };
    Ok(Parsed { start, minor_version, fields: collected(request.headers) })
}

/// Reads a response head.
pub(super) fn response(head: &[u8], fields_max: usize) -> Result<Parsed, Malformed> {
    let mut fields = vec![EMPTY_HEADER; fields_max];
    let mut response = httparse::Response::new(&mut fields);
    let outcome = response.parse(head);
    complete(outcome, head, |part| httparse::Response::new(&mut vec![EMPTY_HEADER; fields_max]).parse(part).is_err())?;
    let httparse::Response { code: Some(code), version: Some(minor_version), .. } = response else {
        return Err(INCOMPLETE);
    };
    let reason = response.reason.unwrap_or_default().to_owned();
    Ok(Parsed { start: Start::Response { code, reason }, minor_version, fields: collected(response.headers) })
}

/// Reads trailer fields, up to and with the empty line.
pub(super) fn trailers(bytes: &[u8], fields_max: usize) -> Result<Fields, Malformed> {
    let mut fields = vec![EMPTY_HEADER; fields_max];
    let outcome = httparse::parse_headers(bytes, &mut fields);
    let fields = if let Ok(Status::Complete((_, fields))) = outcome { collected(fields) } else { Fields::default() };
    let is_refused = |part: &[u8]| httparse::parse_headers(part, &mut vec![EMPTY_HEADER; fields_max]).is_err();
    complete(outcome, bytes, is_refused).map(|()| fields)
}

/// How the body is delimited, if neither the request nor the status says that there is none (RFC 9112 section 6.3).
pub(super) fn framing(fields: &Fields, otherwise: Framing) -> Result<Framing, Malformed> {
    let section = "RFC 9112 section 6.3";
    let codings = || values(fields, "transfer-encoding");
    if let Some(last) = codings().last() {
        if last.eq_ignore_ascii_case(b"chunked") {
            return Ok(Framing::Chunked);
        }
        let rule = "a request whose last transfer coding is not chunked";
        return if otherwise == Framing::UntilEnd {
            Ok(otherwise)
        } else {
            Err(Malformed { rule, section, offset: 0 })
        };
    }
    let mut length = None;
    for value in values(fields, "content-length") {
        let digits = value.iter().all(u8::is_ascii_digit).then_some(value);
        let parsed = digits.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
        match (parsed, length) {
            (None, _) => return Err(Malformed { rule: "content-length is no number", section, offset: 0 }),
            (Some(parsed), Some(earlier)) if parsed != earlier => {
                return Err(Malformed { rule: "content-length twice, and different", section, offset: 0 });
            }
            _ => length = parsed,
        }
    }
    Ok(length.map_or(otherwise, Framing::Length))
}

/// Whether a field that lists tokens has this one.
pub(super) fn has_token(fields: &Fields, name: &str, token: &str) -> bool {
    values(fields, name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
}

/// The members of a field's comma-separated list, however many lines it takes.
fn values<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes()))
        .flat_map(|field| field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
}

fn collected(headers: &[Header<'_>]) -> Fields {
    let mut fields = Fields::default();
    for Header { name, value } in headers {
        fields.push(Field { name: name.as_bytes(), value, never_indexed: false });
    }
    fields
}

fn complete<T>(outcome: httparse::Result<T>, head: &[u8], is_refused: impl Fn(&[u8]) -> bool) -> Result<(), Malformed> {
    match outcome {
        Ok(Status::Complete(_)) => Ok(()),
        Ok(Status::Partial) => Err(INCOMPLETE),
        Err(error) => Err(malformed(error, refused_byte(head, is_refused))),
    }
}

/// Where the parser stops, which it does not say: behind the longest part of the head that it takes as a beginning.
fn refused_byte(head: &[u8], is_refused: impl Fn(&[u8]) -> bool) -> usize {
    let (mut taken, mut refused) = (0, head.len());
    while refused - taken > 1 {
        let middle = taken + (refused - taken) / 2;
        if is_refused(head.get(..middle).unwrap_or(head)) {
            refused = middle;
        } else {
            taken = middle;
        }
    }
    taken
}

fn malformed(error: httparse::Error, offset: usize) -> Malformed {
    let (rule, section) = match error {
        httparse::Error::HeaderName => ("a field name that is no token", "RFC 9112 section 5.1"),
        httparse::Error::HeaderValue => ("a field value with a forbidden byte", "RFC 9110 section 5.5"),
        httparse::Error::NewLine => ("a line that does not end in CR LF", "RFC 9112 section 2.2"),
        httparse::Error::Status => ("a status code that is not three digits", "RFC 9112 section 4"),
        httparse::Error::Token => ("a first line that is none of HTTP/1", "RFC 9112 section 2.1"),
        httparse::Error::TooManyHeaders => ("more fields than are kept", "RFC 9112 section 5"),
        httparse::Error::Version => ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3"),
    };
    Malformed { rule, section, offset }
}

/// What every response begins with (RFC 9112 section 4).
pub(super) const STATUS_LINE: &[u8] = b"HTTP/1.";
/// A head longer than is kept.
pub(super) const TOO_LONG: Malformed =
    Malformed { rule: "a head longer than is kept", section: "RFC 9112 section 3", offset: 0 };
const INCOMPLETE: Malformed =
    Malformed { rule: "a head that ends too early", section: "RFC 9112 section 2.1", offset: 0 };
