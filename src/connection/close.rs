//! Close: the reason, the last words, and the record that becomes the summary.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::context::Context;
use super::introduce::{Client, introduce};
use super::ledger::Ledger;
use super::unrouted::Place;
use crate::bridge::Answer;
use crate::config::Listener;
use crate::limits::{Limit, Limits};
use crate::log::{Bytes, Cause, CloseReason, ConnectionId, Side, Summary, Tlvs};
use crate::relay::{self, End, Owner};
use crate::route::SendProxy;
use crate::sys::socket::Socket;
use crate::tap::event::Direction;
use crate::tap::queue::{Paused, Sample};
use crate::wire::proxy_protocol::{Addresses, Command, Header, Version};

/// How a connection ends that was not handed over.
#[derive(Debug)]
pub(super) struct Close {
    reason: CloseReason,
    limit: Option<Limit>,
    detail: Option<String>,
    /// What the client is told; empty means only that our side ends. `None`: not even that.
    last_words: Option<Answer>,
}

impl Close {
    /// Ends it without a word.
    pub(super) fn silent(reason: CloseReason) -> Close {
        Close { reason, limit: None, detail: None, last_words: None }
    }

    /// Ends it without a word because of an error of one side's socket.
    pub(super) fn failed(side: Side, error: &io::Error) -> Close {
        Close::silent(CloseReason::of_error(side, error)).because(error)
    }

    /// Ends it with an answer, and waits for the client to have read it.
    pub(super) fn answered(reason: CloseReason, last_words: impl Into<Answer>) -> Close {
        Close { reason, limit: None, detail: None, last_words: Some(last_words.into()) }
    }

    /// Adds the rule that was broken or the error.
    pub(super) fn because(mut self, detail: impl Display) -> Close {
        self.detail = Some(detail.to_string());
        self
    }

    /// Names the limit that ended it, if one did.
    pub(super) fn of_limit(mut self, limit: Option<Limit>) -> Close {
        self.limit = limit;
        self
    }

    /// Names the limit that ended it, and says so in its words.
    pub(super) fn at(self, limit: Limit, limits: &Limits) -> Close {
        self.of_limit(Some(limit)).because(limit.reached(limits.value(limit)))
    }

    /// Says the last words and closes.
    pub(super) async fn carry_out(self, client: Socket, mut record: Record) {
        match &self.last_words {
            Some(words) => {
                record.said(&words.response);
                record.said(&words.goaway);
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
    /// Where the client connected to: our own address, or what the PROXY header says.
    destination: Option<SocketAddr>,
    prefix: Option<Header>,
    /// Bytes sent to the client before the hand-over.
    said: u64,
    /// Bytes of the PROXY header that the backend gets.
    introduction: u64,
    /// Where copies of its bytes go, if it is sampled.
    sample: Option<Sample>,
    /// What it takes among the connections that are not routed yet.
    place: Option<Place>,
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
            introduction: 0,
            sample,
            place: None,
        }
    }

    /// Our own end of the connection.
    pub(super) fn local(&mut self, local: Option<SocketAddr>) {
        self.destination = local.map(canonical);
    }

    /// What the PROXY header says. A LOCAL one, or one without addresses, leaves the real endpoints in force.
    pub(super) fn prefix(&mut self, prefix: Option<Header>) {
        let Some(header) = prefix else { return };
        self.summary.proxy_protocol = match header.version {
            Version::V1 => "v1",
            Version::V2 => "v2",
        };
        match (&header.addresses, header.command) {
            (Some(Addresses::Inet { source, destination, .. }), Command::Proxy) => {
                self.summary.client = Some(canonical(*source));
                self.destination = Some(canonical(*destination));
            }
            (Some(Addresses::Unix { .. }), Command::Proxy) => {
                self.summary.client = None;
                self.destination = None;
            }
            (None, _) | (_, Command::Local) => {}
        }
        self.summary.tlvs = Tlvs::of(&header);
        self.prefix = Some(header);
    }

    /// Takes a place among the connections that are not routed yet; it is given back when the record ends or is
    /// [`routed`](Record::routed). `source`: counted to this source at once.
    pub(super) fn enter(&mut self, source: Option<SocketAddr>) -> Result<(), Close> {
        let context = Rc::clone(&self.context);
        self.place = Some(context.unrouted.enter().map_err(|limit| crowded(limit, &context))?);
        self.count_to(source)
    }

    /// Counts the place to the source, now that it is known.
    pub(super) fn count_to(&mut self, source: Option<SocketAddr>) -> Result<(), Close> {
        let (Some(place), Some(source)) = (&mut self.place, source) else { return Ok(()) };
        place.count_to(source.ip()).map_err(|limit| crowded(limit, &self.context))
    }

    /// Gives the place back.
    pub(super) fn routed(&mut self) {
        self.place = None;
    }

    /// The PROXY header for the backend.
    pub(super) fn introduce(&mut self, how: SendProxy, listener: &Listener) -> Vec<u8> {
        let unique_id = self.context.unique_id(self.summary.id);
        let (header, unique_id) = introduce(
            how,
            Client {
                prefix: self.prefix.as_ref(),
                is_vouched_for: !listener.trusted.is_empty(),
                source: self.summary.client,
                destination: self.destination,
                unique_id: &unique_id,
            },
        );
        self.summary.unique_id = unique_id.map(Summary::value);
        self.introduction = header.len() as u64;
        header
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

    /// Resolves as soon as the shard drains.
    pub(super) async fn draining(&self) {
        self.context.draining().await;
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
    pub(super) fn end(mut self, close: Close) {
        let context = Rc::clone(&self.context);
        self.summary.limit = close.limit;
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
        let Record { context, begun, summary, prefix, said, introduction, sample, .. } = self;
        let (counters, log) = (Arc::clone(&context.counters), Arc::clone(&context.log));
        let is_local = prefix.is_some_and(|prefix| prefix.command == Command::Local);
        (Ledger { summary, begun, is_local, said, introduction, counters, log }, sample)
    }
}

/// There are too many connections that are not routed yet: of all clients together, or of this one.
fn crowded(limit: Limit, context: &Context) -> Close {
    let side = if limit == Limit::UnroutedConnections { Side::Proxy } else { Side::Client };
    Close::silent(CloseReason { side, cause: Cause::Limit }).at(limit, &context.config.limits)
}

/// IPv4 through a dual-stack socket, ours or that of the sender in front of us, is IPv4: to trust, to routes and to readers.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
