//! From pieces to text: decodes each sampled connection and writes what the decoder says of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::time::{Duration, SystemTime};

use super::decoder::{ConnectionDecoder, Limits};
use super::event::{Direction, Event};
use super::protobuf::Sources;
use super::queue::Label;
use super::reader::Observer;
use super::render::classic::{self, Endpoints};
use super::render::pretty::{self, Look, Stamp};
use super::render::{BySchema, Options, Unknown};
use crate::log::{ConnectionId, Log, Notice, Summary};

/// How the text is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The layout of tcp-h2-describe.
    Classic,
    /// For a terminal of 100 columns.
    Pretty(Look),
}

/// Where text goes.
pub trait Sink: Send {
    /// Takes a block; nothing else is written between its lines.
    ///
    /// # Errors
    ///
    /// If nobody can read it any more. Nothing is written from then on.
    fn block(&mut self, connection: ConnectionId, text: &str) -> io::Result<()>;
}

/// Decodes sampled connections and writes about them.
pub struct Explainer<S> {
    sink: S,
    form: Form,
    sources: Sources,
    setting_names: BTreeMap<u16, String>,
    show_secrets: bool,
    /// There is one connection only: nothing needs to say which.
    single: bool,
    unknown: RefCell<Unknown>,
    notes: Option<Log>,
    /// The backend, as the classic form names it.
    backend: String,
    /// When the first piece came; times are told from then.
    begun: Option<SystemTime>,
    live: HashMap<ConnectionId, Connection>,
    is_open: bool,
}

struct Connection {
    decoder: ConnectionDecoder,
    endpoints: Endpoints,
}

impl<S: Sink> Explainer<S> {
    /// An explainer that writes to `sink`; `backend` is what the classic form calls the server.
    pub fn new(sink: S, form: Form, sources: Sources, backend: String) -> Explainer<S> {
        Explainer {
            sink,
            form,
            sources,
            setting_names: BTreeMap::new(),
            show_secrets: false,
            single: false,
            unknown: RefCell::default(),
            notes: None,
            backend,
            begun: None,
            live: HashMap::new(),
            is_open: true,
        }
    }

    /// Shows the values of secret fields, too.
    pub fn show_secrets(mut self, show: bool) -> Explainer<S> {
        self.show_secrets = show;
        self
    }

    /// Says in the log why a service's messages are shown without names.
    pub fn notes_to(mut self, log: Log) -> Explainer<S> {
        self.notes = Some(log);
        self
    }

    /// Leaves out what tells connections apart, and their beginnings and ends: there is one only.
    pub fn single(mut self) -> Explainer<S> {
        self.single = true;
        self
    }

    /// Names further SETTINGS identifiers.
    pub fn setting_names(mut self, names: BTreeMap<u16, String>) -> Explainer<S> {
        self.setting_names = names;
        self
    }

    fn explain(&mut self, id: ConnectionId, events: &[Event], at: SystemTime) {
        if events.is_empty() {
            return;
        }
        let Some(connection) = self.live.get(&id) else { return };
        let since = at.duration_since(*self.begun.get_or_insert(at)).unwrap_or_default();
        let messages = BySchema { sources: &self.sources, patience: PATIENCE, unknown: &self.unknown };
        let options =
            Options { messages: &messages, setting_names: &self.setting_names, show_secrets: self.show_secrets };
        let mut text = String::new();
        match self.form {
            // What completes in one direction may let bytes that waited in the other be understood, too.
            Form::Classic => events
                .chunk_by(|one, next| one.direction == next.direction)
                .for_each(|chunk| classic::block(&mut text, &connection.endpoints, chunk, &options)),
            Form::Pretty(look) => {
                let stamp = Stamp { time: Some(since), connection: (!self.single).then_some(id) };
                for event in events {
                    pretty::event(&mut text, event, stamp, &options, look);
                }
            }
        }
        self.write(id, &text);
        self.tell_unknown();
    }

    /// Says of a service without a schema why it has none, once.
    fn tell_unknown(&mut self) {
        let Some(log) = &self.notes else { return };
        for (service, reason) in self.unknown.get_mut().take_news() {
            let message = format!("messages of {} are shown by field numbers: {reason}", service.escape_debug());
            log.notice(Notice::Warning { message });
        }
    }

    fn write(&mut self, id: ConnectionId, text: &str) {
        if !self.is_open {
            return;
        }
        if let Err(error) = self.sink.block(id, text) {
            self.is_open = false;
            let message = format!("connections are relayed, but explained no more: nobody reads the text: {error}");
            self.notes.iter().for_each(|log| log.notice(Notice::Warning { message: message.clone() }));
        }
    }

    /// What the decoder still holds of a connection, and the end of it.
    fn finish(&mut self, label: &Label, note: &str) {
        for direction in [Direction::ToBackend, Direction::ToClient] {
            let mut events = Vec::new();
            if let Some(connection) = self.live.get_mut(&label.id) {
                connection.decoder.finish(direction, &mut events);
            }
            self.explain(label.id, &events, SystemTime::now());
        }
        let Some(connection) = self.live.remove(&label.id) else { return };
        let text = match self.form {
            Form::Classic => {
                let mut text = String::new();
                if !note.is_empty() {
                    text.push_str(note);
                    text.push('\n');
                }
                for direction in [Direction::ToBackend, Direction::ToClient] {
                    classic::done_redirecting(&mut text, &connection.endpoints, direction);
                }
                text
            }
            Form::Pretty(_) if self.single => return,
            Form::Pretty(_) => format!("#{}  {note}\n\n", label.id),
        };
        self.write(label.id, &text);
    }
}

impl<S: Sink> Observer for Explainer<S> {
    fn begin(&mut self, label: &Label) {
        let endpoints = Endpoints { client: label.peer.clone(), backend: self.backend.clone() };
        let decoder = ConnectionDecoder::new(Limits::default());
        self.live.insert(label.id, Connection { decoder, endpoints });
        let text = match self.form {
            Form::Classic => {
                let mut text = String::new();
                classic::accepted(&mut text, &label.peer);
                text
            }
            Form::Pretty(_) if self.single => return,
            Form::Pretty(_) => format!("#{}  connection from {}\n\n", label.id, label.peer),
        };
        self.write(label.id, &text);
    }

    fn bytes(&mut self, label: &Label, direction: Direction, at: SystemTime, bytes: &[u8]) {
        let mut events = Vec::new();
        if let Some(connection) = self.live.get_mut(&label.id) {
            connection.decoder.feed(direction, bytes, &mut events);
        }
        self.explain(label.id, &events, at);
    }

    fn lost(&mut self, label: &Label) {
        self.finish(label, "the sample ends here: its bytes came faster than they were read");
    }

    fn end(&mut self, label: &Label, summary: Option<&Summary>) {
        let note = match summary {
            Some(summary) => {
                format!("closed: {} {}", summary.reason.side.label(), summary.reason.cause.label())
            }
            None => "closed".to_owned(),
        };
        let note = if self.form == Form::Classic { String::new() } else { note };
        self.finish(label, &note);
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}

/// How long a message may wait for the backend to tell its schema, once for each service. The traffic does not wait.
const PATIENCE: Duration = Duration::from_secs(2);
