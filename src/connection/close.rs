//! Close: the reason, the last words, and the record that becomes the summary.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::context::Context;
use super::ledger::Ledger;
use crate::log::{Bytes, CloseReason, ConnectionId, Side, Summary};
use crate::relay::{self, End, Owner};
use crate::sys::socket::Socket;
use crate::tap::event::Direction;
use crate::tap::queue::{Paused, Sample};
use crate::wire::proxy_protocol::{Addresses, Command, Header, Version};

/// How a connection ends that was not handed over.
#[derive(Debug)]
pub(super) struct Close {
    reason: CloseReason,
    detail: Option<String>,
    /// What the client is told; empty means only that our side ends. `None`: not even that.
    last_words: Option<Vec<u8>>,
}

impl Close {
    /// Ends it without a word.
    pub(super) fn silent(reason: CloseReason) -> Close {
        Close { reason, detail: None, last_words: None }
    }

    /// Ends it without a word because of an error of one side's socket.
    pub(super) fn failed(side: Side, error: &io::Error) -> Close {
        Close::silent(CloseReason::of_error(side, error)).because(error)
    }

    /// Ends it with an answer, and waits for the client to have read it.
    pub(super) fn answered(reason: CloseReason, last_words: Vec<u8>) -> Close {
        Close { reason, detail: None, last_words: Some(last_words) }
    }

    /// Adds the rule that was broken or the error.
    pub(super) fn because(mut self, detail: impl Display) -> Close {
        self.detail = Some(detail.to_string());
        self
    }

    /// Says the last words and closes.
    pub(super) async fn carry_out(self, client: Socket, mut record: Record) {
        match &self.last_words {
            Some(words) => {
                record.said(words);
                relay::farewell(client, words).await;
            }
            None => drop(client),
        }
        record.end(self);
    }
}

/// What is known of a connection while it is set up. It ends as a summary, exactly once: here, or as a [`Ledger`] with
/// the relay.
#[derive(Debug)]
pub(super) struct Record {
    context: Rc<Context>,
    /// Index of the listener in the configuration.
    listener: usize,
    begun: Instant,
    summary: Box<Summary>,
    /// Where the client connected to: our own address, or what the PROXY prefix says.
    destination: Option<SocketAddr>,
    prefix: Option<Header>,
    /// Bytes sent to the client before the hand-over.
    said: u64,
    /// Where copies of its bytes go, if it is sampled.
    sample: Option<Sample>,
}

impl Record {
    pub(super) fn new(context: &Rc<Context>, listener: usize, peer: Option<SocketAddr>) -> Record {
        let name = context.config.listeners.get(listener).map(|listener| listener.name.clone());
        let summary = Summary::new(context.begun(), name.unwrap_or_default(), peer);
        let sample = context.sample(listener, summary.id, peer);
        Record {
            context: Rc::clone(context),
            listener,
            begun: Instant::now(),
            summary: Box::new(summary),
            destination: None,
            prefix: None,
            said: 0,
            sample,
        }
    }

    /// Our own end of the connection.
    pub(super) fn local(&mut self, local: Option<SocketAddr>) {
        self.destination = local.map(|local| SocketAddr::new(local.ip().to_canonical(), local.port()));
    }

    /// What the PROXY prefix says. A LOCAL one, or one without addresses, leaves the real endpoints in force.
    pub(super) fn prefix(&mut self, prefix: Option<Header>) {
        let Some(header) = prefix else { return };
        self.summary.proxy_protocol = match header.version {
            Version::V1 => "v1",
            Version::V2 => "v2",
        };
        match (&header.addresses, header.command) {
            (Some(Addresses::Inet { source, destination, .. }), Command::Proxy) => {
                self.summary.client = Some(*source);
                self.destination = Some(*destination);
            }
            (Some(Addresses::Unix { .. }), Command::Proxy) => {
                self.summary.client = None;
                self.destination = None;
            }
            (None, _) | (_, Command::Local) => {}
        }
        self.prefix = Some(header);
    }

    /// Its name.
    pub(super) fn id(&self) -> ConnectionId {
        self.summary.id
    }

    /// By which route it goes.
    pub(super) fn route(&self) -> Option<&str> {
        self.summary.route.as_deref()
    }

    /// The summary, to be filled in.
    pub(super) fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    /// Index of the listener in the configuration.
    pub(super) fn listener(&self) -> usize {
        self.listener
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.summary.peer
    }

    pub(super) fn client(&self) -> Option<SocketAddr> {
        self.summary.client
    }

    pub(super) fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }

    pub(super) fn header(&self) -> Option<&Header> {
        self.prefix.as_ref()
    }

    /// Notes bytes that are sent to the client before the hand-over.
    pub(super) fn said(&mut self, bytes: &[u8]) {
        self.said += bytes.len() as u64;
        self.copy(Direction::ToClient, bytes);
    }

    /// Copies bytes to the tap, if the connection is sampled.
    pub(super) fn copy(&self, direction: Direction, bytes: &[u8]) {
        if let Some(sample) = &self.sample {
            sample.copy(direction, bytes);
        }
    }

    /// Ends the connection's life: counted once, logged once.
    pub(super) fn end(self, close: Close) {
        let context = Rc::clone(&self.context);
        let (ledger, sample) = self.split();
        ledger.ended(End {
            reason: close.reason,
            detail: close.detail,
            to_backend: Bytes::default(),
            to_client: Bytes::default(),
            requests: None,
            sample,
        });
        context.closed();
    }

    /// Gives up what the relay takes over.
    pub(super) fn hand_over(self) -> (Ledger, Option<Paused>) {
        let (ledger, sample) = self.split();
        (ledger, sample.map(Sample::pause))
    }

    fn split(self) -> (Ledger, Option<Sample>) {
        let Record { context, begun, summary, said, sample, .. } = self;
        let (counters, log) = (Arc::clone(&context.counters), Arc::clone(&context.log));
        (Ledger { summary, begun, said, counters, log }, sample)
    }
}
