//! The PROXY header that a backend gets: whom it names, and that it stands before every other byte.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::time::SystemTime;

use spliceway::log::{Cause, Side, Summary};
use spliceway::tap::event::Direction;
use spliceway::tap::queue::Label;
use spliceway::tap::reader::Observer;

use crate::support::h2::{self, frame};
use crate::support::peer::refusing;
use crate::support::prefix::{self, tlv, v2, v2_inet};
use crate::support::{Backend, DEADLINE, Front, Peer, config};

const TRUSTED: &str = "proxy_protocol = \"optional\"\ntrusted = [\"127.0.0.0/8\"]";
const ADDRESSES: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0x9d, 0x78, 0x01, 0xbb];

/// A proxy whose backends get a header, and whose listener has these keys.
fn sending(send_proxy: &str, backend: &Backend, listener: &str) -> Front {
    Front::start(&(config(listener, &[backend]) + &format!("send_proxy = \"{send_proxy}\"\n")))
}

/// What a backend gets, `expected` bytes, when a client sends `sent`, has its answer, and leaves.
#[track_caller]
fn delivered(front: &Front, backend: &Backend, sent: &[u8], expected: usize) -> (Vec<u8>, Summary) {
    let mut client = front.connect();
    client.sends(sent);
    let mut served = backend.accept();
    let received = served.receive(expected);
    // To a client of HTTP an end without a byte would be told in words.
    if received.ends_with(b"\r\n\r\n") {
        served.sends(b"HTTP/1.1 204 No Content\r\n\r\n");
    }
    client.finishes();
    served.receives_end();
    drop((client, served));
    (received, front.closed(Side::Client, Cause::Finished))
}

/// The header of version 2 for a client that connected to the proxy itself.
fn introduction(client: &Peer, front: &Front, unique_id: &str) -> Vec<u8> {
    let (from, to) = (client.address().port().to_be_bytes(), front.address().port().to_be_bytes());
    v2(
        prefix::PROXY,
        prefix::TCP4,
        &[&[127, 0, 0, 1, 127, 0, 0, 1][..], &from, &to, &tlv(0x05, unique_id.as_bytes())].concat(),
    )
}

/// Bytes of an id: 16 digits, and the connection's name in the log.
fn unique_id_bytes(number: usize) -> usize {
    16 + format!("-0-{number}").len()
}

