//! What holds for any bytes: each stands in exactly one event, reads do not matter, memory is bounded.

use proptest::prelude::*;

use super::*;

/// Conversations that go through most of the decoder.
fn conversations() -> Vec<Conversation> {
    let request = [
        client_opening(),
        framed(1, 0, 1, b"\x40\x01a\x01b"),
        framed(9, 4, 1, b"\x82\x84"),
        grpc_request(3, 0x4),
        framed(0, 8, 3, b"\x02\0\0\0\0\x05hel\0\0"),
        framed(0xbe, 0xff, 0, b"unknown"),
        framed(0, 1, 3, b"lo"),
        framed(7, 0, 0, b"\0\0\0\0\0\0\0\0bye"),
    ];
    let response = [
        framed(4, 0, 0, b"\0\x05\0\x01\0\0"),
        framed(4, 1, 0, b""),
        grpc_response(3),
        framed(0, 0, 3, b"\0\0\0\0\x02no\0\0\0\0\0"),
        framed(1, 5, 3, &block(&[("grpc-status", "0")])),
    ];
    let upgrade = b"POST /a HTTP/1.1\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\ncontent-length: 3\r\n\r\nabc";
    let switch = b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n";
    let chunks = b"POST /a.B/C HTTP/1.1\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n\
        7\r\n\0\0\0\0\x02hi\r\n0\r\nx: y\r\n\r\n";
    let proxy = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
    vec![
        vec![(ToBackend, [&proxy[..], &request.concat()].concat()), (ToClient, response.concat())],
        vec![
            (ToBackend, upgrade.to_vec()),
            (ToClient, [&switch[..], &framed(4, 0, 0, b""), &framed(1, 5, 1, b"\x88")].concat()),
            (ToBackend, client_opening()),
        ],
        vec![(ToBackend, chunks.to_vec()), (ToClient, b"HTTP/1.1 204 None\r\n\r\n".to_vec())],
        vec![(ToBackend, b"PRI * HTTP/2.0\r\n\r\nno".to_vec()), (ToClient, b"HTTP/1.1 x\r\n\r\n".to_vec())],
        vec![(ToBackend, b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx\r\ny: z\r\n\r\nno".to_vec())],
        vec![(ToBackend, b"\x16\x03\x01\0\x01x".to_vec()), (ToClient, b"HTTP/1.1 400 No\r\n\r\nno".to_vec())],
        vec![(ToBackend, b"\x16\x03\x01\0\x01x".to_vec()), (ToClient, framed(4, 0, 0, b"\0\x05\0\x01\0\0"))],
        vec![(ToBackend, b"\x16\x03\x01\0\x01x".to_vec()), (ToClient, b"\x15\x03\x03\0\x02\x02\x28".to_vec())],
    ]
}

/// Joins neighbours that are one run of bytes whose end nothing announces: opaque ones, and a body that ends with its
/// direction. Both come as they are read, so a message in such a body stands at another place with other reads.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut out: Vec<Event> = Vec::new();
    for mut event in events {
        if let What::Http1Body { messages } = &mut event.what {
            messages.retain(|part| part.message.is_some());
            messages.iter_mut().for_each(|part| (part.bytes, part.before) = (0..0, 0));
        }
        match (out.last_mut().map(|last| (&mut last.bytes, &mut last.what)), event.what) {
            (Some((bytes, What::Opaque { reason })), What::Opaque { reason: other }) if *reason == other => {
                bytes.extend(event.bytes);
            }
            (Some((bytes, What::Http1Body { messages })), What::Http1Body { messages: more }) => {
                bytes.extend(event.bytes);
                messages.extend(more);
            }
            (_, what) => out.push(Event { what, ..event }),
        }
    }
    out
}

fn of(direction: Direction, events: &[Event]) -> Vec<Event> {
    joined(events.iter().filter(|event| event.direction == direction).cloned().collect())
}

#[test]
fn reads_do_not_matter() {
    for conversation in conversations() {
        let whole = decode(&conversation);
        for read_bytes in 1..80 {
            let reads = |(direction, bytes): &(Direction, Vec<u8>)| {
                bytes.chunks(read_bytes).map(|read| (*direction, read.to_vec())).collect::<Conversation>()
            };
            let split = decode(&conversation.iter().flat_map(reads).collect::<Conversation>());
            assert_eq!(of(ToBackend, &split), of(ToBackend, &whole), "reads of {read_bytes}");
            assert_eq!(of(ToClient, &split), of(ToClient, &whole), "reads of {read_bytes}");
        }
    }
}

#[test]
fn every_cut_in_two_gives_the_same() {
    for conversation in conversations() {
        let whole = decode(&conversation);
        for (turn, (direction, bytes)) in conversation.iter().enumerate() {
            for cut in 0..=bytes.len() {
                let mut split = conversation.clone();
                split[turn].1.truncate(cut);
                split.insert(turn + 1, (*direction, bytes[cut..].to_vec()));
                let events = decode(&split);
                assert_eq!(of(ToBackend, &events), of(ToBackend, &whole), "turn {turn} cut at {cut}");
                assert_eq!(of(ToClient, &events), of(ToClient, &whole), "turn {turn} cut at {cut}");
            }
        }
    }
}

/// Each byte of each direction stands in one event, in its place.
fn check_every_byte(conversation: &[(Direction, Vec<u8>)], events: &[Event]) {
    for direction in [ToBackend, ToClient] {
        let sent: Vec<u8> =
            conversation.iter().filter(|(way, _)| *way == direction).flat_map(|(_, bytes)| bytes.clone()).collect();
        let mut explained = Vec::new();
        for event in events.iter().filter(|event| event.direction == direction) {
            assert_eq!(event.offset, explained.len() as u64);
            assert!(!event.bytes.is_empty(), "{event:?}");
            explained.extend_from_slice(&event.bytes);
        }
        assert_eq!(explained, sent);
    }
}

fn tight() -> Limits {
    Limits {
        whole_bytes: 64,
        piece_bytes: 16,
        head_bytes: 128,
        block_bytes: 64,
        fields: 4,
        list_bytes: 256,
        table_bytes: 5000,
        message_bytes: 8,
        kept_bytes: 12,
        decompressed_bytes: 16,
        streams: 2,
    }
}

fn any_direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(ToBackend), Just(ToClient)]
}

