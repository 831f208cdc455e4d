//! HTTP/2 frames in the classic form.

use std::ops::Range;

use super::{data, headers, malformed, raw};
use crate::tap::event::{Data, Frame, FramePart, Padding, Payload, Priority, SettingAt, StreamNote};
use crate::tap::render::explained::{self, Explained};
use crate::tap::render::text::{Text as _, wide};
use crate::tap::render::{Options, hex};
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::names;

/// A frame, or the head of one that comes in parts.
pub(super) fn frame(out: &mut String, shown: &Explained<'_>, frame: &Frame, options: &Options<'_>) {
    head(out, shown, &frame.head);
    payload(out, shown, &frame.payload, options);
    if let Some(rule) = frame.malformed.as_ref().filter(|_| !explained::is_told_by_block(frame)) {
        malformed(out, rule);
    }
    match frame.note {
        Some(StreamNote::Forgot(stream)) => out.line(format_args!("Forgotten Stream Identifier = {stream}")),
        Some(StreamNote::Unknown) => out.line(format_args!("Stream State = unknown")),
        None => {}
    }
}

/// A piece of a frame's payload.
pub(super) fn part(out: &mut String, shown: &Explained<'_>, part: &FramePart) {
    let FrameHead { length, stream, .. } = part.head;
    let last = part.position.saturating_add(wide(shown.event.bytes.len())).saturating_sub(1);
    out.line(format_args!("Frame Part = bytes {} to {last} of {length} on stream {stream}", part.position));
    data::data(out, shown, shown.all(), "Frame Payload");
}

fn head(out: &mut String, shown: &Explained<'_>, head: &FrameHead) {
    number(out, shown, "Frame Length", head.length, 0..3);
    number(out, shown, "Frame Type", names::frame_type(head.kind).unwrap_or("UNKNOWN"), 3..4);
    number(out, shown, "Flags", flags(head), 4..5);
    number(out, shown, "Stream Identifier", head.stream, 5..HEAD_BYTES);
}

/// `END_STREAM:0x1 | END_HEADERS:0x4`; what has no name is kept together at the end.
fn flags(head: &FrameHead) -> String {
    let known = names::frame_flags(head.kind);
    let mut set: Vec<String> =
        known.iter().filter(|(bit, _)| head.has(*bit)).map(|(bit, name)| format!("{name}:{bit:#x}")).collect();
    let unknown = known.iter().fold(head.flags, |rest, (bit, _)| rest & !bit);
    if unknown != 0 {
        set.push(format!("UNKNOWN:{unknown:#x}"));
    }
    if set.is_empty() { "UNSET".to_owned() } else { set.join(" | ") }
}

fn payload(out: &mut String, shown: &Explained<'_>, payload: &Payload, options: &Options<'_>) {
    match payload {
        Payload::Data(Data { padding, data: range, .. }) => {
            pad_length(out, shown, padding.as_ref());
            data::data(out, shown, range.clone(), "Frame Payload");
            pad_bytes(out, shown, padding.as_ref());
        }
        Payload::Headers(frame) => {
            pad_length(out, shown, frame.padding.as_ref());
            if let Some(fields) = &frame.priority {
                priority(out, shown, fields);
            }
            headers::block(out, shown, &frame.block, options);
            pad_bytes(out, shown, frame.padding.as_ref());
        }
        Payload::Priority(fields) => priority(out, shown, fields),
        Payload::RstStream { code } => error_code(out, shown, *code, HEAD_BYTES..HEAD_BYTES + 4),
        Payload::Settings(settings) => settings_list(out, shown, settings, options),
        Payload::PushPromise(frame) => {
            pad_length(out, shown, frame.padding.as_ref());
            let start = HEAD_BYTES.saturating_add(usize::from(frame.padding.is_some()));
            let place = start..start.saturating_add(4);
            with_reserved(out, shown, frame.reserved, "Promised Stream Identifier", frame.promised_stream, place);
            headers::block(out, shown, &frame.block, options);
            pad_bytes(out, shown, frame.padding.as_ref());
        }
        Payload::Ping { .. } => {
            out.push_str("Opaque Data = ");
            hex::pairs(out, shown, HEAD_BYTES..HEAD_BYTES + 8);
            out.push('\n');
        }
        Payload::Goaway { last_stream, reserved, code, debug_data } => {
            let place = HEAD_BYTES..HEAD_BYTES + 4;
            with_reserved(out, shown, *reserved, "Last Stream Identifier", *last_stream, place);
            error_code(out, shown, *code, HEAD_BYTES + 4..HEAD_BYTES + 8);
            raw(out, shown, debug_data.clone(), "Additional Debug Data");
        }
        Payload::WindowUpdate { increment, reserved } => {
            let place = HEAD_BYTES..HEAD_BYTES + 4;
            with_reserved(out, shown, *reserved, "Window Size Increment", *increment, place);
        }
        Payload::Continuation(block) => headers::block(out, shown, block, options),
        Payload::PriorityUpdate { stream, value } => {
            number(out, shown, "Prioritized Stream Identifier", stream, HEAD_BYTES..HEAD_BYTES + 4);
            raw(out, shown, value.clone(), "Priority Field Value");
        }
        Payload::Raw(range) => raw(out, shown, range.clone(), "Frame Payload"),
        Payload::InParts => {}
    }
}

