//! Strings, plain or Huffman coded (RFC 7541 section 5.2).

use super::block::Block;
use super::{Error, huffman, integer};

/// Takes a string of at most `room` decoded bytes. A plain one is borrowed from the block; a Huffman coded one is
/// decoded into `scratch`, which it replaces.
///
/// The declared length is compared with what the block holds before anything is reserved: a declaration costs nothing.
pub(super) fn take<'a, 'b: 'a>(
    block: &mut Block<'b>,
    scratch: &'a mut Vec<u8>,
    room: usize,
) -> Result<&'a [u8], Error> {
    let start = block.clone();
    let is_huffman = block.peek().is_some_and(|first| first & 0x80 != 0);
    let length = integer::take(block, 7)?;
    let offset = block.offset();
    let Some(octets) = usize::try_from(length).ok().and_then(|length| block.octets(length)) else {
        return Err(start.malformed("a string longer than the rest of the block", SECTION).into());
    };
    if is_huffman {
        huffman::decode(octets, offset, room, scratch)
    } else if octets.len() > room {
        Err(Error::ListTooLarge)
    } else {
        Ok(octets)
    }
}

const SECTION: &str = "RFC 7541 section 5.2";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Malformed;

    fn taken(bytes: &[u8], room: usize) -> Result<Vec<u8>, Error> {
        take(&mut Block::new(bytes), &mut Vec::new(), room).map(<[u8]>::to_vec)
    }

    #[test]
    fn plain_and_huffman_coded_strings() {
        assert_eq!(taken(b"\x00", 0), Ok(b"".to_vec()));
        assert_eq!(taken(b"\x80", 0), Ok(b"".to_vec()));
        assert_eq!(taken(b"\x03302!", 3), Ok(b"302".to_vec()));
        assert_eq!(taken(b"\x82\x64\x02!", 3), Ok(b"302".to_vec()));
    }

    #[test]
    fn a_string_larger_than_the_room_is_not_decoded() {
        assert_eq!(taken(b"\x03302", 2), Err(Error::ListTooLarge));
        assert_eq!(taken(b"\x82\x64\x02", 2), Err(Error::ListTooLarge));
    }

    #[test]
    fn a_declared_length_reserves_nothing() {
        for first in [0x7f, 0xff] {
            let mut scratch = Vec::new();
            let bytes = [first, 0xff, 0xff, 0xff, 0x7e, b'a'];
            let malformed = Malformed {
                rule: "a string longer than the rest of the block",
                section: "RFC 7541 section 5.2",
                offset: 0,
            };
            assert_eq!(take(&mut Block::new(&bytes), &mut scratch, usize::MAX), Err(Error::Malformed(malformed)));
            assert_eq!(scratch.capacity(), 0);
        }
    }
}
