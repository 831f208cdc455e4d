//! The classic form: the layout of tcp-h2-describe 0.1, so that eyes and scripts used to it find everything in place.
//!
//! One block for each chunk of a direction, one section for each element in it. Every byte that a connection carried
//! is printed once in hexadecimal. What the forerunner could not read (padding, priorities, split frames, HTTP/1 and
//! more) follows in the same style: `Name = value (bytes)`, then lines that are three spaces in.

mod data;
mod frame;
mod headers;
mod http1;
mod life_cycle;
#[cfg(test)]
mod mended;
#[cfg(test)]
mod tests;

use super::super::event::{Direction, Event, What};
use super::explained::Explained;
use super::text::Text as _;
use super::{Options, hex, http1 as words, proxy, python};
use crate::wire::Malformed;
use crate::wire::proxy_protocol::{Header, Version};

pub use life_cycle::{accepted, done_redirecting, starting, stopping};

/// The two ends of a connection, as the form names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The client: `"127.0.0.1:51600"`.
    pub client: String,
    /// The backend: `"localhost:50051"`.
    pub backend: String,
}

impl Endpoints {
    /// The description of a direction: `client(127.0.0.1:51600)->proxy->server(localhost:50051)`.
    pub fn description(&self, direction: Direction) -> String {
        let Endpoints { client, backend } = self;
        match direction {
            Direction::ToBackend => format!("client({client})->proxy->server({backend})"),
            Direction::ToClient => format!("server({backend})->proxy->client({client})"),
        }
    }
}

/// Appends the block of a chunk: the events that it completed, all of one direction. Without an event there is no
/// block: the bytes are printed with the chunk that completes what they began.
pub fn block(out: &mut String, endpoints: &Endpoints, events: &[Event], options: &Options<'_>) {
    let Some(first) = events.first() else { return };
    out.line(format_args!("{HEADER}\n{}\n", endpoints.description(first.direction)));
    for event in events {
        section(out, &Explained::new(event, options, TEXT_COLUMNS), options);
        out.line(format_args!("{FOOTER}"));
    }
}

fn section(out: &mut String, shown: &Explained<'_>, options: &Options<'_>) {
    match &shown.event.what {
        What::ProxyHeader(header) => proxy_header(out, shown, header),
        What::Preface => preface(out, shown),
        What::Frame(frame) => frame::frame(out, shown, frame, options),
        What::FramePart(part) => frame::part(out, shown, part),
        What::Http1Head(head) => http1::head(out, shown, head, options),
        What::Http1Body { .. } => data::data(out, shown, shown.all(), "Body"),
        What::Http1Chunk(chunk) => http1::chunk(out, shown, chunk),
        What::Http1Trailers(trailers) => http1::trailers(out, shown, trailers, options),
        What::Opaque { reason } => {
            out.line(format_args!("Undecoded Bytes = {}", words::reason(*reason)));
            dump(out, shown, shown.all(), "Undecoded Bytes");
        }
        What::Malformed(rule) => {
            malformed(out, rule);
            dump(out, shown, shown.all(), "Malformed Bytes");
        }
        What::Truncated { of, missing } => {
            match missing {
                Some(missing) => out.line(format_args!("Truncated = {of}, {missing} bytes missing")),
                None => out.line(format_args!("Truncated = {of}")),
            }
            dump(out, shown, shown.all(), "Truncated Bytes");
        }
    }
}

fn proxy_header(out: &mut String, shown: &Explained<'_>, header: &Header) {
    out.line(format_args!("Proxy Protocol Header ="));
    match header.version {
        Version::V1 => indented_repr(out, shown.bytes(shown.all())),
        Version::V2 => {
            for (name, value) in proxy::facts(header) {
                out.line(format_args!("   {name} = {value}"));
            }
        }
    }
    dump(out, shown, shown.all(), "Proxy Protocol Header");
}

fn preface(out: &mut String, shown: &Explained<'_>) {
    out.push_str("Client Connection Preface = ");
    python::repr_bytes(out, shown.bytes(shown.all()));
    out.push('\n');
    dump(out, shown, shown.all(), "Client Connection Preface");
}

/// A rule that is broken.
fn malformed(out: &mut String, malformed: &Malformed) {
    out.line(format_args!("Malformed = {malformed}"));
}

/// Bytes that have no explanation: their `repr` and a dump.
fn raw(out: &mut String, shown: &Explained<'_>, range: std::ops::Range<usize>, label: &str) {
    if range.is_empty() {
        return;
    }
    out.line(format_args!("{label} ="));
    if shown.mask.touches(&range) {
        out.line(format_args!("   {}", super::text::redacted(shown.bytes(range.clone()))));
    } else {
        indented_repr(out, shown.bytes(range.clone()));
    }
    dump(out, shown, range, label);
}

fn dump(out: &mut String, shown: &Explained<'_>, range: std::ops::Range<usize>, label: &str) {
    if range.is_empty() {
        return;
    }
    out.line(format_args!("Hexdump ({label}) ="));
    hex::rows(out, shown, range);
}

fn indented_repr(out: &mut String, bytes: &[u8]) {
    out.push_str("   ");
    python::repr_bytes(out, bytes);
    out.push('\n');
}

/// Over each block.
const HEADER: &str = "============================================================";
/// Under each section.
const FOOTER: &str = "----------------------------------------";
/// The forerunner never breaks a line of a message; this is only there because a line has to have a limit.
const TEXT_COLUMNS: usize = 65_536;
