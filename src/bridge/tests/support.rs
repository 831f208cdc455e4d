//! The language of the dialogues.

use crate::bridge::{BackendFault, Bridge, Fault, Http2Answerer, Nudge, Opened, Opening, Progress, Refusal, goaway};
use crate::config::OwnSettings;
use crate::limits::{Limit, Limits};
use crate::wire::frame::ErrorCode;
use crate::wire::head::RequestHead;

/// A client, the bridge and a backend.
pub(super) struct Scene {
    opening: Option<Opening<'static>>,
    bridge: Option<Bridge>,
    pub(super) answerer: Option<Http2Answerer>,
    pub(super) request: Option<RequestHead>,
    pub(super) client_fault: Option<Fault>,
    pub(super) backend_fault: Option<BackendFault>,
    to_client: Vec<u8>,
    to_backend: Vec<u8>,
    cut: Cut,
    /// Bytes sent by both ends so far, which the position of a cut counts.
    sent: usize,
}

/// How what is sent arrives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    Whole,
    Bytes,
    /// In two parts, cut behind so many bytes of the dialogue.
    At(usize),
}

/// Plays a dialogue whole, byte by byte, and cut in two at every position.
pub(super) fn every_way(dialogue: impl Fn(&mut Scene)) {
    let mut whole = Scene::new(Cut::Whole);
    dialogue(&mut whole);
    dialogue(&mut Scene::new(Cut::Bytes));
    for position in 1..whole.sent {
        dialogue(&mut Scene::new(Cut::At(position)));
    }
}

/// Plays a dialogue whose words depend on what arrives together.
pub(super) fn at_once(dialogue: impl Fn(&mut Scene)) {
    dialogue(&mut Scene::new(Cut::Whole));
}

impl Scene {
    pub(super) fn new(cut: Cut) -> Scene {
        Scene::announcing(OwnSettings::default(), cut)
    }

    /// A proxy whose listener announces these SETTINGS.
    pub(super) fn announcing(own: OwnSettings, cut: Cut) -> Scene {
        Scene {
            opening: Some(Opening::new(own, &Limits::DEFAULT)),
            bridge: None,
            answerer: None,
            request: None,
            client_fault: None,
            backend_fault: None,
            to_client: Vec::new(),
            to_backend: Vec::new(),
            cut,
            sent: 0,
        }
    }

    pub(super) fn client_sends(&mut self, frames: &[Vec<u8>]) {
        for part in self.parts(&frames.concat()) {
            self.arrives(&part);
        }
    }

    /// The client ends its side of the connection, behind its request.
    pub(super) fn client_ends(&mut self) {
        let bridge = self.bridge.as_mut().expect("only behind the request is it the bridge's business");
        bridge.client_ended(&mut self.to_backend);
    }

    pub(super) fn backend_sends(&mut self, frames: &[Vec<u8>]) {
        for part in self.parts(&frames.concat()) {
            let bridge = self.bridge.as_mut().expect("a backend speaks behind the request");
            if self.backend_fault.is_none() {
                let fault = bridge.from_backend(&part, &mut self.to_client, &mut self.to_backend).err();
                self.backend_fault = fault;
            }
        }
    }

    /// The client sends nothing for as long as `nudge` takes.
    #[track_caller]
    pub(super) fn client_is_quiet(&mut self, nudge: Nudge) {
        let opening = self.opening.as_mut().expect("no request yet");
        assert_eq!(opening.nudge(), Some(nudge), "{:?}", self.cut);
        opening.nudged();
        self.to_client.extend(opening.take_output());
    }

    /// The client may be quiet for as long as it likes.
    #[track_caller]
    pub(super) fn client_waits_for_nothing(&self) {
        let opening = self.opening.as_ref().expect("no request yet");
        assert_eq!(opening.nudge(), None, "{:?}", self.cut);
    }

    /// Everything the client has heard since it was last asked.
    #[track_caller]
    pub(super) fn client_hears(&mut self, frames: &[Vec<u8>]) {
        assert_eq!(hex(&self.heard()), hex(&frames.concat()), "{:?}", self.cut);
    }

    /// Everything the backend has received since it was last asked.
    #[track_caller]
    pub(super) fn backend_receives(&mut self, frames: &[Vec<u8>]) {
        assert_eq!(hex(&self.received()), hex(&frames.concat()), "{:?}", self.cut);
    }

