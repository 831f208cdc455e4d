//! The few colours of the story, or none.

use super::super::terminal;

/// What to write before and after text of a kind; empty strings for plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    /// Headings.
    pub(super) strong: &'static str,
    /// What a reader may skip.
    pub(super) faint: &'static str,
    /// What went over the connection.
    pub(super) accent: &'static str,
    /// The end of any of them.
    pub(super) end: &'static str,
}

impl Palette {
    /// No colour at all.
    pub(super) const PLAIN: Palette = Palette { strong: "", faint: "", accent: "", end: "" };
    /// Attributes and one of the eight base colours, which follow the terminal's own theme.
    pub(super) const COLOUR: Palette =
        Palette { strong: "\x1b[1m", faint: "\x1b[2m", accent: "\x1b[36m", end: "\x1b[0m" };

    /// Colour if standard output is a terminal that can, and `NO_COLOR` is unset or empty (no-color.org).
    pub(super) fn of_standard_output() -> Palette {
        if terminal::has_colour() { Palette::COLOUR } else { Palette::PLAIN }
    }
}
