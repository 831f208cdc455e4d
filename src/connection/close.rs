//! Close: the reason, the last words, and the record that becomes the summary.

use std::fmt::Display;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::context::Context;
use crate::log::{Bytes, CloseReason, Summary};
use crate::relay::{self, End, Owner};
use crate::sys::socket::Socket;
use crate::tap::event::Direction;
use crate::tap::queue::Sample;
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

/// What is known of a connection so far. It ends as a summary, exactly once.
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
    sample: Option<Rc<Sample>>,
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

    /// Where copies of its bytes go, if it is sampled.
    pub(super) fn sample(&self) -> Option<Rc<Sample>> {
        self.sample.clone()
    }

    /// Ends the connection's life: counted once, logged once.
    pub(super) fn end(self, close: Close) {
        let end = End {
            reason: close.reason,
            detail: close.detail,
            to_backend: Bytes::default(),
            to_client: Bytes::default(),
        };
        self.ended(end);
    }
}

impl Owner for Record {
    fn ended(mut self, end: End) {
        let summary = &mut self.summary;
        summary.duration = self.begun.elapsed();
        summary.to_backend = end.to_backend;
        summary.to_client = end.to_client;
        summary.to_client.copied += self.said;
        summary.reason = end.reason;
        summary.detail = end.detail;
        self.context.counters.closed(end.reason);
        let unlogged = match &self.sample {
            Some(sample) => sample.end(self.summary).err(),
            None => Some(self.summary),
        };
        if let Some(summary) = unlogged {
            self.context.log.summary(summary);
        }
        self.context.closed();
    }
}
