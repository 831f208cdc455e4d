//! The Huffman code of strings (RFC 7541 section 5.2 and appendix B).
//!
//! The code is canonical: among codes of one length, and from one length to the next, they are consecutive numbers in
//! the order of the symbols. So the lengths say everything, and the compiler builds the tables from them:
//!
//! - `SHORT` answers for the next 8 bits at once. It knows all codes of 5 to 8 bits, and with them every letter and
//!   digit and most of what else headers are made of.
//! - `LONG` has one row for each greater length. The first row whose last code is not below the bits is theirs.
//!
//! Together they take 1.3 KiB. A state machine that eats 4 bits a step takes 16 KiB, one that eats 8 takes 256 KiB: the
//! first block of a connection would find most of that outside the cache.

use super::Error;
use crate::wire::Malformed;

/// Decodes `octets`, a whole Huffman coded string, into `output`, which it replaces.
///
/// `offset` is the position of `octets` in the block, for the error. More than `room` bytes are
/// [`Error::ListTooLarge`]; decoding stops there.
pub(super) fn decode<'a>(
    octets: &[u8],
    offset: usize,
    room: usize,
    output: &'a mut Vec<u8>,
) -> Result<&'a [u8], Error> {
    // The shortest code has 5 bits. `octets` has been received, so this reserves no more than 1.6 times what was sent.
    let length_max = (octets.len().saturating_mul(8) / 5).min(room);
    output.clear();
    output.resize(length_max, 0);
    let mut slots = output.iter_mut();
    let mut bits = Bits { window: 0, held: 0, rest: octets };
    loop {
        if bits.held < LENGTH_MAX {
            bits.refill();
        }
        let (symbol, length) = code_at(bits.window);
        // The window held every bit that there is, so this is the end: padding, or a code cut short.
        let Some(held) = bits.held.checked_sub(length) else {
            break;
        };
        let Some(symbol) = symbol else {
            return Err(bits.malformed("EOS inside a Huffman coded string", octets.len(), offset));
        };
        let Some(slot) = slots.next() else {
            return Err(Error::ListTooLarge);
        };
        *slot = symbol;
        // At most 30, so nothing wraps; and without a comparison in the one chain that the loop waits for.
        bits.window = bits.window.wrapping_shl(length);
        bits.held = held;
    }
    if bits.held > 7 {
        return Err(bits.malformed("more than 7 bits of Huffman padding", octets.len(), offset));
    }
    if bits.window | u64::MAX.unbounded_shr(bits.held) != u64::MAX {
        return Err(bits.malformed("Huffman padding that is not the beginning of EOS", octets.len(), offset));
    }
    let length = length_max.saturating_sub(slots.len());
    output.truncate(length);
    Ok(output)
}

/// The bits of a string, most significant first.
struct Bits<'a> {
    /// The next bits, left-aligned; zeros behind them.
    window: u64,
    /// How many bits of the window are the string's.
    held: u32,
    /// What the window has not taken yet.
    rest: &'a [u8],
}

impl Bits<'_> {
    /// Fills the window up to more than 32 bits, if the string still has them.
    fn refill(&mut self) {
        if let Some((octets, rest)) = self.rest.split_first_chunk::<4>() {
            self.push(u32::from_be_bytes(*octets), 32);
            self.rest = rest;
            return;
        }
        for &octet in self.rest {
            self.push(u32::from_be_bytes([octet, 0, 0, 0]), 8);
        }
        self.rest = &[];
    }

    /// Appends the first `count` bits of `bits`; the others are zero.
    fn push(&mut self, bits: u32, count: u32) {
        self.window |= u64::from(bits).unbounded_shl(32).unbounded_shr(self.held);
        self.held = self.held.saturating_add(count);
    }

    /// An error that shows at the next bit; the string has `length` octets and stands at `offset` in the block.
    fn malformed(&self, rule: &'static str, length: usize, offset: usize) -> Error {
        let octets_left = self.rest.len().saturating_add(self.held.div_ceil(8) as usize);
        let offset = offset.saturating_add(length.saturating_sub(octets_left));
        Error::Malformed(Malformed { rule, section: "RFC 7541 section 5.2", offset })
    }
}

