//! `spliceway describe` and sampling from end to end: what is said of the bytes of a connection, and that the
//! connection does not notice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where something does not go as it should"
)]

mod support;

#[path = "describe/classic.rs"]
mod classic;
#[path = "describe/connections.rs"]
mod connections;
#[path = "describe/losing.rs"]
mod losing;
#[path = "describe/prefix.rs"]
mod prefix;
#[path = "describe/pretty.rs"]
mod pretty;
#[path = "describe/sampling.rs"]
mod sampling;
#[path = "describe/session.rs"]
mod session;
