//! HPACK, the header compression of HTTP/2 (RFC 7541): decoding only.
//!
//! A header block is the first thing a stranger makes us compute, so this decoder is our own: everything it does is
//! linear in the bytes received or bounded by [`Limits`], and it stops at a limit instead of finding out afterwards.
//! A block is read in place; a name or value is copied only if it is Huffman coded or enters the dynamic table.
//!
//! It never looks at what a field means: `:path` and an upper-case name are bytes here. It never encodes.
//!
//! One file for each chapter of the RFC:
//!
//! | file | what | RFC 7541 |
//! |---|---|---|
//! | `decoder` | the representations of a field, size updates, limits | sections 3, 4.2, 6 |
//! | `block` | the cursor over a block | section 3.1 |
//! | `integer` | integers | section 5.1 |
//! | `string` | strings | section 5.2 |
//! | `huffman` | the Huffman code | section 5.2, appendix B |
//! | `static_table` | the fields that everyone knows | appendix A |
//! | `dynamic_table` | the fields seen before, and their eviction | sections 2.3.2, 4 |
//!
//! Appendix C is tested in `rfc_examples`; `tests/hpack_oracle.rs` compares with another implementation.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod block;
mod decoder;
mod dynamic_table;
mod huffman;
mod integer;
#[cfg(test)]
mod rfc_examples;
mod static_table;
mod string;

use crate::wire::Malformed;

pub use self::decoder::Decoder;

/// A header field, borrowed until the next one is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, as sent: neither its case nor its characters are checked.
    pub name: &'a [u8],
    /// The value, as sent.
    pub value: &'a [u8],
    /// True exactly when the peer forbids any intermediary to index the field (RFC 7541 section 6.2.3): a secret.
    pub never_indexed: bool,
}

/// What one decoder, and one block, may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest size of the dynamic table: the SETTINGS_HEADER_TABLE_SIZE of the decoding side. In bytes, with 32 for
    /// each entry (RFC 7541 section 4.1).
    pub table_bytes: usize,
    /// Most fields of one block.
    pub fields: usize,
    /// Largest decoded size of one block: names, values, and 32 bytes for each field, as SETTINGS_MAX_HEADER_LIST_SIZE
    /// counts (RFC 9113 section 6.5.2).
    pub list_bytes: usize,
}

impl Default for Limits {
    /// The initial table size of HTTP/2 (RFC 9113 section 6.5.2), 256 fields and 64 KiB.
    fn default() -> Limits {
        Limits { table_bytes: 4096, fields: 256, list_bytes: 65_536 }
    }
}

/// Why a block was not decoded. Each of them ends the use of the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The block breaks a rule: a connection error COMPRESSION_ERROR (RFC 9113 section 4.3).
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The block may be well formed, but has more than [`Limits::fields`]: answered 431.
    #[error("more header fields than the limit allows")]
    TooManyFields,
    /// The block may be well formed, but its fields take more than [`Limits::list_bytes`]: answered 431.
    #[error("a header list larger than the limit allows")]
    ListTooLarge,
}

/// What every field adds to the lengths of its name and value, in the table (RFC 7541 section 4.1) and in the list
/// (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD_BYTES: usize = 32;

/// The size of a field. Saturates: a sum that does not fit is above every limit.
fn field_bytes(name: &[u8], value: &[u8]) -> usize {
    name.len().saturating_add(value.len()).saturating_add(FIELD_OVERHEAD_BYTES)
}
