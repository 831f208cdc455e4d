//! What calls carry in the pretty form: fields, messages, data.

use std::ops::Range;

use super::page::{Page, width};
use super::words;
use crate::tap::event::{Details, Fields, MessagePart, Obstacle};
use crate::tap::render::explained::{self, Explained, encoding_name, is_compressed};
use crate::tap::render::text::{bytes, grouped, redacted, wide};
use crate::tap::render::{Options, Rendered, python, secrets};

/// Header or trailer fields; those of gRPC's status are told in one line, its details as a message.
pub(super) fn fields(page: &mut Page<'_>, shown: &Explained<'_>, fields: &Fields, options: &Options<'_>) {
    let status = explained::status(shown.event).filter(|_| fields.value("grpc-status").is_some());
    let is = |name: &[u8], wanted: &[u8]| status.is_some() && name.eq_ignore_ascii_case(wanted);
    let told = |name: &[u8]| {
        let message_told = status.is_some_and(|status| status.message.is_some());
        (is(name, b"grpc-message") && message_told) || (is(name, DETAILS) && shown.details.is_some())
    };
    let mut rows: Vec<(String, String, Style)> = Vec::with_capacity(fields.len());
    for field in fields.iter().filter(|field| !told(field.name)) {
        let name = python::escaped(field.name);
        rows.push(match status.filter(|_| is(field.name, b"grpc-status")) {
            Some(status) => {
                let message = status.message.as_deref().map(|message| python::escaped(message.as_bytes()));
                let good = status.code == Some(0);
                let text = words::status(status.code, status.name, message.as_deref());
                (name, text, if good { Style::Plain } else { Style::Warning })
            }
            None if !options.show_secrets && secrets::is_secret(field.name) => {
                (name, redacted(field.value), Style::Faint)
            }
            None => (name, python::escaped(field.value), Style::Plain),
        });
    }
    let columns = rows.iter().map(|(name, ..)| width(name)).max().unwrap_or(0);
    for (name, value, style) in &rows {
        let style = match style {
            Style::Plain => "",
            Style::Faint => page.palette().faint,
            Style::Warning => page.palette().warning,
        };
        page.wrapped(0, name, columns, style, value);
    }
    if let Some(details) = &shown.details {
        page.body(0).add("grpc-status-details-bin").coloured(shown.event.direction, "google.rpc.Status").end();
        text(page, details);
    }
    if status.is_some_and(|status| status.details == Some(Details::NotBase64)) {
        page.warning("grpc-status-details-bin is not base64");
    }
}

/// Data: the messages in it, or the beginning of what it is.
pub(super) fn data(page: &mut Page<'_>, shown: &Explained<'_>, range: Range<usize>) {
    let mut position = range.start;
    for (part, rendered) in shown.parts() {
        preview(page, shown, position..part.bytes.start);
        message_part(page, shown, part, rendered);
        position = part.bytes.end;
    }
    preview(page, shown, position..range.end);
}

/// Bytes that have no explanation, as text with escapes.
pub(super) fn preview(page: &mut Page<'_>, shown: &Explained<'_>, range: Range<usize>) {
    let content = shown.bytes(range.clone());
    if content.is_empty() {
    } else if shown.mask.touches(&range) {
        page.note(&redacted(content));
    } else {
        page.wrapped(0, "", 0, "", &python::escaped(content));
    }
}

fn message_part(page: &mut Page<'_>, shown: &Explained<'_>, part: &MessagePart, rendered: Option<&Rendered>) {
    let direction = page.direction();
    let line = page.body(0).add(&format!("message {}", grouped(part.index.saturating_add(1))));
    let end = part.before.saturating_add(wide(part.bytes.len()));
    let Some(message) = part.message.as_deref() else {
        line.faint(&format!("continues behind its byte {}", grouped(end))).end();
        return;
    };
    let length = usize::try_from(message.length).unwrap_or(usize::MAX);
    let mut size = bytes(length);
    if is_compressed(message) {
        size.push_str(&format!(" of {}", python::escaped(encoding_name(&message.encoding).as_bytes())));
        if explained::is_decompressed(message) {
            size.push_str(&format!(", {} decompressed", bytes(message.body.bytes.len())));
        }
    }
    let type_name = rendered.and_then(|rendered| rendered.type_name.as_deref()).unwrap_or_default();
    line.coloured(direction, type_name).faint(&size).end();
    if let Some(defect) = explained::defect(message) {
        page.warning(defect);
    }
    if message.flag > 1 {
        page.warning(&format!("the Compressed-Flag is {}, which means nothing", message.flag));
    }
    if message.body.obstacle == Some(Obstacle::OtherFormat) && message.length > 0 {
        page.note("not Protobuf, by its content-type");
    }
    match rendered {
        _ if message.length == 0 => {}
        Some(rendered) => text(page, rendered),
        None if shown.mask.touches(&explained::content(part)) => {
            page.body(1).faint(&redacted(&message.body.bytes)).end()
        }
        None => page.wrapped(1, "", 0, "", &python::escaped(&message.body.bytes)),
    }
}

/// The lines of a message.
fn text(page: &mut Page<'_>, rendered: &Rendered) {
    for (level, line) in &rendered.lines {
        page.wrapped(level.saturating_add(1), "", 0, "", line);
    }
}

enum Style {
    Plain,
    Faint,
    Warning,
}

const DETAILS: &[u8] = b"grpc-status-details-bin";
