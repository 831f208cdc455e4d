//! The PROXY header: found, believed or refused, and taken off to the byte.

use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use spliceway::log::{Cause, Side};

use crate::support::prefix::{self, tlv, v2, v2_inet};
use crate::support::process::{Process, cpu_time_of_a_second, spliceway_run};
use crate::support::{Backend, Front, Peer};

const REQUIRED: &str = "proxy_protocol = \"required\"\ndetect = \"none\"";

/// Connects, sends the pieces apart, and sees the backend get only what is behind the prefix, and the client that the
/// prefix names in the summary.
#[track_caller]
fn passes(front: &Front, backend: &Backend, pieces: &[&[u8]], rest: &str, client: Option<&str>) {
    let mut peer = front.connect();
    let own = peer.address();
    peer.sends_apart(pieces);
    let mut served = backend.accept();
    served.receives(rest);
    drop(peer);
    served.receives_end();
    drop(served);
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.client, client.map(|client| client.parse::<SocketAddr>().unwrap()));
    assert_eq!(summary.peer, Some(own));
    assert_eq!(summary.to_backend.total(), rest.len() as u64, "the prefix does not count");
}

#[track_caller]
fn fails(listener: &str, bytes: &[u8], cause: Cause, detail: &str) {
    let backend = Backend::listen();
    let front = Front::before(&backend, listener);
    let mut peer = front.connect();
    peer.sends(bytes);
    // It may have been closed already, and with unread bytes that is a reset.
    drop(peer.stream.shutdown(std::net::Shutdown::Write));
    let summary = front.closed(Side::Client, cause);
    assert_eq!(summary.detail.unwrap_or_default(), detail);
    assert_eq!(front.proxy().totals().count(summary.reason), 1);
    assert!(backend.is_left_alone());
}

#[test]
fn a_prefix_may_be_split_anywhere() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    for header in [prefix::V1.to_vec(), v2_inet(b"")] {
        for at in 1..header.len() {
            let (start, end) = header.split_at(at);
            passes(&front, &backend, &[start, end, b"hello"], "hello", Some("203.0.113.7:40312"));
        }
    }
}

#[test]
fn a_prefix_may_come_byte_by_byte_or_with_what_follows_it() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    for header in [prefix::V1.to_vec(), v2_inet(&tlv(0x04, &[0; 300]))] {
        let whole = [&header, &b"hello"[..]].concat();
        passes(&front, &backend, &[&whole], "hello", Some("203.0.113.7:40312"));
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        passes(&front, &backend, &bytes, "hello", Some("203.0.113.7:40312"));
        let (start, end) = whole.split_at(header.len() - 1);
        passes(&front, &backend, &[start, end], "hello", Some("203.0.113.7:40312"));
    }
}

#[test]
fn a_second_prefix_is_payload() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    let rest = "PROXY TCP4 203.0.113.7 192.0.2.1 40312 443\r\n";
    passes(&front, &backend, &[prefix::V1, prefix::V1], rest, Some("203.0.113.7:40312"));
}

#[test]
fn every_kind_of_address_is_understood() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    let mut addresses = [0; 36];
    addresses[15] = 1; // ::1
    addresses[32..34].copy_from_slice(&40312_u16.to_be_bytes());
    let v6 = v2(prefix::PROXY, prefix::TCP6, &addresses);
    passes(&front, &backend, &[&v6, b"x"], "x", Some("[::1]:40312"));
    let v6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 40312 443\r\n";
    passes(&front, &backend, &[v6, b"x"], "x", Some("[2001:db8::7]:40312"));
    // From a sender with a dual-stack socket.
    let v6 = b"PROXY TCP6 ::ffff:cb00:7107 ::ffff:c000:201 40312 443\r\n";
    passes(&front, &backend, &[v6, b"x"], "x", Some("203.0.113.7:40312"));
    let unix = v2(prefix::PROXY, prefix::UNIX, &[b'a'; 216]);
    passes(&front, &backend, &[&unix, b"x"], "x", None);
    let tlvs = [tlv(0x02, b"api.example"), tlv(0x05, b"id"), tlv(0xea, b"\x01vpce-1")].concat();
    passes(&front, &backend, &[&v2_inet(&tlvs), b"x"], "x", Some("203.0.113.7:40312"));
}

