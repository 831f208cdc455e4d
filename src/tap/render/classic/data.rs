//! The content of calls in the classic form: gRPC messages, or bytes.

use std::ops::Range;

use super::{dump, headers, indented_repr, raw};
use crate::tap::event::{Message, MessagePart, Obstacle};
use crate::tap::render::explained::{self, Explained, content, encoding_name, is_compressed};
use crate::tap::render::text::{Text as _, wide};
use crate::tap::render::{Rendered, hex, python};

/// Data: its message parts in order, and as plain bytes what is in none of them.
pub(super) fn data(out: &mut String, shown: &Explained<'_>, range: Range<usize>, label: &str) {
    let mut position = range.start;
    for (part, rendered) in shown.parts() {
        raw(out, shown, position..part.bytes.start, label);
        message_part(out, shown, part, rendered);
        position = part.bytes.end;
    }
    raw(out, shown, position..range.end, label);
}

fn message_part(out: &mut String, shown: &Explained<'_>, part: &MessagePart, rendered: Option<&Rendered>) {
    let Some(message) = part.message.as_deref().filter(|_| part.before == 0) else {
        let last = part.before.saturating_add(wide(part.bytes.len())).saturating_sub(1);
        out.line(format_args!("gRPC Message Part = bytes {} to {last} of message {}", part.before, part.index));
        dump(out, shown, part.bytes.clone(), "gRPC Message Part");
        if let Some(message) = part.message.as_deref() {
            // The bytes of the prefix stand in the dumps of the parts.
            out.line(format_args!("gRPC Compressed Flag = {}", message.flag));
            out.line(format_args!("Protobuf Length = {}", message.length));
            explain(out, shown, part, message, rendered);
        }
        return;
    };
    out.line(format_args!("gRPC Compressed Flag = {0} ({0:02x})", message.flag));
    let length = hex::of_number(&message.length.to_be_bytes());
    out.line(format_args!("Protobuf Length = {} ({length})", message.length));
    explain(out, shown, part, message, rendered);
    let label = match message.body.obstacle {
        _ if is_compressed(message) => "Compressed Message",
        Some(Obstacle::OtherFormat) => "Message",
        Some(Obstacle::UnknownEncoding | Obstacle::Corrupt) | None => "Protobuf Message",
    };
    dump(out, shown, content(part), label);
}

/// What stands behind the prefix, without its bytes.
fn explain(
    out: &mut String,
    shown: &Explained<'_>,
    part: &MessagePart,
    message: &Message,
    rendered: Option<&Rendered>,
) {
    if message.length == 0 {
        return;
    }
    if is_compressed(message) {
        out.line(format_args!("gRPC Encoding = {}", python::escaped(encoding_name(&message.encoding).as_bytes())));
        if explained::is_decompressed(message) {
            out.line(format_args!("Decompressed Length = {}", message.body.bytes.len()));
        }
    }
    if let Some(defect) = explained::defect(message) {
        out.line(format_args!("Protobuf Message {defect}"));
    }
    if let Some(rendered) = rendered {
        match &rendered.type_name {
            Some(name) => out.line(format_args!("Protobuf Message ({name}) =")),
            None => out.line(format_args!("Protobuf Message =")),
        }
        headers::text(out, rendered);
    }
    if message.body.obstacle == Some(Obstacle::OtherFormat) {
        out.line(format_args!("Message Format = not Protobuf, by its content-type"));
        if !shown.mask.touches(&content(part)) {
            out.line(format_args!("Message ="));
            indented_repr(out, &message.body.bytes);
        }
    }
}
