//! The dynamic table: fields of earlier representations, newest first (RFC 7541 sections 2.3.2 and 4).
//!
//! Names and values lie behind one another in one buffer, in the order received; new ones are appended, evicted ones
//! are left behind as a dead prefix until it is as long as the table may be, and then dropped in one move. So an entry
//! is always contiguous (a true ring would split some, or need padding at its end), each byte is moved at most once
//! for each byte appended, the buffer never exceeds twice the table, and once it has its size nothing is allocated.

use std::collections::VecDeque;

use super::field_bytes;

/// The dynamic table of one direction of one connection.
#[derive(Clone, Debug)]
pub(super) struct DynamicTable {
    /// A dead prefix, then the entries' names and values, oldest first.
    bytes: Vec<u8>,
    /// Newest first, as the indexes count.
    entries: VecDeque<Entry>,
    /// Sum of the entries' sizes, 32 bytes of overhead each included (RFC 7541 section 4.1). Never above `size_max`.
    size: usize,
    /// What the encoder has chosen within the limit of our SETTINGS (RFC 7541 section 4.2).
    size_max: usize,
}

impl DynamicTable {
    pub(super) fn new(size_max: usize) -> DynamicTable {
        let bytes = Vec::with_capacity(size_max.min(FIRST_BYTES));
        let entries = VecDeque::with_capacity(FIRST_ENTRIES);
        DynamicTable { bytes, entries, size: 0, size_max }
    }

    /// The sum of the entries' sizes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The size that the encoder keeps to.
    pub(super) fn size_max(&self) -> usize {
        self.size_max
    }

    /// Follows a dynamic table size update (RFC 7541 section 4.3).
    pub(super) fn resize(&mut self, size_max: usize) {
        self.size_max = size_max;
        self.evict_to(size_max);
    }

    /// The name and value at `index`, which counts from 0, the newest.
    pub(super) fn entry(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.entries.get(index)?;
        Some((self.bytes.get(entry.start..entry.name_end)?, self.bytes.get(entry.name_end..entry.end)?))
    }

    /// Adds a field. One that is larger than the table empties it, which is no error (RFC 7541 section 4.4).
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = field_bytes(name, value);
        let Some(others_max) = self.size_max.checked_sub(size) else {
            self.evict_to(0);
            return;
        };
        self.evict_to(others_max);
        self.drop_dead_prefix();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.entries.push_front(Entry { start, name_end, end: self.bytes.len() });
        self.size = self.size.saturating_add(size);
    }

    /// Evicts the oldest entries until the others take at most `size` (RFC 7541 section 4.4).
    fn evict_to(&mut self, size: usize) {
        while self.size > size {
            let Some((name, value)) = self.entries.len().checked_sub(1).and_then(|oldest| self.entry(oldest)) else {
                break;
            };
            self.size = self.size.saturating_sub(field_bytes(name, value));
            self.entries.pop_back();
        }
    }

    /// Drops the bytes of evicted entries once there are at least as many as can be alive.
    fn drop_dead_prefix(&mut self) {
        let dead = self.entries.back().map_or(self.bytes.len(), |oldest| oldest.start);
        if dead < self.size_max {
            return;
        }
        self.bytes.drain(..dead);
        for entry in &mut self.entries {
            entry.start = entry.start.saturating_sub(dead);
            entry.name_end = entry.name_end.saturating_sub(dead);
            entry.end = entry.end.saturating_sub(dead);
        }
    }
}

/// Where an entry lies in the buffer: the name first, the value right behind it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    name_end: usize,
    end: usize,
}

/// Room for what usual first requests add, so that their block makes nothing grow.
const FIRST_BYTES: usize = 512;
/// The same for the entries.
const FIRST_ENTRIES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(table: &DynamicTable) -> Vec<(&[u8], &[u8])> {
        (0..).map_while(|index| table.entry(index)).collect()
    }

    #[test]
    fn newest_comes_first() {
        let mut table = DynamicTable::new(4096);
        table.insert(b"a", b"1");
        table.insert(b"", b"");
        table.insert(b"c", b"33");
        assert_eq!(entries(&table), [(&b"c"[..], &b"33"[..]), (b"", b""), (b"a", b"1")]);
        assert_eq!(table.size(), 35 + 32 + 34);
    }

    #[test]
    fn the_oldest_leave_for_a_new_entry() {
        let mut table = DynamicTable::new(70);
        table.insert(b"a", b"1");
        table.insert(b"b", b"22");
        assert_eq!(table.size(), 69);
        table.insert(b"c", b"333");
        assert_eq!(entries(&table), [(&b"c"[..], &b"333"[..])]);
        table.insert(b"d", b"");
        assert_eq!(entries(&table), [(&b"d"[..], &b""[..]), (b"c", b"333")]);
    }

    #[test]
    fn an_entry_as_large_as_the_table_stays_and_a_larger_one_empties_it() {
        let mut table = DynamicTable::new(36);
        table.insert(b"ab", b"cd");
        assert_eq!((entries(&table), table.size()), (vec![(&b"ab"[..], &b"cd"[..])], 36));
        table.insert(b"ab", b"cde");
        assert_eq!((entries(&table), table.size()), (vec![], 0));
    }

    #[test]
    fn resizing_evicts_and_growing_brings_nothing_back() {
        let mut table = DynamicTable::new(100);
        table.insert(b"a", b"1");
        table.insert(b"b", b"2");
        table.resize(67);
        assert_eq!((entries(&table), table.size()), (vec![(&b"b"[..], &b"2"[..])], 34));
        table.resize(100);
        assert_eq!(entries(&table).len(), 1);
        table.resize(0);
        assert_eq!((entries(&table), table.size(), table.size_max()), (vec![], 0, 0));
        table.insert(b"", b"");
        assert_eq!(entries(&table), vec![]);
    }

    #[test]
    fn a_full_table_neither_grows_nor_allocates() {
        let mut table = DynamicTable::new(4096);
        let mut capacity = 0;
        for round in 0..10_000_u32 {
            let value = vec![b'v'; round as usize % 1000];
            table.insert(&round.to_be_bytes(), &value);
            assert_eq!(table.entry(0), Some((&round.to_be_bytes()[..], &value[..])));
            assert!(table.size() <= 4096 && table.bytes.len() <= 2 * 4096);
            if round == 5_000 {
                capacity = table.bytes.capacity();
            }
        }
        assert_eq!(table.bytes.capacity(), capacity);
        // 999 + 998 + 997 + 996 bytes with 36 each are 4,134: one too many.
        let values: Vec<_> = entries(&table).iter().map(|(_, value)| value.len()).collect();
        assert_eq!(values, [999, 998, 997]);
    }
}