#[test]
fn without_addresses_the_peer_is_the_client() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    let inet = [203, 0, 113, 7, 192, 0, 2, 1, 0x9d, 0x78, 0x01, 0xbb];
    for (header, version) in [
        (b"PROXY UNKNOWN\r\n".to_vec(), "v1"),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), "v1"),
        (v2(prefix::LOCAL, prefix::UNSPEC, b""), "v2"),
        (v2(prefix::LOCAL, prefix::TCP4, &inet), "v2"),
        (v2(prefix::PROXY, prefix::UNSPEC, b""), "v2"),
    ] {
        let mut peer = front.connect();
        let own = peer.address();
        peer.sends([&header, &b"hello"[..]].concat());
        let mut served = backend.accept();
        served.receives("hello");
        drop((peer, served));
        let summary = front.summary();
        assert_eq!((summary.client, summary.proxy_protocol), (Some(own), version));
    }
}

#[test]
fn a_required_prefix_that_is_missing_closes() {
    let detail = "the first bytes are no PROXY header, and the listener requires one";
    fails(REQUIRED, b"GET / HTTP/1.1\r\n\r\n", Cause::ProxyMissing, detail);
    fails(REQUIRED, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Cause::ProxyMissing, detail);
    fails(REQUIRED, b"\r\n\r\n\0\r\nQUIX", Cause::ProxyMissing, detail);
}

#[test]
fn an_optional_prefix_is_believed_from_trusted_peers_only() {
    let trusted = "proxy_protocol = \"optional\"\ndetect = \"none\"\ntrusted = [\"10.0.0.0/8\", \"127.0.0.0/8\"]";
    let backend = Backend::listen();
    let front = Front::before(&backend, trusted);
    passes(&front, &backend, &[prefix::V1, b"hello"], "hello", Some("203.0.113.7:40312"));
    let mut peer = front.connect();
    let own = peer.address();
    peer.sends("PROXI, but not quite");
    backend.accept().receives("PROXI, but not quite");
    drop(peer);
    assert_eq!(front.summary().client, Some(own));

    let untrusted = "proxy_protocol = \"optional\"\ndetect = \"none\"\ntrusted = [\"10.0.0.0/8\"]";
    fails(untrusted, prefix::V1, Cause::ProxyUntrusted, "the peer is in none of the trusted networks");
    let untrusted = "proxy_protocol = \"required\"\ndetect = \"none\"\ntrusted = [\"10.0.0.0/8\"]";
    fails(untrusted, &v2_inet(b""), Cause::ProxyUntrusted, "the peer is in none of the trusted networks");
}

#[test]
fn without_the_policy_a_prefix_is_payload() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "detect = \"none\"");
    let mut peer = front.connect();
    peer.sends(prefix::V1);
    backend.accept().receives(prefix::V1);
}

#[test]
fn malformed_prefixes_close() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
    let inet = [203, 0, 113, 7, 192, 0, 2, 1, 0x9d, 0x78, 0x01, 0xbb];
    let cases: [Vec<u8>; 8] = [
        b"PROXY TCP4 203.0.113.7 192.0.2.1 40312\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.7 192.0.2.1 40312 65536\r\n".to_vec(),
        b"PROXY TCP5 203.0.113.7 192.0.2.1 1 2\r\n".to_vec(),
        long,
        v2(0x11, prefix::TCP4, &inet),
        v2(0x2f, prefix::TCP4, &inet),
        v2(prefix::PROXY, prefix::TCP4, &inet[..11]),
        v2_inet(&[0x04, 0xff]),
    ];
    let count = cases.len();
    for case in cases {
        let mut peer = front.connect();
        peer.sends(&case);
        let summary = front.closed(Side::Client, Cause::ProxyMalformed);
        assert!(summary.detail.is_some_and(|detail| detail.contains("PROXY protocol section 2")));
        // Unread input makes a reset of the end, which is all right here.
        drop(peer);
    }
    // The length alone is enough to refuse a payload that is too long; nothing is waited for.
    let mut peer = front.connect();
    peer.sends([&prefix::SIGNATURE[..], &[prefix::PROXY, prefix::TCP4, 0xff, 0xff]].concat());
    let reason = front.closed(Side::Client, Cause::ProxyMalformed).reason;
    assert_eq!(front.proxy().totals().count(reason), count as u64 + 1);
    assert!(backend.is_left_alone());
}