/// The code that `window` begins with: its symbol, `None` for EOS, and its length in bits. Bits behind the code do not
/// matter, so a window that holds fewer bits than the answer's length holds no whole code.
#[inline]
fn code_at(window: u64) -> (Option<u8>, u32) {
    let [first, ..] = window.to_be_bytes();
    if let Some(&(symbol, length)) = SHORT.get(usize::from(first))
        && length > 0
    {
        return (Some(symbol), u32::from(length));
    }
    long_code_at(window)
}

/// The same for a code of more than 8 bits. Apart, for such codes are rare and the loop is hot.
#[cold]
fn long_code_at(window: u64) -> (Option<u8>, u32) {
    match LONG.iter().find(|row| window <= row.last) {
        Some(row) => {
            let code = window.unbounded_shr(64_u32.saturating_sub(row.length));
            let position = usize::try_from(code.saturating_sub(row.code_minus_position)).unwrap_or(usize::MAX);
            (SYMBOLS.get(position).copied(), row.length)
        }
        None => (None, LENGTH_MAX),
    }
}

/// The codes of one length above 8 bits. Of a length that no code has, `last` is that of the row before, so that
/// nobody finds it.
#[derive(Clone, Copy)]
struct Row {
    /// The last code, left-aligned, with ones behind it.
    last: u64,
    /// What to subtract from a code (right-aligned) for its symbol's position in `SYMBOLS`.
    code_minus_position: u64,
    /// Length of the codes in bits.
    length: u32,
}

/// Length of the longest code, EOS.
const LENGTH_MAX: u32 = 30;

/// Length of each symbol's code in bits (RFC 7541 appendix B). EOS is not among them: it has the last code of all.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, // 0x00
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, // 0x10
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, // 0x20
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, // 0x30
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, // 0x40
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, // 0x50
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, // 0x60
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, // 0x70
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, // 0x80
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, // 0x90
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, // 0xa0
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, // 0xb0
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, // 0xc0
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, // 0xd0
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, // 0xe0
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, // 0xf0
];

