//! Our HPACK decoder against an independent one (`loona-hpack`): the same blocks, on tables that live through several.
//!
//! Both must accept the same blocks with the same fields, except where we are stricter by intention or the other is:
//!
//! | block | ours | oracle |
//! |---|---|---|
//! | a size update behind a field, or a third one (RFC 7541 section 4.2) | malformed | accepted |
//! | an integer of 2^28 to 2^28 + 126 | malformed | accepted |
//! | an integer with five octets behind its prefix | accepted below 2^28 | rejected |
//! | a block that ends with a size update | accepted | rejected after applying it |

use std::cell::Cell;

use hpack::decoder::{DecoderError, IntegerDecodingError};
use hpack::encoder::encode_integer_into;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use proptest::{option, prop_assert, prop_assert_eq};
use spliceway::wire::Malformed;
use spliceway::wire::hpack::{Decoder, Error, Limits};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

#[test]
fn reads_what_an_encoder_wrote() {
    let lists = vec(vec((name(), value()), 0..12), 1..8);
    run(500, &lists, |lists| {
        let mut encoder = hpack::Encoder::new();
        let mut pair = Pair::new();
        for fields in lists {
            let block = encoder.encode(fields.iter().map(|(name, value)| (&name[..], &value[..])));
            prop_assert_eq!(pair.ours(&block), Ok(fields));
            prop_assert!(pair.ours.table_bytes() <= 4096);
        }
        Ok(())
    });
}

#[test]
fn agrees_on_blocks_that_are_mostly_well_formed() {
    let (blocks_seen, blocks_accepted) = (Cell::new(0), Cell::new(0));
    run(6_000, &vec(block(), 4..10), |blocks| {
        let mut pair = Pair::new();
        // So that the first indexes behind the static table mostly exist.
        pair.compare(b"\x40\x01a\x01b\x40\x00\x00\x40\x01c\x03def")?;
        for block in blocks {
            let outcome = pair.compare(&block)?;
            blocks_seen.set(blocks_seen.get() + 1);
            match outcome {
                Outcome::Accepted => blocks_accepted.set(blocks_accepted.get() + 1),
                Outcome::Ended => break,
            }
        }
        Ok(())
    });
    assert!(blocks_seen.get() >= 20_000, "{blocks_seen:?}");
    assert!(blocks_accepted.get() >= 15_000, "{blocks_accepted:?} of {blocks_seen:?}");
}

#[test]
fn agrees_on_huffman_codes_of_every_length() {
    let accepted = Cell::new(0);
    // Long codes begin with ones, and so do good paddings.
    let octets = vec((vec(Just(0xff), 0..4), vec(any::<u8>(), 1..4), 0_u8..8), 1..4);
    run(4_000, &octets, |parts| {
        let string: Vec<u8> = parts
            .into_iter()
            .flat_map(|(ones, mut octets, padding)| {
                octets.last_mut().into_iter().for_each(|last| *last |= 0x7f >> padding);
                [ones, octets].concat()
            })
            .collect();
        let mut block = vec![0x00, 0x00];
        encode_integer_into(string.len(), 7, 0x80, &mut block)?;
        block.extend(string);
        if let Outcome::Accepted = Pair::new().compare(&block)? {
            accepted.set(accepted.get() + 1);
        }
        Ok(())
    });
    assert!(accepted.get() >= 1_000, "{accepted:?}");
}

/// The two decoders of one session.
struct Pair {
    ours: Decoder,
    oracle: hpack::Decoder<'static>,
}

enum Outcome {
    Accepted,
    /// Rejected by one of them or both: their tables may differ from here on.
    Ended,
}

impl Pair {
    fn new() -> Pair {
        let mut oracle = hpack::Decoder::new();
        oracle.set_max_allowed_table_size(4096);
        Pair { ours: Decoder::new(Limits::default()), oracle }
    }

    fn ours(&mut self, block: &[u8]) -> Result<Fields, Error> {
        let mut fields = Vec::new();
        self.ours.decode(block, |field| fields.push((field.name.to_vec(), field.value.to_vec())))?;
        Ok(fields)
    }