proptest! {
    #[test]
    fn any_bytes_are_explained_once(
        reads in prop::collection::vec((any_direction(), prop::collection::vec(any::<u8>(), 0..60)), 0..12),
    ) {
        check_every_byte(&reads, &decode(&reads));
    }

    #[test]
    fn any_frames_are_explained_once(
        frames in prop::collection::vec(
            (any_direction(), 0u8..12, any::<u8>(), 0u32..6, prop::collection::vec(any::<u8>(), 0..90)), 0..20),
        limited: bool,
    ) {
        let mut conversation = vec![(ToBackend, client_opening())];
        conversation.extend(frames.iter().map(|(way, kind, flags, stream, payload)| {
            (*way, framed(*kind, *flags, *stream, payload))
        }));
        let limits = if limited { tight() } else { Limits::default() };
        check_every_byte(&conversation, &decode_with(limits, &conversation));
    }

    #[test]
    fn mutated_conversations_are_explained_once(
        which in 0usize..4,
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        read_bytes in 1usize..200,
        limited: bool,
    ) {
        let mut conversation = conversations().swap_remove(which);
        for (place, byte) in &mutations {
            let turn = place.index(conversation.len());
            let bytes = &mut conversation[turn].1;
            let at = place.index(bytes.len());
            bytes[at] = *byte;
        }
        let reads: Conversation = conversation
            .iter()
            .flat_map(|(way, bytes)| bytes.chunks(read_bytes).map(|read| (*way, read.to_vec())))
            .collect();
        let limits = if limited { tight() } else { Limits::default() };
        check_every_byte(&reads, &decode_with(limits, &reads));
        let (whole, split) = (decode_with(limits, &conversation), decode_with(limits, &reads));
        // What a limit on one call cuts may differ; what the bytes are may not, and without limits nothing may.
        let kinds = |events: &[Event], way| {
            of(way, events).iter().map(|event| std::mem::discriminant(&event.what)).collect::<Vec<_>>()
        };
        for way in [ToBackend, ToClient] {
            prop_assert_eq!(kinds(&whole, way), kinds(&split, way));
            prop_assert!(limited || of(way, &whole) == of(way, &split));
        }
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let mut decoder = ConnectionDecoder::new(tight());
    let mut events = Vec::new();
    decoder.feed(ToBackend, &client_opening(), &mut events);
    for stream in 0..200 {
        decoder.feed(ToBackend, &framed(1, 4, 2 * stream + 1, b"\x82"), &mut events);
        decoder.feed(ToBackend, &framed(0, 0, 2 * stream + 1, &[0xff; 60]), &mut events);
        assert!(decoder.http2.streams.len() <= 2);
        assert!(decoder.budget.kept_bytes <= 12);
        assert!(decoder.to_backend.kept.len() <= 64 + 9);
    }
    // A frame that announces 16 MiB and is fed byte by byte is never kept whole.
    let endless = [&b"\xff\xff\xff\0\0\0\0\0\x01"[..], &[7; 100_000]].concat();
    for byte in &endless {
        decoder.feed(ToBackend, &[*byte], &mut events);
        assert!(decoder.to_backend.kept.len() <= 16);
    }
    let mut decoder = ConnectionDecoder::new(tight());
    for _ in 0..1000 {
        decoder.feed(ToBackend, b"GET / HTTP/1.1\r\nx: y", &mut events);
        assert!(decoder.to_backend.kept.len() <= 128);
    }
}
