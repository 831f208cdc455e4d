//! The sockets of an engine: a vector of slots that are used again, told apart by their generation.

use super::token::Token;

/// Slots with an `S` in each that is taken.
#[derive(Debug)]
pub(super) struct Slots<S> {
    entries: Vec<Entry<S>>,
    /// The last to become free is the first to be used again: its memory is still in the cache.
    free: Vec<u32>,
    stale: u64,
}

#[derive(Debug)]
struct Entry<S> {
    generation: u32,
    occupant: Option<S>,
}

impl<S> Slots<S> {
    pub(super) fn new() -> Slots<S> {
        Slots { entries: Vec::new(), free: Vec::new(), stale: 0 }
    }

    /// Takes a free slot.
    #[expect(clippy::expect_used, reason = "there are fewer descriptors than 2^31")]
    pub(super) fn insert(&mut self, occupant: S) -> Token {
        if let Some(slot) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(slot as usize)
        {
            entry.occupant = Some(occupant);
            return Token { slot, generation: entry.generation };
        }
        let slot = u32::try_from(self.entries.len()).expect("a slot holds a descriptor");
        self.entries.push(Entry { generation: 0, occupant: Some(occupant) });
        Token { slot, generation: 0 }
    }

    /// Whose token it is, if that has not been removed.
    pub(super) fn find(&self, token: Token) -> Option<&S> {
        let entry = self.entries.get(token.slot as usize)?;
        if entry.generation == token.generation { entry.occupant.as_ref() } else { None }
    }

    pub(super) fn find_mut(&mut self, token: Token) -> Option<&mut S> {
        let entry = self.entries.get_mut(token.slot as usize)?;
        if entry.generation == token.generation { entry.occupant.as_mut() } else { None }
    }

    /// As [`find_mut`](Slots::find_mut), for a token out of the kernel; counts those that are stale.
    pub(super) fn completed(&mut self, token: Token) -> Option<&mut S> {
        if self.find(token).is_none() {
            self.stale += 1;
        }
        self.find_mut(token)
    }

    /// Empties a slot; tokens of it are stale from now on.
    pub(super) fn remove(&mut self, token: Token) -> Option<S> {
        self.find(token)?;
        let entry = self.entries.get_mut(token.slot as usize)?;
        entry.generation = token.next_generation();
        self.free.push(token.slot);
        entry.occupant.take()
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// How many stale tokens came out of the kernel.
    #[cfg(test)]
    pub(super) fn stale(&self) -> u64 {
        self.stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_used_again_under_another_name() {
        let mut slots = Slots::new();
        let (a, b) = (slots.insert('a'), slots.insert('b'));
        assert_eq!((a, b), (Token { slot: 0, generation: 0 }, Token { slot: 1, generation: 0 }));
        assert_eq!(slots.remove(a), Some('a'));
        assert_eq!(slots.remove(a), None);
        assert_eq!(slots.taken(), 1);
        let c = slots.insert('c');
        assert_eq!(c, Token { slot: 0, generation: 1 });
        assert_eq!((slots.find(a), slots.find(b), slots.find(c)), (None, Some(&'b'), Some(&'c')));
        assert_eq!(slots.taken(), 2);
    }

    #[test]
    fn stale_completions_are_counted() {
        let mut slots = Slots::new();
        let a = slots.insert('a');
        assert_eq!(slots.completed(a), Some(&mut 'a'));
        slots.remove(a);
        assert_eq!(slots.completed(a), None);
        slots.insert('b');
        assert_eq!(slots.completed(a), None);
        assert_eq!(slots.completed(Token { slot: 7, generation: 0 }), None);
        assert_eq!(slots.stale(), 3);
    }
}
