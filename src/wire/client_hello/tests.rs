//! ClientHellos as clients send them, and as nobody should; each in every piece that it can come in.

use std::time::Instant;

use proptest::prelude::*;

use super::*;

/// Of OpenSSL 3, classical key exchange.
const OPENSSL: &[u8] = include_bytes!("../../../tests/golden/client_hello/openssl.bin");
/// Of OpenSSL 3 without a server name, TLS 1.2 alone.
const OPENSSL_NO_NAME: &[u8] = include_bytes!("../../../tests/golden/client_hello/openssl-no-name.bin");
/// Of Go 1.26, with an X25519MLKEM768 key share.
const GO: &[u8] = include_bytes!("../../../tests/golden/client_hello/go-post-quantum.bin");
/// As Chrome arranges it: GREASE in every list, a post-quantum key share, GREASE ECH.
const GREASE: &[u8] = include_bytes!("../../../tests/golden/client_hello/grease.bin");
/// As Firefox arranges it: GREASE ECH as the last extension.
const GREASE_ECH: &[u8] = include_bytes!("../../../tests/golden/client_hello/grease-ech.bin");

const LIMITS: Limits = Limits { bytes: 16_384, protocols: 32 };

type Outcome = Result<Parsed<ClientHello>, Fault>;

/// Feeds all of it at once, and byte by byte, which must not make a difference.
#[track_caller]
fn read(bytes: &[u8]) -> Outcome {
    let at_once = Reader::new(LIMITS).received(bytes);
    let mut reader = Reader::new(LIMITS);
    let mut outcomes = bytes.iter().map(|byte| reader.received(&[*byte]));
    if let Some(told) = outcomes.find(|outcome| !matches!(outcome, Ok(Parsed::More { .. }))) {
        assert_eq!(told, at_once);
    } else {
        assert!(matches!(at_once, Ok(Parsed::More { .. })), "{at_once:?}");
    }
    at_once
}

/// What routing gets: the name and the protocols.
fn facts(outcome: Outcome) -> (Option<String>, Vec<String>) {
    match outcome {
        Ok(Parsed::Complete { value, .. }) => {
            let protocols = value.protocols().map(|name| name.escape_ascii().to_string()).collect();
            (value.server_name.map(String::from), protocols)
        }
        other => panic!("{other:?}"),
    }
}

fn broken(outcome: Outcome) -> (Alert, &'static str, usize) {
    match outcome {
        Err(Fault::Malformed { malformed, alert }) => (alert, malformed.rule, malformed.offset),
        other => panic!("{other:?}"),
    }
}

fn record(content_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[content_type, 3, 1], &length[..], body].concat()
}

/// The handshake message inside one record.
fn message(hello: &[u8]) -> &[u8] {
    &hello[5..]
}

/// The message in records whose bodies have at most so many bytes.
fn in_records_of(bytes: usize, message: &[u8]) -> Vec<u8> {
    message.chunks(bytes).flat_map(|body| record(22, body)).collect()
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn extension(number: u16, data: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &with_length(data)].concat()
}

/// A ClientHello whose fields in front of the extensions are the shortest, and whatever stands behind them.
fn hello_ending(end: &[u8]) -> Vec<u8> {
    let fields = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], end].concat();
    let length = u32::try_from(fields.len()).unwrap().to_be_bytes();
    record(22, &[&[1], &length[1..], &fields].concat())
}

fn hello_of(extensions: &[Vec<u8>]) -> Vec<u8> {
    hello_ending(&with_length(&extensions.concat()))
}

fn named(name: &[u8]) -> Vec<u8> {
    extension(0, &with_length(&[&[0], &with_length(name)[..]].concat()))
}

fn offering(list: &[u8]) -> Vec<u8> {
    extension(16, &with_length(list))
}

#[test]
fn clients_ask_for_names_and_protocols() {
    let web = ["h2".to_owned(), "http/1.1".to_owned()];
    for (hello, length) in [(OPENSSL, 336), (GO, 1522), (GREASE, 1754), (GREASE_ECH, 660)] {
        assert_eq!(hello.len(), length);
        assert_eq!(facts(read(hello)), (Some("shop.example".to_owned()), web.to_vec()));
    }
    assert_eq!(facts(read(OPENSSL_NO_NAME)), (None, Vec::new()));
    assert_eq!(facts(read(&hello_ending(&[]))), (None, Vec::new()));
    assert_eq!(facts(read(&hello_of(&[]))), (None, Vec::new()));
}

