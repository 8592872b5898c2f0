//! The names that a user adds or allows, before the default rules.

use super::{is_sensitive, words::starts_word};
use crate::scan::spend;

/// Decides about names: the user's allowed ones, then the user's sensitive ones, then the defaults.
#[derive(Debug, Default)]
pub(crate) struct FieldRules {
    pub(crate) sensitive: NameList,
    pub(crate) allowed: NameList,
}

impl FieldRules {
    /// Whether the value of a field with this name must not leave.
    pub(crate) fn is_sensitive(&self, name: &[u8]) -> bool {
        if self.sensitive.is_empty() && self.allowed.is_empty() {
            return is_sensitive(name);
        }
        let spelling = Spelling::of(name);
        if self.allowed.contains_whole(&spelling) {
            return false;
        }
        self.sensitive.contains_end(&spelling) || is_sensitive(name)
    }

    /// Whether a user added the name.
    pub(crate) fn is_added(&self, name: &[u8]) -> bool {
        !self.sensitive.is_empty() && self.sensitive.contains_end(&Spelling::of(name))
    }
}

/// Names compared by their letters and digits alone: `userName` is `user_name`.
#[derive(Debug, Default)]
pub(crate) struct NameList(Vec<Box<[u8]>>);

impl NameList {
    /// The longest name that can be listed, in letters and digits.
    pub(crate) const LONGEST: usize = Spelling::CAPACITY;

    /// Adds a name.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub(crate) fn add(&mut self, name: &str) -> Result<(), String> {
        let letters = name.bytes().filter(|&byte| is_letter(byte)).count();
        if letters == 0 {
            return Err("has no letter or digit".to_owned());
        }
        if letters > Self::LONGEST {
            return Err(format!("is longer than {} letters", Self::LONGEST));
        }
        let spelling = Spelling::of(name.as_bytes());
        self.0.push(spelling.letters().into());
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains_whole(&self, spelling: &Spelling) -> bool {
        spelling.is_whole && self.0.iter().any(|name| **name == *spelling.letters())
    }

    /// Whether a listed name is the whole name, or its last words: `name` in `user.name`.
    fn contains_end(&self, spelling: &Spelling) -> bool {
        let letters = spelling.letters();
        self.0
            .iter()
            .any(|name| letters.ends_with(name) && spelling.has_word_at(letters.len() - name.len()))
    }
}

/// The letters and digits of a name in lower case, with the places where words start.
struct Spelling {
    letters: [u8; Self::CAPACITY],
    length: usize,
    word_starts: u128,
    is_whole: bool,
}

impl Spelling {
    /// One bit of `word_starts` for each.
    const CAPACITY: usize = 128;

    /// Spells the name; of a long one only its end.
    fn of(name: &[u8]) -> Self {
        let from = name.len().saturating_sub(Self::CAPACITY);
        let mut spelling = Self {
            letters: [0; Self::CAPACITY],
            length: 0,
            word_starts: 0,
            is_whole: from == 0,
        };
        let tail = name.get(from..).unwrap_or_default();
        spend(tail.len());
        let mut previous = 0;
        let mut after_separator = true;
        for (index, &byte) in tail.iter().enumerate() {
            let next = tail.get(index + 1).copied().unwrap_or(0);
            if !is_letter(byte) {
                after_separator = true;
            } else if let Some(place) = spelling.letters.get_mut(spelling.length) {
                *place = byte.to_ascii_lowercase();
                if after_separator || starts_word(previous, byte, next) {
                    spelling.word_starts |= 1 << spelling.length;
                }
                spelling.length += 1;
                after_separator = false;
            }
            previous = byte;
        }
        spelling
    }

    fn letters(&self) -> &[u8] {
        self.letters.get(..self.length).unwrap_or_default()
    }

    fn has_word_at(&self, index: usize) -> bool {
        index < Self::CAPACITY && self.word_starts >> index & 1 == 1
    }
}

/// Letters of other scripts count, byte by byte.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}
