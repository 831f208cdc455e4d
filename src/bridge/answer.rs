//! What an HTTP/2 client is told in place of a backend, so that it can read what happened.
//!
//! In this order: our SETTINGS and the ACK of the client's (unless sent), the response HEADERS with END_STREAM,
//! RST_STREAM(NO_ERROR) if the client has not ended the stream (RFC 9113 section 8.1), and a moment later GOAWAY that names
//! the stream. In place of a backend that may have got further requests by then, those are answered as well, and GOAWAY
//! names the newest: it must not seem as if the backend had never seen them (section 6.8). Never GOAWAY(0) while a stream
//! is open: Go's client takes it as leave to retry at once, and made thousands of connections in seconds. No DATA, so flow
//! control has no say.
//!
//! GOAWAY waits for `GOAWAY_PAUSE` because hyper 1.x looks once more at the connection behind a request that it has sent.
//! If GOAWAY is there by then, the call fails with an error of the connection, and the answer is lost: under load, 2 of
//! 1,000 answers were when it came at once.
//!
//! The block begins with a table size update to 0, legal always and mandatory where the client has shrunk its table
//! (RFC 9113 section 4.3.1), and uses only the static table and literals without indexing.

use super::opening_rules::Fault;
use super::own_settings;
use super::streams::Open;
use crate::config::OwnSettings;
use crate::limits::{Limit, Unit};
use crate::wire::frame::{self, ErrorCode, flag, kind};

/// Why a request is answered by the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of a gRPC call.
    pub grpc_status: u8,
    /// The status of any other request.
    pub http_status: u16,
    /// The error type of the `proxy-status` field (RFC 9209 section 2.3).
    pub proxy_error: &'static str,
    /// What happened, in words.
    pub message: String,
}

/// What a client is told in place of a backend. Behind it the proxy's side of the connection ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// To its request.
    pub response: Vec<u8>,
    /// That the connection takes no other, to be said a moment later; empty where the protocol has no such word.
    pub goaway: Vec<u8>,
}

impl Answer {
    /// All of it at once.
    pub fn whole(self) -> Vec<u8> {
        [self.response, self.goaway].concat()
    }
}

/// For what needs no pause.
impl From<Vec<u8>> for Answer {
    fn from(response: Vec<u8>) -> Answer {
        Answer { response, goaway: Vec::new() }
    }
}

/// What it takes to answer a request of HTTP/2: the state of the handshake and the stream.
#[derive(Clone, Copy, Debug)]
pub struct Answerer {
    /// Our SETTINGS, if they were not sent.
    pub(super) own_due: Option<OwnSettings>,
    /// How many SETTINGS of the client nobody has acknowledged yet.
    pub(super) acks_due: usize,
    pub(super) stream: u32,
    pub(super) end_stream: bool,
    pub(super) grpc: bool,
}

/// What a request is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Grpc,
    Http,
    /// Its header block was not decoded. An HTTP status is right for either; `grpc-status` says it to gRPC clients in
    /// the words that they read first.
    Either,
}

impl Answerer {
    /// The answer.
    pub fn answer(&self, refusal: &Refusal) -> Answer {
        self.answer_all(refusal, &[self.first()], self.stream)
    }

    /// The same in place of a backend that has got more than the first request: an answer for each stream that is
    /// `open`. `newest`: the last that the backend may have acted on.
    pub(super) fn answer_all(&self, refusal: &Refusal, open: &[Open], newest: u32) -> Answer {
        let mut response = self.greeting();
        // Once for the whole connection: no later block uses the table either.
        let mut size_update = &[TABLE_SIZE_ZERO][..];
        for Open { stream, end_stream } in open.iter().copied() {
            let mut block = std::mem::take(&mut size_update).to_vec();
            put_fields(&mut block, self.form(stream), refusal);
            frame::put(&mut response, kind::HEADERS, flag::END_STREAM | flag::END_HEADERS, stream, &block);
            if !end_stream {
                let code = ErrorCode::NoError as u32;
                frame::put(&mut response, kind::RST_STREAM, 0, stream, &code.to_be_bytes());
            }
        }
        let mut goaway = Vec::new();
        frame::put_goaway(&mut goaway, newest, ErrorCode::NoError);
        Answer { response, goaway }
    }

    /// What stands before anything else that is said.
    pub fn greeting(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        greet(&mut out, self.own_due, self.acks_due);
        out
    }

    /// Whether the request is a gRPC call.
    pub fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// The stream of the first request, when nothing behind it has come yet.
    pub(super) fn first(&self) -> Open {
        Open { stream: self.stream, end_stream: self.end_stream }
    }

    fn form(&self, stream: u32) -> Form {
        match (stream == self.stream, self.grpc) {
            (true, true) => Form::Grpc,
            (true, false) => Form::Http,
            (false, _) => Form::Either,
        }
    }
}