    fn compare(&mut self, block: &[u8]) -> Result<Outcome, TestCaseError> {
        let ours = self.ours(block);
        prop_assert!(self.ours.table_bytes() <= 4096);
        match (ours, self.oracle.decode(block)) {
            (Ok(ours), Ok(oracle)) => {
                prop_assert_eq!(ours, oracle);
                Ok(Outcome::Accepted)
            }
            (Err(_), Err(_)) => Ok(Outcome::Ended),
            (Ok(_), Err(DecoderError::SizeUpdateAtEnd)) => Ok(Outcome::Accepted),
            (Ok(_), Err(DecoderError::IntegerDecodingError(IntegerDecodingError::TooManyOctets))) => Ok(Outcome::Ended),
            (Err(Error::Malformed(Malformed { rule, offset, .. })), Ok(_)) => {
                let is_size_update = block.get(offset).is_some_and(|first| first & 0xe0 == 0x20);
                let is_misplaced = rule.contains("not at the start of the block") && is_size_update && offset > 0;
                prop_assert!(is_misplaced || rule == "an integer of 2^28 or more", "{} at {}", rule, offset);
                Ok(Outcome::Ended)
            }
            (ours, oracle) => Err(TestCaseError::fail(format!("ours {ours:?}, oracle {oracle:?}"))),
        }
    }
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(strategy, test).map_err(|error| error.to_string());
    assert_eq!(outcome, Ok(()));
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![":path", ":authority", "content-type", "x-namespace", "grpc-timeout", "te"]);
    prop_oneof![known.prop_map(|name| name.as_bytes().to_vec()), vec(any::<u8>(), 0..24)]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..40),
        2 => Just(b"application/grpc".to_vec()),
        // Some fill the table, some are larger than it.
        1 => vec(Just(b'v'), 1_000..5_000),
    ]
}

/// A header block: representations, of which now and then one octet is changed; or mere noise.
fn block() -> impl Strategy<Value = Vec<u8>> {
    let representations = (vec(size_update(), 0..2), vec(representation(), 0..6), option::weighted(0.1, mutation()));
    let mutated = representations.prop_map(|(updates, representations, mutation)| {
        let mut block = [updates.concat(), representations.concat()].concat();
        if let Some((index, octet, is_cut)) = mutation
            && !block.is_empty()
        {
            let position = index.index(block.len());
            if is_cut {
                block.truncate(position);
            } else {
                block.splice(position..=position, [octet]);
            }
        }
        block
    });
    prop_oneof![20 => mutated, 1 => vec(any::<u8>(), 0..48)]
}

fn mutation() -> impl Strategy<Value = (Index, u8, bool)> {
    (any::<Index>(), any::<u8>(), any::<bool>())
}

fn size_update() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => 100_usize..300, 8 => Just(4096), 1 => 0_usize..8192].prop_map(|size| integer(5, 0x20, size))
}

fn representation() -> impl Strategy<Value = Vec<u8>> {
    let indexed = index().prop_map(|index| integer(7, 0x80, index));
    let pattern = select(vec![(6, 0x40), (6, 0x40), (4, 0x00), (4, 0x10)]);
    let literal = (pattern, option::of(index()), string(), string());
    let literal = literal.prop_map(|((prefix_bits, pattern), index, name, value)| match index {
        Some(index) => [integer(prefix_bits, pattern, index), value].concat(),
        None => [vec![pattern], name, value].concat(),
    });
    prop_oneof![40 => indexed, 60 => literal, 1 => size_update(), 1 => long_integer()]
}

/// An indexed field, padded or far beyond the tables.
fn long_integer() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        &b"\xff\x80\x80\x80\x00"[..],
        b"\xff\x80\x80\x80\x80\x00",
        b"\xff\x80\x80\x80\x80\x80\x00",
        b"\xff\xff",
    ])
    .prop_map(<[u8]>::to_vec)
}

/// Mostly an index of the static table or of an entry that is likely to exist.
fn index() -> impl Strategy<Value = usize> {
    prop_oneof![300 => 1_usize..62, 100 => 62_usize..64, 4 => 64_usize..200, 1 => Just(0)]
}

fn string() -> impl Strategy<Value = Vec<u8>> {
    let plain = vec(any::<u8>(), 0..30).prop_map(|octets| [integer(7, 0x00, octets.len()), octets].concat());
    let coded = huffman_coded().prop_map(|octets| [integer(7, 0x80, octets.len()), octets].concat());
    let noise = vec(any::<u8>(), 0..6).prop_map(|octets| [integer(7, 0x80, octets.len()), octets].concat());
    prop_oneof![40 => plain, 20 => coded, 1 => noise]
}

/// Digits in their Huffman codes: `0`, `1` and `2` have 5 bits, 0 to 2; `3` to `9` have 6, 0x19 to 0x1f (RFC 7541
/// appendix B).
fn huffman_coded() -> impl Strategy<Value = Vec<u8>> {
    vec(0_u8..10, 0..20).prop_map(|digits| {
        let codes = digits.iter().map(|&digit| if digit < 3 { (digit, 5) } else { (digit + 0x16, 6) });
        let mut bits: Vec<bool> =
            codes.flat_map(|(code, length)| (0..length).rev().map(move |bit| code >> bit & 1 == 1)).collect();
        bits.resize(bits.len().next_multiple_of(8), true);
        bits.chunks(8).map(|octet| octet.iter().fold(0, |sum, &bit| sum << 1 | u8::from(bit))).collect()
    })
}

fn integer(prefix_bits: u8, pattern: u8, value: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    let written = encode_integer_into(value, prefix_bits, pattern, &mut octets);
    debug_assert!(written.is_ok(), "a Vec takes every byte");
    octets
}
