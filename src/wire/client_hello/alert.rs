//! What a TLS client is told before anything is encrypted.
//!
//! A server that cannot answer a ClientHello with a ServerHello sends an alert in plain text (RFC 8446 section 6), and
//! so may whoever stands in its place: no key is needed for it, and every TLS library turns it into an error of its
//! own. It promises nothing and proves nothing, as anybody on the way could have sent it.

/// A reason, by its registered number (RFC 8446 section 6, RFC 6066 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alert {
    /// Something other than a ClientHello comes first.
    UnexpectedMessage = 10,
    /// A record longer than 2^14 bytes.
    RecordOverflow = 22,
    /// A value that must not be.
    IllegalParameter = 47,
    /// A length that does not fit.
    DecodeError = 50,
    /// A failure that is not the client's: no backend, or more bytes than we read.
    InternalError = 80,
    /// No server name, where one is needed (RFC 8446 section 9.2).
    MissingExtension = 109,
    /// A server name that nobody here has.
    UnrecognizedName = 112,
}

impl Alert {
    /// The alert as a record: always fatal, with the version that every record but the first ClientHello's has (RFC
    /// 8446 section 5.1).
    pub fn record(self) -> [u8; 7] {
        [CONTENT_TYPE, 3, 3, 0, 2, FATAL, self as u8]
    }
}

const CONTENT_TYPE: u8 = 21;
const FATAL: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_a_record_of_two_bytes() {
        assert_eq!(Alert::UnrecognizedName.record(), *b"\x15\x03\x03\x00\x02\x02\x70");
        assert_eq!(Alert::UnexpectedMessage.record(), *b"\x15\x03\x03\x00\x02\x02\x0a");
    }
}
