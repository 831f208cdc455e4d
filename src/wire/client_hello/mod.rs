//! The ClientHello: which name a TLS client asks for, and which application protocols it offers.
//!
//! [`ClientHello`] is all that is taken from it. Its records are joined here (`records`), the message is taken apart in
//! `message`, and [`Alert`] is what a client can be told while nothing is encrypted yet. Nothing is ever decrypted or
//! answered in a server's place.
//!
//! Feeding byte by byte costs what feeding at once does: every byte is looked at when it comes, and the message once,
//! when it is whole. What is allocated are bytes that came, whatever length they announce.
//!
//! What only the server needs to understand is skipped unread: cipher suites, groups, versions and unknown extensions,
//! so that GREASE (RFC 8701) passes. With Encrypted ClientHello the outer name is the one that routes; that it may not
//! be the true one is the purpose of that extension. A hello in the format of SSL 2.0 is not TLS to
//! [`first_bytes`](super::first_bytes), so it has no name here, either.
//!
//! RFC 8446 sections 4.1.2, 4.2 and 5.1, RFC 6066 section 3 (names), RFC 7301 section 3.1 (application protocols).

mod alert;
mod message;
mod records;
#[cfg(test)]
mod tests;

pub use alert::Alert;
pub use message::name_fault;

use super::{Malformed, Parsed};
use records::Records;

/// What a ClientHello says that a connection can be routed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The host name: lower case, letters, digits, `-`, `_` and dots, at most 253 bytes.
    pub server_name: Option<Box<str>>,
    /// The list of protocols as it came: each a byte for its length, and the name.
    protocols: Box<[u8]>,
}

impl ClientHello {
    /// The application protocols in the order of the client's preference, without those that are only GREASE.
    pub fn protocols(&self) -> impl Iterator<Item = &[u8]> {
        message::names(&self.protocols).filter(|name| !message::is_grease(name))
    }
}

/// What is wrong with a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It breaks a rule.
    Malformed {
        /// The rule.
        malformed: Malformed,
        /// What the client is told.
        alert: Alert,
    },
    /// It is longer than the [`Limits`] allow.
    TooLong,
    /// It offers more application protocols than the [`Limits`] allow.
    TooManyProtocols,
}

/// What may be read of a ClientHello.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the records up to its end, heads included.
    pub bytes: usize,
    /// Application protocols.
    pub protocols: usize,
}

/// Reads the ClientHello at the start of a connection, in as many pieces as it comes in.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    /// All that came.
    input: Vec<u8>,
    records: Records,
}

impl Reader {
    /// A reader of a connection whose first byte is still to come.
    pub fn new(limits: Limits) -> Reader {
        Reader { limits, input: Vec::new(), records: Records::default() }
    }

    /// Takes the next bytes from the client. A complete one ends with its record, and the length counts from the first
    /// byte of the connection. What stands behind it in `bytes` is kept, too, for [`into_bytes`](Reader::into_bytes).
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break, or the limit that they exceed; at the latest with the byte that shows it,
    /// where a length tells it even before.
    pub fn received(&mut self, bytes: &[u8]) -> Result<Parsed<ClientHello>, Fault> {
        self.input.extend_from_slice(bytes);
        match self.records.join(&self.input, self.limits.bytes)? {
            Parsed::More { at_least } => Ok(Parsed::More { at_least }),
            Parsed::Complete { value: message, length } => {
                let value = message::parse(message, self.limits.protocols)?;
                Ok(Parsed::Complete { value, length })
            }
        }
    }

    /// Every byte that was received.
    pub fn into_bytes(self) -> Vec<u8> {
        self.input
    }
}

fn fault(alert: Alert, rule: &'static str, section: &'static str, offset: usize) -> Fault {
    Fault::Malformed { malformed: Malformed { rule, section, offset }, alert }
}
