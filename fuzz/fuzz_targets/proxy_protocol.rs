//! Whether the bytes at the start of a connection are a PROXY prefix shows from the bytes alone, and never too late.
//!
//! What is asked for is more than there is, what is taken is there, and every beginning of a prefix asks for more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spliceway::limits::PROXY_V2_PAYLOAD_BYTES;
use spliceway::wire::proxy_protocol::{Prefix, name, parse};

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes, PROXY_V2_PAYLOAD_BYTES) {
        Ok(Prefix::Complete { header, length }) => {
            assert!(length <= bytes.len(), "{length} of {}", bytes.len());
            for tlv in header.tlvs() {
                assert!(header.value(tlv.kind).is_some());
            }
            name::each(header.tlvs(), |name, _| assert!(!name.is_empty()));
            for shorter in 0..length {
                let at_least = wanted(&bytes[..shorter]);
                assert!(at_least.is_some_and(|at_least| at_least <= length), "{shorter} of {length}: {at_least:?}");
            }
            // What follows belongs to the client.
            assert_eq!(parse(&bytes[..length], PROXY_V2_PAYLOAD_BYTES), Ok(Prefix::Complete { header, length }));
        }
        Ok(Prefix::More { .. }) => assert!(wanted(bytes).is_some()),
        Ok(Prefix::Absent) | Err(_) => {}
    }
});

/// How many bytes are asked for, if more are; always more than there are.
fn wanted(bytes: &[u8]) -> Option<usize> {
    match parse(bytes, PROXY_V2_PAYLOAD_BYTES) {
        Ok(Prefix::More { at_least }) => {
            assert!(at_least > bytes.len(), "{at_least} of {}", bytes.len());
            Some(at_least)
        }
        Ok(Prefix::Absent | Prefix::Complete { .. }) | Err(_) => None,
    }
}
