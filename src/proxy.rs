//! The whole: opens the listeners, starts the shards, and ends them again.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Once};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::{Config, EngineChoice};
use crate::limits;
use crate::log::{Counters, Log, Notice, Totals};
use crate::relay;
use crate::shard::{self, BindError, Bound, BoundAddress, Orders, Parts};
use crate::sys::cpu;
use crate::sys::descriptors;
use crate::sys::host::refusal;
use crate::sys::runtime::Engine;
use crate::tap::budget::{Budget, TapCounts};
use crate::tap::queue::{Tap, queues};
use crate::tap::reader::{self, Observer};

/// A running proxy. Dropping it ends its shards without waiting for them.
#[derive(Debug)]
pub struct Proxy {
    shards: Vec<JoinHandle<()>>,
    counters: Vec<Arc<Counters>>,
    orders: watch::Sender<Orders>,
    log: Log,
    addresses: Vec<BoundAddress>,
    tap: Option<RunningTap>,
}

/// The thread that reads what sampled connections carry.
#[derive(Debug)]
struct RunningTap {
    thread: JoinHandle<()>,
    budget: Arc<Budget>,
}

impl RunningTap {
    /// Waits for the thread, which ends by itself once the shards are gone and everything was shown. One that is stuck,
    /// because nobody reads what its observer writes, must not keep the process from ending.
    fn finish(self) {
        let mut read = self.budget.pieces_read();
        let mut since = Instant::now();
        while !self.thread.is_finished() && since.elapsed() < limits::TAP_FINISH_DEADLINE {
            let now = self.budget.pieces_read();
            if now != read {
                (read, since) = (now, Instant::now());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A shard that has nothing to wait with.
    #[error("cannot set up {}: {}", engine.name(), explain(*engine, error))]
    Engine {
        /// What it was to wait with.
        engine: Engine,
        /// What the kernel said.
        #[source]
        error: io::Error,
    },
    /// A thread that cannot be started.
    #[error("cannot start a shard's thread: {error}")]
    Thread {
        /// What the kernel said.
        #[source]
        error: io::Error,
    },
}

impl Proxy {
    /// Opens every listener, then starts the shards. When it returns, connections are accepted.
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or the kernel refuses a ring or a thread. Nothing is left behind then.
    pub fn start(config: Config, log: Log, observer: Option<Box<dyn Observer>>) -> Result<Proxy, StartError> {
        end_with_a_shard();
        descriptors::raise_limit();
        let cores = cpu::allowed();
        let granted = cpu::shards(&cores);
        let count = config.shards.unwrap_or(granted).get();
        // A quota below the CPUs says how much and not where: everybody under one would pin to the same first CPUs of the
        // machine, busy or not.
        let pinned = config.pin.unwrap_or(granted.get() >= cores.len());
        let engine = choose_engine(config.engine, &log)?;
        let config = Arc::new(config);
        let (mut sockets, addresses) = open_listeners(&config, count)?;

        let (mut taps, tap) = match observer {
            Some(observer) => start_tap(count, config.tap.queue_bytes, &log, observer)?,
            None => (Vec::new(), None),
        };
        let (orders, receiver) = watch::channel(Orders::Serve);
        let mut proxy = Proxy { shards: Vec::new(), counters: Vec::new(), orders, log, addresses, tap };
        for number in 0..count {
            let counters = Arc::new(Counters::default());
            let (started, outcome) = sync_channel(1);
            let (tap, relay_tap) = taps.pop().unzip();
            let parts = Parts {
                number,
                core: cores.get(number % cores.len().max(1)).copied().filter(|_| pinned),
                engine,
                config: Arc::clone(&config),
                listeners: sockets.pop().unwrap_or_default(),
                log: proxy.log.clone(),
                counters: Arc::clone(&counters),
                tap,
                relay_tap,
                orders: receiver.clone(),
                started,
            };
            proxy.counters.push(counters);
            proxy.shards.push(shard::start(parts).map_err(|error| StartError::Thread { error })?);
            match outcome.recv_timeout(START_DEADLINE) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(StartError::Engine { engine, error }),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(StartError::Thread { error: io::ErrorKind::TimedOut.into() });
                }
            }
        }
        proxy.tell_addresses(&config);
        Ok(proxy)
    }

    /// Only now: who reads that it listens may connect, stop it or look for its rings at once.
    fn tell_addresses(&self, config: &Config) {
        let names = config.listeners.iter().flat_map(|listener| listener.binds.iter().map(|_| &listener.name));
        for (listener, address) in names.zip(&self.addresses) {
            self.log.notice(Notice::Listening {
                listener: listener.clone(),
                address: address.to_string(),
                shards: self.shards.len(),
            });
        }
    }

    /// Where it listens, in the order of the configuration, with the ports that the kernel chose.
    pub fn addresses(&self) -> &[BoundAddress] {
        &self.addresses
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// All counts up to now.
    pub fn totals(&self) -> Totals {
        Counters::totals(self.counters.iter().map(AsRef::as_ref))
    }

    /// How many connections were sampled, and how many samples were lost.
    pub fn tap_counts(&self) -> TapCounts {
        self.tap.as_ref().map(|tap| tap.budget.counts()).unwrap_or_default()
    }

    /// Accepts nothing new from now on, and lets connections finish.
    pub fn drain(&self) {
        self.order(Orders::Drain);
    }

    /// Ends every connection.
    pub fn stop(&self) {
        self.order(Orders::Stop);
    }

    /// Whether every shard has ended.
    pub fn is_finished(&self) -> bool {
        self.shards.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the shards to end, which they do after [`drain`](Proxy::drain) or [`stop`](Proxy::stop).
    pub fn join(mut self) -> Totals {
        for shard in self.shards.drain(..) {
            // A shard that panics ends the process, so there is no error to see here.
            drop(shard.join());
        }
        if let Some(tap) = self.tap.take() {
            let TapCounts { sampled, lost } = tap.budget.counts();
            if lost > 0 {
                self.log.notice(Notice::SamplesLost { lost, sampled });
            }
            tap.finish();
        }
        for address in &self.addresses {
            if let BoundAddress::Unix(path) = address {
                // It may be gone already; nobody needs it any more.
                drop(std::fs::remove_file(path));
            }
        }
        self.totals()
    }

    fn order(&self, orders: Orders) {
        self.orders.send_if_modified(|current| {
            let forward = *current < orders;
            *current = (*current).max(orders);
            forward
        });
    }
}

/// The listening sockets of each shard, the last shard's first, each with the index of its listener; and where they listen.
type Opened = (Vec<Vec<(usize, socket2::Socket)>>, Vec<BoundAddress>);

fn open_listeners(config: &Config, count: usize) -> Result<Opened, StartError> {
    let mut of_shards: Vec<Vec<(usize, socket2::Socket)>> = (0..count).map(|_| Vec::new()).collect();
    let mut addresses = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        for bind in &listener.binds {
            let Bound { address, sockets } = shard::bind(bind, count)?;
            for (of_shard, socket) in of_shards.iter_mut().zip(sockets) {
                of_shard.push((index, socket));
            }
            addresses.push(address);
        }
    }
    Ok((of_shards, addresses))
}

/// The shards' ends of the queues: of each the front's and the relay's.
type Taps = Vec<(Tap, Tap)>;

/// The shards' ends of the queues, and the thread that reads the other ends.
fn start_tap(
    shards: usize,
    queue_bytes: usize,
    log: &Log,
    observer: Box<dyn Observer>,
) -> Result<(Taps, Option<RunningTap>), StartError> {
    let budget = Budget::new(queue_bytes);
    let ends = (0..shards).map(|_| queues(&budget)).map(|(front, relay, outlet)| ((front, relay), outlet));
    let (producers, outlets): (Vec<_>, Vec<_>) = ends.unzip();
    let thread = reader::start(outlets, Arc::clone(&budget), log.clone(), observer);
    let thread = thread.map_err(|error| StartError::Thread { error })?;
    let tap = |producer| Tap::new(producer, Arc::clone(&budget), thread.thread().clone());
    let taps = producers.into_iter().map(|(front, relay)| (tap(front), tap(relay))).collect();
    Ok((taps, Some(RunningTap { thread, budget })))
}

/// A panic on a shard ends the process, with the panic's message: a proxy that goes on with some of its shards would
/// leave the connections of the others hanging, and its clients to the kernel's listen queue.
fn end_with_a_shard() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            report(panic);
            let is_of_shard =
                |name: &str| [shard::THREAD_NAME, relay::THREAD_NAME].iter().any(|of| name.starts_with(of));
            if std::thread::current().name().is_some_and(is_of_shard) {
                std::process::abort();
            }
        }));
    });
}

