//! How many different words there are, in little memory.
//!
//! Hashes are kept as long as there is room. When it runs out, half of all possible hashes no longer count, and what is
//! kept stands for twice as many. The count is exact up to the room and then within about 0.1 % of the truth. What is
//! kept in the end does not depend on the order in which words come.

use std::collections::HashSet;

use super::minhash::mix;

/// Hashes that are kept.
const ROOM: usize = 1 << 20;

/// A set of words of which only the size is asked.
#[derive(Clone, Debug)]
pub(super) struct Distinct {
    kept: HashSet<u64>,
    /// Hashes that count end in so many zeros.
    level: u32,
    room: usize,
}

impl Default for Distinct {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl Distinct {
    fn with_room(room: usize) -> Self {
        Self { kept: HashSet::new(), level: 0, room }
    }

    /// One more word, by its hash.
    pub fn insert(&mut self, word: u64) {
        self.keep(mix(word));
    }

    fn keep(&mut self, hash: u64) {
        if hash.trailing_zeros() < self.level {
            return;
        }
        self.kept.insert(hash);
        while self.kept.len() > self.room {
            self.level += 1;
            self.kept.retain(|hash| hash.trailing_zeros() >= self.level);
        }
    }

    /// The words of both.
    pub fn join(mut self, other: Self) -> Self {
        if self.kept.len() < other.kept.len() {
            return other.join(self);
        }
        self.level = self.level.max(other.level);
        self.kept.retain(|hash| hash.trailing_zeros() >= self.level);
        other.kept.into_iter().for_each(|hash| self.keep(hash));
        self
    }

    /// How many there are, and whether that is exact.
    pub fn count(&self) -> (u64, bool) {
        ((self.kept.len() as u64) << self.level, self.level == 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_exact_while_there_is_room_and_near_afterwards() {
        let mut set = Distinct::default();
        (0..3).for_each(|_| (0..1_000).for_each(|word| set.insert(word)));
        assert_eq!(set.count(), (1_000, true));
        let mut small = Distinct::with_room(2_000);
        (0..100_000).for_each(|word| small.insert(word));
        let (count, exact) = small.count();
        assert!(!exact && (85_000..115_000).contains(&count), "{count}");
    }

    proptest! {
        #[test]
        fn the_order_of_words_does_not_matter(words in proptest::collection::vec(0u64..500, 0..400), cut in 0usize..400) {
            let set = |words: &[u64]| {
                let mut set = Distinct::with_room(64);
                words.iter().for_each(|word| set.insert(*word));
                set
            };
            let (a, b) = words.split_at(cut.min(words.len()));
            prop_assert_eq!(set(&words).count(), set(a).join(set(b)).count());
            prop_assert_eq!(set(&words).count(), set(b).join(set(a)).count());
        }
    }
}
