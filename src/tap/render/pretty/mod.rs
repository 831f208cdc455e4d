//! The pretty form: one block for each event, made to be read in a terminal of 100 columns.
//!
//! The first line of a block says which way, what, and on which stream; what it holds follows, indented. Colour tells
//! the direction and what is wrong, nothing else, so nothing is lost without it. Characters that a terminal would act
//! on are escaped wherever they come from.

mod frame;
mod message;
mod page;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use super::super::event::{Direction, Event, Framing, Reason, Start, What};
use super::explained::Explained;
use super::text::{self, grouped};
use super::{Options, Palette, hex, http1, proxy, python};
use crate::log::ConnectionId;
use page::{COLUMNS, Page};

/// How it is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The colours.
    pub palette: Palette,
    /// Shows the bytes of each event too, with offsets in its direction.
    pub hex: bool,
}

/// What stands before the first line of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The time since the beginning, to the microsecond.
    pub time: Option<Duration>,
    /// The id of the connection, if there is more than one.
    pub connection: Option<ConnectionId>,
}

impl Stamp {
    fn text(self) -> String {
        let mut text = String::new();
        if let Some(time) = self.time {
            text = format!("{:>10}  ", format!("{:.6}s", time.as_secs_f64()));
        }
        if let Some(connection) = self.connection {
            text.push_str(&format!("#{connection}  "));
        }
        text
    }
}

/// Appends the block of an event.
pub fn event(out: &mut String, event: &Event, stamp: Stamp, options: &Options<'_>, look: Look) {
    let stamp = stamp.text();
    let mut page = Page::new(out, event.direction, look.palette, &stamp);
    let shown = Explained::new(event, options, page.room().saturating_sub(2));
    let size = text::bytes(event.bytes.len());
    match &event.what {
        What::ProxyHeader(header) => {
            page.title("PROXY").add(&format!("version {}", proxy::version(header))).faint(&size).end();
            let facts = proxy::facts(header);
            // The title has said the version.
            let facts = facts.get(1..).unwrap_or_default();
            page.pairs(facts.iter().map(|(name, value)| (name.to_lowercase(), value.clone())));
        }
        What::Preface => page.title("PREFACE").add("PRI * HTTP/2.0").faint(&size).end(),
        What::Frame(frame) => frame::frame(&mut page, &shown, frame, options),
        What::FramePart(part) => frame::part(&mut page, &shown, part),
        What::Http1Head(head) => {
            let kind = match head.start {
                Start::Request { .. } => "REQUEST",
                Start::Response { .. } => "RESPONSE",
            };
            page.title(kind).add(&python::escaped(http1::first_line(head).as_bytes())).faint(&size).end();
            message::fields(&mut page, &shown, &head.fields, options);
            if head.framing != Framing::Empty {
                page.note(&http1::framing(head.framing));
            }
            if let Some(settings) = &head.settings {
                page.note("HTTP2-Settings hold");
                page.pairs(settings.iter().map(|setting| frame::setting(*setting, options)));
            }
            if head.becomes_http2 {
                page.note("HTTP/2 from here on");
            }
        }
        What::Http1Body { .. } => {
            page.title("BODY").faint(&size).end();
            message::data(&mut page, &shown, shown.all());
        }
        What::Http1Chunk(chunk) => {
            let mut title = page.title("CHUNK");
            if chunk.position > 0 || text::wide(chunk.data.len()) < chunk.size {
                let last = chunk.position.saturating_add(text::wide(chunk.data.len()));
                title = title.add(&format!("up to byte {} of {}", grouped(last), grouped(chunk.size)));
            }
            let extension = python::escaped(shown.bytes(chunk.extension.clone()));
            title.faint(&text::bytes(chunk.data.len())).faint(&extension).end();
            message::data(&mut page, &shown, chunk.data.clone());
        }
        What::Http1Trailers(trailers) => {
            page.title("END").add("last chunk").faint(&size).end();
            message::fields(&mut page, &shown, &trailers.fields, options);
        }
        What::Opaque { reason } => undecoded(&mut page, &shown, *reason, look),
        What::Malformed(rule) => {
            page.title("MALFORMED").faint(&size).end();
            page.malformed(rule, "");
        }
        What::Truncated { of, missing } => {
            page.title("TRUNCATED").add(of).faint(&size).end();
            let missing = missing.map_or("its end".to_owned(), |missing| format!("{} more bytes", grouped(missing)));
            page.warning(&format!("the direction ended before {missing} came"));
        }
    }
    let unreadable = matches!(event.what, What::Malformed(_) | What::Truncated { .. });
    if look.hex || unreadable {
        dump(&mut page, &shown, look);
    }
}

/// Bytes of another protocol: their dump is all there is to say.
fn undecoded(page: &mut Page<'_>, shown: &Explained<'_>, reason: Reason, look: Look) {
    page.title("BYTES").add(http1::reason(reason)).faint(&text::bytes(shown.event.bytes.len())).end();
    if !look.hex {
        dump(page, shown, look);
    }
}

/// The bytes of the event: all if they were asked for, else the first few.
fn dump(page: &mut Page<'_>, shown: &Explained<'_>, look: Look) {
    let rows_max = if look.hex { usize::MAX } else { ROWS };
    for row in hex::rows_of(shown.all()).take(rows_max) {
        let mut text = String::with_capacity(COLUMNS);
        hex::row_with_offset(&mut text, shown, row);
        page.dump_row(&text);
    }
    let left = hex::rows_of(shown.all()).skip(rows_max).map(|row| row.len()).sum::<usize>();
    if left > 0 {
        page.note(&format!("… {} more", text::bytes(left)));
    }
}

impl Direction {
    fn arrow(self) -> &'static str {
        match self {
            Direction::ToBackend => "→",
            Direction::ToClient => "←",
        }
    }

    /// Who receives.
    fn receiver(self) -> &'static str {
        match self {
            Direction::ToBackend => "backend",
            Direction::ToClient => "client",
        }
    }
}

/// Rows of a dump that nobody asked for.
const ROWS: usize = 4;
