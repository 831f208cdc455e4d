//! The way of a connection from end to end: real sockets and a real kernel, one file a step.
//!
//! A test runs a proxy of its own in this process and plays both the client and the backend. What the proxy says of
//! each connection (its summary) is part of what is tested. Two test programs have these tests, one for each engine
//! (`support::ENGINE`).

mod answers;
mod attacks;
mod close;
mod connect;
mod handshake;
mod http1;
mod inspect;
mod peek;
mod relay;
mod route;
mod send_proxy;
mod shards;
mod tls;
mod watch;