fn settings_list(out: &mut String, shown: &Explained<'_>, settings: &[SettingAt], options: &Options<'_>) {
    if !settings.is_empty() {
        out.line(format_args!("Settings ="));
    }
    for SettingAt { setting, bytes } in settings {
        let name = options.setting_name(setting.id).unwrap_or("UNKNOWN");
        out.put(format_args!("   {name}:{:#x} -> {} (", setting.id, setting.value));
        let middle = bytes.start.saturating_add(2).min(bytes.end);
        hex::pairs(out, shown, bytes.start..middle);
        out.push_str(" | ");
        hex::pairs(out, shown, middle..bytes.end);
        out.push_str(")\n");
    }
    // A length that is no multiple of six, or an acknowledgement that is not empty.
    let end = settings.last().map_or(HEAD_BYTES, |last| last.bytes.end);
    raw(out, shown, end..shown.event.bytes.len(), "Frame Payload");
}

fn priority(out: &mut String, shown: &Explained<'_>, priority: &Priority) {
    out.put(format_args!(
        "Exclusive Bit = {}, Stream Dependency = {}, Weight = {} (",
        u8::from(priority.exclusive),
        priority.dependency,
        priority.weight
    ));
    let middle = priority.bytes.start.saturating_add(4).min(priority.bytes.end);
    hex::pairs(out, shown, priority.bytes.start..middle);
    out.push_str(" | ");
    hex::pairs(out, shown, middle..priority.bytes.end);
    out.push_str(")\n");
}

fn error_code(out: &mut String, shown: &Explained<'_>, code: u32, place: Range<usize>) {
    number(out, shown, "Error Code", names::error_code(code).unwrap_or("UNKNOWN"), place);
}

fn pad_length(out: &mut String, shown: &Explained<'_>, padding: Option<&Padding>) {
    if let Some(Padding { length_byte, .. }) = padding {
        let place = *length_byte..length_byte.saturating_add(1);
        number(out, shown, "Pad Length", shown.bytes(place.clone()).first().copied().unwrap_or_default(), place);
    }
}

fn pad_bytes(out: &mut String, shown: &Explained<'_>, padding: Option<&Padding>) {
    if let Some(Padding { bytes, .. }) = padding {
        super::dump(out, shown, bytes.clone(), "Padding");
    }
}

/// `Reserved Bit = 0, Window Size Increment = 5 (00 00 00 05)`.
fn with_reserved(out: &mut String, shown: &Explained<'_>, reserved: bool, name: &str, value: u32, place: Range<usize>) {
    out.put(format_args!("Reserved Bit = {}, ", u8::from(reserved)));
    number(out, shown, name, value, place);
}

/// `Frame Length = 36 (00 00 24)`.
fn number(out: &mut String, shown: &Explained<'_>, name: &str, value: impl std::fmt::Display, place: Range<usize>) {
    out.put(format_args!("{name} = {value} ("));
    hex::pairs(out, shown, place);
    out.push_str(")\n");
}
