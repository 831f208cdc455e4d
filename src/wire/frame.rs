//! HTTP/2 frame heads, nine octets each (RFC 9113 section 4.1), and the numbers that stand in them.

/// Bytes of a frame head.
pub const HEAD_BYTES: usize = 9;

/// The head of a frame.
///
/// ```text
/// +-----------------------------------------------+
/// |                 Length (24)                   |
/// +---------------+---------------+---------------+
/// |   Type (8)    |   Flags (8)   |
/// +-+-------------+---------------+-------------------------------+
/// |R|                 Stream Identifier (31)                      |
/// +=+=============================================================+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Bytes of payload behind the head, at most 2^24 - 1.
    pub length: usize,
    /// The type, one of [`kind`] or unknown.
    pub kind: u8,
    /// The flags, of [`flag`]; unknown ones have no meaning and are kept.
    pub flags: u8,
    /// The stream, without the reserved bit, which has no meaning (section 4.1). 0 is the connection.
    pub stream: u32,
}

impl FrameHead {
    /// Reads a head from the first nine bytes; `None` if there are fewer.
    pub fn parse(bytes: &[u8]) -> Option<FrameHead> {
        let [l2, l1, l0, kind, flags, s3, s2, s1, s0] = *bytes.first_chunk::<HEAD_BYTES>()?;
        Some(FrameHead {
            length: usize::from(l2) << 16 | usize::from(l1) << 8 | usize::from(l0),
            kind,
            flags,
            stream: u32::from_be_bytes([s3, s2, s1, s0]) & 0x7fff_ffff,
        })
    }

    /// The nine bytes. A length of more than 24 bits is cut; no caller builds such a frame.
    pub fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let [.., l2, l1, l0] = self.length.to_be_bytes();
        let [s3, s2, s1, s0] = self.stream.to_be_bytes();
        [l2, l1, l0, self.kind, self.flags, s3, s2, s1, s0]
    }

    /// Whether `flag` is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether this is a SETTINGS frame that acknowledges one.
    pub fn is_settings_ack(&self) -> bool {
        self.kind == kind::SETTINGS && self.has(flag::ACK)
    }
}

/// Appends a frame.
pub fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&FrameHead { length: payload.len(), kind, flags, stream }.to_bytes());
    out.extend_from_slice(payload);
}

/// Appends a GOAWAY frame without debug data (RFC 9113 section 6.8).
pub fn put_goaway(out: &mut Vec<u8>, last_stream: u32, code: ErrorCode) {
    let mut payload = [0; 8];
    let (stream_bytes, code_bytes) = payload.split_at_mut(4);
    stream_bytes.copy_from_slice(&last_stream.to_be_bytes());
    code_bytes.copy_from_slice(&(code as u32).to_be_bytes());
    put(out, kind::GOAWAY, 0, 0, &payload);
}

/// Frame types (RFC 9113 section 6, RFC 9218 section 7.1).
pub mod kind {
    /// DATA, section 6.1.
    pub const DATA: u8 = 0x00;
    /// HEADERS, section 6.2.
    pub const HEADERS: u8 = 0x01;
    /// PRIORITY, section 6.3.
    pub const PRIORITY: u8 = 0x02;
    /// RST_STREAM, section 6.4.
    pub const RST_STREAM: u8 = 0x03;
    /// SETTINGS, section 6.5.
    pub const SETTINGS: u8 = 0x04;
    /// PUSH_PROMISE, section 6.6.
    pub const PUSH_PROMISE: u8 = 0x05;
    /// PING, section 6.7.
    pub const PING: u8 = 0x06;
    /// GOAWAY, section 6.8.
    pub const GOAWAY: u8 = 0x07;
    /// WINDOW_UPDATE, section 6.9.
    pub const WINDOW_UPDATE: u8 = 0x08;
    /// CONTINUATION, section 6.10.
    pub const CONTINUATION: u8 = 0x09;
    /// PRIORITY_UPDATE, RFC 9218 section 7.1.
    pub const PRIORITY_UPDATE: u8 = 0x10;
}

/// Frame flags; one bit means different things in different types.
pub mod flag {
    /// SETTINGS and PING: acknowledges one.
    pub const ACK: u8 = 0x01;
    /// DATA and HEADERS: the sender's last frame of the stream.
    pub const END_STREAM: u8 = 0x01;
    /// HEADERS, PUSH_PROMISE and CONTINUATION: the header block ends here.
    pub const END_HEADERS: u8 = 0x04;
    /// DATA, HEADERS and PUSH_PROMISE: padded.
    pub const PADDED: u8 = 0x08;
    /// HEADERS: five bytes of priority precede the fragment.
    pub const PRIORITY: u8 = 0x20;
}

/// Error codes (RFC 9113 section 7): those that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ErrorCode {
    /// Not an error.
    NoError = 0x00,
    /// A rule of the protocol was broken.
    ProtocolError = 0x01,
    /// A flow-control window overflowed.
    FlowControlError = 0x03,
    /// A frame of the wrong size.
    FrameSizeError = 0x06,
    /// The stream was not processed at all, so that it may be tried again.
    RefusedStream = 0x07,
    /// A header block that cannot be decoded.
    CompressionError = 0x09,
    /// The peer does too much of something.
    EnhanceYourCalm = 0x0b,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_nine_bytes_and_drops_the_reserved_bit() {
        let bytes = [0x01, 0x02, 0x03, 0x09, 0x05, 0x80, 0x00, 0x00, 0x0d];
        let head = FrameHead { length: 66_051, kind: 9, flags: 5, stream: 13 };
        assert_eq!(FrameHead::parse(&bytes), Some(head));
        assert_eq!(head.to_bytes(), [0x01, 0x02, 0x03, 0x09, 0x05, 0x00, 0x00, 0x00, 0x0d]);
        for length in 0..9 {
            assert_eq!(FrameHead::parse(&bytes[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn goaway_names_the_last_stream_and_the_code() {
        let mut out = Vec::new();
        put_goaway(&mut out, 5, ErrorCode::EnhanceYourCalm);
        assert_eq!(out, [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 11]);
    }
}
