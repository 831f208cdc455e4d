//! The blocks of a connection, sound or not, cost no more than the limits say, and an error is final.
//!
//! The lowest bit of the first byte chooses tight limits; the next one lets the table's limit dip behind the first
//! block. The blocks are the parts of what follows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spliceway::wire::hpack::{Decoder, Error, Limits};
use spliceway_fuzz::parts;

fuzz_target!(|input: &[u8]| {
    let Some((choices, blocks)) = input.split_first() else { return };
    let limits = if choices & 1 == 0 { Limits::default() } else { TIGHT };
    let mut table_bytes_max = limits.table_bytes;
    let mut decoder = Decoder::new(limits);
    let mut error = None;
    for (index, block) in parts(blocks).enumerate() {
        if index == 1 && choices & 2 != 0 {
            decoder.set_table_limit(0);
            decoder.set_table_limit(DIPPED_TABLE_BYTES);
            table_bytes_max = DIPPED_TABLE_BYTES;
        }
        error = check(&mut decoder, block, limits, error);
        // A table above its limit has no use but the update that follows.
        assert!(error.is_some() || decoder.table_bytes() <= table_bytes_max);
    }
});

/// Decodes a block and returns the error, which is the one that was there before if there was one.
fn check(decoder: &mut Decoder, block: &[u8], limits: Limits, before: Option<Error>) -> Option<Error> {
    let (mut fields, mut list_bytes) = (0, 0);
    let outcome = decoder.decode(block, |field| {
        fields += 1;
        list_bytes += field.name.len() + field.value.len() + 32;
    });
    assert!(fields <= limits.fields && list_bytes <= limits.list_bytes, "{fields} fields, {list_bytes} bytes");
    if before.is_some() {
        assert_eq!((outcome.err(), fields), (before, 0));
    }
    if let Err(Error::Malformed(malformed)) = outcome {
        assert!(before.is_some() || malformed.offset <= block.len(), "{malformed}");
    }
    outcome.err()
}

const TIGHT: Limits = Limits { table_bytes: 128, fields: 4, list_bytes: 200 };
/// Room for one entry.
const DIPPED_TABLE_BYTES: usize = 64;
