//! Whatever the peers of a watched connection say, in whatever reads, the watch changes none of it, keeps little of it,
//! and speaks only where it may.
//!
//! The cycle of reads comes first. Then a byte that chooses: the lowest bit whether misrouted requests are refused, the
//! next one whether the backend is done before the client begins. Then what the client sends behind its first request,
//! and what the backend sends, which are parts. Behind a quiet read of the client the connection is old enough to end.

#![no_main]

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use spliceway::bridge::{Judge, Opening, Progress, Sequel, Watch};
use spliceway::route::{Match, PoolId, Rule, Table};
use spliceway::wire::first_bytes::PREFACE;
use spliceway::wire::frame::{FrameHead, HEAD_BYTES, flag, kind, put};
use spliceway::wire::head::RequestHead;
use spliceway_fuzz::{Read, parts, reads, take_cycle};

fuzz_target!(|input: &[u8]| {
    let (cycle, rest) = take_cycle(input);
    let Some((choice, bytes)) = rest.split_first() else { return };
    let mut said = parts(bytes);
    let (client, backend) = (said.next().unwrap_or_default(), said.next().unwrap_or_default());
    let refuses = choice & 1 != 0;
    let in_turns = choice & 2 == 0;
    let played = play(refuses, reads(cycle, client), reads(cycle, backend), in_turns);
    check(&played, client, backend, refuses);
    if !in_turns {
        let never_old = |read| Read { quiet: false, ..read };
        let whole = play(refuses, reads(&[], client), reads(&[], backend), false);
        let cut = play(refuses, reads(cycle, client).map(never_old), reads(cycle, backend), false);
        assert_eq!((&cut.to_backend, &cut.seen), (&whole.to_backend, &whole.seen));
        assert_eq!((cut.is_refused, cut.is_complete), (whole.is_refused, whole.is_complete));
    }
});

/// What becomes of a connection.
#[derive(Debug, Default)]
struct Played {
    to_backend: Vec<u8>,
    /// Of the backend.
    to_client: Vec<u8>,
    /// What the watch has said last.
    words: Option<Vec<u8>>,
    /// The paths of the requests, and whether they belong here.
    seen: Vec<(Vec<u8>, bool)>,
    is_refused: bool,
    /// The client was told so, and nothing follows.
    is_over: bool,
    is_complete: bool,
}

fn play<'a>(
    refuses: bool,
    client: impl Iterator<Item = Read<'a>>,
    backend: impl Iterator<Item = Read<'a>>,
    in_turns: bool,
) -> Played {
    let mut played = Played::default();
    let mut watch = Watch::new(judge(), sequel(), refuses);
    let (mut client, mut backend) = (client.collect::<VecDeque<_>>(), backend.collect::<VecDeque<_>>());
    let mut received = 0;
    while !client.is_empty() || !backend.is_empty() {
        let is_its_turn = in_turns || backend.is_empty();
        if let Some(read) = client.front().copied().filter(|_| is_its_turn) {
            client.pop_front();
            received += read.bytes.len();
            played.client_sends(&mut watch, read);
            let held = received - played.to_backend.len();
            assert!(played.is_refused || held <= if refuses { HELD_BYTES_MAX } else { 0 }, "{held} bytes held back");
        }
        if let Some(read) = backend.pop_front() {
            played.backend_sends(&mut watch, read.bytes);
        }
    }
    played.to_backend.extend(watch.client_ended());
    let seen = watch.seen();
    assert_eq!(seen.requests, 1 + played.seen.len() as u64);
    assert_eq!(seen.misrouted, played.seen.iter().filter(|(_, belongs)| !belongs).count() as u64);
    played.is_complete = seen.complete;
    played
}

impl Played {
    fn client_sends(&mut self, watch: &mut Watch, read: Read) {
        let mut request = RequestHead::default();
        let forward = watch.from_client(read.bytes, &mut request, |request, mismatch| {
            self.seen.push((request.value(b":path").unwrap_or_default().to_vec(), mismatch.is_none()));
        });
        assert!(!self.is_refused || (forward.held.is_empty() && forward.bytes.is_empty()));
        self.to_backend.extend(forward.held);
        self.to_backend.extend(forward.bytes);
        self.is_refused = watch.is_refusing();
        if read.quiet {
            watch.want_goaway();
        }
        self.hears(watch);
    }

    /// As the relay does it: nothing follows a refusal.
    fn backend_sends(&mut self, watch: &mut Watch, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_over {
            let count = watch.from_backend(bytes);
            let (passed, rest) = bytes.split_at(count);
            self.to_client.extend(passed);
            let has_spoken = self.hears(watch);
            assert!(count > 0 || has_spoken, "nothing passes, and nothing is said");
            bytes = rest;
        }
    }

