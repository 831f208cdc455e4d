//! What the kernel is asked for, apart from moving bytes: the runtime and its waits, socket options, CPUs.
//!
//! Safe on the outside. With `relay/io/` this is the only place where `unsafe` may stand.

pub mod acceptor;
pub mod cpu;
pub mod descriptors;
pub mod host;
pub(crate) mod low_water;
mod readiness;
pub mod runtime;
pub(crate) mod send_queue;
pub mod socket;
pub mod tcp;
