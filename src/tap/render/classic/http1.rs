//! HTTP/1 in the classic form. The forerunner had none of it, so the labels are in its style only.

use super::{data, dump, headers};
use crate::tap::event::{Chunk, Framing, Http1Head, Http1Trailers, Start};
use crate::tap::render::explained::Explained;
use crate::tap::render::text::{Text as _, wide};
use crate::tap::render::{Options, hex, http1, python};

/// The head of a request or response.
pub(super) fn head(out: &mut String, shown: &Explained<'_>, head: &Http1Head, options: &Options<'_>) {
    let label = match head.start {
        Start::Request { .. } => "HTTP/1 Request",
        Start::Response { .. } => "HTTP/1 Response",
    };
    out.put(format_args!("{label} = "));
    python::repr_text(out, http1::first_line(head).as_bytes());
    out.push('\n');
    headers::fields(out, shown, &head.fields, options);
    if head.framing != Framing::Empty {
        out.line(format_args!("Framing = {}", http1::framing(head.framing)));
    }
    if let Some(settings) = &head.settings {
        out.line(format_args!("HTTP2-Settings ="));
        for setting in settings {
            let name = options.setting_name(setting.id).unwrap_or("UNKNOWN");
            let (id, value) = (setting.id.to_be_bytes(), setting.value.to_be_bytes());
            let (id, value) = (hex::of_number(&id), hex::of_number(&value));
            out.line(format_args!("   {name}:{:#x} -> {} ({id} | {value})", setting.id, setting.value));
        }
    }
    if head.becomes_http2 {
        out.line(format_args!("Protocol = HTTP/2 from here on"));
    }
    dump(out, shown, shown.all(), label);
    headers::status(out, shown);
}

/// A chunk, or a piece of one.
pub(super) fn chunk(out: &mut String, shown: &Explained<'_>, chunk: &Chunk) {
    out.line(format_args!("Chunk Size = {}", chunk.size));
    if chunk.position > 0 || wide(chunk.data.len()) < chunk.size {
        let last = chunk.position.saturating_add(wide(chunk.data.len())).saturating_sub(1);
        out.line(format_args!("Chunk Part = bytes {} to {last}", chunk.position));
    }
    if !chunk.extension.is_empty() {
        out.push_str("Chunk Extension = ");
        python::repr_bytes(out, shown.bytes(chunk.extension.clone()));
        out.push('\n');
    }
    dump(out, shown, 0..chunk.data.start, "Chunk Size");
    data::data(out, shown, chunk.data.clone(), "Chunk Data");
    dump(out, shown, chunk.data.end..shown.event.bytes.len(), "Chunk End");
}

/// The last chunk and the trailers.
pub(super) fn trailers(out: &mut String, shown: &Explained<'_>, trailers: &Http1Trailers, options: &Options<'_>) {
    out.line(format_args!("Chunk Size = 0"));
    if !trailers.fields.is_empty() {
        headers::fields(out, shown, &trailers.fields, options);
    }
    dump(out, shown, shown.all(), "HTTP/1 Trailers");
    headers::status(out, shown);
}