    fn hears(&mut self, watch: &mut Watch) -> bool {
        if self.is_over {
            return false;
        }
        let Some(words) = watch.speak() else { return false };
        // Once, but for a refusal behind it.
        assert!(self.words.is_none() || self.is_refused);
        assert!(may_speak_behind(&self.to_client), "{words:?} within a frame or a header block");
        self.words = Some(words);
        self.is_over = self.is_refused;
        true
    }
}

fn check(played: &Played, client: &[u8], backend: &[u8], refuses: bool) {
    assert!(client.starts_with(&played.to_backend), "what the backend gets is not what the client sent");
    assert!(backend.starts_with(&played.to_client), "what the client gets is not what the backend sent");
    if !played.is_over {
        assert_eq!(played.to_client.len(), backend.len());
    }
    if !played.is_refused {
        assert_eq!(played.to_backend.len(), client.len());
        return;
    }
    assert!(refuses && (!played.is_complete || !played.seen.last().expect("the refused one").1));
    // A PUSH_PROMISE of a client is an error of the connection (RFC 9113 section 8.4), and no block to anybody.
    let blocks = [kind::HEADERS, kind::CONTINUATION];
    assert!(are_whole(&played.to_backend, &blocks), "a refused request has begun");
    assert!(played.is_over || !may_speak_behind(&played.to_client), "a refusal was not said, and could have been");
    let next = FrameHead::parse(&client[played.to_backend.len()..]).expect("the refused one");
    assert!(next.kind == kind::HEADERS || (!played.is_complete && next.kind == kind::CONTINUATION));
    // Only clients open odd streams, and only those that they open can be reset.
    if played.is_over && played.is_complete && next.stream % 2 == 1 {
        let words = played.words.as_ref().expect("said");
        let mut reset = Vec::new();
        put(&mut reset, kind::RST_STREAM, 0, next.stream, &[0, 0, 0, 7]);
        assert!(words.ends_with(&reset), "{words:?}");
    }
}

/// Whether the client may be told something behind this of the backend: its first frame is SETTINGS.
fn may_speak_behind(bytes: &[u8]) -> bool {
    let begins = FrameHead::parse(bytes).is_some_and(|head| head.kind == kind::SETTINGS && !head.has(flag::ACK));
    begins && are_whole(bytes, &[kind::HEADERS, kind::PUSH_PROMISE, kind::CONTINUATION])
}

/// Whether these are whole frames and header blocks, as found by another walk than that of the watch. `blocks`: the frames
/// that blocks consist of.
fn are_whole(bytes: &[u8], blocks: &[u8]) -> bool {
    let mut rest = bytes;
    let mut in_block = false;
    while let Some(head) = FrameHead::parse(rest) {
        let Some(behind) = rest.get(HEAD_BYTES + head.length..) else { break };
        if blocks.contains(&head.kind) {
            in_block = !head.has(flag::END_HEADERS);
        }
        rest = behind;
    }
    rest.is_empty() && !in_block
}

fn judge() -> Judge {
    static ROUTES: OnceLock<Arc<Table>> = OnceLock::new();
    let rule = |(index, text): (usize, &str)| Rule {
        listener: None,
        matcher: Match::parse(text).expect("a rule"),
        text: text.to_owned(),
        pool: PoolId(index),
    };
    let routes =
        ROUTES.get_or_init(|| Arc::new(Table::new(["x=a", "x=b"].into_iter().enumerate().map(rule).collect())));
    Judge {
        routes: Arc::clone(routes),
        listener: "l".into(),
        source: None,
        destination: None,
        tlvs: Vec::new(),
        default_pool: Some(PoolId(0)),
        pool: PoolId(0),
        route: "x=a".to_owned(),
    }
}

/// Behind a first request on stream 1 that has left `x: a` in the table. The limits are small, so that inputs reach them.
fn sequel() -> Sequel {
    let mut opening = Opening::default();
    let mut bytes = PREFACE.to_vec();
    put(&mut bytes, kind::SETTINGS, 0, 0, &[]);
    put(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, b"\x83\x86\x84\x40\x01x\x01a");
    assert_eq!(opening.received(&bytes), Ok(Progress::Request));
    let opened = opening.finish().expect("the request is there").expect("and well-formed");
    Sequel { continuation_frames: CONTINUATION_FRAMES, block_bytes: BLOCK_BYTES, ..opened.sequel }
}

const CONTINUATION_FRAMES: usize = 3;
const BLOCK_BYTES: usize = 300;
/// A block, its frames' heads and that of another one, and the padding and priority of its first.
const HELD_BYTES_MAX: usize = BLOCK_BYTES + (CONTINUATION_FRAMES + 2) * HEAD_BYTES + 261;
