//! HTTP/2 frames in the pretty form.

use super::page::{Line, Page};
use super::{message, words};
use crate::tap::event::{Block, Frame, FramePart, Padding, Payload, Priority, StreamNote};
use crate::tap::render::explained::{self, Explained};
use crate::tap::render::text::{self, grouped, wide};
use crate::tap::render::{Options, hex, python};
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::names;
use crate::wire::settings::Setting;

/// A frame, or the head of one that comes in parts.
pub(super) fn frame(page: &mut Page<'_>, shown: &Explained<'_>, frame: &Frame, options: &Options<'_>) {
    title(page, shown, frame);
    content(page, shown, &frame.payload, options);
    if let Some(rule) = frame.malformed.as_ref().filter(|_| !explained::is_told_by_block(frame)) {
        page.malformed(rule, "");
    }
    match frame.note {
        Some(StreamNote::Forgot(stream)) => page.note(&format!("stream {stream} is forgotten to make room")),
        Some(StreamNote::Unknown) => page.note("nothing is known of this stream"),
        None => {}
    }
}

/// A piece of a frame's payload.
pub(super) fn part(page: &mut Page<'_>, shown: &Explained<'_>, part: &FramePart) {
    let count = shown.event.bytes.len();
    let end = part.position.saturating_add(wide(count));
    head(page, &part.head)
        .add(&format!("up to byte {} of {}", grouped(end), grouped(wide(part.head.length))))
        .faint(&text::bytes(count))
        .end();
    message::data(page, shown, shown.all());
}

/// A setting by its name.
pub(super) fn setting(setting: Setting, options: &Options<'_>) -> (String, String) {
    let name = options.setting_name(setting.id).map_or_else(|| format!("unknown {:#x}", setting.id), str::to_owned);
    (name, grouped(u64::from(setting.value)))
}

/// The first line: of frames that say one thing, all of it.
fn title(page: &mut Page<'_>, shown: &Explained<'_>, frame: &Frame) {
    let receiver = page.direction().receiver();
    let line = head(page, &frame.head);
    match &frame.payload {
        Payload::WindowUpdate { increment, .. } => {
            line.add(&format!("the {receiver} may send {} more bytes", grouped(u64::from(*increment)))).end();
        }
        Payload::Ping { .. } => {
            let mut data = String::new();
            hex::pairs(&mut data, shown, HEAD_BYTES..shown.event.bytes.len());
            line.faint(&data).end();
        }
        Payload::RstStream { code } => line.warning(&words::error(*code)).faint(words::meaning(*code)).end(),
        Payload::Goaway { code, .. } => {
            if *code == 0 { line.add(&words::error(0)) } else { line.warning(&words::error(*code)) }.end();
        }
        Payload::Priority(priority) => line.faint(&priority_words(priority)).end(),
        Payload::Settings(settings) if settings.is_empty() && frame.head.is_settings_ack() => {
            line.faint("the settings are accepted").end();
        }
        Payload::Data(_)
        | Payload::Headers(_)
        | Payload::Settings(_)
        | Payload::PushPromise(_)
        | Payload::Continuation(_)
        | Payload::PriorityUpdate { .. }
        | Payload::Raw(_)
        | Payload::InParts => line.faint(&text::bytes(frame.head.length)).end(),
    }
}

/// Type, stream and flags.
fn head<'p>(page: &'p mut Page<'_>, head: &FrameHead) -> Line<'p> {
    let kind = names::frame_type(head.kind).map_or_else(|| format!("TYPE {:#04x}", head.kind), str::to_owned);
    let place = if head.stream == 0 { "connection".to_owned() } else { format!("stream {}", head.stream) };
    let mut line = page.title(&kind).column(&place, PLACE_COLUMNS);
    let known = names::frame_flags(head.kind);
    let mut flags: Vec<&str> = known.iter().filter(|(bit, _)| head.has(*bit)).map(|(_, name)| *name).collect();
    let unknown = known.iter().fold(head.flags, |rest, (bit, _)| rest & !bit);
    let unknown_text = format!("{unknown:#04x}");
    if unknown != 0 {
        flags.push(&unknown_text);
    }
    if !flags.is_empty() {
        line = line.add(&flags.join(" "));
    }
    line
}

fn content(page: &mut Page<'_>, shown: &Explained<'_>, payload: &Payload, options: &Options<'_>) {
    match payload {
        Payload::Data(data) => {
            message::data(page, shown, data.data.clone());
            padding(page, data.padding.as_ref());
        }
        Payload::Headers(headers) => {
            if let Some(priority) = &headers.priority {
                page.note(&priority_words(priority));
            }
            block(page, shown, &headers.block, options);
            padding(page, headers.padding.as_ref());
        }
        Payload::PushPromise(promise) => {
            page.note(&format!("promises stream {}", promise.promised_stream));
            block(page, shown, &promise.block, options);
            padding(page, promise.padding.as_ref());
        }
        Payload::Continuation(fragment) => block(page, shown, fragment, options),
        Payload::Settings(settings) => page.pairs(settings.iter().map(|entry| setting(entry.setting, options))),
        Payload::Goaway { last_stream, code, debug_data, .. } => {
            page.note(&format!("{}; no stream above {last_stream} is or was processed", words::meaning(*code)));
            if !debug_data.is_empty() {
                page.wrapped(0, "debug data", 0, "", &python::escaped(shown.bytes(debug_data.clone())));
            }
        }
        Payload::PriorityUpdate { stream, value } => {
            let value = python::escaped(shown.bytes(value.clone()));
            page.wrapped(0, &format!("stream {stream}"), 0, "", &value);
        }
        Payload::Raw(range) => message::preview(page, shown, range.clone()),
        Payload::InParts => page.note("too long to be kept: its content follows in pieces"),
        Payload::Priority(_) | Payload::RstStream { .. } | Payload::Ping { .. } | Payload::WindowUpdate { .. } => {}
    }
}

fn block(page: &mut Page<'_>, shown: &Explained<'_>, block: &Block, options: &Options<'_>) {
    message::fields(page, shown, &block.fields, options);
    if let Some(offset) = block.table_lost {
        let offset = grouped(offset);
        page.warning(&format!("not decodable: the block at byte {offset} of this direction broke the table"));
    } else if !block.ends {
        page.note("the header block continues");
    }
    if let Some(error) = &block.undecodable {
        page.warning(&format!("malformed header block: {error}"));
    }
}

fn padding(page: &mut Page<'_>, padding: Option<&Padding>) {
    if let Some(Padding { bytes, .. }) = padding {
        page.note(&format!("padding of {}", text::bytes(bytes.len())));
    }
}

fn priority_words(priority: &Priority) -> String {
    let exclusively = if priority.exclusive { " exclusively" } else { "" };
    format!("depends on stream {}{exclusively}, weight {}", priority.dependency, priority.weight)
}

/// `connection`.
const PLACE_COLUMNS: usize = 10;