    pub(super) fn heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_client)
    }

    pub(super) fn received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_backend)
    }

    /// Whether the directions (to the backend, to the client) are raw.
    #[track_caller]
    pub(super) fn raw(&self, to_backend: bool, to_client: bool) {
        let bridge = self.bridge.as_ref().expect("raw behind the request");
        assert_eq!((bridge.to_backend_is_raw(), bridge.to_client_is_raw()), (to_backend, to_client), "{:?}", self.cut);
    }

    /// What the client hears in place of a backend that has died.
    #[track_caller]
    pub(super) fn client_is_answered(&mut self, refusal: &Refusal, last: Option<u32>) -> Vec<u8> {
        let bridge = self.bridge.as_ref().expect("behind the request");
        bridge.answer(self.answerer.as_ref().expect("behind the request"), refusal, last)
    }

    /// What the client hears of its fault behind its first request.
    #[track_caller]
    pub(super) fn client_is_told(&mut self, expected: Option<Vec<u8>>) {
        let fault = self.client_fault.expect("a fault");
        let bridge = self.bridge.as_ref().expect("behind the request");
        assert_eq!(bridge.goaway(fault).as_deref().map(hex), expected.as_deref().map(hex), "{:?}", self.cut);
    }

    #[track_caller]
    pub(super) fn answerable(&self, expected: bool) {
        let bridge = self.bridge.as_ref().expect("answerable behind the request");
        assert_eq!(bridge.is_answerable(), expected, "{:?}", self.cut);
    }

    /// The client has broken this rule.
    #[track_caller]
    pub(super) fn client_broke(&self, code: ErrorCode, section: &str) {
        match self.client_fault {
            Some(Fault::Connection { code: found, malformed, .. }) => {
                assert_eq!((found, malformed.section), (code, section), "{:?}: {malformed}", self.cut);
            }
            other => panic!("{section}: {other:?} ({:?})", self.cut),
        }
    }

    /// The client has reached this limit.
    #[track_caller]
    pub(super) fn client_reached(&self, expected: Limit) {
        match self.client_fault {
            Some(Fault::Limit { limit, .. }) => assert_eq!(limit, expected, "{:?}", self.cut),
            other => panic!("{expected}: {other:?} ({:?})", self.cut),
        }
    }

    /// What the client is told of its fault, behind what it has been told already.
    #[track_caller]
    pub(super) fn client_is_dismissed(&mut self, frames: &[Vec<u8>]) {
        let fault = self.client_fault.expect("a fault");
        let own_due = self.opening.as_ref().map_or(Some(OwnSettings::default()), Opening::own_due);
        self.to_client.extend(goaway(&fault, own_due).whole());
        self.client_hears(frames);
    }

    fn arrives(&mut self, bytes: &[u8]) {
        if self.client_fault.is_some() {
            return;
        }
        if let Some(bridge) = &mut self.bridge {
            self.client_fault = bridge.from_client(bytes, &mut self.to_backend).err();
            return;
        }
        let opening = self.opening.as_mut().expect("no request yet");
        let progress = opening.received(bytes);
        self.to_client.extend(opening.take_output());
        match progress {
            Ok(Progress::Request) => self.finish(),
            Ok(Progress::More) => {}
            Ok(Progress::Other(other)) => panic!("{other:?} is not HTTP/2"),
            Err(fault) => self.client_fault = Some(fault),
        }
    }

    fn finish(&mut self) {
        let opening = self.opening.take().expect("finished once");
        match opening.finish().expect("a request") {
            Ok(Opened { request, replay, bridge, answerer, .. }) => {
                self.to_backend.extend(replay);
                (self.request, self.bridge, self.answerer) = (Some(request), Some(bridge), Some(answerer));
            }
            Err(fault) => self.client_fault = Some(fault),
        }
    }

    fn parts(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let start = self.sent;
        self.sent += bytes.len();
        match self.cut {
            Cut::Whole => vec![bytes.to_vec()],
            Cut::Bytes => bytes.iter().map(|byte| vec![*byte]).collect(),
            Cut::At(position) if start < position && position < self.sent => {
                let (first, second) = bytes.split_at(position - start);
                vec![first.to_vec(), second.to_vec()]
            }
            Cut::At(_) => vec![bytes.to_vec()],
        }
    }
}

/// Bytes as text, sixteen a line, so that a difference can be read.
pub(super) fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).map(|line| line.iter().map(|byte| format!("{byte:02x} ")).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn preface() -> Vec<u8> {
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

pub(super) fn data(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(0, 0, stream, payload)
}

/// HEADERS with END_HEADERS, the stream still open.
pub(super) fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(1, 0x04, stream, block)
}

pub(super) fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        entries.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(4, 0, 0, &payload)
}

pub(super) fn ack() -> Vec<u8> {
    vec![0, 0, 0, 4, 1, 0, 0, 0, 0]
}

/// The SETTINGS that the proxy speaks first.
pub(super) fn own_settings() -> Vec<u8> {
    vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]
}

pub(super) fn ping(opaque: &[u8; 8]) -> Vec<u8> {
    frame(6, 0, 0, opaque)
}

pub(super) fn ping_ack(opaque: &[u8; 8]) -> Vec<u8> {
    frame(6, 1, 0, opaque)
}

pub(super) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(8, 0, stream, &increment.to_be_bytes())
}

pub(super) fn priority(stream: u32, dependency: u32) -> Vec<u8> {
    let [d3, d2, d1, d0] = dependency.to_be_bytes();
    frame(2, 0, stream, &[d3, d2, d1, d0, 15])
}

pub(super) fn goaway_frame(last_stream: u8, code: u8) -> Vec<u8> {
    vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last_stream, 0, 0, 0, code]
}

/// `POST /a.B/C`, scheme http, authority `x`, of content type `application/grpc`.
pub(super) fn call() -> Vec<u8> {
    [&b"\x83\x86\x04\x06/a.B/C\x01\x01x\x0f\x10\x10application/grpc"[..]].concat()
}
