//! The messages of a gRPC call come out as they went in, cut at the limits, and no compressed one costs more than they.
//!
//! The cycle of reads comes first: here it cuts the stream of messages into DATA frames. Then a byte that chooses how
//! they are compressed, then the messages and the details of the status, which are parts.

#![no_main]

use std::cell::RefCell;
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use spliceway::tap::decoder::{ConnectionDecoder, Limits};
use spliceway::tap::event::{Direction, Event, Message, Payload, What};
use spliceway::tap::protobuf::{SchemaArgs, Sources};
use spliceway::tap::render::BySchema;
use spliceway::wire::first_bytes::PREFACE;
use spliceway::wire::frame::{flag, kind, put};
use spliceway_fuzz::{parts, reads, render, take_cycle};

fuzz_target!(|input: &[u8]| {
    let (cycle, rest) = take_cycle(input);
    let Some((choice, bytes)) = rest.split_first() else { return };
    let compressed = Compressed::chosen_by(*choice);
    let mut sent: Vec<&[u8]> = parts(bytes).collect();
    let details = sent.pop().unwrap_or_default();
    let mut call = Call::begin(compressed.encoding());
    let stream: Vec<u8> = sent.iter().flat_map(|message| compressed.prefixed(message)).collect();
    reads(cycle, &stream).for_each(|read| call.data(read.bytes));
    call.end(details);
    assert_eq!(call.messages.len(), sent.len());
    for (message, sent) in call.messages.iter().zip(sent) {
        check(message, sent, compressed);
    }
    static SOURCES: OnceLock<Sources> = OnceLock::new();
    let sources = SOURCES.get_or_init(|| Sources::open(&SchemaArgs::default(), "").expect("no file is read"));
    let messages = BySchema { sources, patience: Duration::ZERO, unknown: &RefCell::default() };
    render(&call.events, &messages, choice & 0x80 != 0);
});

fn check(message: &Message, sent: &[u8], compressed: Compressed) {
    let body = &message.body;
    assert!(body.bytes.len() <= LIMITS.message_bytes, "{} bytes", body.bytes.len());
    let is_known = matches!(compressed, Compressed::Not | Compressed::Soundly);
    if is_known && body.obstacle.is_none() {
        assert!(sent.starts_with(&body.bytes), "{body:?} of {sent:?}");
        assert_eq!(body.truncated, body.bytes.len() < sent.len(), "{body:?} of {sent:?}");
    }
}

/// How the messages of a call are compressed.
#[derive(Clone, Copy)]
enum Compressed {
    /// Not at all.
    Not,
    /// With gzip.
    Soundly,
    /// The input is the outcome already, in this encoding.
    Somehow(&'static str),
}

impl Compressed {
    fn chosen_by(choice: u8) -> Compressed {
        match choice % 8 {
            0 => Compressed::Not,
            1 => Compressed::Soundly,
            2 | 3 => Compressed::Somehow("gzip"),
            4 => Compressed::Somehow("deflate"),
            5 | 6 => Compressed::Somehow("zstd"),
            _ => Compressed::Somehow("snappy"),
        }
    }

    fn encoding(self) -> &'static str {
        match self {
            Compressed::Not => "identity",
            Compressed::Soundly => "gzip",
            Compressed::Somehow(encoding) => encoding,
        }
    }

    /// As it is sent, behind its prefix.
    fn prefixed(self, message: &[u8]) -> Vec<u8> {
        let (flag, content) = match self {
            Compressed::Not => (0, message.to_vec()),
            Compressed::Soundly => (1, gzip(message)),
            Compressed::Somehow(_) => (1, message.to_vec()),
        };
        let length = u32::try_from(content.len()).expect("inputs are short");
        [&[flag], &length.to_be_bytes()[..], &content].concat()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}

/// A call on stream 1 as the decoder sees it.
struct Call {
    decoder: ConnectionDecoder,
    events: Vec<Event>,
    messages: Vec<Message>,
}

impl Call {
    fn begin(encoding: &str) -> Call {
        let mut call = Call { decoder: ConnectionDecoder::new(LIMITS), events: Vec::new(), messages: Vec::new() };
        let mut opening = PREFACE.to_vec();
        put(&mut opening, kind::SETTINGS, 0, 0, &[]);
        call.feed(Direction::ToBackend, &opening);
        let request: [(&str, &[u8]); 5] = [
            (":method", b"POST"),
            (":scheme", b"http"),
            (":path", b"/grpc.health.v1.Health/Check"),
            ("content-type", b"application/grpc"),
            ("grpc-encoding", encoding.as_bytes()),
        ];
        call.headers(Direction::ToBackend, 0, &request);
        call
    }

    fn data(&mut self, bytes: &[u8]) {
        let mut frame = Vec::new();
        put(&mut frame, kind::DATA, 0, 1, bytes);
        self.feed(Direction::ToBackend, &frame);
    }

    /// The answer: nothing but a status.
    fn end(&mut self, details: &[u8]) {
        let fields: [(&str, &[u8]); 4] = [
            (":status", b"200"),
            ("content-type", b"application/grpc"),
            ("grpc-status", b"3"),
            ("grpc-status-details-bin", details.get(..TEXT_BYTES_MAX).unwrap_or(details)),
        ];
        self.headers(Direction::ToClient, flag::END_STREAM, &fields);
    }

    /// HEADERS of literals that change no table (RFC 7541 section 6.2.2).
    fn headers(&mut self, direction: Direction, flags: u8, fields: &[(&str, &[u8])]) {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name.as_bytes(), value] {
                block.push(u8::try_from(text.len()).expect("texts are short"));
                block.extend_from_slice(text);
            }
        }
        let mut frame = Vec::new();
        put(&mut frame, kind::HEADERS, flag::END_HEADERS | flags, 1, &block);
        self.feed(direction, &frame);
    }

    fn feed(&mut self, direction: Direction, bytes: &[u8]) {
        let (events, messages) = (self.events.len(), self.messages.len());
        self.decoder.feed(direction, bytes, &mut self.events);
        let data = self.events.iter().skip(events).filter_map(|event| match &event.what {
            What::Frame(frame) => Some(&frame.payload),
            _ => None,
        });
        for payload in data {
            if let Payload::Data(data) = payload {
                let whole = data.messages.iter().filter_map(|part| part.message.as_deref());
                self.messages.extend(whole.cloned());
            }
        }
        let completed = self.messages.iter().skip(messages);
        let decompressed: usize =
            completed.filter(|message| message.flag == 1).map(|message| message.body.bytes.len()).sum();
        assert!(decompressed <= LIMITS.decompressed_bytes, "{decompressed} bytes decompressed");
    }
}

/// What a length of one byte tells (RFC 7541 section 5.2).
const TEXT_BYTES_MAX: usize = 126;

/// Reached by short messages, where frames are still whole.
const LIMITS: Limits = Limits {
    whole_bytes: 1 << 16,
    piece_bytes: 1 << 14,
    head_bytes: 1 << 14,
    block_bytes: 1 << 14,
    fields: 16,
    list_bytes: 1 << 14,
    table_bytes: 4096,
    message_bytes: 256,
    kept_bytes: 200,
    decompressed_bytes: 600,
    streams: 4,
};