#[test]
fn every_protocol_begins_with_the_header() {
    let backend = Backend::listen();
    let hello = include_bytes!("../golden/client_hello/openssl.bin");
    let payloads: [&[u8]; 3] = [b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", hello, b"\0\x01\x02 something else"];
    for detect in ["auto", "none"] {
        let front = sending("v1", &backend, &format!("{TRUSTED}\ndetect = \"{detect}\""));
        for payload in payloads {
            let expected = [prefix::V1, payload].concat();
            let (received, summary) = delivered(&front, &backend, &expected, expected.len());
            assert_eq!(received.escape_ascii().to_string(), expected.escape_ascii().to_string());
            assert_eq!(summary.to_backend.total(), payload.len() as u64, "the header does not count");
            assert_eq!(summary.unique_id, None);
        }
    }
}

#[test]
fn the_header_and_the_opening_are_one_write() {
    let backend = Backend::listen();
    let front = sending("v1", &backend, TRUSTED);
    for payload in [&h2::eager_call(&[])[..], b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"\0 something else"] {
        let sent = [prefix::V1, payload].concat();
        let mut client = front.connect();
        client.sends(&sent);
        let mut received = vec![0; sent.len() + 1];
        let read = backend.accept().stream.read(&mut received).unwrap();
        assert_eq!(received[..read].escape_ascii().to_string(), sent.escape_ascii().to_string());
    }
}

#[test]
fn a_client_that_waits_for_the_server_is_introduced_at_once() {
    let backend = Backend::listen();
    let front = sending("v2", &backend, "detect = \"none\"");
    let mut client = front.connect();
    let mut served = backend.accept();
    let received = served.receive(16 + 12 + 3 + unique_id_bytes(1));
    served.sends("220 ready\r\n");
    client.receives("220 ready\r\n");
    let address = introduction(&client, &front, "");
    drop((client, served));
    let summary = front.closed(Side::Client, Cause::Finished);
    let unique_id = summary.unique_id.unwrap();
    assert!(unique_id.ends_with("-0-1"), "{unique_id}");
    assert!(unique_id[..16].bytes().all(|digit| digit.is_ascii_hexdigit()), "{unique_id}");
    assert_eq!(received[16..28], address[16..28]);
    assert_eq!(received[28..], tlv(0x05, unique_id.as_bytes()));
    assert_eq!((summary.to_backend.total(), summary.to_client.total()), (0, 11));
}

#[test]
fn ids_of_connections_differ_and_those_that_come_in_stay() {
    let backend = Backend::listen();
    let front = sending("v2", &backend, &format!("{TRUSTED}\ndetect = \"none\""));
    let mut ids = Vec::new();
    for number in 1..=3 {
        let length = 16 + 12 + 3 + unique_id_bytes(number) + 1;
        let (received, summary) = delivered(&front, &backend, &[prefix::V1, b"x"].concat(), length);
        let unique_id = summary.unique_id.unwrap();
        assert_eq!(received, [v2_inet(&tlv(0x05, unique_id.as_bytes())), b"x".to_vec()].concat());
        ids.push(unique_id);
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    let header = v2_inet(&[tlv(0x05, b"theirs"), tlv(0x02, b"a.example")].concat());
    let (received, summary) = delivered(&front, &backend, &[&header[..], b"x"].concat(), header.len() + 1);
    assert_eq!(received, [&header[..], b"x"].concat());
    assert_eq!(summary.unique_id.as_deref(), Some("theirs"));
    let told: Vec<_> = summary.tlvs.iter().collect();
    assert_eq!(told, [("unique_id", "theirs"), ("authority", "a.example")]);
}

#[test]
fn what_came_in_is_relayed() {
    let backend = Backend::listen();
    let front = sending("relay", &backend, &format!("{TRUSTED}\ndetect = \"none\""));
    let ssl = tlv(0x20, &[&b"\x03\0\0\0\0"[..], &tlv(0x21, b"TLSv1.3"), &tlv(0x22, b"alice")].concat());
    for header in [
        prefix::V1.to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        v2_inet(&[tlv(0x41, b"new"), ssl.clone(), tlv(0x04, b"\0")].concat()),
        v2(prefix::PROXY, prefix::UNSPEC, b""),
        v2(prefix::PROXY, prefix::UNIX, &[b'a'; 216]),
        v2(prefix::LOCAL, prefix::UNSPEC, b""),
    ] {
        let sent = [&header[..], b"x"].concat();
        let (received, _) = delivered(&front, &backend, &sent, sent.len());
        assert_eq!(received.escape_ascii().to_string(), sent.escape_ascii().to_string());
    }
    // The namespace goes, and with the bytes the checksum.
    let sent = v2_inet(&[tlv(0x30, b"blue"), ssl.clone()].concat());
    let expected = v2_inet(&ssl);
    assert_eq!(
        delivered(&front, &backend, &[&sent[..], b"x"].concat(), expected.len() + 1).0[..expected.len()],
        expected
    );
    let sent = v2(prefix::LOCAL, prefix::TCP4, &ADDRESSES);
    let expected = v2(prefix::LOCAL, prefix::UNSPEC, b"");
    assert_eq!(
        delivered(&front, &backend, &[&sent[..], b"x"].concat(), expected.len() + 1).0[..expected.len()],
        expected
    );
}

#[test]
fn the_tls_of_strangers_is_not_vouched_for() {
    let backend = Backend::listen();
    let front = sending("relay", &backend, "proxy_protocol = \"required\"\ndetect = \"none\"");
    let sent = [v2_inet(&[tlv(0x20, b"\x07\0\0\0\0"), tlv(0x01, b"h2")].concat()), b"x".to_vec()].concat();
    let expected = [v2_inet(&tlv(0x01, b"h2")), b"x".to_vec()].concat();
    assert_eq!(delivered(&front, &backend, &sent, expected.len()).0, expected);
}

#[test]
fn clients_of_a_unix_socket_have_no_address() {
    let backend = Backend::listen();
    let path = std::env::temp_dir().join(format!(
        "spliceway-introduce-{}-{:?}.sock",
        std::process::id(),
        crate::support::ENGINE
    ));
    for (send_proxy, expected) in [("v1", &b"PROXY UNKNOWN\r\n"[..]), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")] {
        let bind = format!("bind = \"unix:{}\"", path.display());
        let front = config("detect = \"none\"", &[&backend]).replace("bind = \"127.0.0.1:0\"", &bind);
        let front = Front::start(&(front + &format!("send_proxy = \"{send_proxy}\"\n")));
        let client = UnixStream::connect(&path).unwrap();
        let mut served = backend.accept();
        served.receives(expected);
        drop(client);
        served.receives_end();
        drop(served);
        front.closed(Side::Client, Cause::Finished);
    }
}

#[test]
fn the_backend_that_answers_gets_the_header() {
    let (_bound, dead) = refusing();
    let backend = Backend::listen();
    let text = config(&format!("{TRUSTED}\ndetect = \"none\""), &[&backend]);
    let backends = format!("backends = [\"{dead}\", ");
    let front = Front::start(&(text.replace("backends = [", &backends) + "send_proxy = \"v1\"\n"));
    for _ in 0..2 {
        let sent = [prefix::V1, b"x"].concat();
        assert_eq!(delivered(&front, &backend, &sent, sent.len()).0, sent);
    }
}

#[test]
fn a_bridge_stands_behind_the_header() {
    let backend = Backend::listen();
    let front = sending("v1", &backend, TRUSTED);
    let mut client = front.connect();
    client.sends([prefix::V1, &h2::greeting()].concat());
    client.receives(h2::OWN_SETTINGS);
    client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
    let mut served = backend.accept();
    served.receives([prefix::V1, &h2::greeting(), &h2::call(1, &[])].concat());
    served.sends(h2::settings(&[(3, 250)]));
    client.receives(h2::settings(&[(3, 250)]));
    client.sends([h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"abc")].concat());
    served.receives([h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"abc")].concat());
}

