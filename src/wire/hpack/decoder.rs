//! The decoder: representations of fields (RFC 7541 section 6), size updates (section 4.2), and the limits.
//!
//! ```text
//! 1 index                        a field of the tables
//! 01 index | 01 000000 name      a literal, and a new entry of the dynamic table    value
//! 0000 index | 0000 0000 name    a literal that changes nothing                     value
//! 0001 index | 0001 0000 name    the same, and nobody may ever index it             value
//! 001 size                       a size update: at the start of a block only
//! ```
//!
//! A block that is given up half way would leave the two ends' tables different, and every later block would be read
//! as something it is not (CVE-2023-32731). So an error is final.

use super::block::Block;
use super::dynamic_table::DynamicTable;
use super::{Error, FIELD_OVERHEAD_BYTES, Field, Limits, integer, static_table, string};
use crate::wire::Malformed;

/// Decodes the header blocks of one direction of one connection, in their order.
///
/// After an error a decoder must not be used again; it answers every later block with the same error.
#[derive(Clone, Debug)]
pub struct Decoder {
    limits: Limits,
    table: DynamicTable,
    /// What the next block's first size update must not exceed. Set exactly while our SETTINGS have dipped below the
    /// table's size and no block has followed.
    update_owed: Option<usize>,
    /// Holds a name while its field is decoded, if it is not in the block as it is. Kept for its capacity.
    name: Vec<u8>,
    /// The same for a value.
    value: Vec<u8>,
    failed: Option<Error>,
}

impl Decoder {
    /// A decoder with an empty table. `limits.table_bytes` is what our SETTINGS_HEADER_TABLE_SIZE stands at, 4096
    /// unless sent otherwise; it is also the size that the encoder begins with.
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            limits,
            table: DynamicTable::new(limits.table_bytes),
            update_owed: None,
            name: Vec::with_capacity(FIRST_NAME_BYTES),
            value: Vec::with_capacity(FIRST_VALUE_BYTES),
            failed: None,
        }
    }

    /// Follows a change of the decoding side's SETTINGS_HEADER_TABLE_SIZE, once the encoding side has acknowledged it.
    ///
    /// Below the size that the table has, the next block must begin with a size update that follows (RFC 9113 section
    /// 4.3.1); of several such changes the smallest counts (RFC 7541 section 4.2). A greater value changes nothing
    /// until the encoder makes use of it.
    pub fn set_table_limit(&mut self, bytes: usize) {
        self.limits.table_bytes = bytes;
        if bytes < self.update_owed.unwrap_or(self.table.size_max()) {
            self.update_owed = Some(bytes);
        }
    }

    /// Decodes one complete header block (all its fragments joined), and hands over each field as it is decoded.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the block, or where it ends, breaks a rule; the other errors at the first field beyond a
    /// limit. The fields before it have been handed over by then.
    pub fn decode(&mut self, block: &[u8], each: impl FnMut(Field<'_>)) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let outcome = self.decode_block(Block::new(block), each);
        self.failed = outcome.err();
        outcome
    }

    /// The size of the dynamic table in use, 32 bytes for each entry included (RFC 7541 section 4.1).
    pub fn table_bytes(&self) -> usize {
        self.table.size()
    }

    fn decode_block(&mut self, mut block: Block<'_>, mut each: impl FnMut(Field<'_>)) -> Result<(), Error> {
        self.size_updates(&mut block)?;
        let mut budget = Budget { fields: self.limits.fields, list_bytes: self.limits.list_bytes };
        while let Some(first) = block.peek() {
            if is_size_update(first) {
                let rule = "a table size update that is not at the start of the block, or the third there";
                return Err(block.malformed(rule, "RFC 7541 section 4.2").into());
            }
            budget.take_field()?;
            match first.leading_zeros() {
                0 => self.indexed(&mut block, &mut budget, &mut each)?,
                1 => self.literal(&mut block, Indexing::Incremental, &mut budget, &mut each)?,
                3 => self.literal(&mut block, Indexing::Never, &mut budget, &mut each)?,
                _ => self.literal(&mut block, Indexing::Without, &mut budget, &mut each)?,
            }
        }
        Ok(())
    }

    /// Takes the size updates that a block may begin with (RFC 7541 sections 4.2 and 6.3). There is no use for more
    /// than two: the smallest size since the last block, and the final one.
    fn size_updates(&mut self, block: &mut Block<'_>) -> Result<(), Malformed> {
        for _ in 0..SIZE_UPDATES_MAX {
            if !block.peek().is_some_and(is_size_update) {
                break;
            }
            let start = block.clone();
            let size = integer::take(block, 5)? as usize;
            if size > self.update_owed.unwrap_or(self.limits.table_bytes) {
                return Err(start.malformed("a table size update above the limit", "RFC 7541 section 6.3"));
            }
            self.update_owed = None;
            self.table.resize(size);
        }
        if self.update_owed.is_some() {
            let rule = "no table size update behind a smaller SETTINGS_HEADER_TABLE_SIZE";
            return Err(block.malformed(rule, "RFC 9113 section 4.3.1"));
        }
        Ok(())
    }

    /// A field of the tables (RFC 7541 section 6.1).
    fn indexed(
        &self,
        block: &mut Block<'_>,
        budget: &mut Budget,
        each: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Error> {
        let start = block.clone();
        let index = integer::take(block, 7)? as usize;
        let (name, value) = entry(&self.table, index, &start)?;
        budget.take_bytes(name.len())?;
        budget.take_bytes(value.len())?;
        each(Field { name, value, never_indexed: false });
        Ok(())
    }

    /// A literal (RFC 7541 section 6.2).
    fn literal(
        &mut self,
        block: &mut Block<'_>,
        indexing: Indexing,
        budget: &mut Budget,
        each: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Error> {
        let start = block.clone();
        let index = integer::take(block, indexing.prefix_bits())? as usize;
        let name = match (index, static_table::entry(index)) {
            (0, _) => string::take(block, &mut self.name, budget.list_bytes)?,
            (_, Some((name, _))) => name,
            (_, None) => {
                // A copy: inserting the field may evict the entry that its name comes from (RFC 7541 section 4.4).
                self.name.clear();
                self.name.extend_from_slice(entry(&self.table, index, &start)?.0);
                &self.name
            }
        };
        budget.take_bytes(name.len())?;
        let value = string::take(block, &mut self.value, budget.list_bytes)?;
        budget.take_bytes(value.len())?;
        each(Field { name, value, never_indexed: indexing == Indexing::Never });
        if indexing == Indexing::Incremental {
            self.table.insert(name, value);
        }
        Ok(())
    }
}

/// What a literal does to the tables (RFC 7541 section 6.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indexing {
    Incremental,
    Without,
    Never,
}