/// io_uring, unless it is refused and another engine is allowed. Decided once, for all shards: half a proxy on another
/// engine would be a riddle. Shortages (`ENOMEM`, `EMFILE`) are no refusals: epoll would hide them, not mend them.
fn choose_engine(choice: EngineChoice, log: &Log) -> Result<Engine, StartError> {
    if choice == EngineChoice::Epoll {
        return Ok(Engine::Epoll);
    }
    match relay::probe_io_uring() {
        Ok(()) => Ok(Engine::IoUring),
        Err(error) if choice == EngineChoice::Auto && refusal::is_refusal(&error) => {
            let message = format!("running on epoll, because io_uring is refused: {}", refusal::explain(&error));
            log.notice(Notice::Warning { message });
            Ok(Engine::Epoll)
        }
        Err(error) => Err(StartError::Engine { engine: Engine::IoUring, error }),
    }
}

/// What the kernel said and, of io_uring, who may be behind it.
fn explain(engine: Engine, error: &io::Error) -> String {
    match engine {
        Engine::IoUring => refusal::explain(error),
        Engine::Epoll if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            format!("{error}; raise the limit of open files (`ulimit -n`, LimitNOFILE=), or run fewer shards")
        }
        Engine::Epoll => error.to_string(),
    }
}

/// How often the end of the tap is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A thread that has not set up its ring by then never will.
const START_DEADLINE: Duration = Duration::from_secs(10);
