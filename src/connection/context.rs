//! What the connections of one shard share.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use super::ledger::Ledger;
use super::unrouted::Unrouted;
use crate::config::{Config, Listener};
use crate::log::{ConnectionId, Counters, Log};
use crate::relay::Relay;
use crate::route::{Balancer, Pool, PoolId};
use crate::tap::queue::{Sample, Tap};
use crate::tap::sampler;

/// A shard's view of the world. It belongs to the shard's thread; only the configuration, the counters' readers and the
/// log's writer are elsewhere.
#[derive(Debug)]
pub struct Context {
    /// Shared by all shards, immutable.
    pub config: Arc<Config>,
    /// The shard's number.
    pub shard: usize,
    /// Where summaries and notices go.
    pub log: Arc<Log>,
    /// This shard's counts.
    pub counters: Arc<Counters>,
    /// Where the bytes of sampled connections go; `None`: nobody reads them.
    pub tap: Option<Rc<Tap>>,
    /// Takes over connections that are set up.
    pub relay: Relay<Ledger>,
    /// Ends every connection that is being set up when it is notified.
    pub stop: Notify,
    /// Told whenever a connection has ended.
    pub ended: Notify,
    drain: Notify,
    is_draining: Cell<bool>,
    /// The places of connections that are not routed yet.
    pub(super) unrouted: Rc<Unrouted>,
    /// Random, so that the ids of connections differ from those of any other shard and process.
    instance: u64,
    balancers: Vec<RefCell<Balancer>>,
    open: Cell<usize>,
    accepted: Cell<u64>,
}

impl Context {
    /// The context of shard number `shard`.
    pub fn new(
        config: Arc<Config>,
        shard: usize,
        log: Log,
        counters: Arc<Counters>,
        tap: Option<Tap>,
        relay: Relay<Ledger>,
    ) -> Context {
        let balancers = config.pools.iter().map(|pool| RefCell::new(Balancer::new(pool, shard))).collect();
        Context {
            unrouted: Unrouted::new(&config.limits),
            config,
            shard,
            log: Arc::new(log),
            counters,
            tap: tap.map(Rc::new),
            relay,
            stop: Notify::new(),
            ended: Notify::new(),
            drain: Notify::new(),
            is_draining: Cell::new(false),
            instance: RandomState::new().hash_one(shard),
            balancers,
            open: Cell::new(0),
            accepted: Cell::new(0),
        }
    }

    /// A listener of the configuration.
    pub fn listener(&self, index: usize) -> &Listener {
        #[expect(clippy::indexing_slicing, reason = "the shard accepts only on listeners of its configuration")]
        &self.config.listeners[index]
    }

    /// A pool of the configuration.
    pub fn pool(&self, id: PoolId) -> &Pool {
        #[expect(clippy::indexing_slicing, reason = "the configuration makes no PoolId beyond its own pools")]
        &self.config.pools[id.0]
    }

    /// The backends to try for one connection, in this order.
    pub fn candidates(&self, id: PoolId) -> Vec<usize> {
        self.balancers.get(id.0).map(|balancer| balancer.borrow_mut().candidates().collect()).unwrap_or_default()
    }

    /// Connections that are being set up.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Tells connections that have no request yet to go elsewhere, now and from now on.
    pub fn drain(&self) {
        self.is_draining.set(true);
        self.drain.notify_waiters();
    }

    /// Resolves as soon as the shard drains.
    pub(super) async fn draining(&self) {
        // It hears what is told from here on, so nothing can be missed between the question and the wait.
        let told = self.drain.notified();
        if !self.is_draining.get() {
            told.await;
        }
    }

    /// Counts a connection in and names it.
    pub(super) fn begun(&self) -> ConnectionId {
        self.counters.accepted();
        self.open.set(self.open.get() + 1);
        self.accepted.set(self.accepted.get() + 1);
        ConnectionId { shard: self.shard, number: self.accepted.get() }
    }

    /// A name for a connection that is unique beyond this process: 16 hexadecimal digits that the shard drew when it
    /// started, and the name in the log.
    pub(super) fn unique_id(&self, id: ConnectionId) -> String {
        format!("{:016x}-{id}", self.instance)
    }

    /// Begins the sample of a connection, if it is among those that its listener has sampled.
    pub(super) fn sample(&self, listener: usize, id: ConnectionId, peer: Option<SocketAddr>) -> Option<Sample> {
        let tap = self.tap.as_ref()?;
        let one_in = self.config.listeners.get(listener)?.sample?;
        if !sampler::takes(one_in, id) {
            return None;
        }
        let peer = peer.map_or_else(|| "unix".to_owned(), |peer| peer.to_string());
        tap.begin(id, peer)
    }

    /// Counts a connection out.
    pub(super) fn closed(&self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.ended.notify_one();
    }
}
