//! Both directions of a watched connection, whole, byte by byte and cut in two at every position.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::bridge::block;
use crate::limits::{Limit, Limits};
use crate::route::{Match, PoolId, Rule, Table};

/// A watched connection and what its peers have got.
struct Scene {
    watch: Watch,
    request: RequestHead,
    to_backend: Vec<u8>,
    to_client: Vec<u8>,
    /// The paths of the requests, with an exclamation mark behind those that belong elsewhere.
    seen: Vec<String>,
    /// The refusal is said: the connection is over.
    is_over: bool,
}

impl Scene {
    /// A connection of `x-ns=a` whose first request was on stream 1 and has left `x-ns: a` in the table.
    fn new(refuses: bool) -> Scene {
        Scene::within(&Limits::DEFAULT, refuses, &["x-ns=a", "x-ns=b"])
    }

    /// The same with these limits and these rules, each to a pool of its own.
    fn within(limits: &Limits, refuses: bool, rules: &[&str]) -> Scene {
        let rule = |(index, text): (usize, &str)| Rule {
            listener: None,
            matcher: Match::parse(text).unwrap(),
            text: text.to_owned(),
            pool: PoolId(index),
        };
        let judge = Judge {
            routes: Arc::new(Table::new(rules.iter().copied().enumerate().map(rule).collect())),
            listener: "l".into(),
            source: None,
            destination: None,
            tlvs: Vec::new(),
            default_pool: None,
            pool: PoolId(0),
            route: "x-ns=a".to_owned(),
        };
        let mut decoder = block::decoder(limits);
        decoder.decode(b"\x40\x04x-ns\x01a", |_| {}).unwrap();
        let sequel = Sequel {
            decoder,
            stream: 1,
            behind: 0,
            continuation_frames: limits.count(Limit::ContinuationFrames),
            block_bytes: limits.count(Limit::HeaderBlockBytes),
        };
        let watch = Watch::new(judge, sequel, refuses);
        Scene {
            watch,
            request: RequestHead::default(),
            to_backend: Vec::new(),
            to_client: Vec::new(),
            seen: Vec::new(),
            is_over: false,
        }
    }

    fn client(&mut self, bytes: &[u8]) {
        let Scene { watch, request, seen, .. } = self;
        let forward = watch.from_client(bytes, request, |request, mismatch| {
            let path = String::from_utf8_lossy(request.value(b":path").unwrap_or_default()).into_owned();
            seen.push(if mismatch.is_some() { path + "!" } else { path });
        });
        self.to_backend.extend(forward.held);
        self.to_backend.extend(forward.bytes);
        self.speak();
    }

    fn backend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_over {
            let (part, rest) = bytes.split_at(self.watch.from_backend(bytes));
            self.to_client.extend(part);
            self.speak();
            bytes = rest;
        }
    }

    fn speak(&mut self) {
        if let Some(words) = self.watch.speak().filter(|_| !self.is_over) {
            self.to_client.extend(words);
            self.is_over = self.watch.is_refusing();
        }
    }

    fn assert_seen(&self, paths: &[&str], complete: bool) {
        assert_eq!(self.seen, paths);
        let misrouted = paths.iter().filter(|path| path.ends_with('!')).count() as u64;
        let expected = RequestsSeen { requests: 1 + paths.len() as u64, misrouted, complete };
        assert_eq!(self.watch.seen(), expected);
    }
}

/// All ways to cut bytes into parts that are tried.
fn every_way(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let in_two = (0..=bytes.len()).map(|cut| {
        let (first, second) = bytes.split_at(cut);
        vec![first, second]
    });
    in_two.chain([bytes.chunks(1).collect()]).collect()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `:path: /p`, a literal without indexing.
fn path(last: &str) -> Vec<u8> {
    [b"\x04\x02/", last.as_bytes()].concat()
}

fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        entries.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(4, 0, 0, &payload)
}

