//! What holds of every dialogue, tried on random ones.

use proptest::prelude::*;

use super::support::*;
use crate::bridge::{Opening, Progress};

/// A frame that may stand before the first request, other than SETTINGS and PING.
fn harmless() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (1_u32..1000).prop_map(|increment| window_update(0, increment)),
        (1_u32..50).prop_map(|stream| priority(stream * 2 + 1, 0)),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|payload| frame(0xbe, 0x55, 7, &payload)),
    ]
}

/// Any frame, sound or not.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => harmless(),
        2 => Just(settings(&[(1, 0), (4, 9), (9, 1)])),
        2 => Just(ack()),
        1 => Just(ping(b"12345678")),
        1 => Just(ping_ack(b"12345678")),
        2 => Just(headers(1, &call())),
        1 => Just(frame(1, 0, 1, &call())),
        1 => Just(frame(9, 4, 1, b"\x00\x01a\x01b")),
        1 => Just(data(1, b"some data")),
        1 => (any::<u8>(), any::<u8>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload)),
    ]
}

fn chunks(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, behind) = rest.split_at((*size).min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = behind;
    }
    chunks
}

/// How many frames `bytes` has of `kind` with exactly these flags; all of them must be whole.
fn count(bytes: &[u8], kind: u8, flags: u8) -> usize {
    let (mut rest, mut found) = (bytes, 0);
    while let [l2, l1, l0, this, its, _, _, _, _, behind @ ..] = rest {
        found += usize::from((*this, *its) == (kind, flags));
        rest = &behind[usize::from(*l2) << 16 | usize::from(*l1) << 8 | usize::from(*l0)..];
    }
    assert_eq!(rest, b"");
    found
}

