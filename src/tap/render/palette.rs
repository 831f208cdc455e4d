//! The few colours of the pretty form, or none.

use super::super::event::Direction;

/// What to write before and after text of a kind; empty strings for plain text.
///
/// Whether there is to be colour is the caller's decision, who knows the terminal and `NO_COLOR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    to_backend: &'static str,
    to_client: &'static str,
    pub(super) faint: &'static str,
    pub(super) warning: &'static str,
    pub(super) end: &'static str,
}

impl Palette {
    /// No colour at all.
    pub const PLAIN: Palette = Palette { to_backend: "", to_client: "", faint: "", warning: "", end: "" };

    /// Attributes and the base colours, which follow the terminal's own theme.
    pub const COLOUR: Palette = Palette {
        to_backend: "\x1b[36m",
        to_client: "\x1b[35m",
        faint: "\x1b[2m",
        warning: "\x1b[33m",
        end: "\x1b[0m",
    };

    /// The colour of a direction.
    pub(super) fn of(&self, direction: Direction) -> &'static str {
        match direction {
            Direction::ToBackend => self.to_backend,
            Direction::ToClient => self.to_client,
        }
    }
}