#[test]
fn every_shorter_length_asks_for_more_and_byte_by_byte_is_the_same() {
    for hello in [OPENSSL, OPENSSL_NO_NAME, GO, GREASE, GREASE_ECH, &in_records_of(100, message(GO))] {
        let whole = read(hello);
        assert!(matches!(whole, Ok(Parsed::Complete { length, .. }) if length == hello.len()));
        let mut reader = Reader::new(LIMITS);
        let mut asked = 0;
        for (length, byte) in hello.iter().enumerate() {
            match read(&hello[..length]) {
                Ok(Parsed::More { at_least }) => {
                    assert!(at_least > length && at_least <= hello.len(), "{at_least} of {length}");
                    assert!(at_least >= asked, "less is asked for at {length}");
                    asked = at_least;
                }
                other => panic!("{length} bytes: {other:?}"),
            }
            let outcome = reader.received(&[*byte]);
            if length + 1 == hello.len() {
                assert_eq!(outcome, whole);
            } else {
                assert!(matches!(outcome, Ok(Parsed::More { .. })), "{length} bytes: {outcome:?}");
            }
        }
        assert_eq!(reader.into_bytes(), hello);
    }
}

#[test]
fn records_may_cut_it_at_every_byte() {
    for hello in [OPENSSL, OPENSSL_NO_NAME, GO, GREASE, GREASE_ECH] {
        let expected = facts(read(hello));
        let message = message(hello);
        for cut in 1..message.len() {
            let bytes = [record(22, &message[..cut]), record(22, &message[cut..])].concat();
            match read(&bytes) {
                Ok(Parsed::Complete { value, length }) => {
                    assert_eq!(length, bytes.len());
                    assert_eq!(facts(Ok(Parsed::Complete { value, length })), expected, "cut at {cut}");
                }
                other => panic!("cut at {cut}: {other:?}"),
            }
        }
        for bytes in 1..10 {
            assert_eq!(facts(read(&in_records_of(bytes, message))), expected, "records of {bytes}");
        }
    }
}

#[test]
fn what_follows_the_hello_is_kept_and_not_read() {
    // Early data, and the dummy record that some send before it (RFC 8446 sections 2.3 and D.4).
    let bytes = [OPENSSL, &record(20, &[1]), &record(23, b"early")].concat();
    let mut reader = Reader::new(LIMITS);
    let outcome = reader.received(&bytes);
    assert!(matches!(outcome, Ok(Parsed::Complete { length: 336, .. })), "{outcome:?}");
    assert_eq!(reader.into_bytes(), bytes);
}

#[test]
fn records_that_no_hello_comes_in() {
    let interrupted = |by: &[u8]| [&record(22, &message(OPENSSL)[..50])[..], by].concat();
    let zero = "a handshake record of no bytes";
    let other = "a record of another type within the ClientHello";
    let goes_on = "a record that goes on behind the ClientHello";
    let twice = [message(OPENSSL), message(OPENSSL)].concat();
    for (bytes, expected) in [
        (record(22, &[]), (Alert::UnexpectedMessage, zero, 0)),
        (interrupted(&[22, 3, 3, 0, 0]), (Alert::UnexpectedMessage, zero, 55)),
        (b"\x16\x03\x01\x40\x01".to_vec(), (Alert::RecordOverflow, "a record of more than 2^14 bytes", 0)),
        (b"\x16\x02\x01\x00\x10".to_vec(), (Alert::DecodeError, "a record whose version is not 3.x", 0)),
        (record(21, &[2, 80]), (Alert::UnexpectedMessage, other, 0)),
        (interrupted(&record(20, &[1])), (Alert::UnexpectedMessage, other, 55)),
        (interrupted(&record(23, b"x")), (Alert::UnexpectedMessage, other, 55)),
        (record(22, &twice), (Alert::UnexpectedMessage, goes_on, 9)),
        (record(22, &[message(OPENSSL), b"\0"].concat()), (Alert::UnexpectedMessage, goes_on, 9)),
        (
            interrupted(&record(22, &[&message(OPENSSL)[50..], b"\0"].concat())[..6]),
            (Alert::UnexpectedMessage, goes_on, 60),
        ),
    ] {
        assert_eq!(broken(read(&bytes)), expected);
    }
    assert!(read(b"\x16\x03\x01\x40\x00").is_ok(), "2^14 bytes are allowed");
    let no_hello = "a first handshake message that is no ClientHello";
    for kind in [0, 2, 4, 11, 16, 20] {
        assert_eq!(broken(read(&record(22, &[kind, 0, 0, 0]))), (Alert::UnexpectedMessage, no_hello, 0));
    }
}

