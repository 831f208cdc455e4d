//! Integers with a prefix (RFC 7541 section 5.1).
//!
//! The RFC sets no upper bound and asks each implementation for one. Nothing we can be sent legitimately is longer
//! than a header block, so 2^28 is plenty; five octets behind the prefix reach it and leave room for an encoder that
//! pads. More octets would be a loop that the peer controls (CVE-2023-33953).

use super::block::Block;
use crate::wire::Malformed;

/// Takes an integer whose first octet has `prefix_bits` (1 to 8) for it, and ignores that octet's other bits.
pub(super) fn take(block: &mut Block<'_>, prefix_bits: u32) -> Result<u32, Malformed> {
    let start = block.clone();
    let Some(first) = block.octet() else {
        return Err(block.malformed(TRUNCATED, SECTION));
    };
    let prefix_max = u8::MAX.unbounded_shr(8_u32.saturating_sub(prefix_bits));
    let prefix = first & prefix_max;
    if prefix < prefix_max {
        return Ok(u32::from(prefix));
    }
    let mut value = u64::from(prefix);
    for shift in SHIFTS {
        let Some(octet) = block.octet() else {
            return Err(block.malformed(TRUNCATED, SECTION));
        };
        value = value.saturating_add(u64::from(octet & 0x7f).unbounded_shl(shift));
        if octet & 0x80 == 0 {
            return match u32::try_from(value) {
                Ok(value) if value < BOUND => Ok(value),
                _ => Err(start.malformed("an integer of 2^28 or more", SECTION)),
            };
        }
    }
    Err(start.malformed("an integer of more than five octets behind its prefix", SECTION))
}

/// Every integer is smaller.
const BOUND: u32 = 1 << 28;
/// How far each octet behind the prefix is shifted: there are at most five.
const SHIFTS: [u32; 5] = [0, 7, 14, 21, 28];

const SECTION: &str = "RFC 7541 section 5.1";
const TRUNCATED: &str = "the block ends inside an integer";

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8], prefix_bits: u32) -> Result<(u32, usize), (&'static str, usize)> {
        let mut block = Block::new(bytes);
        match take(&mut block, prefix_bits) {
            Ok(value) => Ok((value, block.offset())),
            Err(malformed) => Err((malformed.rule, malformed.offset)),
        }
    }

    #[test]
    fn rfc_example_c_1_1_ten_in_five_bits() {
        assert_eq!(taken(&[0b0000_1010], 5), Ok((10, 1)));
        assert_eq!(taken(&[0b1110_1010], 5), Ok((10, 1)));
    }

    #[test]
    fn rfc_example_c_1_2_1337_in_five_bits() {
        assert_eq!(taken(&[0b0001_1111, 0b1001_1010, 0b0000_1010], 5), Ok((1337, 3)));
    }

    #[test]
    fn rfc_example_c_1_3_42_at_an_octet_boundary() {
        assert_eq!(taken(&[0b0010_1010], 8), Ok((42, 1)));
    }

    #[test]
    fn the_prefix_is_full_at_its_largest_value() {
        assert_eq!(taken(&[0x7e], 7), Ok((126, 1)));
        assert_eq!(taken(&[0x7f, 0x00], 7), Ok((127, 2)));
        assert_eq!(taken(&[0x7f, 0x80, 0x01], 7), Ok((255, 3)));
        assert_eq!(taken(&[0xff, 0x00], 8), Ok((255, 2)));
        assert_eq!(taken(&[0xff, 0x00], 1), Ok((1, 2)));
    }

    #[test]
    fn leading_zeros_are_padding_up_to_five_octets() {
        assert_eq!(taken(&[0x0f, 0x80, 0x80, 0x80, 0x80, 0x00], 4), Ok((15, 6)));
        let six = [0x0f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
        assert_eq!(taken(&six, 4), Err(("an integer of more than five octets behind its prefix", 0)));
    }

    #[test]
    fn the_bound_is_exclusive() {
        // 15 + 0x0ffffff0 = 2^28 - 1, and one more.
        assert_eq!(taken(&[0x0f, 0xf0, 0xff, 0xff, 0x7f], 4), Ok((268_435_455, 5)));
        assert_eq!(taken(&[0x0f, 0xf1, 0xff, 0xff, 0x7f], 4), Err(("an integer of 2^28 or more", 0)));
        assert_eq!(taken(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 8), Err(("an integer of 2^28 or more", 0)));
    }

    #[test]
    fn every_truncation_is_malformed() {
        let whole = [0x1f, 0x9a, 0x8a, 0x80, 0x80, 0x00];
        for length in 0..whole.len() {
            assert_eq!(taken(&whole[..length], 5), Err(("the block ends inside an integer", length)));
        }
    }
}
