//! Pure parsers of the bytes that arrive before a connection is routed.
//!
//! A parser here gets a slice and answers *complete*, *need more* or *malformed (rule)*. It sees no socket, no clock
//! and nothing of the rest of the crate, so the same bytes always get the same answer.

pub mod client_hello;
pub mod first_bytes;
pub mod frame;
pub mod grpc_timeout;
pub mod head;
pub mod headers;
pub mod hpack;
pub mod http1;
pub mod names;
pub mod proxy_protocol;
pub mod request;
pub mod settings;

/// What a parser says of bytes that break no rule so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Parsed<T> {
    /// The element is whole.
    Complete {
        /// The element.
        value: T,
        /// How many bytes of the input it took; what follows belongs to the next element.
        length: usize,
    },
    /// Not enough bytes to tell. Never an error: the peer may still send them.
    More {
        /// The smallest total length (not increment), greater than the input's, at which asking again can help.
        at_least: usize,
    },
}

/// A rule that the bytes break; no further byte can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule} ({section}) at byte {offset}")]
pub struct Malformed {
    /// What is wrong, as a clause for a log line: `"padding longer than the frame"`.
    pub rule: &'static str,
    /// Where the rule stands: `"RFC 9113 section 6.2"`.
    pub section: &'static str,
    /// The byte, counted from the start of the parsed element, at which it shows.
    pub offset: usize,
}
