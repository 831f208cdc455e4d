//! Frame heads out of bytes that come in any pieces: alone, or with the payloads between them passed over.

use crate::wire::frame::{FrameHead, HEAD_BYTES};

/// A walk from head to head. Payload is not looked at.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: PartialHead,
    payload_left: usize,
}

impl Frames {
    /// Walks the next bytes, and tells of each head once it is whole.
    pub(super) fn walk(&mut self, bytes: &[u8], mut told: impl FnMut(&FrameHead)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let passed = self.payload_left.min(rest.len());
            self.payload_left -= passed;
            let (head, behind) = self.head.take(rest.get(passed..).unwrap_or_default());
            rest = behind;
            if let Some(head) = head {
                self.payload_left = head.length;
                told(&head);
            }
        }
    }

    /// Whether what was walked ends with a frame.
    pub(super) fn is_between(&self) -> bool {
        self.payload_left == 0 && self.head.is_empty()
    }
}

/// A frame head, as far as it came.
#[derive(Debug, Default)]
pub(super) struct PartialHead {
    bytes: [u8; HEAD_BYTES],
    filled: usize,
}

impl PartialHead {
    /// Takes bytes up to the end of the head; the head once it is whole, and what follows it.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> (Option<FrameHead>, &'a [u8]) {
        // Nearly always a head is whole in what was received.
        if self.filled == 0
            && let Some(head) = FrameHead::parse(bytes)
        {
            return (Some(head), bytes.get(HEAD_BYTES..).unwrap_or_default());
        }
        let (part, rest) = bytes.split_at((HEAD_BYTES - self.filled).min(bytes.len()));
        if let Some(place) = self.bytes.get_mut(self.filled..self.filled + part.len()) {
            place.copy_from_slice(part);
        }
        self.filled += part.len();
        if self.filled < HEAD_BYTES {
            return (None, rest);
        }
        self.filled = 0;
        (FrameHead::parse(&self.bytes), rest)
    }

    /// Whether no byte of a head has come.
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_told_and_payload_is_passed_over_however_the_bytes_are_cut() {
        let bytes = [&[0, 0, 12, 0, 1, 0, 0, 0, 7][..], &[0; 12], &[0, 0, 0, 4, 1, 0, 0, 0, 0]].concat();
        for cut in 0..=bytes.len() {
            let mut frames = Frames::default();
            let mut heads = Vec::new();
            let (first, second) = bytes.split_at(cut);
            frames.walk(first, |head| heads.push(*head));
            assert_eq!(frames.is_between(), [0, 21, 30].contains(&cut), "{cut}");
            frames.walk(second, |head| heads.push(*head));
            assert!(frames.is_between());
            let data = FrameHead { length: 12, kind: 0, flags: 1, stream: 7 };
            assert_eq!(heads, [data, FrameHead { length: 0, kind: 4, flags: 1, stream: 0 }], "{cut}");
        }
    }

    #[test]
    fn a_head_may_come_in_any_two_pieces() {
        let bytes = [0, 0, 5, 1, 4, 0, 0, 0, 3, 0xaa, 0xbb];
        let expected = FrameHead { length: 5, kind: 1, flags: 4, stream: 3 };
        for cut in 0..=9 {
            let mut partial = PartialHead::default();
            let (first, second) = bytes.split_at(cut);
            let (head, rest) = partial.take(first);
            if cut == 9 {
                assert_eq!((head, rest), (Some(expected), &[][..]));
                continue;
            }
            assert_eq!((head, rest.len(), partial.is_empty()), (None, 0, cut == 0), "{cut}");
            assert_eq!(partial.take(second), (Some(expected), &[0xaa, 0xbb][..]), "{cut}");
            assert!(partial.is_empty());
        }
    }
}