#[test]
fn a_backend_that_takes_the_header_and_leaves_has_not_answered() {
    let backend = Backend::listen();
    let front = sending("v2", &backend, "");
    let mut client = front.connect();
    client.sends(h2::eager_call(&[]));
    let mut served = backend.accept();
    served.receive(16 + 12 + 3 + unique_id_bytes(1) + h2::eager_call(&[]).len());
    drop(served);
    let answer = client.receives_answer(false, false);
    assert_eq!(h2::value(&answer, "grpc-status"), "14");
    drop(client);
    let summary = front.closed(Side::Backend, Cause::Truncated);
    assert_eq!(summary.to_backend.total(), h2::eager_call(&[]).len() as u64);
}

#[test]
fn a_long_opening_is_whole_behind_the_header() {
    let backend = Backend::listen();
    let front = sending("v1", &backend, TRUSTED);
    let mut client = front.connect();
    let fields: Vec<(String, String)> = (0..200).map(|number| (format!("x-{number}"), "v".repeat(120))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let sent = [prefix::V1, &long_call(&fields)].concat();
    client.sends(&sent);
    backend.accept().receives(&sent);
}

/// A request whose block takes a HEADERS and a CONTINUATION frame.
fn long_call(fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", "POST"), (":scheme", "http"), (":path", "/a/b"), (":authority", "a.example")];
    let block = h2::block(&[&pseudo[..], fields].concat());
    let (first, rest) = block.split_at(16_000);
    [h2::greeting(), frame(h2::HEADERS, 0, 1, first), frame(9, h2::END_HEADERS, 1, rest)].concat()
}

#[test]
fn a_sample_shows_what_the_client_sent() {
    let backend = Backend::listen();
    let (seen, bytes) = channel();
    let text = config(&format!("{TRUSTED}\ndetect = \"none\"\nsample = \"1/1\""), &[&backend]);
    let front = Front::observed(&(text + "send_proxy = \"v2\"\n"), Some(Box::new(Seen(seen))));
    let sent = [prefix::V1, b"hello"].concat();
    delivered(&front, &backend, &sent, 16 + 12 + 3 + unique_id_bytes(1) + 5);
    let mut sampled = Vec::new();
    while sampled.len() < sent.len() {
        sampled.extend(bytes.recv_timeout(DEADLINE).unwrap());
    }
    assert_eq!(sampled, sent);
}

/// Passes on what clients sent.
struct Seen(Sender<Vec<u8>>);

impl Observer for Seen {
    fn begin(&mut self, _: &Label) {}

    fn bytes(&mut self, _: &Label, direction: Direction, _: SystemTime, bytes: &[u8]) {
        if direction == Direction::ToBackend {
            drop(self.0.send(bytes.to_vec()));
        }
    }

    fn lost(&mut self, _: &Label) {}

    fn end(&mut self, _: &Label, _: Option<&Summary>) {}

    fn is_open(&self) -> bool {
        true
    }
}

#[test]
fn vectors_route_by_the_names_that_the_log_has() {
    let backend = Backend::listen();
    let listener = format!("{TRUSTED}\ndetect = \"none\"");
    let routes = [("tlv.ssl_cn=alice tlv.ssl_verify=0", "alice"), ("tlv.ssl=yes tlv.authority^=b", "b")];
    let routes: String = routes
        .iter()
        .map(|(matches, pool)| {
            let pool = format!(
                "[[pool]]\nname = \"{pool}\"\nbackends = [\"{}\"]\n[[route]]\npool = \"{pool}\"\n",
                backend.address()
            );
            format!("{pool}match = \"{matches}\"\n")
        })
        .collect();
    let front = Front::start(&(config(&listener, &[&backend]) + &routes));
    let ssl = |client: u8, name: &[u8]| tlv(0x20, &[&[client, 0, 0, 0, 0][..], &tlv(0x22, name)].concat());
    for (tlvs, pool) in [
        (ssl(3, b"alice"), "alice"),
        // Without a certificate a zero says nothing.
        (ssl(1, b"alice"), "main"),
        ([ssl(1, b""), tlv(0x02, b"b.example")].concat(), "b"),
        (tlv(0x22, b"alice"), "main"),
    ] {
        let (_, summary) = delivered(&front, &backend, &[&v2_inet(&tlvs)[..], b"x"].concat(), 1);
        assert_eq!(summary.pool.as_deref(), Some(pool));
    }
}
