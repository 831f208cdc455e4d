//! Events for the tests of both forms, put together by hand so that they say what the test says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{MessageText, Options, Rendered, View};
use crate::tap::event::{
    Block, Body, Data, Direction, Encoding, Event, Fields, Frame, Headers, Message, MessagePart, Payload, SettingAt,
    What,
};
use crate::wire::frame::{self, FrameHead, kind};
use crate::wire::hpack::Field;
use crate::wire::settings;

pub(super) const PATH: &str = "/users.v1.Users/AddUser";
pub(super) const BOB: &[u8] = b"\n\x03Bob\x12\x05Green";
pub(super) const ALICE: &[u8] = b"\n\x05Alice\x12\x07Redmond";
/// A user with a password, field 3, marked `debug_redact`.
pub(super) const EVE: &[u8] = b"\n\x03Eve\x1a\x06hunter";

/// Knows the users above by heart.
pub(super) struct Users;

impl MessageText for Users {
    fn message(&self, path: Option<&str>, direction: Direction, bytes: &[u8], view: View) -> Rendered {
        if path == Some(PATH) && direction == Direction::ToClient {
            let lines = vec![(0, "user_id: 3079877744918980318".to_owned())];
            return Rendered { type_name: Some("users.v1.AddUserResponse".to_owned()), lines, masked: vec![] };
        }
        let (lines, masked): (&[&str], _) = match bytes {
            BOB => (&[r#"first_name: "Bob""#, r#"last_name: "Green""#], vec![]),
            ALICE => (&[r#"first_name: "Alice""#, r#"last_name: "Redmond""#], vec![]),
            EVE if view.show_secrets => (&[r#"first_name: "Eve""#, r#"password: "hunter""#], vec![]),
            EVE => (&[r#"first_name: "Eve""#, "password: [redacted, 6 bytes]"], std::iter::once(7..13).collect()),
            _ => (&[], vec![]),
        };
        let lines = lines.iter().map(|line| (0, (*line).to_owned())).collect();
        Rendered { type_name: Some("users.v1.User".to_owned()), lines, masked }
    }

    fn status(&self, bytes: &[u8], _view: View) -> Rendered {
        let lines = vec![(0, format!("code: {}", bytes[1])), (0, "details {".to_owned()), (1, "value: 1".to_owned())];
        Rendered { type_name: None, lines, masked: vec![] }
    }

    fn may_hold_secrets(&self, path: Option<&str>, direction: Direction) -> bool {
        path.is_none_or(|path| path == PATH) && direction == Direction::ToBackend
    }
}

/// Shows everything but secrets, with a name for one more setting.
pub(super) fn with_options<T>(render: impl FnOnce(&Options<'_>) -> T) -> T {
    let setting_names = BTreeMap::from([(0xfe99, "OUR_OWN_SETTING".to_owned())]);
    render(&Options { messages: &Users, setting_names: &setting_names, show_secrets: false })
}

pub(super) fn event(direction: Direction, bytes: &[u8], what: What) -> Event {
    Event { direction, offset: 0x1000, bytes: bytes.to_vec(), line: Vec::new(), what }
}

/// A frame to the backend whose payload is explained by `explain`.
pub(super) fn frame(head: (u8, u8, u32), bytes: &[u8], payload: Payload) -> Event {
    let (kind, flags, stream) = head;
    let mut whole = Vec::new();
    frame::put(&mut whole, kind, flags, stream, bytes);
    let frame = Frame {
        head: FrameHead { length: bytes.len(), kind, flags, stream },
        reserved: false,
        payload,
        malformed: None,
        path: Some(Arc::from(PATH)),
        note: None,
    };
    event(Direction::ToBackend, &whole, What::Frame(Box::new(frame)))
}

/// The frame of an event made by [`frame`].
pub(super) fn frame_of(event: &mut Event) -> &mut Frame {
    let What::Frame(frame) = &mut event.what else { panic!("not a frame") };
    frame
}

pub(super) fn settings(flags: u8, payload: &[u8]) -> Event {
    let entry = |(index, setting)| SettingAt { setting, bytes: 9 + index * 6..15 + index * 6 };
    let settings = settings::entries(payload).enumerate().map(entry).collect();
    frame((kind::SETTINGS, flags, 0), payload, Payload::Settings(settings))
}

pub(super) fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in list {
        fields.push(Field { name: name.as_bytes(), value: value.as_bytes(), never_indexed: false });
    }
    fields
}

pub(super) fn block(fragment: Range<usize>, list: &[(&str, &str)]) -> Block {
    Block { fragment, ends: true, fields: fields(list), undecodable: None, table_lost: None, status: None }
}

/// HEADERS without padding and priority.
pub(super) fn headers(flags: u8, fragment: &[u8], list: &[(&str, &str)]) -> Event {
    let block = block(9..9 + fragment.len(), list);
    frame((kind::HEADERS, flags, 1), fragment, Payload::Headers(Headers { padding: None, priority: None, block }))
}

/// A message that begins and ends at `start` of its event, uncompressed.
pub(super) fn message(index: u64, start: usize, bytes: &[u8]) -> MessagePart {
    let message = Message {
        path: Some(Arc::from(PATH)),
        flag: 0,
        length: u32::try_from(bytes.len()).unwrap(),
        encoding: Encoding::Identity,
        body: Body { bytes: bytes.to_vec(), truncated: false, obstacle: None },
    };
    MessagePart { bytes: start..start + 5 + bytes.len(), index, before: 0, message: Some(Box::new(message)) }
}

/// A message with its prefix.
pub(super) fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&[0], &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// DATA with these messages in it, or none if it is no gRPC.
pub(super) fn data(flags: u8, bytes: &[u8], messages: Vec<MessagePart>) -> Event {
    let grpc = !messages.is_empty();
    let payload = Payload::Data(Data { padding: None, data: 9..9 + bytes.len(), grpc, messages });
    frame((kind::DATA, flags, 1), bytes, payload)
}
