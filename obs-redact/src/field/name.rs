//! Decides by its words whether a name is sensitive.

use super::{
    vocabulary::{self, Roles},
    words::{Part, Word, Words, word},
};

/// Whether the default rules take the name for sensitive.
pub(crate) fn is_sensitive(name: &[u8]) -> bool {
    // npm's configuration calls its credentials so; `auth` elsewhere says how, not what.
    if name.len() < SHORTEST || name == b"_auth" {
        return name == b"_auth";
    }
    let mut verdict = Verdict::default();
    for part in Words::new(name) {
        match part {
            Part::Word(word) => verdict.add(word),
            Part::Joined(word) => verdict.add_joined(word),
        }
    }
    verdict.is_sensitive()
}

/// Whether the name is a word that is sensitive after another one: `key` after `api`.
pub(crate) fn completes_pair(name: &[u8]) -> bool {
    let mut words = Words::new(name);
    matches!(
        (words.next(), words.next()),
        (Some(Part::Word(word)), None) if vocabulary::roles(word).has(Roles::PAIR)
    )
}

/// What the words so far add up to.
#[derive(Default)]
struct Verdict {
    /// The word that made the name sensitive; of a pair the first one.
    cause: Option<Word>,
    previous: Word,
    previous_roles: Roles,
    counts_something: bool,
    is_flag: bool,
    words: usize,
}

impl Verdict {
    fn add(&mut self, word: Word) {
        let roles = vocabulary::roles(word);
        self.is_flag |= self.words == 0 && roles.has(Roles::FLAG);
        if let Some(cause) = self.cause_at(word, roles) {
            self.cause = Some(cause);
        } else if self
            .cause
            .is_some_and(|cause| describes(cause, word, roles))
        {
            self.cause = None;
        }
        self.counts_something |= roles.has(Roles::QUANTITY);
        self.previous = word;
        self.previous_roles = roles;
        self.words += 1;
    }

    fn add_joined(&mut self, word: Word) {
        if vocabulary::exact_roles(word).has(Roles::SECRET) {
            self.cause = Some(word);
        }
    }

    fn cause_at(&self, word: Word, roles: Roles) -> Option<Word> {
        if roles.has(Roles::PAIR) && vocabulary::is_pair(self.previous, word) {
            return Some(self.previous);
        }
        let is_secret = roles.has(Roles::SECRET)
            && match word {
                TOKENS => !self.counts_something,
                TOKEN => !self.previous_roles.has(Roles::CURSOR),
                _ => true,
            };
        is_secret.then_some(word)
    }

    fn is_sensitive(&self) -> bool {
        let by_last = self.previous_roles.has(Roles::LAST)
            || self.previous_roles.has(Roles::ALONE) && self.words == 1;
        !self.is_flag && (self.cause.is_some() || by_last)
    }
}

/// Whether a word after the sensitive one says that the value is about the secret: `token_count`.
fn describes(cause: Word, word: Word, roles: Roles) -> bool {
    if roles.has(Roles::QUANTITY) && matches!(cause, TOKEN | TOKENS) {
        return true;
    }
    // `access_key_id` and `secret_id` are halves of credentials.
    roles.has(Roles::DETAIL) && (word != ID || !matches!(cause, ACCESS | SECRET))
}

const SHORTEST: usize = 3;
const ACCESS: Word = word("access");
const ID: Word = word("id");
const SECRET: Word = word("secret");
const TOKEN: Word = word("token");
const TOKENS: Word = word("tokens");
