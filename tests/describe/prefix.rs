//! PROXY headers: taken from anyone, shown, and no matter if absent.

use crate::session::Session;
use crate::support::Backend;
use crate::support::prefix::{V1, tlv, v2_inet};

/// What is printed of a connection that sends these bytes and a word, of which the backend gets only the latter.
#[track_caller]
fn printed(prefix: &[u8]) -> String {
    let backend = Backend::listen();
    let session = Session::start(&backend, &[]);
    let mut client = session.connect();
    client.sends([prefix, b"\0hello"].concat());
    let mut served = backend.accept();
    served.receives("\0hello");
    client.finishes();
    served.receives_end();
    served.finishes();
    session.note("finished");
    session.ends(&client)
}

/// The sections of the first block.
fn first_block(out: &str) -> &str {
    let block = out.split("============================================================\n").nth(1).unwrap();
    block.strip_prefix("client(CLIENT)->proxy->server(BACKEND)\n\n").unwrap()
}

#[test]
fn version_1() {
    let out = printed(V1);
    let section = r"Proxy Protocol Header =
   b'PROXY TCP4 203.0.113.7 192.0.2.1 40312 443\r\n'
Hexdump (Proxy Protocol Header) =
   50 52 4f 58 59 20 54 43 50 34 20 32 30 33 2e 30
   2e 31 31 33 2e 37 20 31 39 32 2e 30 2e 32 2e 31
   20 34 30 33 31 32 20 34 34 33 0d 0a
----------------------------------------
";
    assert!(first_block(&out).starts_with(section), "{out}");
    assert!(out.contains("00 68 65 6c 6c 6f\n"), "{out}");
}

#[test]
fn version_2_with_a_vector() {
    let out = printed(&v2_inet(&tlv(0x02, b"example.com")));
    let section = r"Proxy Protocol Header =
   Version = 2
   Command = PROXY
   Transport = TCP
   Source = 203.0.113.7:40312
   Destination = 192.0.2.1:443
   TLV authority (02) = b'example.com'
Hexdump (Proxy Protocol Header) =
   0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 1a
   cb 00 71 07 c0 00 02 01 9d 78 01 bb 02 00 0b 65
   78 61 6d 70 6c 65 2e 63 6f 6d
----------------------------------------
";
    assert!(first_block(&out).starts_with(section), "{out}");
}

#[test]
fn none_at_all() {
    let out = printed(b"");
    assert!(!out.contains("Proxy Protocol Header"), "{out}");
    assert!(out.contains("00 68 65 6c 6c 6f\n"), "{out}");
}

#[test]
fn the_beginning_of_one_is_shown_though_nothing_is_relayed() {
    let backend = Backend::listen();
    let session = Session::start(&backend, &[]);
    let client = session.connect();
    let mut sender = crate::support::Peer { stream: client.stream.try_clone().unwrap() };
    sender.sends("PROXY TCP4 203.0");
    client.finishes();
    session.note("truncated");
    let out = session.ends(&client);
    assert!(out.contains("   50 52 4f 58 59 20 54 43 50 34 20 32 30 33 2e 30\n"), "{out}");
    assert!(backend.is_left_alone());
}
