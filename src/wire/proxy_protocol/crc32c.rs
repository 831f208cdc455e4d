//! CRC32C (Castagnoli), the checksum of a version 2 header (PROXY protocol section 2.2.3, RFC 9260 appendix A).
//!
//! A byte at a time over a 1 KiB table: a header has some dozen bytes and comes once a connection, so neither wider
//! tables nor the processor's own instruction would be noticed.

/// The checksum of the concatenated `parts`, in the order in which they follow each other on the wire.
///
/// Parts, because a receiver must see the checksum's own field as zeros and may not write to the received bytes.
pub(super) fn checksum(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(u32::MAX, |register, &byte| {
        let [low, ..] = (register ^ u32::from(byte)).to_le_bytes();
        TABLE.get(usize::from(low)).copied().unwrap_or_default() ^ (register >> 8)
    })
}

/// The remainder of each byte value.
static TABLE: [u32; 256] = table();

/// The Castagnoli polynomial 0x1EDC6F41 with its bits reversed, as the shift to the right needs it.
const POLYNOMIAL: u32 = 0x82F6_3B78;

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut remainder: u32 = 0;
    let mut index = 0;
    while index < table.len() {
        let mut value = remainder;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
        remainder += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_polynomial() {
        assert_eq!(checksum(&[b"123456789"]), 0xE306_9283);
    }

    /// The examples of RFC 3720 section B.4, most significant byte first.
    #[test]
    fn the_examples_of_iscsi() {
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        assert_eq!(checksum(&[&[0; 32]]), 0x8A91_36AA);
        assert_eq!(checksum(&[&[0xFF; 32]]), 0x62A8_AB43);
        assert_eq!(checksum(&[&rising]), 0x46DD_794E);
        assert_eq!(checksum(&[&falling]), 0x113F_DB5C);
    }

    #[test]
    fn parts_count_as_one_sequence() {
        assert_eq!(checksum(&[b"1234", b"", b"56789"]), 0xE306_9283);
        assert_eq!(checksum(&[]), 0);
    }

    #[test]
    fn a_changed_bit_shows() {
        assert_ne!(checksum(&[b"123456788"]), 0xE306_9283);
    }
}
