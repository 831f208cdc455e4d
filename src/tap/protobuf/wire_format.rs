//! The records of an encoded message, one after the other, whatever the message is.
//!
//! Positions count from the start of the outermost message, so that a nested record can be pointed at in the bytes a
//! reader sees. Nothing is copied. See the Protocol Buffers encoding specification, "Message structure".

use std::fmt;
use std::ops::Range;

/// Reads the records in a part of a message.
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Records<'a> {
    /// The records of `part` of `bytes`; what lies outside `bytes` is not read.
    pub(super) fn new(bytes: &'a [u8], part: Range<usize>) -> Records<'a> {
        Records { bytes, at: part.start, end: part.end.min(bytes.len()) }
    }

    /// The varints of a packed field.
    pub(super) fn next_varint(&mut self) -> Option<Result<u64, Fault>> {
        self.next_packed(Self::varint)
    }

    /// The 8-byte values of a packed field.
    pub(super) fn next_fixed64(&mut self) -> Option<Result<u64, Fault>> {
        self.next_packed(|records| records.array().map(u64::from_le_bytes))
    }

    /// The 4-byte values of a packed field.
    pub(super) fn next_fixed32(&mut self) -> Option<Result<u32, Fault>> {
        self.next_packed(|records| records.array().map(u32::from_le_bytes))
    }

    fn next_packed<V>(&mut self, read: fn(&mut Self) -> Result<V, Rule>) -> Option<Result<V, Fault>> {
        let start = self.at;
        if start >= self.end {
            return None;
        }
        let value = read(self).map_err(|rule| Fault { start, rule });
        if value.is_err() {
            self.at = self.end;
        }
        Some(value)
    }

    fn record(&mut self) -> Result<Record, Rule> {
        let start = self.at;
        let (number, wire_type) = self.tag()?;
        let (value, part) = match wire_type {
            VARINT => self.located(|records| records.varint().map(Value::Varint))?,
            FIXED64 => {
                self.located(|records| records.array().map(|bytes| Value::Fixed64(u64::from_le_bytes(bytes))))?
            }
            FIXED32 => {
                self.located(|records| records.array().map(|bytes| Value::Fixed32(u32::from_le_bytes(bytes))))?
            }
            LENGTH_DELIMITED => (Value::Bytes, self.length_delimited()?),
            START_GROUP => (Value::Group, self.group(number)?),
            END_GROUP => return Err(Rule::GroupNotStarted { number }),
            wire_type => return Err(Rule::WireType { number, wire_type }),
        };
        Ok(Record { start, number, value, part })
    }

    fn tag(&mut self) -> Result<(u32, u8), Rule> {
        let tag = self.varint()?;
        let number = tag >> 3;
        match u32::try_from(number) {
            Ok(small @ 1..=NUMBER_MAX) => Ok((small, tag.to_le_bytes()[0] & 7)),
            _ => Err(Rule::Number { number }),
        }
    }

    fn located(&mut self, read: impl FnOnce(&mut Self) -> Result<Value, Rule>) -> Result<(Value, Range<usize>), Rule> {
        let start = self.at;
        let value = read(self)?;
        Ok((value, start..self.at))
    }

    fn length_delimited(&mut self) -> Result<Range<usize>, Rule> {
        let length = self.varint()?;
        let left = self.end.saturating_sub(self.at);
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let start = self.at;
                self.at = start.saturating_add(length);
                Ok(start..self.at)
            }
            _ => Err(Rule::Length { length, left }),
        }
    }

    /// What lies between the tags of a group. A loop, not a recursion: who nests groups shall not use our stack.
    fn group(&mut self, number: u32) -> Result<Range<usize>, Rule> {
        let start = self.at;
        let mut open = vec![number];
        loop {
            let before = self.at;
            if before >= self.end {
                return Err(Rule::GroupNotEnded { number });
            }
            let (number, wire_type) = self.tag()?;
            match wire_type {
                VARINT => self.varint().map(drop)?,
                FIXED64 => self.array::<8>().map(drop)?,
                FIXED32 => self.array::<4>().map(drop)?,
                LENGTH_DELIMITED => self.length_delimited().map(drop)?,
                START_GROUP if open.len() >= DEPTH_MAX => return Err(Rule::Depth),
                START_GROUP => open.push(number),
                END_GROUP if open.pop() != Some(number) => return Err(Rule::GroupNotStarted { number }),
                END_GROUP if open.is_empty() => return Ok(start..before),
                END_GROUP => {}
                wire_type => return Err(Rule::WireType { number, wire_type }),
            }
        }
    }

    fn varint(&mut self) -> Result<u64, Rule> {
        let mut value = 0_u64;
        for shift in (0..VARINT_BYTES_MAX * 7).step_by(7) {
            let [byte] = self.array()?;
            // The tenth byte has one bit that counts; what else it holds is lost, as in every implementation.
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Rule::Varint)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Rule> {
        let end = self.at.saturating_add(LENGTH);
        let found = self.bytes.get(self.at..end).filter(|_| end <= self.end);
        let array = found.and_then(|bytes| bytes.try_into().ok()).ok_or(Rule::Ends)?;
        self.at = end;
        Ok(array)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Fault>;

    /// The next record; after a fault there is none, for nothing says where the next one would start.
    fn next(&mut self) -> Option<Result<Record, Fault>> {
        let start = self.at;
        if start >= self.end {
            return None;
        }
        let record = self.record().map_err(|rule| Fault { start, rule });
        if record.is_err() {
            self.at = self.end;
        }
        Some(record)
    }
}

/// A field as it stands in the bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Where its tag starts.
    pub(super) start: usize,
    /// The field's number, 1 to 536,870,911.
    pub(super) number: u32,
    /// What follows the tag.
    pub(super) value: Value,
    /// Where the value lies, without its length and without the tag that ends a group.
    pub(super) part: Range<usize>,
}

