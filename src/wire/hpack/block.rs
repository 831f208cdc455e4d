//! A cursor over one header block.
//!
//! It only moves forward, and it knows its offset, so that an error can name the byte.

use crate::wire::Malformed;

/// What is left to read of a header block.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    rest: &'a [u8],
    /// Length of the whole block.
    length: usize,
}

impl<'a> Block<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Block<'a> {
        Block { rest: bytes, length: bytes.len() }
    }

    /// How many bytes have been read.
    pub(super) fn offset(&self) -> usize {
        self.length.saturating_sub(self.rest.len())
    }

    /// The next octet, not taken.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes one octet.
    pub(super) fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Takes `length` octets, or none if there are fewer.
    pub(super) fn octets(&mut self, length: usize) -> Option<&'a [u8]> {
        let (octets, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(octets)
    }

    /// An error that shows at the next octet.
    pub(super) fn malformed(&self, rule: &'static str, section: &'static str) -> Malformed {
        Malformed { rule, section, offset: self.offset() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_there_and_counts_it() {
        let mut block = Block::new(b"abcd");
        assert_eq!(block.peek(), Some(b'a'));
        assert_eq!(block.octet(), Some(b'a'));
        assert_eq!(block.octets(2), Some(&b"bc"[..]));
        assert_eq!(block.offset(), 3);
        assert_eq!(block.octets(0), Some(&b""[..]));
        assert_eq!(block.octets(1), Some(&b"d"[..]));
        assert_eq!((block.peek(), block.octet(), block.offset()), (None, None, 4));
    }

    #[test]
    fn takes_nothing_when_there_is_less() {
        let mut block = Block::new(b"ab");
        assert_eq!(block.octets(3), None);
        assert_eq!(block.octets(usize::MAX), None);
        assert_eq!(block.offset(), 0);
    }
}