#[test]
fn a_message_whose_lengths_do_not_fit() {
    let misfit = |bytes: &[u8]| {
        let (alert, rule, offset) = broken(read(bytes));
        assert_eq!((alert, rule), (Alert::DecodeError, "lengths that do not fit"), "{}", bytes.escape_ascii());
        offset
    };
    // Cut short with the lengths of record and message corrected: at every byte but between fields and extensions.
    let whole = hello_of(&[named(b"shop.example"), offering(b"\x02h2")]);
    let fields = &whole[9..];
    for length in (0..fields.len()).filter(|length| *length != 41) {
        let size = u32::try_from(length).unwrap().to_be_bytes();
        misfit(&record(22, &[&[1], &size[1..], &fields[..length]].concat()));
    }
    assert_eq!(misfit(&hello_ending(&[0])), 41);
    assert_eq!(misfit(&hello_ending(&[0, 0, 0])), 43);
    assert_eq!(misfit(&hello_ending(&[0, 9])), 41);
    assert_eq!(misfit(&hello_ending(&with_length(&[0, 10, 0, 1]))), 43);
    assert_eq!(misfit(&hello_ending(&with_length(&[0, 10, 0]))), 43);
    // A session of 33 bytes, and cipher suites of an odd length.
    let fields = |rest: &[u8]| {
        record(22, &[&[1, 0, 0, 34 + u8::try_from(rest.len()).unwrap(), 3, 3][..], &[7; 32], rest].concat())
    };
    misfit(&fields(&[&[33][..], &[1; 33], &[0, 2, 0x13, 1, 1, 0]].concat()));
    misfit(&fields(&[0, 0, 3, 0x13, 1, 0, 1, 0]));
    assert!(read(&fields(&[0, 0, 2, 0x13, 1, 1, 0])).is_ok());
}

#[test]
fn extensions_that_are_unknown_pass_and_none_comes_twice() {
    let grease = |number| extension(number, &[0]);
    let passing = hello_of(&[grease(0x0a0a), named(b"a.example"), extension(0xfe0d, &[0; 100]), grease(0xfafa)]);
    assert_eq!(facts(read(&passing)), (Some("a.example".to_owned()), Vec::new()));
    for number in [0x0000, 0x0010, 0x0a0a, 0xfe0d, 0xffff] {
        let once = match number {
            0 => named(b"a.example"),
            16 => offering(b"\x02h2"),
            _ => grease(number),
        };
        let twice = hello_of(&[once.clone(), extension(43, &[2, 3, 4]), once]);
        assert_eq!(broken(read(&twice)).0, Alert::IllegalParameter);
        assert_eq!(broken(read(&twice)).1, "an extension twice");
    }
}

#[test]
fn a_server_name_is_one_host_name() {
    let name = |name: &[u8]| read(&hello_of(&[named(name)]));
    let long = [b"a".repeat(63), b"b".repeat(63), b"c".repeat(63), b"d".repeat(61)].join(&b'.');
    assert_eq!(long.len(), 253);
    for (sent, known) in [
        (&b"shop.example"[..], "shop.example"),
        (b"SHOP.Example", "shop.example"),
        (b"localhost", "localhost"),
        (b"_a-1.xn--bcher-kva.example", "_a-1.xn--bcher-kva.example"),
        (b"10.0.0.1.example", "10.0.0.1.example"),
        (&long, std::str::from_utf8(&long).unwrap()),
    ] {
        assert_eq!(facts(name(sent)).0.as_deref(), Some(known));
    }
    let (no_host, address) = ("a server name that is no host name", "a server name that is an address");
    let too_long = [&long[..], b"d"].concat();
    for (sent, rule) in [
        (&b"shop.example."[..], "a server name with a dot at its end"),
        (b".", "a server name with a dot at its end"),
        (b".example", no_host),
        (b"shop..example", no_host),
        (b"shop.example\0", no_host),
        (b"shop.example\n", no_host),
        (b"shop example", no_host),
        (b"*.example", no_host),
        (b"shop.example:443", no_host),
        (b"b\xc3\xbccher.example", no_host),
        (b"\xff", no_host),
        (b"::1", no_host),
        (b"[::1]", no_host),
        (&b"a".repeat(64), no_host),
        (&too_long, no_host),
        (b"127.0.0.1", address),
        (b"127.1", address),
        (b"2130706433", address),
    ] {
        let (alert, broken, offset) = broken(name(sent));
        assert_eq!((alert, broken, offset), (Alert::IllegalParameter, rule, 47), "{}", sent.escape_ascii());
    }
}