/// What a client is told whose opening broke a rule, behind our SETTINGS if they are still due.
pub fn goaway(fault: &Fault, own_due: Option<OwnSettings>) -> Answer {
    let mut out = Vec::with_capacity(64);
    match *fault {
        Fault::Connection { code, stream, .. } => {
            greet(&mut out, own_due, 0);
            frame::put_goaway(&mut out, stream, code);
        }
        Fault::Limit { limit, stream, .. } => {
            greet(&mut out, own_due, 0);
            // A size that the protocol itself forbids has a code of its own (RFC 9113 section 4.2).
            let is_size = limit == Limit::FramePayloadBytes;
            let code = if is_size { ErrorCode::FrameSizeError } else { ErrorCode::EnhanceYourCalm };
            frame::put_goaway(&mut out, stream, code);
        }
        Fault::Request { stream, .. } => {
            greet(&mut out, own_due, 0);
            let code = ErrorCode::ProtocolError as u32;
            frame::put(&mut out, kind::RST_STREAM, 0, stream, &code.to_be_bytes());
            frame::put_goaway(&mut out, stream, ErrorCode::NoError);
        }
        Fault::HeadersTooLarge { limit, value, stream, end_stream, grpc } => {
            // The opening has acknowledged the client's SETTINGS when it found this fault.
            let answerer = Answerer { own_due, acks_due: 0, stream, end_stream, grpc };
            let unit = if limit.unit() == Unit::Bytes { "bytes" } else { "fields" };
            return answerer.answer(&Refusal {
                grpc_status: 8,
                http_status: 431,
                proxy_error: "http_request_error",
                message: format!("header list too large: more than {value} {unit}"),
            });
        }
        Fault::Goodbye => {}
    }
    out.into()
}

/// A server's first frame must be SETTINGS, and the ACKs of the client's come behind it (RFC 9113 section 3.4).
fn greet(out: &mut Vec<u8>, own_due: Option<OwnSettings>, acks_due: usize) {
    if let Some(own) = own_due {
        own_settings::put_own(out, &own);
    }
    for _ in 0..acks_due {
        own_settings::put_ack(out);
    }
}

fn put_fields(block: &mut Vec<u8>, form: Form, refusal: &Refusal) {
    if form == Form::Grpc {
        block.push(INDEXED_STATUS_200);
        block.extend_from_slice(LITERAL_CONTENT_TYPE);
        put_string(block, b"application/grpc");
    } else {
        http_fields(block, refusal);
    }
    if form != Form::Http {
        grpc_fields(block, refusal);
    }
}

fn grpc_fields(block: &mut Vec<u8>, refusal: &Refusal) {
    put_literal(block, b"grpc-status", refusal.grpc_status.to_string().as_bytes());
    put_literal(block, b"grpc-message", percent_encoded(&refusal.message).as_bytes());
}

fn http_fields(block: &mut Vec<u8>, refusal: &Refusal) {
    block.push(LITERAL_STATUS);
    put_string(block, refusal.http_status.to_string().as_bytes());
    block.extend_from_slice(LITERAL_CONTENT_LENGTH);
    put_string(block, b"0");
    put_literal(block, b"proxy-status", proxy_status(refusal).as_bytes());
}

/// The value of the `proxy-status` field (RFC 9209 section 2).
pub(super) fn proxy_status(refusal: &Refusal) -> String {
    format!("spliceway; error={}; details=\"{}\"", refusal.proxy_error, quoted(&refusal.message))
}

fn put_literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(LITERAL_NEW_NAME);
    put_string(block, name);
    put_string(block, value);
}

/// A string without Huffman coding (RFC 7541 section 5.2), its length an integer with a 7-bit prefix (section 5.1).
fn put_string(block: &mut Vec<u8>, string: &[u8]) {
    let mut rest = string.len();
    if rest < 127 {
        block.push(low_byte(rest));
    } else {
        block.push(127);
        rest -= 127;
        while rest >= 128 {
            block.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        block.push(low_byte(rest));
    }
    block.extend_from_slice(string);
}

fn low_byte(number: usize) -> u8 {
    let [.., byte] = number.to_be_bytes();
    byte
}

/// grpc-message carries UTF-8 with everything but printable ASCII, and the percent sign, as %XX.
fn percent_encoded(message: &str) -> String {
    let mut encoded = String::with_capacity(message.len());
    for byte in shortened(message).bytes() {
        if (0x20..0x7f).contains(&byte) && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A structured field's string (RFC 9651 section 3.3.3): printable ASCII, quotes and backslashes escaped.
fn quoted(message: &str) -> String {
    let mut quoted = String::with_capacity(message.len());
    for character in shortened(message).chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted
}

/// As much of a message as is sent, cut between characters (a client may decode UTF-8 strictly), without blanks at its
/// ends (RFC 9113 section 8.2.1 allows none around a field value).
pub(super) fn shortened(message: &str) -> &str {
    let mut end = message.len().min(MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default().trim()
}

/// Dynamic table size update to 0 (RFC 7541 section 6.3).
const TABLE_SIZE_ZERO: u8 = 0x20;
/// `:status: 200`, static index 8.
const INDEXED_STATUS_200: u8 = 0x88;
/// Literal without indexing, name `:status` (static index 8).
const LITERAL_STATUS: u8 = 0x08;
/// Literal without indexing, name `content-length` (static index 28 = 15 + 13).
const LITERAL_CONTENT_LENGTH: &[u8] = &[0x0f, 13];
/// Literal without indexing, name `content-type` (static index 31 = 15 + 16).
const LITERAL_CONTENT_TYPE: &[u8] = &[0x0f, 16];
/// Literal without indexing, name follows.
const LITERAL_NEW_NAME: u8 = 0x00;
/// How much of a message is sent: a client's window and patience for header lists are unknown.
const MESSAGE_BYTES: usize = 512;