const EVERY_STREAM: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Requests and trailers in every form of a header block, which refer to entries of the blocks before them.
fn conversation() -> Vec<u8> {
    let padded = [&b"\x03"[..], &path("b"), b"\xbe\0\0\0"].concat();
    let weighted = [&b"\0\0\0\x01\x0f"[..], &path("c"), b"\x40\x04x-ns\x01b"].concat();
    [
        frame(0, 1, 1, b"payload"),
        frame(1, 4, 3, &[&path("a")[..], b"\xbe"].concat()),
        frame(1, 4 | 8, 5, &padded),
        frame(8, 0, 0, &[0, 0, 0, 1]),
        frame(1, 4 | 0x20, 7, &weighted),
        // Trailers of stream 5 take the newest place in the table, also those with no bytes.
        frame(1, 4 | 1, 5, b"\x40\x01t\x01u"),
        frame(1, 4 | 1, 3, b""),
        // In three frames, one of them empty, and one that ends inside a string.
        [frame(1, 1, 9, &path("d")[..2]), frame(9, 0, 9, b""), frame(9, 4, 9, &[&path("d")[2..], b"\xbf"].concat())]
            .concat(),
        frame(0, 0, 9, &[0; 300]),
        frame(1, 4, 11, &[&path("e")[..], b"\xc0"].concat()),
        // The table is emptied, and what was an index is none any more.
        frame(1, 4, 13, &[&b"\x20\x3f\xe1\x1f"[..], &path("f"), b"\x00\x04x-ns\x01a"].concat()),
        frame(1, 4, 15, &path("g")),
        frame(3, 0, 15, &[0, 0, 0, 8]),
    ]
    .concat()
}

#[test]
fn every_request_is_seen_however_it_is_cut() {
    let bytes = conversation();
    for parts in every_way(&bytes) {
        for refuses in [false, true] {
            let mut scene = Scene::new(false);
            scene.watch.refuses = refuses;
            if refuses {
                // Nothing of it belongs elsewhere, so it is all held back at times and all passed on.
                scene.watch.judge.pool = PoolId(1);
                scene.watch.judge.default_pool = Some(PoolId(1));
                scene.watch.judge.routes = Arc::new(Table::new(Vec::new()));
            }
            parts.iter().for_each(|part| scene.client(part));
            assert!(scene.to_backend == bytes);
            let expected: &[&str] = match refuses {
                false => &["/a", "/b", "/c!", "/d!", "/e", "/f", "/g!"],
                true => &["/a", "/b", "/c", "/d", "/e", "/f", "/g"],
            };
            scene.assert_seen(expected, true);
            assert!(scene.watch.held.is_empty());
        }
    }
}

#[test]
fn a_larger_table_is_followed_up_to_the_cap() {
    // 8,192 bytes and 65,536 bytes are allowed, 65,537 never.
    let update = |size: &[u8]| frame(1, 4, 3, &[size, &path("a"), b"\x00\x04x-ns\x01a"].concat());
    let (small, most, too_much) = (update(b"\x3f\xe1\x3f"), update(b"\x3f\xe1\xff\x03"), update(b"\x3f\xe2\xff\x03"));
    for (announced, size, complete) in [
        (4_096, &small, false),
        (8_191, &small, false),
        (8_192, &small, true),
        (u32::MAX, &most, true),
        (u32::MAX, &too_much, false),
    ] {
        let said = [settings(&[(3, 1), (1, announced), (4, 2)]), settings(&[(1, 0)])].concat();
        for parts in every_way(&said) {
            let mut scene = Scene::new(false);
            parts.iter().for_each(|part| scene.backend(part));
            scene.client(size);
            assert!(&scene.to_backend == size && scene.to_client == said);
            scene.assert_seen(if complete { &["/a"] } else { &[] }, complete);
        }
    }
}

/// Blocks that cannot be followed, on stream 3.
fn broken_blocks() -> Vec<Vec<u8>> {
    let long = vec![0; 65_537];
    vec![
        frame(1, 4, 3, b"\xff\xff\xff\xff\xff\x0f"),
        frame(1, 4 | 8, 3, b"\x09block"),
        frame(1, 4 | 8, 3, b""),
        [frame(1, 0, 3, &path("a")), frame(0, 0, 3, b"")].concat(),
        [frame(1, 0, 3, &path("a")), frame(9, 4, 5, b"")].concat(),
        frame(9, 4, 3, b""),
        [frame(1, 0, 3, &path("a")), frame(9, 0, 3, b"").repeat(9)].concat(),
        frame(1, 4, 3, &long),
        [frame(1, 0, 3, &long[..40_000]), frame(9, 0, 3, &long[..40_000])].concat(),
        frame(1, 4, 3, &b"\x82".repeat(257)),
    ]
}

fn cuts(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    (0..=bytes.len()).step_by(if bytes.len() > 1_000 { 9_001 } else { 1 }).map(|cut| bytes.split_at(cut))
}