/// The symbols in the order of their codes. EOS would be the one behind the last.
static SYMBOLS: [u8; 256] = symbols();
/// Symbol and length of the code that begins with these 8 bits; the length is 0 if the code is longer than 8 bits.
static SHORT: [(u8, u8); 256] = short();
/// One row for each length from 9 bits to `LENGTH_MAX`.
static LONG: [Row; 22] = long();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler from a constant: an error does not build"
)]
const fn symbols() -> [u8; 256] {
    let mut symbols = [0; 256];
    let mut position = 0;
    let mut length = 1;
    while length <= LENGTH_MAX {
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] as u32 == length {
                symbols[position] = symbol as u8;
                position += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler from a constant: an error does not build"
)]
const fn short() -> [(u8, u8); 256] {
    let symbols = symbols();
    let mut short = [(0, 0); 256];
    let mut first_bits = 0;
    let mut position = 0;
    while LENGTHS[symbols[position] as usize] <= 8 {
        let symbol = symbols[position];
        let length = LENGTHS[symbol as usize];
        let next = first_bits + (1 << (8 - length));
        while first_bits < next {
            short[first_bits] = (symbol, length);
            first_bits += 1;
        }
        position += 1;
    }
    short
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler from a constant: an error does not build"
)]
const fn long() -> [Row; 22] {
    let symbols = symbols();
    let mut rows = [Row { last: 0, code_minus_position: 0, length: 0 }; 22];
    let mut code = 0;
    let mut position = 0;
    let mut length = 1;
    while length <= LENGTH_MAX {
        code <<= 1;
        let code_minus_position = code - position as u64;
        while position < 256 && LENGTHS[symbols[position] as usize] as u32 == length {
            code += 1;
            position += 1;
        }
        if length > 8 {
            rows[length as usize - 9] = Row { last: (code << (64 - length)) - 1, code_minus_position, length };
        }
        length += 1;
    }
    // The code is complete: what is left at the greatest length is one code, EOS, and it is all ones.
    assert!(position == 256 && code == (1 << LENGTH_MAX) - 1);
    rows[rows.len() - 1].last = u64::MAX;
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hpack::rfc_examples::octets;

    fn decoded(octets: &[u8]) -> Result<Vec<u8>, (&'static str, usize)> {
        match decode(octets, 100, usize::MAX, &mut Vec::new()) {
            Ok(string) => Ok(string.to_vec()),
            Err(Error::Malformed(malformed)) => Err((malformed.rule, malformed.offset)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn strings_of_rfc_appendix_c() {
        assert_eq!(decoded(&octets("f1e3c2e5f23a6ba0ab90f4ff")), Ok(b"www.example.com".to_vec()));
        assert_eq!(decoded(&octets("a8eb10649cbf")), Ok(b"no-cache".to_vec()));
        assert_eq!(decoded(&octets("25a849e95bb8e8b4bf")), Ok(b"custom-value".to_vec()));
        assert_eq!(decoded(&octets("6402")), Ok(b"302".to_vec()));
        assert_eq!(decoded(b""), Ok(b"".to_vec()));
    }

    #[test]
    fn every_octet_has_its_code() {
        // The codes of 0x00 to 0xff behind one another, as they stand in RFC 7541 appendix B, and one bit of padding.
        let codes = "ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffeb\
             fffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3f\
             ffffe7fffffebfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58\
             f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7f\
             fbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73fffeeffffdeffffebffffb\
             fffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdaff\
             feeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecffff07fff87fffe0fff\
             f17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fff\
             ff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87fff\
             fe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4ffff9ff\
             ffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fff\
             ffd3fffffabfffff5fffffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf";
        assert_eq!(decoded(&octets(codes)), Ok((0..=255).collect()));
    }

    #[test]
    fn first_and_last_code_of_some_lengths() {
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        assert_eq!(decoded(&[0b0100_1111]), Ok(b"t".to_vec()));
        assert_eq!(decoded(&[0xf8]), Ok(b"&".to_vec()));
        assert_eq!(decoded(&[0xfd]), Ok(b"Z".to_vec()));
        assert_eq!(decoded(&[0xfe, 0x3f]), Ok(b"!".to_vec()));
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xf3]), Ok(b"\n".to_vec()));
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xfb]), Ok(b"\x16".to_vec()));
    }

    #[test]
    fn padding_is_up_to_seven_ones() {
        assert_eq!(decoded(&[0b0001_1111]), Ok(b"a".to_vec()));
        assert_eq!(decoded(&[0xf8, 0xff]), Err(("more than 7 bits of Huffman padding", 101)));
        assert_eq!(decoded(&[0xff]), Err(("more than 7 bits of Huffman padding", 100)));
        assert_eq!(decoded(&[0x07, 0xff]), Err(("more than 7 bits of Huffman padding", 100)));
        assert_eq!(decoded(&[0b0001_1110]), Err(("Huffman padding that is not the beginning of EOS", 100)));
        assert_eq!(decoded(&[0b0001_1011]), Err(("Huffman padding that is not the beginning of EOS", 100)));
        assert_eq!(decoded(&[0b0001_1000]), Err(("Huffman padding that is not the beginning of EOS", 100)));
    }

    #[test]
    fn eos_is_malformed_wherever_it_stands() {
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(("EOS inside a Huffman coded string", 100)));
        assert_eq!(decoded(&[0xff; 64]), Err(("EOS inside a Huffman coded string", 100)));
        let behind_z = [0xfd, 0xff, 0xff, 0xff, 0xfc];
        assert_eq!(decoded(&behind_z), Err(("EOS inside a Huffman coded string", 101)));
    }

    #[test]
    fn a_truncated_long_code_is_malformed() {
        let newline = [0xff, 0xff, 0xff, 0xf3];
        for length in 1..newline.len() {
            assert_eq!(decoded(&newline[..length]), Err(("more than 7 bits of Huffman padding", 100)));
        }
    }

    #[test]
    fn decoding_stops_at_the_room() {
        // 16 zeros of 5 bits.
        assert_eq!(decode(&[0; 10], 0, 16, &mut Vec::new()), Ok(&b"0000000000000000"[..]));
        assert_eq!(decode(&[0; 10], 0, 15, &mut Vec::new()), Err(Error::ListTooLarge));
        let mut output = Vec::new();
        assert_eq!(decode(&[0; 60_000], 0, 4, &mut output), Err(Error::ListTooLarge));
        assert!(output.capacity() <= 8);
    }

    #[test]
    fn what_was_decoded_before_is_replaced() {
        let mut output = b"something longer".to_vec();
        assert_eq!(decode(&[0b0001_1111], 0, 100, &mut output), Ok(&b"a"[..]));
    }
}
