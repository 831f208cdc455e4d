//! What happens to the proxy and its connections, in the forerunner's words: its name too, for scripts that wait for
//! these lines.

use super::Endpoints;
use crate::tap::event::Direction;
use crate::tap::render::text::Text as _;

/// The proxy listens.
pub fn starting(out: &mut String, port: u16, backend: &str) {
    out.line(format_args!("Starting tcp-h2-describe proxy server on port {port}"));
    out.line(format_args!("  Proxying server located at {backend}"));
}

/// A connection was accepted.
pub fn accepted(out: &mut String, client: &str) {
    out.line(format_args!("Accepted connection from {client}"));
}

/// A direction of a connection ended.
pub fn done_redirecting(out: &mut String, endpoints: &Endpoints, direction: Direction) {
    out.line(format_args!("Done redirecting socket for {}", endpoints.description(direction)));
}

/// The proxy was told to stop and waits for its connections.
pub fn stopping(out: &mut String, port: u16) {
    out.line(format_args!("Stopping tcp-h2-describe proxy server on port {port}"));
    out.line(format_args!("Waiting for request handlers to complete..."));
}
