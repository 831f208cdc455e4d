//! A message as lines of text.
//!
//! The form is protobuf's text format with comments behind `#`. The fields stand in the order of the wire, repeated and
//! merged ones as often as they are sent: this is about what was sent, not about what a parser makes of it. That is
//! also why the bytes are walked here and not handed to a decoder, and how each value's place in them is known, which
//! the masking of secrets needs.
//!
//! Whatever the bytes are, the lines are bounded in number and length, and nothing panics.

mod known;
mod page;
mod quote;
mod raw;
mod scalar;
mod time;

pub use self::page::{Line, Options, Rendering};

use self::page::Page;
use super::schema::MessageType;

/// Renders one message; without a type by field numbers and wire types.
///
/// Malformed input is rendered up to the record that cannot be read, and a comment says which rule is broken at which
/// byte.
pub fn text(message_type: Option<&MessageType>, bytes: &[u8], options: &Options<'_>) -> Rendering {
    let mut page = Page::new(message_type, bytes, options);
    match message_type {
        Some(message_type) => known::message(&mut page, message_type, 0..bytes.len()),
        None => raw::message(&mut page, 0..bytes.len()),
    }
    page.finish()
}

#[cfg(test)]
mod tests;
