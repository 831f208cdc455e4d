//! From a shard's front to its relay: a queue of connections, by value and one-way.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::io::Wake;
use super::{Flow, Owner};

/// The front's end of a running relay.
pub struct Relay<O> {
    /// `None` once nothing more is handed over.
    queue: RefCell<Option<rtrb::Producer<Flow<O>>>>,
    handed_over: Notify,
    channel: Arc<Channel>,
}

/// A connection that was not taken over, and why.
#[derive(Debug)]
pub enum NotTaken<O> {
    /// The queue has no room at the moment.
    Full(Box<Flow<O>>),
    /// Nothing is taken any more.
    Closed(Box<Flow<O>>),
}

/// What the front tells the relay besides connections.
#[derive(Debug)]
struct Channel {
    wake: Arc<Wake>,
    drain: AtomicBool,
    stop: AtomicBool,
}

/// The relay's end.
#[derive(Debug)]
pub(super) struct Arrivals<O> {
    queue: rtrb::Consumer<Flow<O>>,
    channel: Arc<Channel>,
}

/// What the front has ordered so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orders {
    /// Nothing more comes than what waits.
    pub(super) close: bool,
    /// Clients are to be told to go elsewhere, where that can be said.
    pub(super) drain: bool,
    /// Every connection is to be ended.
    pub(super) stop: bool,
}

/// The two ends of a queue of `places`.
///
/// # Errors
///
/// `EMFILE` if there is no descriptor for waking the relay.
pub(super) fn queue<O>(places: usize) -> io::Result<(Relay<O>, Arrivals<O>)> {
    let (producer, queue) = rtrb::RingBuffer::new(places);
    let channel = Arc::new(Channel { wake: Wake::new()?, drain: AtomicBool::new(false), stop: AtomicBool::new(false) });
    let relay =
        Relay { queue: RefCell::new(Some(producer)), handed_over: Notify::new(), channel: Arc::clone(&channel) };
    Ok((relay, Arrivals { queue, channel }))
}

impl<O: Owner> Relay<O> {
    /// Hands a connection over.
    ///
    /// # Errors
    ///
    /// The connection itself, if no room is left in the queue, or it is closed.
    pub fn hand_over(&self, flow: Flow<O>) -> Result<(), NotTaken<O>> {
        let mut queue = self.queue.borrow_mut();
        let Some(producer) = queue.as_mut() else { return Err(NotTaken::Closed(Box::new(flow))) };
        producer.push(flow).map_err(|rtrb::PushError::Full(flow)| NotTaken::Full(Box::new(flow)))?;
        self.handed_over.notify_one();
        Ok(())
    }

    /// Wakes the relay for what is handed over, for ever: a task of the front. What other tasks hand over before it gets
    /// its turn goes with it, as each wake-up can take the CPU, which both threads share, away from the front.
    pub async fn wake_in_turn(&self) {
        loop {
            self.handed_over.notified().await;
            self.channel.wake.wake();
        }
    }

    /// Whether the queue has no room: the relay is behind, and more connections would only wait.
    pub fn is_full(&self) -> bool {
        self.queue.borrow().as_ref().is_none_or(rtrb::Producer::is_full)
    }

    /// Hands nothing more over: the relay ends with its last connection.
    pub fn close(&self) {
        *self.queue.borrow_mut() = None;
        self.channel.wake.wake();
    }

    /// Tells clients to go elsewhere, where that can be said; those of connections that are still to come, too.
    pub fn drain(&self) {
        self.channel.drain.store(true, Ordering::Release);
        self.channel.wake.wake();
    }

    /// Ends every connection, those that are still to come included.
    pub fn stop(&self) {
        self.channel.stop.store(true, Ordering::Release);
        self.channel.wake.wake();
    }
}

impl<O> fmt::Debug for Relay<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl<O> Arrivals<O> {
    pub(super) fn wake(&self) -> &Arc<Wake> {
        &self.channel.wake
    }

    pub(super) fn next(&mut self) -> Option<Flow<O>> {
        self.queue.pop().ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// To be asked before looking into the queue, because the last connection may come in between; and again between
    /// falling asleep and waiting.
    pub(super) fn orders(&self) -> Orders {
        let Channel { drain, stop, .. } = &*self.channel;
        Orders {
            close: self.queue.is_abandoned(),
            drain: drain.load(Ordering::Acquire),
            stop: stop.load(Ordering::Acquire),
        }
    }
}
