//! Spliceway: a multi-threaded io_uring proxy for Linux.
//!
//! It looks at the first bytes of a connection, decides where the connection goes, and gets out of the way:
//!
//! ```text
//!         accept        peek          inspect        route     connect        relay          close
//! client ───●────────────●───────────────●─────────────◇──────────●─────────────●──────────────●
//!           │ SO_REUSE-  │ MSG_PEEK:     │ 1st HEADERS,│ backend  │ socket to   │ bytes both   │ counted once,
//!           │ PORT, one  │ PROXY header? │ HTTP/1 head │ chosen   │ backend up  │ ways         │ with side and
//!           │ a shard    │               │ or TLS hello│          │             │              │ cause
//! ```
//!
//! The modules in the order of their layers; each imports only from those below it. To read the code, begin with
//! [`connection`], whose files are the steps of the picture.

pub mod cli;
pub mod proxy;
pub mod shard;

pub mod connection;
pub mod relay;

pub mod tap;

pub mod bridge;
pub mod log;

pub mod config;
pub mod route;

pub mod wire;

pub mod sys;

pub mod limits;
