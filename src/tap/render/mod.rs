//! Events as text for people, in two forms.
//!
//! | form | for whom |
//! |---|---|
//! | [`classic`] | those used to tcp-h2-describe: its layout to the letter, every byte printed once |
//! | [`pretty`] | a terminal of 100 columns: what matters first, colour for the direction |
//!
//! Both are pure: an event in, text appended to a `String`, which always succeeds. What they say of an event depends
//! on nothing but the event, so that a lost event costs its own text only.
//!
//! The values of secret fields are masked, and the bytes that tell them too, unless [`Options::show_secrets`] is set.
//! What cannot be decoded cannot be searched for secrets: undecodable and unfinished header blocks are masked whole,
//! and bytes of other protocols are searched for fields as HTTP/1 writes them, no more.

#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod by_schema;
pub mod classic;
mod explained;
mod hex;
mod http1;
mod messages;
mod palette;
pub mod pretty;
mod proxy;
mod python;
mod secrets;
mod text;

use std::collections::BTreeMap;

use crate::wire::names;

pub use by_schema::{BySchema, Unknown};
pub use messages::{MessageText, NoSchema, Rendered, View};
pub use palette::Palette;
pub use text::grouped;

/// What both forms need to know.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Renders gRPC messages.
    pub messages: &'a dyn MessageText,
    /// Names of SETTINGS identifiers besides the registered ones, as in `[decode.settings]`.
    pub setting_names: &'a BTreeMap<u16, String>,
    /// Shows the values of secret fields too.
    pub show_secrets: bool,
}

impl<'a> Options<'a> {
    /// The name of a setting. A registered name cannot be changed.
    fn setting_name(&self, id: u16) -> Option<&'a str> {
        names::setting(id).or_else(|| self.setting_names.get(&id).map(String::as_str))
    }
}

#[cfg(test)]
mod connections;
#[cfg(test)]
mod fixtures;
