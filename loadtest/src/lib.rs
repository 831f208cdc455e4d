//! Load tests: the proxy beside other proxies, in front of the same backends, in the same minutes.
//!
//! Everything runs on one machine over loopback, so a rate says nothing by itself. What is looked for is the ratio of
//! two targets in one round, and the CPU time a proxy takes for an operation.
//!
//! ```text
//! load ───► target ───► serve            one process each; all targets are up for the whole comparison
//!  │          │
//!  └─ window ─┴─► process::usage         CPU time, context switches, memory: /proc, before and after
//! ```
//!
//! `compare` puts rounds together, `results` is what it found, `report` writes that down.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells its user what it measures")]

pub mod cli;
pub mod compare;
pub mod environment;
pub mod load;
pub mod namespace;
pub mod process;
pub mod report;
pub mod results;
pub mod serve;
pub mod soak;
pub mod target;
pub mod workload;
