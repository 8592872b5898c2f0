//! Lookup tables that are built from lists of words when the crate is compiled.

#![expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where an index out of bounds does not build"
)]

use super::{vocabulary::Roles, words::Word};

/// Words with their roles.
pub(super) struct Table<const N: usize> {
    entries: [(Word, Roles); N],
    /// For each length the letters that words of the table begin with, one bit each.
    first_letters: [u32; 17],
}

impl<const N: usize> Table<N> {
    /// Sorts the words of all groups; a word in several groups has all their roles.
    pub(super) const fn new(groups: &[(Roles, &str)]) -> Self {
        let mut table = Self {
            entries: [(Word::MAX, Roles::HARMLESS); N],
            first_letters: [0; 17],
        };
        let mut used = 0;
        let mut group = 0;
        while group < groups.len() {
            let (roles, list) = groups[group];
            let mut list = list.as_bytes();
            while !list.is_empty() {
                let (word, rest) = take_word(list);
                used = table.insert(used, word, roles);
                list = rest;
            }
            group += 1;
        }
        table
    }

    const fn insert(&mut self, used: usize, word: Word, roles: Roles) -> usize {
        self.first_letters[length(word)] |= 1 << first_letter(word);
        let mut place = 0;
        while place < used && self.entries[place].0 < word {
            place += 1;
        }
        if place < used && self.entries[place].0 == word {
            self.entries[place].1 = self.entries[place].1.and(roles);
            return used;
        }
        let mut index = used;
        while index > place {
            self.entries[index] = self.entries[index - 1];
            index -= 1;
        }
        self.entries[place] = (word, roles);
        used + 1
    }

    /// The roles of a listed word.
    #[inline]
    pub(super) fn find(&self, word: Word) -> Option<Roles> {
        let letters = self.first_letters.get(length(word))?;
        if letters >> first_letter(word) & 1 == 0 {
            return None;
        }
        let index = self.entries.binary_search_by_key(&word, |entry| entry.0);
        self.entries.get(index.ok()?).map(|entry| entry.1)
    }
}

/// All pairs of the lists, sorted.
pub(super) const fn pairs<const N: usize>(lists: &[(&str, &str)]) -> [(Word, Word); N] {
    let mut pairs = [(0, 0); N];
    let mut used = 0;
    let mut list = 0;
    while list < lists.len() {
        let mut firsts = lists[list].0.as_bytes();
        while !firsts.is_empty() {
            let (first, rest) = take_word(firsts);
            firsts = rest;
            let mut seconds = lists[list].1.as_bytes();
            while !seconds.is_empty() {
                let (second, rest) = take_word(seconds);
                seconds = rest;
                let mut index = used;
                while index > 0 && is_after(pairs[index - 1], (first, second)) {
                    pairs[index] = pairs[index - 1];
                    index -= 1;
                }
                pairs[index] = (first, second);
                used += 1;
            }
        }
        list += 1;
    }
    pairs
}

/// Each word with the mask of its length.
pub(super) const fn suffixes<const N: usize>(list: &str) -> [(Word, Word); N] {
    let mut suffixes = [(0, 0); N];
    let mut list = list.as_bytes();
    let mut index = 0;
    while !list.is_empty() {
        let (word, rest) = take_word(list);
        suffixes[index] = (word, Word::MAX >> (128 - 8 * length(word)));
        list = rest;
        index += 1;
    }
    suffixes
}

/// The number of words in a list.
pub(super) const fn count(list: &str) -> usize {
    let mut list = list.as_bytes();
    let mut count = 0;
    while !list.is_empty() {
        list = take_word(list).1;
        count += 1;
    }
    count
}

/// The number of words in all groups, repeated ones included.
pub(super) const fn count_roles(groups: &[(Roles, &str)]) -> usize {
    let mut total = 0;
    let mut index = 0;
    while index < groups.len() {
        total += count(groups[index].1);
        index += 1;
    }
    total
}

/// The number of pairs that the lists make.
pub(super) const fn count_pairs(lists: &[(&str, &str)]) -> usize {
    let mut total = 0;
    let mut index = 0;
    while index < lists.len() {
        total += count(lists[index].0) * count(lists[index].1);
        index += 1;
    }
    total
}

const fn take_word(list: &[u8]) -> (Word, &[u8]) {
    let mut word = 0;
    let mut rest = list;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte == b' ' {
            break;
        }
        word = word << 8 | *byte as Word;
    }
    (word, rest)
}

const fn is_after(left: (Word, Word), right: (Word, Word)) -> bool {
    left.0 > right.0 || left.0 == right.0 && left.1 > right.1
}

const fn length(word: Word) -> usize {
    16 - word.leading_zeros() as usize / 8
}

/// The place in the alphabet of the first letter.
const fn first_letter(word: Word) -> u32 {
    let shift = 8 * length(word).saturating_sub(1);
    (word >> shift) as u32 & 0x1f
}
