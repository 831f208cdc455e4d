//! A stream of bytes whose every one is known, for transfers in bulk.
//!
//! Frames of 256 KiB: whether more follow, a sequence number, and a pattern without a short period. So a byte that is
//! lost, doubled or out of order is seen at the latest a frame later, at the price of one comparison of memory.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 256 * 1024;

const HEADER_BYTES: usize = 9;
const MORE: u8 = 1;
const LAST: u8 = 0;

/// Sends frames.
#[derive(Debug)]
pub struct Sender {
    frame: Vec<u8>,
}

/// Receives frames, and compares.
#[derive(Debug)]
pub struct Receiver {
    frame: Vec<u8>,
    expected: Vec<u8>,
}

impl Sender {
    /// Builds the pattern.
    pub fn new() -> Self {
        Self { frame: pattern() }
    }

    /// Sends frames for that long, at least one. Returns the bytes.
    ///
    /// # Errors
    ///
    /// The receiver does not take them.
    pub fn send(&mut self, mut stream: impl Write, duration: Duration) -> io::Result<u64> {
        let start = Instant::now();
        let mut sent = 0;
        for sequence in 0.. {
            let last = start.elapsed() >= duration;
            number(&mut self.frame, sequence, last);
            stream.write_all(&self.frame)?;
            sent += FRAME_BYTES as u64;
            if last {
                break;
            }
        }
        Ok(sent)
    }
}

impl Default for Sender {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// Builds the pattern.
    pub fn new() -> Self {
        Self { frame: vec![0; FRAME_BYTES], expected: pattern() }
    }

    /// Receives to the last frame. Returns the bytes.
    ///
    /// # Errors
    ///
    /// The end came early, or a byte is not the one that was sent.
    pub fn receive(&mut self, mut stream: impl Read) -> io::Result<u64> {
        let mut received = 0;
        for sequence in 0.. {
            stream.read_exact(&mut self.frame)?;
            received += FRAME_BYTES as u64;
            let last = self.frame.first() == Some(&LAST);
            number(&mut self.expected, sequence, last);
            if self.frame != self.expected {
                return Err(io::Error::other(format!("wrong byte in the {FRAME_BYTES} before byte {received}")));
            }
            if last {
                break;
            }
        }
        Ok(received)
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

fn number(frame: &mut [u8], sequence: u64, last: bool) {
    let header = [if last { LAST } else { MORE }].into_iter().chain(sequence.to_be_bytes());
    for (byte, value) in frame.iter_mut().zip(header) {
        *byte = value;
    }
}

/// Bytes of a xorshift generator (Marsaglia, 2003): no two places of a frame look alike.
fn pattern() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = vec![0; HEADER_BYTES];
    while bytes.len() < FRAME_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(FRAME_BYTES);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(duration: Duration) -> Vec<u8> {
        let mut bytes = Vec::new();
        Sender::new().send(&mut bytes, duration).unwrap();
        bytes
    }

    #[test]
    fn what_was_sent_is_received() {
        let bytes = sent(Duration::from_millis(5));
        assert_eq!(bytes.len() % 262_144, 0);
        assert_eq!(Receiver::new().receive(bytes.as_slice()).unwrap(), bytes.len() as u64);
        assert_eq!(sent(Duration::ZERO).len(), 262_144);
    }

    #[test]
    fn a_changed_byte_is_seen_wherever_it_is() {
        let right = sent(Duration::ZERO);
        for place in [1, 8, 9, 100_000, 262_143] {
            let mut wrong = right.clone();
            wrong[place] ^= 1;
            let error = Receiver::new().receive(wrong.as_slice()).unwrap_err();
            assert_eq!(error.to_string(), "wrong byte in the 262144 before byte 262144");
        }
    }

    #[test]
    fn a_lost_frame_and_an_early_end_are_seen() {
        let mut right = sent(Duration::ZERO);
        assert!(Receiver::new().receive(&right[..262_143]).is_err());
        assert!(Receiver::new().receive(&right[..0]).is_err());
        // The first frame says that more follow; the next one is numbered 2 in place of 1.
        let mut bytes = right.clone();
        bytes[0] = MORE;
        right[8] = 2;
        bytes.extend(&right);
        assert!(Receiver::new().receive(bytes.as_slice()).unwrap_err().to_string().ends_with("before byte 524288"));
    }

    #[test]
    fn the_pattern_does_not_repeat_at_powers_of_two() {
        let pattern = pattern();
        for distance in [1, 8, 64, 4096, 16_384, 65_536, 131_072] {
            assert_ne!(pattern[9..1009], pattern[9 + distance..1009 + distance]);
        }
    }
}