#[test]
fn probes_of_load_balancers_are_counted_and_no_more() {
    let backend = Backend::listen();
    // Behind detect = "none" a check may get as far as the backend before it leaves.
    let listener = backend.listener().try_clone().unwrap();
    std::thread::spawn(move || {
        listener.incoming().map_while(Result::ok).for_each(|mut served| drop(served.read(&mut [0])));
    });
    let local = v2(prefix::LOCAL, prefix::UNSPEC, b"");
    for detect in ["auto", "none"] {
        let front = Front::before(&backend, &format!("proxy_protocol = \"required\"\ndetect = \"{detect}\""));
        // An end or a reset, without a byte or behind the header of a connection of the balancer's own.
        front.connect().finishes();
        front.probed(1);
        front.connect().resets();
        front.probed(2);
        for resets in [false, true] {
            let mut peer = front.connect();
            peer.sends(&local);
            if resets {
                peer.resets()
            } else {
                drop(peer)
            }
            front.probed(if resets { 4 } else { 3 });
        }
        // The first line is of the first connection that was none.
        let mut peer = front.connect();
        peer.sends(b"GET / HTTP/1.1\r\n\r\n");
        front.closed(Side::Client, Cause::ProxyMissing);
    }
}

#[test]
fn a_probe_that_says_something_is_a_connection() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    let mut peer = front.connect();
    peer.sends([&v2(prefix::LOCAL, prefix::UNSPEC, b"")[..], b"PING"].concat());
    let mut served = backend.accept();
    served.receives("PING");
    peer.finishes();
    served.receives_end();
    drop((peer, served));
    front.closed(Side::Client, Cause::Finished);
    // A check that waits for the server's greeting, says nothing and leaves.
    let mut peer = front.connect();
    peer.sends(v2(prefix::LOCAL, prefix::UNSPEC, b""));
    let mut served = backend.accept();
    served.sends("220 ready");
    peer.receives("220 ready");
    peer.finishes();
    served.receives_end();
    drop((served, peer));
    front.probed(1);
}

#[test]
fn the_end_within_a_prefix_is_a_truncation() {
    fails(REQUIRED, b"PROXY TCP4 203.0.1", Cause::Truncated, "the end within a PROXY header");
    fails(REQUIRED, &v2_inet(b"")[..20], Cause::Truncated, "the end within a PROXY header");
}

#[test]
fn a_slow_prefix_meets_its_deadline() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    let begun = Instant::now();
    let mut slow = front.connect();
    let mut silent = front.connect();
    slow.sends(b"PROXY TCP4 203");
    // The others go on meanwhile.
    passes_meanwhile(&front, &backend);
    for _ in 0..2 {
        front.closed(Side::Client, Cause::ProxyTimeout);
    }
    let waited = begun.elapsed();
    assert!((Duration::from_millis(4900)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
    silent.receives_end();
}

#[track_caller]
fn passes_meanwhile(front: &Front, backend: &Backend) {
    passes(front, backend, &[prefix::V1, b"hello"], "hello", Some("203.0.113.7:40312"));
}

#[test]
fn a_single_byte_behind_a_split_prefix_passes_at_once() {
    let backend = Backend::listen();
    let front = Front::before(&backend, REQUIRED);
    let header = v2_inet(&tlv(0x04, &[0; 1000]));
    let mut peer = front.connect();
    peer.sends_apart(header.chunks(100));
    let mut served = backend.accept();
    // With the low-water mark still up, a byte would wait for more.
    for byte in [b"a", b"b", b"c"] {
        peer.sends(byte);
        served.receives(byte);
        served.sends(byte);
        peer.receives(byte);
    }
}

#[test]
fn waiting_for_the_rest_of_a_prefix_takes_no_cpu_time() {
    let backend = Backend::listen();
    let mut command = spliceway_run();
    command.args(["--shards", "1", "--proxy-protocol", "required", "--backend", &backend.address()]);
    let process = Process::start(command);
    let address = process.address();
    let mut peers: Vec<Peer> = (0..20).map(|_| Peer::connect(address)).collect();
    for (peer, header) in peers.iter_mut().zip([prefix::V1, &v2_inet(b"")].iter().cycle()) {
        peer.sends(&header[..14]);
    }
    let used = cpu_time_of_a_second(process.id());
    assert!(used < Duration::from_millis(100), "{used:?}");
}
