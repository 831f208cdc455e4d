//! The runtime of a shard's front: tasks on the calling thread, waiting on an io_uring or on epoll.
//!
//! io_uring is the engine of choice. epoll is for hosts that refuse it: the default seccomp profiles of Docker and
//! containerd, `kernel.io_uring_disabled`, sandboxes. What runs on a runtime does not know which it is: all it asks for
//! are tasks, timers and the waits of `readiness.rs`.

use std::cell::Cell;
use std::future::Future;
use std::io;

use tokio::task::{JoinHandle, LocalSet};

use crate::limits;

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
    /// What io_uring_setup(2) says; `EMFILE` for either engine.
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
    builder.entries(limits::FRONT_RING_ENTRIES);
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