impl Indexing {
    /// How many bits of the first octet belong to the index of the name.
    fn prefix_bits(self) -> u32 {
        match self {
            Indexing::Incremental => 6,
            Indexing::Without | Indexing::Never => 4,
        }
    }
}

/// What the rest of a block may still bring.
struct Budget {
    fields: usize,
    list_bytes: usize,
}

impl Budget {
    /// Begins a field.
    fn take_field(&mut self) -> Result<(), Error> {
        self.fields = self.fields.checked_sub(1).ok_or(Error::TooManyFields)?;
        self.take_bytes(FIELD_OVERHEAD_BYTES)
    }

    fn take_bytes(&mut self, count: usize) -> Result<(), Error> {
        self.list_bytes = self.list_bytes.checked_sub(count).ok_or(Error::ListTooLarge)?;
        Ok(())
    }
}

/// The name and value at `index` of the two tables as one (RFC 7541 section 2.3.3); `at` is where the index stands.
fn entry<'a>(table: &'a DynamicTable, index: usize, at: &Block<'_>) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let found = match index.checked_sub(static_table::LENGTH.saturating_add(1)) {
        Some(index) => table.entry(index),
        None => static_table::entry(index),
    };
    found.ok_or_else(|| match index {
        0 => at.malformed("index 0 of a field", "RFC 7541 section 6.1"),
        _ => at.malformed("an index beyond the tables", "RFC 7541 section 2.3.3"),
    })
}

/// Whether a representation is a dynamic table size update (RFC 7541 section 6.3).
fn is_size_update(first: u8) -> bool {
    first & 0xe0 == 0x20
}

/// See [`Decoder::size_updates`].
const SIZE_UPDATES_MAX: usize = 2;
/// Room for the names and values of usual requests, so that the first block makes nothing grow.
const FIRST_NAME_BYTES: usize = 64;
/// The same for values.
const FIRST_VALUE_BYTES: usize = 192;

#[cfg(test)]
mod tests {
    use super::*;

    type Strings = Vec<(String, String)>;

    fn decoder(limits: Limits) -> Decoder {
        Decoder::new(limits)
    }

