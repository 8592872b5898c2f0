//! Splits a field name into words, each packed into one integer.

use crate::scan::spend;

/// A lower-cased word, last byte lowest; of longer words the last 16 bytes.
///
/// Comparing words is comparing integers, and a suffix is a mask.
pub(super) type Word = u128;

/// Packs a word that is written in lower case.
pub(super) const fn word(text: &str) -> Word {
    let mut bytes = text.as_bytes();
    let mut word = 0;
    while let [first, rest @ ..] = bytes {
        word = word << 8 | *first as Word;
        bytes = rest;
    }
    word
}

/// A part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One word.
    Word(Word),
    /// All words between two separators as one, where a change of case had split them:
    /// `PassWord` and `pAsSwOrD` are spellings of `password` too.
    Joined(Word),
}

/// Iterates over the parts of a name.
///
/// Everything but ASCII letters separates, digits included: `password2` is `password`.
pub(super) struct Words<'n> {
    rest: &'n [u8],
    previous: u8,
    word: Word,
    segment: Word,
    is_split: bool,
    segment_ended: bool,
}

impl<'n> Words<'n> {
    pub(super) fn new(name: &'n [u8]) -> Self {
        spend(name.len());
        Self {
            rest: name,
            previous: 0,
            word: 0,
            segment: 0,
            is_split: false,
            segment_ended: false,
        }
    }

    fn end_word(&mut self) -> Option<Part> {
        let word = std::mem::take(&mut self.word);
        (word != 0).then_some(Part::Word(word))
    }

    fn end_segment(&mut self) -> Option<Part> {
        self.segment_ended = false;
        let segment = std::mem::take(&mut self.segment);
        let is_split = std::mem::take(&mut self.is_split);
        (is_split && segment != 0).then_some(Part::Joined(segment))
    }
}

impl Iterator for Words<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        if self.segment_ended
            && let Some(part) = self.end_segment()
        {
            return Some(part);
        }
        while let [byte, rest @ ..] = self.rest {
            let byte = *byte;
            let is_new = starts_word(self.previous, byte, rest.first().copied().unwrap_or(0));
            let is_letter = byte.is_ascii_alphabetic();
            let ended = if is_new || !is_letter {
                self.end_word()
            } else {
                None
            };
            self.previous = byte;
            self.rest = rest;
            if is_letter {
                let lower = Word::from(byte.to_ascii_lowercase());
                self.is_split |= ended.is_some();
                self.word = self.word << 8 | lower;
                self.segment = self.segment << 8 | lower;
            } else {
                self.segment_ended = true;
                if ended.is_none()
                    && let Some(part) = self.end_segment()
                {
                    return Some(part);
                }
            }
            if ended.is_some() {
                return ended;
            }
        }
        self.end_word().or_else(|| self.end_segment())
    }
}

/// Whether a word starts at `byte`, seen between its neighbours (zero where there is none).
pub(super) fn starts_word(previous: u8, byte: u8, next: u8) -> bool {
    if byte.is_ascii_uppercase() {
        !previous.is_ascii_uppercase() || next.is_ascii_lowercase()
    } else {
        byte.is_ascii_lowercase() && !previous.is_ascii_alphabetic()
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Words, word};

    fn words(name: &str) -> Vec<Part> {
        Words::new(name.as_bytes()).collect()
    }

    #[test]
    fn spellings_of_one_name_are_the_same_words() {
        let expected = [Part::Word(word("user")), Part::Word(word("password"))];
        for name in [
            "user_password",
            "USER-PASSWORD",
            "user.password",
            "user password2",
            "__user[password]",
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
        assert_eq!(
            words("userPassword"),
            [expected[0], expected[1], Part::Joined(word("userpassword"))]
        );
    }

    #[test]
    fn capital_runs_end_before_the_next_word() {
        assert_eq!(
            words("APIKey"),
            [
                Part::Word(word("api")),
                Part::Word(word("key")),
                Part::Joined(word("apikey"))
            ]
        );
        assert_eq!(words("HTTP"), [Part::Word(word("http"))]);
        assert_eq!(words("1-2_é"), []);
    }

    #[test]
    fn each_segment_is_joined_by_itself() {
        assert_eq!(
            words("aB.cD"),
            [
                Part::Word(word("a")),
                Part::Word(word("b")),
                Part::Joined(word("ab")),
                Part::Word(word("c")),
                Part::Word(word("d")),
                Part::Joined(word("cd"))
            ]
        );
    }
}
