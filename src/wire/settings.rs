//! The payload of SETTINGS frames (RFC 9113 section 6.5): pairs of a 16-bit identifier and a 32-bit value.

/// Bytes of one entry.
pub const ENTRY_BYTES: usize = 6;

/// Setting identifiers (RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1).
pub mod id {
    /// Size of the decoder's dynamic table.
    pub const HEADER_TABLE_SIZE: u16 = 0x1;
    /// Whether the peer may push.
    pub const ENABLE_PUSH: u16 = 0x2;
    /// How many streams the peer may have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    /// The window a stream begins with.
    pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
    /// The largest frame payload the sender accepts.
    pub const MAX_FRAME_SIZE: u16 = 0x5;
    /// The largest header list the sender accepts, advisory.
    pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// Extended CONNECT (RFC 8441).
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
    /// No priorities of the old kind (RFC 9218); must not change after the first SETTINGS.
    pub const NO_RFC7540_PRIORITIES: u16 = 0x9;
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The identifier, of [`id`] or unknown.
    pub id: u16,
    /// The value.
    pub value: u32,
}

impl Setting {
    /// Appends the entry's six bytes.
    pub fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.value.to_be_bytes());
    }
}

/// The entries of a payload in order; a rest of fewer than six bytes is not one (the caller has checked the length).
pub fn entries(payload: &[u8]) -> impl Iterator<Item = Setting> + '_ {
    payload.chunks_exact(ENTRY_BYTES).filter_map(|entry| {
        let [i1, i0, v3, v2, v1, v0] = *entry.first_chunk::<ENTRY_BYTES>()?;
        Some(Setting { id: u16::from_be_bytes([i1, i0]), value: u32::from_be_bytes([v3, v2, v1, v0]) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_order_and_round_trip() {
        let payload = [0, 3, 0, 0, 0, 100, 0xfe, 3, 0, 0, 0, 1];
        let read: Vec<Setting> = entries(&payload).collect();
        assert_eq!(read, [Setting { id: 3, value: 100 }, Setting { id: 0xfe03, value: 1 }]);
        let mut written = Vec::new();
        read.iter().for_each(|setting| setting.put(&mut written));
        assert_eq!(written, payload);
    }
}