#[test]
fn what_cannot_be_followed_passes_unseen_if_nothing_is_refused() {
    let behind = [frame(1, 4, 5, &path("b")), frame(0, 0, 5, b"x")].concat();
    for broken in broken_blocks() {
        let bytes = [&broken[..], &behind].concat();
        for (first, second) in cuts(&bytes) {
            let mut scene = Scene::new(false);
            scene.client(first);
            scene.client(second);
            assert!(scene.to_backend == bytes, "{}", first.len());
            scene.assert_seen(&[], false);
            assert!(scene.watch.held.is_empty());
        }
    }
}

/// A backend may read more than we do, and so a request that belongs elsewhere.
#[test]
fn what_cannot_be_followed_is_refused_where_requests_are() {
    let (before, behind) = (frame(0, 0, 1, b"x"), frame(1, 4, 5, &path("b")));
    let refusal = [frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]), frame(3, 0, 3, &[0, 0, 0, 7])].concat();
    let trailers = (frame(1, 4 | 1, 1, b"\xff\xff\xff\xff\xff\x0f"), frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    for (broken, words) in broken_blocks().into_iter().map(|block| (block, refusal.clone())).chain([trailers]) {
        let bytes = [&before[..], &broken, &behind].concat();
        for (first, second) in cuts(&bytes) {
            let mut scene = Scene::new(true);
            scene.backend(&settings(&[]));
            scene.client(first);
            scene.client(second);
            assert!(scene.to_backend == before, "{}", first.len());
            assert!(scene.to_client == [&settings(&[]), &words[..]].concat(), "{}", first.len());
            scene.assert_seen(&[], false);
        }
    }
}

/// Blocks have the limits of a first request: what is configured, not what is usual.
#[test]
fn blocks_have_the_limits_that_are_configured() {
    let mut limits = Limits::DEFAULT;
    limits.set(Limit::ContinuationFrames, 20);
    limits.set(Limit::HeaderBlockBytes, 100_000);
    limits.set(Limit::HeaderListBytes, 200_000);
    let cookie = [&b"\x00\x01c\x7f\xe1\xf1\x04"[..], &[b'x'; 80_224], &path("a"), b"\xbe"].concat();
    let first = frame(1, 0, 3, &cookie[..1]);
    let rest: Vec<u8> = cookie[1..].chunks(5_000).flat_map(|part| frame(9, 0, 3, part)).collect();
    let bytes = [&first[..], &rest, &frame(9, 4, 3, b"")].concat();
    let mut scene = Scene::within(&limits, true, &["x-ns=a", "x-ns=b"]);
    scene.client(&bytes);
    assert!(scene.to_backend == bytes);
    scene.assert_seen(&["/a"], true);
    let mut scene = Scene::new(true);
    scene.client(&bytes);
    assert!(scene.to_backend.is_empty() && scene.watch.is_refusing());
    scene.assert_seen(&[], false);
}

/// RFC 9113 section 8.3.1: as in a first request.
#[test]
fn a_later_request_without_an_authority_means_its_host() {
    let rules = [":authority=a.example", ":authority=b.example"];
    let host = |stream, host: &[u8]| frame(1, 4, stream, &[&path("p")[..], b"\x0f\x17\x09", host].concat());
    let mut scene = Scene::within(&Limits::DEFAULT, true, &rules);
    scene.backend(&settings(&[]));
    scene.client(&host(3, b"a.example"));
    scene.assert_seen(&["/p"], true);
    scene.client(&host(5, b"b.example"));
    scene.assert_seen(&["/p", "/p!"], true);
    assert!(scene.to_backend == host(3, b"a.example"));
}

#[test]
fn nothing_of_a_refused_request_goes_to_the_backend() {
    let good = [frame(1, 4, 3, &[&path("a")[..], b"\xbe"].concat()), frame(0, 1, 3, b"good")].concat();
    let bad = [frame(1, 0, 7, &path("b")), frame(9, 4, 7, b"\x00\x04x-ns\x01b")].concat();
    let behind = [frame(0, 1, 7, b"bad"), frame(1, 4, 9, &path("c"))].concat();
    let bytes = [&good[..], &bad, &behind].concat();
    let refusal = [frame(7, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]), frame(3, 0, 7, &[0, 0, 0, 7])].concat();
    for parts in every_way(&bytes) {
        let mut scene = Scene::new(true);
        scene.backend(&settings(&[]));
        for part in &parts {
            assert!(scene.to_backend.len() <= good.len());
            let was_refusing = scene.watch.is_refusing();
            scene.client(part);
            if !was_refusing && scene.watch.is_refusing() {
                assert!(scene.to_client == [settings(&[]), refusal.clone()].concat());
            }
        }
        assert!(scene.to_backend == good);
        scene.assert_seen(&["/a", "/b!"], true);
    }
}

