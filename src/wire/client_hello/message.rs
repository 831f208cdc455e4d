//! The ClientHello message: its fixed fields, and the two extensions that matter here.
//!
//! `tls-parser` reads the fields and cuts the extensions apart. Three habits of it are made up for here. It takes
//! extensions that are cut short for none at all, so nothing may be left behind them. Its readers of server names and
//! of application protocols leave out what they cannot read, and what we leave out a server may see: both are read
//! here. And it knows nothing of duplicates.

use tls_parser::nom::IResult;
use tls_parser::{TlsExtension, parse_tls_extension_unknown, parse_tls_handshake_client_hello};

use super::{Alert, ClientHello, Fault, fault};

/// Reads the message without its head. Offsets in faults count from there.
pub(super) fn parse(message: &[u8], protocols: usize) -> Result<ClientHello, Fault> {
    let at = |rest: &[u8]| message.len() - rest.len();
    let unreadable = |rest: &[u8]| fault(Alert::DecodeError, "lengths that do not fit", HELLO, at(rest));
    let (rest, fields) = read(parse_tls_handshake_client_hello, message).map_err(|()| unreadable(message))?;
    if !rest.is_empty() {
        return Err(unreadable(rest));
    }
    let mut hello = ClientHello::default();
    let mut seen = Vec::new();
    let mut extensions = fields.ext.unwrap_or_default();
    while !extensions.is_empty() {
        let (rest, extension) = read(parse_tls_extension_unknown, extensions).map_err(|()| unreadable(extensions))?;
        if let TlsExtension::Unknown(number, data) = extension {
            let content = at(rest) - data.len();
            match number.0 {
                SERVER_NAME => hello.server_name = Some(server_name(data, content)?),
                ALPN => hello.protocols = application_protocols(data, content, protocols)?,
                _ => {}
            }
            seen.push(number.0);
        }
        extensions = rest;
    }
    // Sorted, so that thousands of them cost no more than they should.
    seen.sort_unstable();
    if seen.windows(2).any(|pair| matches!(pair, [one, next] if one == next)) {
        return Err(fault(Alert::IllegalParameter, "an extension twice", "RFC 8446 section 4.2", message.len()));
    }
    Ok(hello)
}

/// Calls a reader of `tls-parser`; what it misses will never come, since the input is whole.
fn read<'a, T>(parser: impl Fn(&'a [u8]) -> IResult<&'a [u8], T>, input: &'a [u8]) -> Result<(&'a [u8], T), ()> {
    parser(input).map_err(|_unreadable| ())
}

/// The one name of a list that must hold exactly one, of type host_name. `offset` is where the list stands.
fn server_name(list: &[u8], offset: usize) -> Result<Box<str>, Fault> {
    let malformed = |alert, rule| fault(alert, rule, "RFC 6066 section 3", offset);
    let name = whole_after_length(list).and_then(|entry| match entry.split_first() {
        Some((&HOST_NAME, name)) => whole_after_length(name),
        _ => None,
    });
    let Some(name) = name else {
        return Err(malformed(Alert::DecodeError, "a list of server names that is not one host name"));
    };
    match name_fault(name) {
        Some(rule) => Err(malformed(Alert::IllegalParameter, rule)),
        None => Ok(String::from_utf8_lossy(name).to_ascii_lowercase().into_boxed_str()),
    }
}

/// The rule that a name breaks that is no host name as a ClientHello may have it (RFC 6066 section 3).
pub fn name_fault(name: &[u8]) -> Option<&'static str> {
    if name.ends_with(b".") {
        return Some("a server name with a dot at its end");
    }
    let labels = || name.split(|byte| *byte == b'.');
    let is_label = |label: &[u8]| (1..=LABEL_BYTES).contains(&label.len()) && label.iter().all(is_of_a_name);
    if name.len() > NAME_BYTES || !labels().all(is_label) {
        return Some("a server name that is no host name");
    }
    // No top-level domain is a number, and some read even `1` and `127.1` as addresses.
    let is_number = labels().next_back().is_some_and(|label| label.iter().all(u8::is_ascii_digit));
    is_number.then_some("a server name that is an address")
}

/// The list of protocol names: none of them empty, at least one, at most `limit`.
fn application_protocols(list: &[u8], offset: usize, limit: usize) -> Result<Box<[u8]>, Fault> {
    let malformed = |rule| fault(Alert::DecodeError, rule, "RFC 7301 section 3.1", offset);
    let list = whole_after_length(list).ok_or(malformed("a list of protocols whose length does not fit"))?;
    let (mut count, mut read) = (0, 0);
    for name in names(list) {
        if name.is_empty() {
            return Err(malformed("an empty protocol name"));
        }
        count += 1;
        read += 1 + name.len();
    }
    if count == 0 || read != list.len() {
        return Err(malformed("a list of protocols whose length does not fit"));
    }
    if count > limit {
        return Err(Fault::TooManyProtocols);
    }
    Ok(list.into())
}

/// The protocol names of a list, up to one that is cut short.
pub(super) fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first()?;
        let (name, behind) = behind.split_at_checked(usize::from(*length))?;
        rest = behind;
        Some(name)
    })
}

/// Whether a protocol is one that is there only to be ignored: twice the same byte that ends in `a` (RFC 8701 section
/// 2).
pub(super) fn is_grease(name: &[u8]) -> bool {
    matches!(name, [one, two] if one == two && one & 0x0f == 0x0a)
}

/// What follows a length of 16 bits, if it is that long and not empty.
fn whole_after_length(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    (usize::from(u16::from_be_bytes(*length)) == rest.len() && !rest.is_empty()).then_some(rest)
}

/// Letters, digits and hyphens of host names, and the underscore, which names in use have (RFC 2181 section 11).
fn is_of_a_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const HELLO: &str = "RFC 8446 section 4.1.2";
/// Extension types.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// The one type of server names that there is.
const HOST_NAME: u8 = 0;
/// Longest label and longest name (RFC 1035 section 2.3.4): 255 bytes on the wire are 253 characters.
const LABEL_BYTES: usize = 63;
const NAME_BYTES: usize = 253;
