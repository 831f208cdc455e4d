//! The header blocks of one direction: joined from their frames, and decoded in the order sent (RFC 9113 section 4.3).
//!
//! A block that cannot be decoded leaves our table different from the peers'. Later blocks would be read as something
//! they are not, so none is tried any more; each says since when.

use crate::tap::event::Block;
use crate::wire::hpack::{Decoder, Limits as HpackLimits};

use super::Limits;

/// The header blocks of one direction.
#[derive(Debug)]
pub(super) struct Blocks {
    decoder: Decoder,
    table_limit: usize,
    open: Option<Open>,
    /// Where in the direction's bytes the frame stands that broke the table.
    lost: Option<u64>,
    limits: Limits,
}

/// A header block that has begun and not ended.
#[derive(Debug)]
struct Open {
    owner: Owner,
    fragments: Vec<u8>,
}

/// What a header block belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The stream of the frames.
    pub(super) stream: u32,
    /// What it is the list of.
    pub(super) kind: Kind,
}

/// What a header list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// HEADERS.
    Headers {
        /// Whether nothing follows on the stream.
        end_stream: bool,
    },
    /// PUSH_PROMISE, of that stream.
    Promise(u32),
}

impl Blocks {
    pub(super) fn new(limits: Limits) -> Blocks {
        let hpack = HpackLimits { fields: limits.fields, list_bytes: limits.list_bytes, ..HpackLimits::default() };
        Blocks { decoder: Decoder::new(hpack), table_limit: hpack.table_bytes, open: None, lost: None, limits }
    }

    /// The stream whose header block is open.
    pub(super) fn open_on(&self) -> Option<u32> {
        self.open.as_ref().map(|open| open.owner.stream)
    }

    /// Follows a SETTINGS_HEADER_TABLE_SIZE of the other side, upwards only.
    ///
    /// Downwards it would demand a size update in the next block, and which block that is depends on an
    /// acknowledgement that an onlooker cannot match for certain. The table itself follows the encoder's size updates
    /// in either direction, so nothing is decoded wrongly.
    pub(super) fn raise_table(&mut self, bytes: u32) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.limits.table_bytes);
        if bytes > self.table_limit {
            self.table_limit = bytes;
            self.decoder.set_table_limit(bytes);
        }
    }

    /// Gives up on this direction's blocks, because of the frame at `offset`.
    pub(super) fn lose(&mut self, offset: u64) {
        self.open = None;
        self.lost.get_or_insert(offset);
    }

    /// Takes the fragment of a HEADERS or PUSH_PROMISE frame; whose list is complete is returned.
    pub(super) fn begin(&mut self, owner: Owner, fragment: &[u8], block: &mut Block, offset: u64) -> Option<Owner> {
        if self.open.take().is_some() {
            // The fields of the block that never ended are missing from the table.
            self.lose(offset);
        }
        if block.ends {
            self.decode(fragment, block, offset);
            return Some(owner);
        }
        self.open = Some(Open { owner, fragments: Vec::new() });
        self.extend(fragment, offset);
        None
    }

    /// Takes the fragment of a CONTINUATION frame that belongs to the open block.
    pub(super) fn go_on(&mut self, fragment: &[u8], block: &mut Block, offset: u64) -> Option<Owner> {
        if !block.ends {
            self.extend(fragment, offset);
            return None;
        }
        let mut open = self.open.take()?;
        if open.fragments.len() + fragment.len() > self.limits.block_bytes {
            self.lose(offset);
        }
        open.fragments.extend_from_slice(fragment);
        self.decode(&open.fragments, block, offset);
        Some(open.owner)
    }

    /// Beyond the limit a block is not kept, but stays open, so that its CONTINUATION frames are known for what they
    /// are.
    fn extend(&mut self, fragment: &[u8], offset: u64) {
        let Some(open) = &mut self.open else { return };
        if self.lost.is_some() || open.fragments.len() + fragment.len() > self.limits.block_bytes {
            self.lost.get_or_insert(offset);
            open.fragments = Vec::new();
        } else {
            open.fragments.extend_from_slice(fragment);
        }
    }

    fn decode(&mut self, bytes: &[u8], block: &mut Block, offset: u64) {
        if self.lost.is_some() {
            block.table_lost = self.lost;
            return;
        }
        let fields = &mut block.fields;
        block.undecodable = self.decoder.decode(bytes, |field| fields.push(field)).err();
        if block.undecodable.is_some() {
            self.lost = Some(offset);
        }
    }
}