proptest! {
    /// Whatever comes, however it comes, and whatever both ends do to it: there is an answer and no panic.
    #[test]
    fn nothing_panics(
        client in proptest::collection::vec(any_frame(), 0..12),
        backend in proptest::collection::vec(any_frame(), 0..8),
        mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        sizes in proptest::collection::vec(1_usize..60, 1..6),
        quiet in proptest::collection::vec(any::<bool>(), 1..6),
    ) {
        let mut bytes = [preface(), settings(&[]), client.concat()].concat();
        for (index, value) in mutations {
            let length = bytes.len();
            bytes[24 + index.index(length - 24)] = value;
        }
        let mut opening = Opening::default();
        let mut chunks = chunks(&bytes, &sizes).into_iter().zip(quiet.into_iter().cycle());
        let mut opened = None;
        for (chunk, quiet) in chunks.by_ref() {
            match opening.received(&chunk) {
                Ok(Progress::Request) => {
                    opened = opening.finish();
                    break;
                }
                Ok(_) => {}
                Err(_) => return Ok(()),
            }
            if quiet {
                opening.nudged();
            }
            opening.take_output();
            opening.give_up();
        }
        let Some(Ok(mut opened)) = opened else { return Ok(()) };
        let (mut to_client, mut to_backend) = (Vec::new(), Vec::new());
        let mut words = self::chunks(&backend.concat(), &sizes).into_iter();
        for (chunk, _) in chunks {
            if opened.bridge.from_client(&chunk, &mut to_backend).is_err() {
                break;
            }
            let word = words.next().unwrap_or_default();
            if opened.bridge.from_backend(&word, &mut to_client, &mut to_backend).is_err() {
                break;
            }
        }
    }

    /// How the bytes are cut has no say in what a backend receives and whether a rule is broken.
    #[test]
    fn cutting_changes_nothing(
        frames in proptest::collection::vec(any_frame(), 0..10),
        sizes in proptest::collection::vec(1_usize..60, 1..6),
    ) {
        // What PINGs and second SETTINGS are answered with depends on what comes with them.
        let frames: Vec<_> = frames.into_iter().filter(|frame| frame[3] != 4 && frame[3] != 6).collect();
        let whole = [preface(), settings(&[(4, 1)]), frames.concat()].concat();
        let outcome = |parts: &[Vec<u8>]| {
            let mut scene = Scene::new(Cut::Whole);
            parts.iter().for_each(|part| scene.client_sends(std::slice::from_ref(part)));
            (scene.received(), scene.heard(), scene.client_fault, scene.request)
        };
        prop_assert_eq!(outcome(std::slice::from_ref(&whole)), outcome(&chunks(&whole, &sizes)));
    }

    /// RFC 9113 section 3.4: the backend receives the client's bytes but for the ACK that is not for it, answered PINGs and stray answers.
    #[test]
    fn only_what_must_go_is_removed(
        before in proptest::collection::vec(prop_oneof![
            4 => harmless(),
            1 => Just(ping(b"12345678")),
            1 => Just(ping_ack(b"12345678")),
        ], 0..8),
        behind in proptest::collection::vec(prop_oneof![
            harmless(),
            Just(ping(b"12345678")),
            Just(ping_ack(b"12345678")),
            Just(data(1, &[0, 0, 0, 4, 1, 0, 0, 0, 0])),
        ], 0..8),
        ack_at in any::<prop::sample::Index>(),
        sizes in proptest::collection::vec(1_usize..60, 1..6),
    ) {
        let mut scene = Scene::new(Cut::Whole);
        scene.client_sends(&[preface(), settings(&[(4, 1)])]);
        scene.client_is_quiet(crate::bridge::Nudge::Settings);
        let mut frames: Vec<_> = before.into_iter().map(|frame| (frame[3] != 6, frame)).collect();
        frames.push((true, headers(1, &call())));
        frames.extend(behind.into_iter().map(|frame| (true, frame)));
        frames.insert(ack_at.index(frames.len() + 1), (false, ack()));
        let request = frames.iter().position(|(_, frame)| frame[3] == 1).unwrap();
        let (early, late) = frames.split_at(request);
        // Each by itself, so that no PING comes with the request.
        early.iter().for_each(|(_, frame)| scene.client_sends(std::slice::from_ref(frame)));
        let late_bytes: Vec<u8> = late.iter().flat_map(|(_, frame)| frame.clone()).collect();
        chunks(&late_bytes, &sizes).iter().for_each(|chunk| scene.client_sends(std::slice::from_ref(chunk)));
        prop_assert_eq!(scene.client_fault, None);
        let kept: Vec<u8> = frames.iter().filter(|(kept, _)| *kept).flat_map(|(_, frame)| frame.clone()).collect();
        prop_assert_eq!(hex(&scene.received()), hex(&[preface(), settings(&[(4, 1)]), kept].concat()));
        let pings = early.iter().filter(|(_, frame)| frame[3..5] == [6, 0]).count();
        prop_assert_eq!(count(&scene.heard(), 6, 1), pings);
    }

    /// RFC 9113 section 6.5.3: each SETTINGS of the client is acknowledged to it exactly once, by us or by the backend.
    #[test]
    fn every_settings_gets_one_ack(
        frames in proptest::collection::vec(prop_oneof![
            2 => Just(settings(&[(1, 0), (4, 9)])),
            1 => harmless(),
            1 => Just(ping(b"12345678")),
        ], 0..8),
        request_at in any::<prop::sample::Index>(),
        together in 1_usize..4,
        quiet in proptest::collection::vec(any::<bool>(), 1..4),
        sizes in proptest::collection::vec(1_usize..60, 1..6),
    ) {
        let mut frames = frames;
        // SETTINGS go to the limit before the request only.
        let sent = 1 + frames.iter().filter(|frame| frame[3] == 4).count();
        prop_assume!(sent <= 8);
        let pings = frames.iter().filter(|frame| frame[3] == 6).count();
        frames.insert(request_at.index(frames.len() + 1), headers(1, &call()));
        let mut opening = Opening::default();
        let (mut heard, mut received, mut bridge) = (Vec::new(), Vec::new(), None);
        let mut quiet = quiet.into_iter().cycle();
        for batch in [vec![preface(), settings(&[])], frames].concat().chunks(together) {
            let bytes = batch.concat();
            let Some(open) = &mut bridge else {
                let progress = opening.received(&bytes).unwrap();
                if quiet.next() == Some(true) {
                    opening.nudged();
                }
                heard.extend(opening.take_output());
                if progress == Progress::Request {
                    let opened = std::mem::take(&mut opening).finish().unwrap().unwrap();
                    received.extend(opened.replay);
                    bridge = Some(opened.bridge);
                }
                continue;
            };
            let open: &mut crate::bridge::Bridge = open;
            open.from_client(&bytes, &mut received).unwrap();
        }
        let mut bridge = bridge.unwrap();
        let mut words = settings(&[(3, 1)]);
        let mut acknowledged = 0;
        loop {
            let owed = count(&received[24..], 4, 0);
            words.extend(ack().repeat(owed - acknowledged));
            if words.is_empty() {
                break;
            }
            acknowledged = owed;
            for word in chunks(&std::mem::take(&mut words), &sizes) {
                bridge.from_backend(&word, &mut heard, &mut received).unwrap();
            }
        }
        prop_assert_eq!(count(&heard, 4, 1), sent);
        prop_assert_eq!(count(&heard, 6, 1) + count(&received[24..], 6, 0), pings);
        prop_assert!(bridge.to_client_is_raw());
    }
}