    /// The fields handed over, and the outcome: `Err` has the rule and the offset.
    fn decoded(decoder: &mut Decoder, block: &[u8]) -> (Strings, Result<(), (String, usize)>) {
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut fields = Vec::new();
        let outcome = decoder.decode(block, |field| fields.push((string(field.name), string(field.value))));
        let outcome = outcome.map_err(|error| match error {
            Error::Malformed(malformed) => (malformed.rule.to_owned(), malformed.offset),
            Error::TooManyFields | Error::ListTooLarge => (error.to_string(), 0),
        });
        (fields, outcome)
    }

    fn rejected(block: &[u8]) -> (String, usize) {
        decoded(&mut decoder(Limits::default()), block).1.unwrap_err()
    }

    fn error(rule: &str, offset: usize) -> (String, usize) {
        (rule.to_owned(), offset)
    }

    const MISPLACED: &str = "a table size update that is not at the start of the block, or the third there";
    const ABOVE: &str = "a table size update above the limit";
    const OWED: &str = "no table size update behind a smaller SETTINGS_HEADER_TABLE_SIZE";
    const TOO_MANY: &str = "more header fields than the limit allows";
    const TOO_LARGE: &str = "a header list larger than the limit allows";

    #[test]
    fn an_empty_block_has_no_fields() {
        assert_eq!(decoded(&mut decoder(Limits::default()), b""), (vec![], Ok(())));
    }

    #[test]
    fn only_the_never_indexed_literal_says_so() {
        let mut flags = Vec::new();
        let block = b"\x82\x40\x01a\x01b\x00\x01a\x01b\x10\x01a\x01b\x1f\x2f\x01b";
        decoder(Limits::default()).decode(block, |field| flags.push(field.never_indexed)).unwrap();
        assert_eq!(flags, [false, false, false, true, true]);
    }

    #[test]
    fn indexes_outside_the_tables_are_malformed() {
        assert_eq!(rejected(b"\x80"), error("index 0 of a field", 0));
        assert_eq!(rejected(b"\x82\xbe"), error("an index beyond the tables", 1));
        assert_eq!(rejected(b"\x7e\x01b"), error("an index beyond the tables", 0));
        assert_eq!(rejected(b"\x0f\x2f\x01b"), error("an index beyond the tables", 0));
        assert_eq!(rejected(b"\x1f\x2f\x01b"), error("an index beyond the tables", 0));
        assert_eq!(rejected(b"\x40\x01a\x01b\xbf"), error("an index beyond the tables", 5));
        assert_eq!(rejected(b"\xff\x80\xff\xff\x7f"), error("an index beyond the tables", 0));
    }

    #[test]
    fn a_literal_may_take_its_name_from_the_entry_that_it_evicts() {
        let mut decoder = decoder(Limits { table_bytes: 40, ..Limits::default() });
        let block = b"\x40\x01a\x01b\x7e\x03ccc\x00\x01d\x00\xbe";
        let (fields, outcome) = decoded(&mut decoder, block);
        let pairs: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((pairs, outcome), (vec![("a", "b"), ("a", "ccc"), ("d", ""), ("a", "ccc")], Ok(())));
        assert_eq!(decoder.table_bytes(), 36);
    }

    #[test]
    fn an_entry_larger_than_the_table_is_handed_over_and_empties_it() {
        let mut decoder = decoder(Limits { table_bytes: 40, ..Limits::default() });
        assert_eq!(decoded(&mut decoder, b"\x40\x01a\x01b").1, Ok(()));
        assert_eq!(decoder.table_bytes(), 34);
        let (fields, outcome) = decoded(&mut decoder, b"\x7e\x08abcdefgh");
        assert_eq!((fields, outcome), (vec![("a".to_owned(), "abcdefgh".to_owned())], Ok(())));
        assert_eq!(decoder.table_bytes(), 0);
    }

    #[test]
    fn up_to_two_size_updates_begin_a_block() {
        let mut decoder = decoder(Limits::default());
        assert_eq!(decoded(&mut decoder, b"\x40\x01a\x01b\x40\x01c\x01d").1, Ok(()));
        // 34 bytes keep one entry, 4096 bring the other not back.
        assert_eq!(decoded(&mut decoder, b"\x3f\x03\x3f\xe1\x1f\xbe").0, [("c".to_owned(), "d".to_owned())]);
        assert_eq!(decoder.table_bytes(), 34);
        assert_eq!(decoded(&mut decoder, b"\x20"), (vec![], Ok(())));
        assert_eq!(decoder.table_bytes(), 0);
    }

