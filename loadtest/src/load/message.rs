//! A message that tells whether it came back as it went.

use std::io::{self, Read};

use super::OPAQUE;

/// A message of a fixed length: an opaque byte, its connection, its sequence number, filler that differs by place.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Vec<u8>,
}

/// Opaque byte, connection, sequence.
const HEADER_BYTES: usize = 9;

impl Message {
    /// A message of that many bytes, at least those of its header.
    pub fn new(bytes: usize) -> Self {
        let filler = (0_u8..=250).cycle();
        Self { bytes: filler.take(bytes.max(HEADER_BYTES)).collect() }
    }

    /// The bytes of this connection's message of this number.
    pub fn numbered(&mut self, connection: usize, sequence: u64) -> &[u8] {
        let [.., a, b, c, d] = connection.to_be_bytes();
        let [.., e, f, g, h] = sequence.to_be_bytes();
        for (byte, value) in self.bytes.iter_mut().zip([OPAQUE, a, b, c, d, e, f, g, h]) {
            *byte = value;
        }
        &self.bytes
    }
}

/// Receives what is missing of `expected`, of which `received` bytes have come. True if it is whole: nothing more can
/// come then, so its last bytes are the last of their edge. `buffer` takes at least a message.
///
/// # Errors
///
/// The stream's, its end, a byte that differs.
pub fn receive(stream: &mut impl Read, expected: &[u8], received: &mut usize, buffer: &mut [u8]) -> io::Result<bool> {
    while let Some(missing) = expected.get(*received..).filter(|missing| !missing.is_empty()) {
        let room = buffer.get_mut(..missing.len()).unwrap_or_default();
        let read = match stream.read(room) {
            Ok(0) => return Err(io::Error::other("the connection was closed before its answer")),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        if room.get(..read) != missing.get(..read) {
            return Err(io::Error::other("wrong byte in a message"));
        }
        *received += read;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_its_connection_and_number() {
        let mut message = Message::new(12);
        assert_eq!(message.numbered(0x0102, 0x0304_0506), [0xff, 0, 0, 1, 2, 3, 4, 5, 6, 9, 10, 11]);
        assert_eq!(message.numbered(0x0102, 0x0304_0507)[8], 7);
        assert_eq!(Message::new(3).numbered(0, 0).len(), 9);
    }
    #[test]
    fn a_message_is_received_up_to_its_last_byte() {
        let expected = b"0123456789";
        let buffer = &mut [0; 10];
        let mut received = 0;
        assert!(receive(&mut b"01234".chain(&b"56789"[..]), expected, &mut received, buffer).unwrap());
        assert_eq!(received, 10);
        let error = |mut sent: &[u8]| receive(&mut sent, expected, &mut 0, &mut [0; 10]).unwrap_err().to_string();
        assert_eq!(error(b"012345678"), "the connection was closed before its answer");
        assert_eq!(error(b"0123x56789"), "wrong byte in a message");
    }
}