/// The value of a record by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// Length-delimited: a string, bytes, a message or packed values.
    Bytes,
    Group,
}

/// Where a message cannot be read any further, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where the record or packed value that cannot be read starts.
    pub(super) start: usize,
    pub(super) rule: Rule,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "malformed at byte {}: {}", self.start, self.rule)
    }
}

/// The rule of the encoding that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rule {
    #[error("the message ends inside a value")]
    Ends,
    #[error("a varint has at most 10 bytes")]
    Varint,
    #[error("field number {number}; allowed are 1 to 536870911")]
    Number { number: u64 },
    #[error("field {number} has wire type {wire_type}, which does not exist")]
    WireType { number: u32, wire_type: u8 },
    #[error("a length of {length} bytes where {left} are left")]
    Length { length: u64, left: usize },
    #[error("group {number} does not end")]
    GroupNotEnded { number: u32 },
    #[error("group {number} ends where it is not open")]
    GroupNotStarted { number: u32 },
    #[error("groups are nested more than {DEPTH_MAX} deep")]
    Depth,
}

/// Levels of nesting that are read. Protobuf implementations stop at 100, and few messages get to 10.
pub(super) const DEPTH_MAX: usize = 64;
/// The greatest number of a field: 29 bits.
const NUMBER_MAX: u32 = (1 << 29) - 1;
/// Ten times 7 bits hold 64.
const VARINT_BYTES_MAX: u32 = 10;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Result<(usize, u32, Value, Range<usize>), String>;

    fn read(bytes: &[u8]) -> Vec<Told> {
        let told = |record: Record| (record.start, record.number, record.value, record.part);
        Records::new(bytes, 0..bytes.len()).map(|found| found.map(told).map_err(|fault| fault.to_string())).collect()
    }

    #[test]
    fn every_wire_type_is_read() {
        let bytes = b"\x08\x96\x01\x12\x03Ada\x19\x01\0\0\0\0\0\0\0\x23\x08\x05\x24\x2d\x02\0\0\0";
        assert_eq!(
            read(bytes),
            [
                Ok((0, 1, Value::Varint(150), 1..3)),
                Ok((3, 2, Value::Bytes, 5..8)),
                Ok((8, 3, Value::Fixed64(1), 9..17)),
                Ok((17, 4, Value::Group, 18..20)),
                Ok((21, 5, Value::Fixed32(2), 22..26)),
            ]
        );
    }

    #[test]
    fn a_fault_says_which_rule_and_where_and_ends_the_reading() {
        let fault = |bytes: &[u8]| read(bytes).pop().unwrap().unwrap_err();
        assert_eq!(fault(b"\x08\x01\x12\x05Ada"), "malformed at byte 2: a length of 5 bytes where 3 are left");
        assert_eq!(fault(b"\x08\x01\x08\x80"), "malformed at byte 2: the message ends inside a value");
        assert_eq!(fault(b"\x0d\x01\x02"), "malformed at byte 0: the message ends inside a value");
        assert_eq!(fault(&[0xff; 11]), "malformed at byte 0: a varint has at most 10 bytes");
        assert_eq!(fault(b"\x00\x01"), "malformed at byte 0: field number 0; allowed are 1 to 536870911");
        let number = b"\x80\x80\x80\x80\x10\x01";
        assert_eq!(fault(number), "malformed at byte 0: field number 536870912; allowed are 1 to 536870911");
        assert_eq!(fault(b"\x0f"), "malformed at byte 0: field 1 has wire type 7, which does not exist");
        assert_eq!(fault(b"\x0b\x08\x01"), "malformed at byte 0: group 1 does not end");
        assert_eq!(fault(b"\x0b\x14"), "malformed at byte 0: group 2 ends where it is not open");
        assert_eq!(fault(b"\x0c"), "malformed at byte 0: group 1 ends where it is not open");
        assert_eq!(fault(&[0x0b; 65]), "malformed at byte 0: groups are nested more than 64 deep");
    }

    #[test]
    fn every_prefix_ends_in_a_fault_or_between_records() {
        let bytes = b"\x08\x96\x01\x12\x03Ada\x19\x01\0\0\0\0\0\0\0\x23\x08\x05\x24\x2d\x02\0\0\0";
        let between = [0, 3, 8, 17, 21, 26];
        for length in 0..=bytes.len() {
            let whole = read(&bytes[..length]).iter().all(Result::is_ok);
            assert_eq!(whole, between.contains(&length), "{length}");
        }
    }

    #[test]
    fn nothing_outside_its_part_is_read() {
        let bytes = b"\x08\x01\x08\x02\x08\x03";
        let found: Vec<_> = Records::new(bytes, 2..4).collect();
        assert_eq!(found, [Ok(Record { start: 2, number: 1, value: Value::Varint(2), part: 3..4 })]);
        assert_eq!(Records::new(bytes, 2..3).next(), Some(Err(Fault { start: 2, rule: Rule::Ends })));
        assert_eq!(Records::new(bytes, 6..90).next(), None);
        assert_eq!(Records::new(bytes, 90..95).next(), None);
    }

    #[test]
    fn packed_values_are_read() {
        let bytes = b"\x01\x96\x01\xff";
        let mut packed = Records::new(bytes, 0..4);
        assert_eq!(packed.next_varint(), Some(Ok(1)));
        assert_eq!(packed.next_varint(), Some(Ok(150)));
        assert_eq!(packed.next_varint(), Some(Err(Fault { start: 3, rule: Rule::Ends })));
        assert_eq!(packed.next_varint(), None);
        assert_eq!(Records::new(b"\x01\0\0\0", 0..4).next_fixed32(), Some(Ok(1)));
        assert_eq!(Records::new(b"\x01\0\0\0\0\0\0\0", 0..8).next_fixed64(), Some(Ok(1)));
        assert_eq!(Records::new(b"\x01\0\0", 0..3).next_fixed32(), Some(Err(Fault { start: 0, rule: Rule::Ends })));
    }
}
