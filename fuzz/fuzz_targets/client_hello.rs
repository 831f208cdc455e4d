//! What a ClientHello says does not depend on the pieces it comes in, neither reads nor records.
//!
//! What is taken is there, what is kept is what came, every beginning of a whole one asks for more, and a name is one
//! that can stand in a log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spliceway::limits::{CLIENT_HELLO_BYTES, CLIENT_HELLO_PROTOCOLS};
use spliceway::wire::Parsed;
use spliceway::wire::client_hello::{ClientHello, Fault, Limits, Reader};
use spliceway_fuzz::{Read, reads, take_cycle};

fuzz_target!(|input: &[u8]| {
    let (cycle, bytes) = take_cycle(input);
    let outcome = read(reads(cycle, bytes), bytes.len());
    let Ok(Parsed::Complete { value, length }) = &outcome else {
        assert_eq!(outcome, read(reads(&[], bytes), bytes.len()));
        return;
    };
    assert!(*length <= bytes.len() && *length <= CLIENT_HELLO_BYTES, "{length} of {}", bytes.len());
    assert_eq!(read(reads(&[], bytes), bytes.len()), outcome);
    let mut byte_by_byte = reader();
    for shorter in 1..*length {
        match byte_by_byte.received(&bytes[shorter - 1..shorter]) {
            Ok(Parsed::More { at_least }) => assert!(at_least > shorter && at_least <= *length, "{at_least}"),
            other => panic!("{shorter} of {length}: {other:?}"),
        }
    }
    if let Some(name) = &value.server_name {
        let is_of_a_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        assert!(name.len() <= 253 && name.bytes().all(is_of_a_name) && !name.ends_with('.'), "{name:?}");
    }
    assert!(value.protocols().count() <= CLIENT_HELLO_PROTOCOLS);
    assert!(value.protocols().all(|protocol| !protocol.is_empty()));
    let again = in_records(cycle, &bytes[..*length]);
    match read(reads(&[], &again), again.len()) {
        Ok(Parsed::Complete { value: same, length }) => assert_eq!((&same, length), (value, again.len())),
        Err(Fault::TooLong) => assert!(again.len() > CLIENT_HELLO_BYTES),
        other => panic!("{other:?}"),
    }
});

/// Feeds reads until there is an answer.
fn read<'a>(reads: impl Iterator<Item = Read<'a>>, all: usize) -> Result<Parsed<ClientHello>, Fault> {
    let mut reader = reader();
    let mut outcome = Ok(Parsed::More { at_least: 1 });
    for read in reads {
        outcome = reader.received(read.bytes);
        if !matches!(outcome, Ok(Parsed::More { .. })) {
            break;
        }
    }
    assert!(reader.into_bytes().len() <= all);
    outcome
}

fn reader() -> Reader {
    Reader::new(Limits { bytes: CLIENT_HELLO_BYTES, protocols: CLIENT_HELLO_PROTOCOLS })
}

/// The same message in other records, whose lengths are those of the cycle's reads.
fn in_records(cycle: &[u8], hello: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut rest = hello;
    while let [_, _, _, high, low, behind @ ..] = rest {
        let (body, next) = behind.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        message.extend_from_slice(body);
        rest = next;
    }
    let record = |read: Read| [&[22, 3, 3, 0, read.bytes.len() as u8], read.bytes].concat();
    let short = if cycle.is_empty() { &[99][..] } else { cycle };
    reads(short, &message).flat_map(record).collect()
}
