//! The head of an HTTP/1 request: everything up to and with its empty line (RFC 9112 sections 2, 3 and 5).
//!
//! It becomes the same [`RequestHead`] as an HTTP/2 request, so that routes need not know which of the two came. What
//! we route by must be what the backend reads, so whatever two readers could take for two different requests is refused
//! and never guessed at: a bare CR or LF, NUL, a folded line, a blank before a colon, no Host or several, a Host that
//! contradicts the target.
//!
//! How long the body is does not matter here, and neither `content-length` nor `transfer-encoding` is looked at. The
//! whole connection goes to one backend, byte for byte, so there is no second reader that could take the end of a body
//! for somewhere else. What that means, too: a second request on the connection is never read.
//!
//! Each byte is looked at once while a head comes in, however it comes; `httparse` takes it apart when it is whole.

mod fault;
mod target;

use httparse::{EMPTY_HEADER, Header, Status};

use super::Malformed;
use super::first_bytes::{empty_lines, is_token};
use super::head::RequestHead;
use target::Target;

/// What a head may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes, empty line included.
    pub bytes: usize,
    /// Fields.
    pub fields: usize,
}

/// What the first bytes of a connection say of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Head {
    /// The first line is none of HTTP/1, but of another protocol of words (`get key`, `OPTIONS * RTSP/1.0`).
    Absent,
    /// Not enough bytes to tell. Never an error: the client may still send them.
    More {
        /// The smallest total length (not increment), greater than the input's, at which asking again can help.
        at_least: usize,
    },
    /// The head is whole.
    Complete {
        /// The request.
        request: Request,
        /// How many bytes of the input the head took, empty lines before it included; what follows is body.
        length: usize,
    },
}

/// A request as far as its head tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `:method`, `:path` and `:authority` first, where the request has them, then the fields with lower-case names.
    /// `:path` is origin-form or `*`, whichever form the target has.
    pub head: RequestHead,
    /// It asks to go on in HTTP/2 (`Upgrade: h2c`, RFC 7540 section 3.2).
    pub upgrades_to_h2c: bool,
}

/// Why a head cannot be routed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It breaks a rule.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It has more bytes than the [`Limits`] allow.
    #[error("a head longer than allowed")]
    TooLong,
    /// It has more fields than the [`Limits`] allow.
    #[error("a head with more fields than allowed")]
    TooManyFields,
}

/// Reads a head that comes in pieces.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    /// So many bytes need not be looked at again.
    scanned: usize,
    /// Where the request begins, behind empty lines.
    start: usize,
    /// Where the line begins that is being received. The start: the first one, of which nothing is known yet.
    line: usize,
    /// The blank behind the method has come. Until then the first line is nothing but a token, of any length.
    has_method: bool,
}

impl Reader {
    /// A reader of one head.
    #[must_use]
    pub fn new(limits: Limits) -> Reader {
        Reader { limits, scanned: 0, start: 0, line: 0, has_method: false }
    }

    /// Looks at what has been received so far: each time all of it, from the first byte of the connection.
    ///
    /// # Errors
    ///
    /// The rule that the head breaks, as soon as that shows, or that it is too large.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Head, Error> {
        let window = bytes.get(..self.limits.bytes).unwrap_or(bytes);
        if self.scanned == self.start {
            self.start += empty_lines(window.get(self.start..).unwrap_or_default());
            (self.scanned, self.line) = (self.start, self.start);
        }
        if !self.has_method {
            match window.get(self.scanned..).unwrap_or_default().iter().find(|byte| !is_token(**byte)) {
                Some(b' ') => self.has_method = true,
                None | Some(b'\r' | b'\n' | b'\0') => {}
                Some(_) => return Ok(Head::Absent),
            }
        }
        while let Some(at) = next_mark(window, self.scanned) {
            let rest = window.get(at..).unwrap_or_default();
            let length = match rest {
                [b'\r', b'\n', ..] => 2,
                [b'\r'] => {
                    self.scanned = at;
                    break;
                }
                _ if self.line == self.start && !is_request_line(window.get(self.line..at).unwrap_or_default()) => {
                    return Ok(Head::Absent);
                }
                _ => return Err(fault::of_mark(rest, at).into()),
            };
            let line = window.get(self.line..at).unwrap_or_default();
            if self.line == self.start && !is_request_line(line) {
                return Ok(Head::Absent);
            }
            self.scanned = at + length;
            self.line = self.scanned;
            if line.is_empty() {
                let head = window.get(self.start..self.scanned).unwrap_or_default();
                return Ok(Head::Complete { request: request(head, self.limits.fields)?, length: self.scanned });
            }
        }
        if window.len() == self.limits.bytes {
            // There are servers that read a method as long as they read a head, and any number of empty lines.
            let may_be_one = !self.has_method || self.is_request(window);
            return if may_be_one { Err(Error::TooLong) } else { Ok(Head::Absent) };
        }
        if window.last() != Some(&b'\r') {
            self.scanned = window.len();
        }
        Ok(Head::More { at_least: bytes.len() + 1 })
    }

    /// Whether what has been received so far is the beginning of a request, and not of another protocol of words. A
    /// line that is not whole may not tell yet.
    #[must_use]
    pub fn is_request(&self, bytes: &[u8]) -> bool {
        self.line > self.start || is_request_line(bytes.get(self.start..).unwrap_or_default())
    }
}

