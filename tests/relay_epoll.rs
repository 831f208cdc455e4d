//! The relay under load on epoll.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where something does not go as it should"
)]

mod support;

#[path = "relay/mod.rs"]
mod load;
