//! The records of a ClientHello, joined: it may be cut anywhere, into as many of them as the client likes.
//!
//! A record head is type, version and length, five bytes; a handshake message begins with its type and a length of 24
//! bits (RFC 8446 sections 4 and 5.1). The version of a record has no meaning beyond its first byte, which tells that
//! it is one.

use super::super::Parsed;
use super::{Alert, Fault, fault};

/// Where in the records the joining is, and what it has.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Bytes of the input that are done with.
    walked: usize,
    /// Bytes of the current record that are still to come or to be taken.
    left: usize,
    /// The handshake message so far, its head included.
    pub(super) message: Vec<u8>,
}

impl Records {
    /// Goes on in `input`, which is all that came so far, up to the end of the message: without its head, and how many
    /// bytes of the input it took. `limit` is for these.
    pub(super) fn join(&mut self, input: &[u8], limit: usize) -> Result<Parsed<&[u8]>, Fault> {
        loop {
            let missing = self.missing();
            if self.message.len() >= MESSAGE_HEAD_BYTES {
                self.check(missing, limit)?;
                if missing == 0 {
                    let message = self.message.get(MESSAGE_HEAD_BYTES..).unwrap_or_default();
                    return Ok(Parsed::Complete { value: message, length: self.walked });
                }
            }
            let rest = input.get(self.walked..).unwrap_or_default();
            if self.left == 0 {
                let Some(head) = rest.first_chunk() else {
                    return Ok(Parsed::More { at_least: self.walked + RECORD_HEAD_BYTES });
                };
                self.left = body_bytes(head).map_err(|(alert, rule)| fault(alert, rule, RECORDS, self.walked))?;
                self.walked += RECORD_HEAD_BYTES;
                // What the head says is judged before its body is looked at.
                continue;
            }
            let wanted = missing.min(self.left);
            let taken = rest.get(..wanted).unwrap_or(rest);
            self.message.extend_from_slice(taken);
            self.walked += taken.len();
            self.left -= taken.len();
            if taken.len() < wanted {
                return Ok(Parsed::More { at_least: self.walked + wanted - taken.len() });
            }
        }
    }

    /// Bytes that the message still lacks, or its head if that is not whole.
    fn missing(&self) -> usize {
        let whole = match self.message.first_chunk() {
            Some([_, a, b, c]) => {
                MESSAGE_HEAD_BYTES + usize::from(*a) * 65_536 + usize::from(*b) * 256 + usize::from(*c)
            }
            None => MESSAGE_HEAD_BYTES,
        };
        whole.saturating_sub(self.message.len())
    }

    /// Whether the message, whose head is known, is the one that is looked for and ends where it may.
    fn check(&self, missing: usize, limit: usize) -> Result<(), Fault> {
        if self.message.first() != Some(&CLIENT_HELLO) {
            let rule = "a first handshake message that is no ClientHello";
            return Err(fault(Alert::UnexpectedMessage, rule, HELLO, 0));
        }
        if self.walked + missing > limit {
            return Err(Fault::TooLong);
        }
        if self.left > missing {
            let rule = "a record that goes on behind the ClientHello";
            return Err(fault(Alert::UnexpectedMessage, rule, RECORDS, self.walked));
        }
        Ok(())
    }
}

/// The length that a record's head announces.
fn body_bytes(head: &[u8; RECORD_HEAD_BYTES]) -> Result<usize, (Alert, &'static str)> {
    let [content_type, major, _minor, length @ ..] = head;
    let length = usize::from(u16::from_be_bytes(*length));
    match (*content_type, *major, length) {
        (HANDSHAKE, MAJOR, 0) => Err((Alert::UnexpectedMessage, "a handshake record of no bytes")),
        (HANDSHAKE, MAJOR, RECORD_BYTES_TOO_MANY..) => Err((Alert::RecordOverflow, "a record of more than 2^14 bytes")),
        (HANDSHAKE, MAJOR, _) => Ok(length),
        (HANDSHAKE, _, _) => Err((Alert::DecodeError, "a record whose version is not 3.x")),
        _ => Err((Alert::UnexpectedMessage, "a record of another type within the ClientHello")),
    }
}

const RECORDS: &str = "RFC 8446 section 5.1";
const HELLO: &str = "RFC 8446 section 4.1.2";
const RECORD_HEAD_BYTES: usize = 5;
const MESSAGE_HEAD_BYTES: usize = 4;
/// Content type of a handshake record.
const HANDSHAKE: u8 = 22;
/// First byte of every record version from SSL 3 on.
const MAJOR: u8 = 3;
const RECORD_BYTES_TOO_MANY: usize = (1 << 14) + 1;
/// Type of the message.
const CLIENT_HELLO: u8 = 1;
