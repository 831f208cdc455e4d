//! What the terminal at standard output can do.

use std::env;
use std::io::{self, IsTerminal};

/// Whether colour is wanted and understood: standard output is a terminal, and neither `NO_COLOR` nor `TERM=dumb` is set.
pub(super) fn has_colour() -> bool {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stdout().is_terminal() && !unwanted && !dumb
}
