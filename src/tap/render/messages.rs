//! What renders the messages of gRPC calls.

use std::ops::Range;

use super::super::event::Direction;
use super::python;

/// Turns serialized messages into text.
pub trait MessageText {
    /// The text of a message of the call to `path`: a request if it went to the backend, else a response.
    fn message(&self, path: Option<&str>, direction: Direction, bytes: &[u8], view: View) -> Rendered;

    /// The text of a serialized `google.rpc.Status`.
    fn status(&self, bytes: &[u8], view: View) -> Rendered;

    /// Whether such a message may hold values that are not to be shown. Asked of parts of messages, whose bytes are
    /// printed before the message is whole. Without a path, the answer stands for every message there is.
    fn may_hold_secrets(&self, path: Option<&str>, direction: Direction) -> bool;
}

/// How to render a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Shows the values of fields marked `debug_redact` too.
    pub show_secrets: bool,
    /// Characters of a line, its indentation of two spaces a level included.
    pub columns: usize,
}

/// A message as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The full name of the message's type, where it is known: `"users.v1.User"`.
    pub type_name: Option<String>,
    /// The lines: levels of nesting, and the text without indentation and line end.
    pub lines: Vec<(usize, String)>,
    /// Where the values that are not shown lie in the message's bytes.
    pub masked: Vec<Range<usize>>,
}

/// Knows no message types: shows the bytes as text with escapes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSchema;

impl MessageText for NoSchema {
    fn message(&self, _path: Option<&str>, _direction: Direction, bytes: &[u8], _view: View) -> Rendered {
        let mut line = String::new();
        python::repr_bytes(&mut line, bytes);
        Rendered { lines: vec![(0, line)], ..Rendered::default() }
    }

    fn status(&self, bytes: &[u8], view: View) -> Rendered {
        self.message(None, Direction::ToClient, bytes, view)
    }

    fn may_hold_secrets(&self, _path: Option<&str>, _direction: Direction) -> bool {
        false
    }
}
