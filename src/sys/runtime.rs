//! The runtime of a shard's front: tasks on the calling thread, waiting on an io_uring or on epoll.
//!
//! io_uring is the engine of choice. epoll is for hosts that refuse it: the default seccomp profiles of Docker and
//! containerd, `kernel.io_uring_disabled`, sandboxes. What runs on a runtime does not know which it is: all it asks for
//! are tasks, timers and the waits of `readiness.rs`.

use std::cell::Cell;
use std::future::Future;
use std::io;

use tokio::task::{JoinHandle, LocalSet};

/// What a runtime waits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A ring of its own, through `tokio-uring`.
    IoUring,
    /// epoll, through tokio.
    Epoll,
}

impl Engine {
    /// Its name in flags, configuration and logs.
    pub fn name(self) -> &'static str {
        match self {
            Engine::IoUring => "io_uring",
            Engine::Epoll => "epoll",
        }
    }
}

/// Tries whether this process may have an io_uring, as a shard would set it up.
///
/// # Errors
///
/// `EPERM` where a seccomp profile or `kernel.io_uring_disabled` refuses io_uring, `ENOSYS` on a kernel or in a sandbox
/// without it, `ENOMEM` when the memory lock limit is too low, `EAGAIN` if no thread can be started.
pub fn probe_io_uring() -> io::Result<()> {
    // On a thread of its own: the end of a ring leaves work to the thread that made it, which breaks off one of its
    // later calls; a receive with a time-out fails with EINTR then, whatever SA_RESTART says.
    let probe = std::thread::Builder::new().spawn(|| {
        drop(ring()?);
        is_new_enough()
    })?;
    probe.join().unwrap_or_else(|_panic| Err(io::Error::other("the probe of io_uring panicked")))
}

/// Whether waits can be cancelled by descriptor, which came with Linux 5.19. Nothing tells that by itself, but the operation
/// `SOCKET` came with the same release and can be asked for.
fn is_new_enough() -> io::Result<()> {
    let ring = io_uring_06::IoUring::new(2)?;
    let mut operations = io_uring_06::Probe::new();
    ring.submitter().register_probe(&mut operations)?;
    if operations.is_supported(io_uring_06::opcode::Socket::CODE) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EINVAL))
    }
}

/// A runtime. It lives and dies on one thread.
pub struct Runtime {
    inner: Inner,
}

enum Inner {
    IoUring(tokio_uring::Runtime),
    Epoll { tasks: LocalSet, runtime: tokio::runtime::Runtime },
}

impl Runtime {
    /// Sets the runtime up.
    ///
    /// # Errors
    ///
    /// Those of [`probe_io_uring`]; `EMFILE` for either engine.
    pub fn new(engine: Engine) -> io::Result<Runtime> {
        let inner = match engine {
            Engine::IoUring => Inner::IoUring(ring()?),
            Engine::Epoll => Inner::Epoll {
                tasks: LocalSet::new(),
                runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            },
        };
        Ok(Runtime { inner })
    }

    /// Runs `future` and what it spawns until `future` is done.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.inner {
            Inner::IoUring(runtime) => {
                let _running = Running::enter(Engine::IoUring);
                runtime.block_on(future)
            }
            Inner::Epoll { tasks, runtime } => {
                let _running = Running::enter(Engine::Epoll);
                tasks.block_on(runtime, future)
            }
        }
    }
}

/// Starts a task on the running runtime. It goes on if nobody waits for it.
pub fn spawn<F: Future<Output = ()> + 'static>(future: F) -> JoinHandle<()> {
    tokio::task::spawn_local(future)
}

/// The engine of the runtime that this thread is inside of; `None` outside of [`Runtime::block_on`].
///
/// Tasks that are dropped with the runtime run their destructors outside of it, where a ring takes no operations.
pub(super) fn running() -> Option<Engine> {
    RUNNING.get()
}

fn ring() -> io::Result<tokio_uring::Runtime> {
    let mut builder = tokio_uring::builder();
    builder.entries(ENTRIES);
    tokio_uring::Runtime::new(&builder)
}

struct Running;

impl Running {
    fn enter(engine: Engine) -> Running {
        RUNNING.set(Some(engine));
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(None);
    }
}

thread_local! {
    static RUNNING: Cell<Option<Engine>> = const { Cell::new(None) };
}

/// Submission entries: how many waits can be queued before a system call hands them over. The completion queue has
/// twice as many and overflows into kernel memory, so nothing is lost beyond it.
const ENTRIES: u32 = 1024;