#[test]
fn a_refusal_behind_a_goaway_of_the_backend_takes_nothing_back() {
    let mut scene = Scene::new(true);
    let said = [settings(&[]), frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])].concat();
    scene.backend(&said);
    scene.client(&frame(1, 4, 5, &path("b")));
    assert!(scene.to_client == [said, frame(3, 0, 5, &[0, 0, 0, 7])].concat());
}

#[test]
fn goaway_stands_between_two_frames_and_never_in_a_header_block() {
    // Each with whether something may be said behind it.
    let answer = [
        (settings(&[(1, 4_096)]), true),
        (frame(4, 1, 0, b""), true),
        (frame(1, 0, 1, b"\x88"), false),
        (frame(9, 0, 1, b""), false),
        (frame(9, 4, 1, b"\x88"), true),
        (frame(5, 0, 1, &[0, 0, 0, 2]), false),
        (frame(9, 4, 1, b"\x82"), true),
        (frame(0, 0, 1, b"data"), true),
        (frame(1, 4 | 1, 1, b""), true),
    ];
    let bytes: Vec<u8> = answer.iter().flat_map(|(frame, _)| frame.clone()).collect();
    let mut places = Vec::new();
    let mut end = 0;
    for (frame, is_place) in &answer {
        end += frame.len();
        places.extend(is_place.then_some(end));
    }
    for wanted in 0..=bytes.len() {
        for size in [1, 5, 1_000] {
            let mut scene = Scene::new(false);
            let (first, second) = bytes.split_at(wanted);
            first.chunks(size).for_each(|part| scene.backend(part));
            assert!(scene.watch.want_goaway());
            assert!(!scene.watch.want_goaway());
            scene.speak();
            second.chunks(size).for_each(|part| scene.backend(part));
            let place = *places.iter().find(|place| **place >= wanted).unwrap();
            let (before, behind) = bytes.split_at(place);
            assert!(scene.to_client == [before, &EVERY_STREAM, behind].concat(), "{wanted} {size}");
            assert!(!scene.watch.want_goaway());
        }
    }
}

#[test]
fn a_backend_that_says_goaway_or_no_frames_is_not_joined() {
    for said in [
        [settings(&[]), frame(7, 0, 0, &[0, 0, 0, 9, 0, 0, 0, 0])].concat(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(3),
        frame(4, 1, 0, b"").repeat(2),
    ] {
        let mut scene = Scene::new(false);
        scene.backend(&said);
        scene.watch.want_goaway();
        scene.speak();
        scene.backend(&said);
        assert!(scene.to_client == said.repeat(2));
    }
}

/// Frames of any kind with any payload, some of them blocks that can be decoded.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let block =
        prop::sample::select(vec![path("a"), b"\xbe\x04\x02/b".to_vec(), b"\x00\x04x-ns\x01b".to_vec(), Vec::new()]);
    let payload = prop_oneof![block, prop::collection::vec(any::<u8>(), 0..40)];
    let flags = prop::sample::select(vec![0, 1, 4, 5, 8, 0x24, 0x2c]);
    let frame = (0..11_u8, flags, prop::sample::select(vec![0, 1, 3, 5, 7]), payload);
    let frame = frame.prop_map(|(kind, flags, stream, payload)| self::frame(kind, flags, stream, &payload));
    prop::collection::vec(frame, 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    /// Whatever clients and backends send, it arrives as it is up to a refusal, and however it is cut the same is seen.
    #[test]
    fn cuts_change_nothing_and_nothing_is_lost(
        up in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..300)],
        down in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..300)],
        refuses in any::<bool>(),
        size in 1_usize..50,
    ) {
        let play = |size: usize| {
            let mut scene = Scene::new(refuses);
            up.chunks(size).for_each(|part| scene.client(part));
            let down = [settings(&[(1, 8_192)]), down.clone()].concat();
            down.chunks(size).for_each(|part| scene.backend(part));
            (scene, down)
        };
        let (whole, down_bytes) = play(100_000);
        let (cut, _) = play(size);
        prop_assert_eq!(&whole.seen, &cut.seen);
        prop_assert_eq!(&whole.to_backend, &cut.to_backend);
        prop_assert_eq!(&whole.to_client, &cut.to_client);
        prop_assert!(up.starts_with(&whole.to_backend));
        if whole.watch.is_refusing() {
            prop_assert!(refuses);
        } else {
            prop_assert_eq!(whole.to_backend.len() + whole.watch.held.len(), up.len());
            prop_assert_eq!(&whole.to_client, &down_bytes);
        }
    }
}
