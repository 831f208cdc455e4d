//! What the machine allows this process: facts from the kernel, read and never changed.
//!
//! Any of them may be missing: containers mask `/proc`, sandboxes have little of it, old kernels know fewer settings. So
//! each is a [`Fact`]: the value, or why it is unknown. Reading and parsing are apart, and the parsers take whatever
//! stands in a file, since a sandbox may write there what it likes.

pub mod cgroup;
pub mod kernel;
pub mod process;
pub mod refusal;
pub mod ring;
pub mod sysctl;

use std::fmt;
use std::fs::File;
use std::io::Read;

/// A value, or why there is none.
pub type Fact<T> = Result<T, Unknown>;

/// Why a fact is unknown, in words: one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(String);

impl Unknown {
    /// A reason; what would break the line is escaped.
    pub fn new(reason: impl fmt::Display) -> Unknown {
        Unknown(printable(&reason.to_string()))
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The text of a small file, without the blanks around it.
fn read(path: &str) -> Fact<String> {
    let unknown = |error| Unknown::new(format_args!("{path}: {error}"));
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes)).map_err(unknown)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => Err(Unknown::new(format_args!("{path}: is no text"))),
    }
}

/// What `parse` finds in the text of the file at `path`.
fn read_as<T>(path: &str, parse: impl FnOnce(&str) -> Option<T>) -> Fact<T> {
    let text = read(path)?;
    parse(&text).ok_or_else(|| not_understood(path, &text))
}

fn not_understood(path: &str, text: &str) -> Unknown {
    let excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
    Unknown::new(format_args!("{path}: not understood: \"{excerpt}\""))
}

/// Without control characters, which would let a file write to the terminal.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// More than any file here has; what goes on beyond is none of the kernel's.
const FILE_BYTES: u64 = 65_536;
/// Enough to recognise what stands in a file.
const EXCERPT_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_unknown_and_says_why() {
        let error = read("/proc/no/such/file").unwrap_err();
        assert_eq!(error.to_string(), "/proc/no/such/file: No such file or directory (os error 2)");
        let error = read("/proc").unwrap_err();
        assert_eq!(error.to_string(), "/proc: Is a directory (os error 21)");
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_unknown() {
        assert_eq!(read("/proc/self/exe").unwrap_err().to_string(), "/proc/self/exe: is no text");
        // It reads as zeros for ever, and a zero is a character.
        let zeros = read("/dev/zero").unwrap();
        assert_eq!(zeros.len(), 65_536);
    }

    #[test]
    fn what_is_not_understood_is_shown_in_part_and_harmless() {
        let odd = not_understood("/proc/x", "\x1b[31mred\n and much more than anybody needs to see of it");
        assert_eq!(odd.to_string(), "/proc/x: not understood: \"\\u{1b}[31mred\\n and much more than anybody nee\"");
    }
}