#[test]
fn a_list_of_server_names_has_one_entry() {
    let host = |name: &[u8]| [&[0], &with_length(name)[..]].concat();
    for data in [
        vec![],
        with_length(&[]),
        with_length(&host(b"")),
        with_length(&[host(b"a.example"), host(b"b.example")].concat()),
        with_length(&[host(b"a.example"), vec![1, 0, 1, b'x']].concat()),
        with_length(&[vec![1, 0, 1, b'x'], host(b"a.example")].concat()),
        [with_length(&host(b"a.example")), vec![0]].concat(),
        host(b"a.example"),
        vec![0],
        vec![0, 5, 0, 0, 9, b'a'],
    ] {
        let (alert, rule, _) = broken(read(&hello_of(&[extension(0, &data)])));
        assert_eq!((alert, rule), (Alert::DecodeError, "a list of server names that is not one host name"), "{data:?}");
    }
}

#[test]
fn protocols_are_bounded_and_grease_is_none() {
    let offered = |list: &[u8]| facts(read(&hello_of(&[offering(list)]))).1;
    assert_eq!(offered(b"\x02\x8a\x8a\x02h2\x08http/1.1\x02\x0a\x0a"), ["h2", "http/1.1"]);
    assert_eq!(offered(b"\x02\x8a\x7a\x03\x0a\x0a\x0a\x01\0"), [r"\x8az", r"\n\n\n", r"\x00"]);
    assert_eq!(offered(&b"\x01a".repeat(32)).len(), 32);
    let outcome = read(&hello_of(&[offering(&b"\x01a".repeat(33))]));
    assert_eq!(outcome, Err(Fault::TooManyProtocols));
    for (data, rule) in [
        (vec![], "a list of protocols whose length does not fit"),
        (vec![0, 0], "a list of protocols whose length does not fit"),
        (vec![0, 3, 3, b'h', b'2'], "a list of protocols whose length does not fit"),
        (vec![0, 3, 2, b'h', b'2', 0], "a list of protocols whose length does not fit"),
        (vec![0, 4, 2, b'h', b'2', 0], "an empty protocol name"),
    ] {
        let (alert, broken, offset) = broken(read(&hello_of(&[extension(16, &data)])));
        assert_eq!((alert, broken, offset), (Alert::DecodeError, rule, 47), "{data:?}");
    }
}

#[test]
fn lengths_alone_exceed_the_limit() {
    let limit = Err(Fault::TooLong);
    // 16 MiB announced, nine bytes sent.
    assert_eq!(read(b"\x16\x03\x01\x40\x00\x01\xff\xff\xff"), limit);
    // The heads of records count: 9 bytes, and what may still come.
    assert!(read(b"\x16\x03\x01\x3f\xfb\x01\x00\x3f\xf7").is_ok());
    assert_eq!(read(b"\x16\x03\x01\x3f\xfc\x01\x00\x3f\xf8"), limit);
    let mut reader = Reader::new(Limits { bytes: 65_536, protocols: 32 });
    assert!(reader.received(b"\x16\x03\x01\x40\x00\x01\x00\xff\xf0").is_ok());
}

#[test]
fn bombs_cost_what_they_weigh() {
    let begun = Instant::now();
    // Records of one byte: six bytes for each byte of the message, up to the limit on the records.
    let message = [&[1, 0, 0x3f, 0][..], &[0; 16_128]].concat();
    let mut reader = Reader::new(LIMITS);
    let fed = in_records_of(1, &message).chunks(1).position(|byte| reader.received(byte).is_err());
    let kept = reader.input.capacity() + reader.records.message.capacity();
    assert!(fed.is_some_and(|fed| fed < 16_384), "{fed:?}");
    assert!(kept < 3 * 16_384, "{kept} bytes are kept");
    // As many extensions as fit, and as many cipher suites.
    let numbers = (0..4000_u16).map(|number| extension(number + 1000, &[])).collect::<Vec<_>>();
    for _ in 0..100 {
        assert_eq!(facts(read(&hello_of(&numbers))), (None, Vec::new()));
    }
    let reader = Reader::new(LIMITS);
    assert_eq!(reader.input.capacity() + reader.records.message.capacity(), 0);
    // A quadratic reading would take minutes.
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn damaged_hellos_are_answered(
        which in 0..5_usize,
        bytes in 1..600_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let message = message([OPENSSL, OPENSSL_NO_NAME, GO, GREASE, GREASE_ECH][which]);
        let mut bytes = in_records_of(bytes, message);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        match read(&bytes) {
            Ok(Parsed::Complete { value, length }) => {
                prop_assert!(length <= bytes.len());
                prop_assert!(value.protocols().count() <= 32);
            }
            Ok(Parsed::More { at_least }) => prop_assert!(at_least > bytes.len()),
            Err(Fault::Malformed { malformed, .. }) => prop_assert!(malformed.offset <= bytes.len()),
            Err(Fault::TooLong | Fault::TooManyProtocols) => {}
        }
    }
}