    #[test]
    fn misplaced_and_too_large_size_updates_are_malformed() {
        assert_eq!(rejected(b"\x20\x20\x20"), error(MISPLACED, 2));
        assert_eq!(rejected(b"\x82\x20"), error(MISPLACED, 1));
        assert_eq!(rejected(b"\x3f\xe2\x1f"), error(ABOVE, 0));
        assert_eq!(rejected(b"\x20\x3f\xe2\x1f\x82"), error(ABOVE, 1));
    }

    #[test]
    fn a_smaller_table_limit_must_be_followed_by_an_update() {
        let mut decoder = decoder(Limits::default());
        decoder.set_table_limit(0);
        decoder.set_table_limit(100);
        // The dip to 0 must be signalled, then 100 may be.
        assert_eq!(decoded(&mut decoder.clone(), b"\x82").1, Err(error(OWED, 0)));
        assert_eq!(decoded(&mut decoder.clone(), b"").1, Err(error(OWED, 0)));
        assert_eq!(decoded(&mut decoder.clone(), b"\x21\x82").1, Err(error(ABOVE, 0)));
        assert_eq!(decoded(&mut decoder.clone(), b"\x20\x3f\x46\x82").1, Err(error(ABOVE, 1)));
        assert_eq!(decoded(&mut decoder, b"\x20\x3f\x45\x82").1, Ok(()));
        assert_eq!(decoded(&mut decoder, b"\x82").1, Ok(()));
    }

    #[test]
    fn a_table_limit_at_or_above_the_size_in_use_owes_nothing() {
        let mut decoder = decoder(Limits::default());
        decoder.set_table_limit(4096);
        assert_eq!(decoded(&mut decoder, b"\x82").1, Ok(()));
        // The encoder has chosen 30 by itself.
        assert_eq!(decoded(&mut decoder, b"\x3e").1, Ok(()));
        decoder.set_table_limit(30);
        assert_eq!(decoded(&mut decoder, b"\x82").1, Ok(()));
        decoder.set_table_limit(8192);
        assert_eq!(decoded(&mut decoder, b"\x3f\xe1\x3f").1, Ok(()));
        assert_eq!(decoded(&mut decoder, b"\x3f\xe2\x3f").1, Err(error(ABOVE, 0)));
    }

    #[test]
    fn the_field_after_the_last_allowed_one_is_too_many() {
        let limits = Limits { fields: 2, ..Limits::default() };
        assert_eq!(decoded(&mut decoder(limits), b"\x20\x82\x82").1, Ok(()));
        let (fields, outcome) = decoded(&mut decoder(limits), b"\x82\x82\x82");
        assert_eq!((fields.len(), outcome), (2, Err(error(TOO_MANY, 0))));
    }

    #[test]
    fn the_list_may_be_as_large_as_its_limit() {
        // 3 + 4 + 32, and 7 + 3 + 32 for `:method: GET`.
        let block = b"\x82\x00\x03abc\x04defg";
        assert_eq!(decoded(&mut decoder(Limits { list_bytes: 81, ..Limits::default() }), block).1, Ok(()));
        for list_bytes in 0..81 {
            let (fields, outcome) = decoded(&mut decoder(Limits { list_bytes, ..Limits::default() }), block);
            assert_eq!((fields.len(), outcome), (usize::from(list_bytes >= 42), Err(error(TOO_LARGE, 0))));
        }
    }

    #[test]
    fn indexed_references_to_a_large_entry_end_at_the_list_limit() {
        // The value has 127 + 88 + 30 * 128 = 4,055 bytes.
        let mut block = b"\x40\x01a\x7f\xd8\x1e".to_vec();
        block.extend([b'v'; 4_055]);
        block.extend([0xbe; 60_000]);
        let (fields, outcome) = decoded(&mut decoder(Limits::default()), &block);
        // 65,536 / (1 + 4,055 + 32) = 16.03.
        assert_eq!((fields.len(), outcome), (16, Err(error(TOO_LARGE, 0))));
    }

    #[test]
    fn an_error_is_final() {
        let mut decoder = decoder(Limits::default());
        let broken = decoded(&mut decoder, b"\x82\x80");
        assert_eq!(broken.1, Err(error("index 0 of a field", 1)));
        assert_eq!(decoded(&mut decoder, b"\x82"), (vec![], broken.1));
    }
}