/// Whether bytes can be the beginning of an answer to a request. Words of any kind can, since there are servers whose
/// status line is another one (`ICY 200 OK`); frames of HTTP/2 and records of TLS cannot.
#[must_use]
pub fn may_begin_response(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|byte| !byte.is_ascii_control() || matches!(byte, b'\r' | b'\n'))
}

/// The next byte from `start` that ends a line or must not be there.
fn next_mark(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    rest.iter().position(|byte| matches!(byte, b'\r' | b'\n' | b'\0')).map(|at| start + at)
}

/// Whether a line asks for something of an HTTP/1 server, be it well-formed or not. Whatever a lenient server might
/// answer is HTTP, lest it pass as something else unread: `GET /` alone, which was HTTP/0.9, and any line that names the
/// protocol.
fn is_request_line(line: &[u8]) -> bool {
    let Some(blank) = line.iter().position(|byte| *byte == b' ') else { return false };
    let rest = line.get(blank + 1..).unwrap_or_default();
    let begins = |start: &[u8]| rest.get(..start.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(start));
    let names_it = || rest.windows(PROTOCOL.len()).any(|window| window.eq_ignore_ascii_case(PROTOCOL));
    begins(b"/") || begins(b"http://") || begins(b"https://") || names_it()
}

/// Takes a whole head apart.
fn request(head: &[u8], fields_max: usize) -> Result<Request, Error> {
    let mut fields = vec![EMPTY_HEADER; fields_max];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(head) {
        Ok(Status::Complete(length)) if length == head.len() => {}
        Ok(Status::Complete(_) | Status::Partial) => return Err(fault::of_request_line(head).into()),
        Err(httparse::Error::TooManyHeaders) => return Err(Error::TooManyFields),
        Err(error) => return Err(fault::of_head(head, error).into()),
    }
    let httparse::Request { method: Some(method), path: Some(target), version: Some(minor), headers } = parsed else {
        return Err(fault::of_request_line(head).into());
    };
    let place = |rule: target::Rule, part: &[u8]| rule.at(fault::offset_in(head, part));
    let target_rule = |rule| place(rule, target.as_bytes());
    let target = Target::parse(method, target).map_err(target_rule)?;
    let host = host(headers, minor == 1).map_err(|(rule, part)| place(rule, part))?;
    let authority = target.authority_beside(host).map_err(target_rule)?;

    let mut routed = RequestHead::default();
    routed.push(b":method", method.as_bytes());
    if let Some(path) = &target.path {
        routed.push(b":path", path);
    }
    if let Some(authority) = authority {
        routed.push(b":authority", authority);
    }
    let mut lower_name = Vec::new();
    for Header { name, value } in headers.iter() {
        lower_name.clear();
        lower_name.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        routed.push(&lower_name, value);
    }
    Ok(Request { upgrades_to_h2c: asks_for_h2c(&routed), head: routed })
}

/// The one Host, if there is one (RFC 9112 section 3.2).
fn host<'a>(fields: &[Header<'a>], is_needed: bool) -> Result<Option<&'a [u8]>, (target::Rule, &'a [u8])> {
    let mut hosts = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("host")).map(|field| field.value);
    let Some(host) = hosts.next() else {
        return if is_needed { Err((target::NO_HOST, b"")) } else { Ok(None) };
    };
    if let Some(second) = hosts.next() {
        return Err((target::HOST_TWICE, second));
    }
    if !host.is_empty() {
        target::check_authority(host).map_err(|rule| (rule, host))?;
    }
    Ok(Some(host))
}

/// Whether one of the protocols listed is h2c, in any version (RFC 9110 section 7.8).
fn asks_for_h2c(head: &RequestHead) -> bool {
    let protocols = head.values(b"upgrade").flat_map(|value| value.split(|byte| *byte == b','));
    let names = protocols.map(|protocol| protocol.split(|byte| *byte == b'/').next().unwrap_or_default());
    names.map(<[u8]>::trim_ascii).any(|name| name.eq_ignore_ascii_case(b"h2c"))
}

/// How the version of a message begins (RFC 9112 section 2.3).
const PROTOCOL: &[u8] = b"HTTP/";

#[cfg(test)]
mod tests;
