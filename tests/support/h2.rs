//! HTTP/2 frames, written and read by hand; answers are decoded by an HPACK decoder that is not ours.

use super::Peer;

/// The client's connection preface (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// The proxy's own SETTINGS: MAX_CONCURRENT_STREAMS 100, nothing else.
pub(crate) const OWN_SETTINGS: [u8; 15] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100];
/// An ACK of SETTINGS.
pub(crate) const SETTINGS_ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(crate) fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        entries.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(SETTINGS, 0, 0, &payload)
}

pub(crate) fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// What a client is told whose request on this stream is refused by `on_mismatch = "close"`.
pub(crate) fn refusal(last: u32, stream: u32) -> Vec<u8> {
    [goaway(last, 0), frame(RST_STREAM, 0, stream, &[0, 0, 0, 7])].concat()
}

/// The preface and SETTINGS: what a client that waits sends first.
pub(crate) fn greeting() -> Vec<u8> {
    [PREFACE, &settings(&[(4, 65_535)])].concat()
}

/// A header block of literals without indexing and without Huffman coding (RFC 7541 section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "longer lengths take a second byte");
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A gRPC request with these further fields; its stream stays open.
pub(crate) fn call(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    call_to("/shop.v1.Cart/Add", "api.example", stream, fields)
}

pub(crate) fn call_to(path: &str, authority: &str, stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", authority)];
    let regular = [("content-type", "application/grpc"), ("te", "trailers")];
    frame(HEADERS, END_HEADERS, stream, &block(&[&pseudo[..], &regular, fields].concat()))
}

/// A request of no gRPC, complete with its HEADERS.
pub(crate) fn get(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "api.example")];
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&[&pseudo[..], fields].concat()))
}

/// Everything that a client that does not wait sends at once.
pub(crate) fn eager_call(fields: &[(&str, &str)]) -> Vec<u8> {
    [greeting(), call(1, fields)].concat()
}

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    fn numbers(&self) -> Vec<u32> {
        self.payload.chunks_exact(4).map(|four| u32::from_be_bytes(four.try_into().unwrap())).collect()
    }
}

impl Peer {
    #[track_caller]
    pub(crate) fn receive_frame(&mut self) -> Frame {
        let head = self.receive(9);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        let payload = self.receive(usize::try_from(length).unwrap());
        Frame { kind: head[3], flags: head[4], stream, payload }
    }

    /// Reads frames up to a GOAWAY, which the end follows: its last stream and its code.
    #[track_caller]
    pub(crate) fn receives_goaway(&mut self) -> (u32, u32) {
        loop {
            let frame = self.receive_frame();
            if frame.kind == GOAWAY {
                self.receives_end();
                let numbers = frame.numbers();
                return (numbers[0], numbers[1]);
            }
        }
    }

    /// Reads the proxy's whole answer to the request on stream 1, up to its end: SETTINGS, ACK, HEADERS, RST_STREAM if
    /// the request was not complete, GOAWAY. `greeted`: the proxy has sent its SETTINGS before.
    #[track_caller]
    pub(crate) fn receives_answer(&mut self, greeted: bool, complete: bool) -> Vec<(String, String)> {
        if !greeted {
            self.receives(OWN_SETTINGS);
        }
        self.receives(SETTINGS_ACK);
        let answer = self.receive_frame();
        assert_eq!((answer.kind, answer.flags, answer.stream), (HEADERS, END_HEADERS | END_STREAM, 1));
        if !complete {
            self.receives(frame(RST_STREAM, 0, 1, &[0, 0, 0, 0]));
        }
        assert_eq!(self.receives_goaway(), (1, 0));
        decoded(&mut hpack::Decoder::new(), &answer.payload)
    }
}

/// The fields of a header block.
#[track_caller]
pub(crate) fn decoded(decoder: &mut hpack::Decoder<'_>, block: &[u8]) -> Vec<(String, String)> {
    let fields = decoder.decode(block).expect("a block that others can read");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    fields.iter().map(|(name, value)| (text(name), text(value))).collect()
}

/// The value of a field that must be there once.
#[track_caller]
pub(crate) fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let values: Vec<&str> = fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
    match values[..] {
        [value] => value,
        _ => panic!("{} times {name} in {fields:?}", values.len()),
    }
}
