//! Header blocks that cost more than they look: HPACK bombs, endless integers, tables, Huffman codes that end wrongly
//! (CVE-2016-6581, CVE-2022-41723, CVE-2023-33953, CVE-2023-36478).

use spliceway::limits::Limit;
use spliceway::log::{Cause, Side};

use super::Siege;
use crate::support::h2::{self, frame, greeting, value};

/// A request on stream 1 whose block is this, and whose side of the stream is ended.
fn request(block: &[u8]) -> Vec<u8> {
    [greeting(), frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, block)].concat()
}

/// GET, http, `/`: entries of the static table.
const FIELDS: &[u8] = b"\x82\x86\x84";

/// A block that is answered on its stream, since it could be a request.
#[track_caller]
fn is_too_large(limits: &str, block: &[u8], limit: Limit, told: &str) {
    let mut siege = Siege::begin(limits);
    let mut attacker = siege.connect();
    attacker.sends(request(block));
    siege.serves();
    let answer = attacker.receives_answer(false, true);
    assert_eq!(value(&answer, ":status"), "431");
    assert!(value(&answer, "proxy-status").contains(told), "{answer:?}");
    drop(attacker);
    siege.ends(Side::Client, Cause::Limit, Some(limit));
    assert!(siege.backend.is_left_alone());
}

#[test]
fn a_bomb_of_one_entry_again_and_again() {
    // A field of 4,000 bytes enters the dynamic table; each further byte of the block repeats it.
    let field = [&b"\x40\x01a\x7f\xa1\x1e"[..], &[b'x'; 4000]].concat();
    let bomb = [FIELDS, &field, &[0xbe; 12_000]].concat();
    is_too_large("", &bomb, Limit::HeaderListBytes, "header list too large: more than 65536 bytes");
    let small = [FIELDS, &field, &[0xbe; 2]].concat();
    is_too_large("header_list_bytes = 8192", &small, Limit::HeaderListBytes, "more than 8192 bytes");
}

#[test]
fn a_block_of_very_many_fields() {
    let many = |count: usize| [FIELDS, &b"\x00\x01a\x01b".repeat(count)].concat();
    is_too_large("", &many(254), Limit::HeaderFields, "header list too large: more than 256 fields");
    is_too_large("header_fields = 16", &many(14), Limit::HeaderFields, "more than 16 fields");
}

#[test]
fn blocks_that_no_decoder_may_accept() {
    let padded = |huffman: &[u8]| [FIELDS, b"\x00\x01a", huffman].concat();
    let mut siege = Siege::begin("");
    for block in [
        // An index of more than 2^28.
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec(),
        // An integer that is padded with zeros.
        b"\xff\x80\x80\x80\x80\x80\x80\x80\x80\x00".to_vec(),
        // A string of 4 GiB.
        b"\x00\x7f\xff\xff\xff\xff\x0f".to_vec(),
        // A table of 4,097 bytes.
        [&b"\x3f\xe2\x1f"[..], FIELDS].concat(),
        // Three table size updates.
        [&b"\x20\x20\x20"[..], FIELDS].concat(),
        // A table size update behind a field.
        [FIELDS, b"\x20"].concat(),
        // Index 0.
        b"\x80".to_vec(),
        // An index beyond both tables.
        [FIELDS, b"\xbe"].concat(),
        // EOS in a Huffman code.
        padded(b"\x84\xff\xff\xff\xff"),
        // A Huffman code padded with more than seven bits.
        padded(b"\x82\x1f\xff"),
        // A Huffman code padded with zeros.
        padded(b"\x81\x18"),
        // A string that is cut short.
        padded(b"\x05abc"),
    ] {
        let goaway = (1, h2::COMPRESSION_ERROR);
        siege.sends_away(&request(&block), goaway, Cause::Malformed, None);
    }
}
