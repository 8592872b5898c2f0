//! Keys that vendors gave a prefix of their own.
//!
//! Shapes as the vendors document them, with their lengths as lower bounds: a key that grows, or
//! that stands directly before more letters, is still replaced, and whole.

use std::ops::Range;

use super::anchor::{Anchor, Place};
use crate::scan::{at, part, run_end, spend, starts_token};

/// The shape of one kind of key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    prefix: &'static str,
    /// What must follow the prefix, `shortest` times at least.
    alphabet: Alphabet,
    shortest: usize,
    start: Start,
}

#[derive(Clone, Copy, Debug)]
enum Alphabet {
    /// Capitals and digits.
    Capitals,
    LowerHex,
    Letters,
    /// Letters, digits, `-` and `_`.
    Base64Url,
    /// As before, in parts joined by dots.
    Dotted,
    /// As `Base64Url`, of which words joined by dashes are told apart.
    NoWords,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Nothing else reads like this prefix.
    Anywhere,
    /// The prefix also ends ordinary words: `monkey-`, `disk-`.
    Token,
    /// The prefix follows the number of a bot.
    Digits,
}

/// All prefixes, to be searched for.
pub(super) fn prefixes() -> Vec<(String, Anchor)> {
    let keys = KEYS
        .iter()
        .map(|key| (key.prefix.to_owned(), Anchor::Vendor(*key)));
    // Two letters alone are too common to search for.
    let twilio = "0123456789abcdef"
        .chars()
        .map(|digit| (format!("SK{digit}"), Anchor::Vendor(TWILIO)));
    keys.chain(twilio).collect()
}

impl Key {
    pub(super) fn verify(&self, place: &Place<'_>) -> Option<Range<usize>> {
        let bytes = place.bytes;
        let prefix = place.literal.start;
        let start = match self.start {
            Start::Anywhere => prefix,
            // A key that follows another one directly starts a token too.
            Start::Token if prefix == place.done || starts_token(bytes, prefix) => prefix,
            Start::Digits => bot_number(bytes, prefix, place.done)?,
            Start::Token => return None,
        };
        let body = prefix + self.prefix.len();
        let limit = body + self.shortest;
        let enough = part(bytes, body..limit);
        spend(enough.len());
        if enough.is_empty() || !enough.iter().all(|&byte| self.alphabet.has(byte)) {
            return None;
        }
        if matches!(self.alphabet, Alphabet::NoWords) && is_words(bytes, body) {
            return None;
        }
        let is_dotted = matches!(self.alphabet, Alphabet::Dotted);
        let end = run_end(bytes, limit, |byte| {
            is_base64url(byte) || is_dotted && byte == b'.'
        });
        Some(start..end)
    }
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::LowerHex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Letters => byte.is_ascii_alphanumeric(),
            Self::Base64Url | Self::NoWords => is_base64url(byte),
            Self::Dotted => is_base64url(byte) || byte == b'.',
        }
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether words joined by dashes start here, as in a class name: no digit, and no long word.
fn is_words(bytes: &[u8], start: usize) -> bool {
    let window = part(bytes, start..bytes.len().min(start + LOOKED_AT));
    let head = part(window, 0..run_end(window, 0, is_base64url));
    spend(head.len());
    !head.iter().any(u8::is_ascii_digit)
        && head
            .split(|byte| matches!(byte, b'-' | b'_'))
            .all(|word| word.len() < LONG_WORD)
}

/// The start of the number of 8 to 12 digits that ends at `end`.
fn bot_number(bytes: &[u8], end: usize, done: usize) -> Option<usize> {
    let mut start = end;
    while start > done && end - start < 12 && at(bytes, start - 1).is_ascii_digit() {
        start -= 1;
    }
    (end - start >= 8).then_some(start)
}

const fn key(prefix: &'static str, alphabet: Alphabet, shortest: usize, start: Start) -> Key {
    Key {
        prefix,
        alphabet,
        shortest,
        start,
    }
}

const TWILIO: Key = key("SK", Alphabet::LowerHex, 32, Start::Token);

const KEYS: &[Key] = &[
    // Amazon Web Services: access key ids, long-lived and temporary.
    key("AKIA", Alphabet::Capitals, 16, Start::Token),
    key("ASIA", Alphabet::Capitals, 16, Start::Token),
    // GitHub.
    key("ghp_", Alphabet::Letters, 36, Start::Anywhere),
    key("gho_", Alphabet::Letters, 36, Start::Anywhere),
    key("ghu_", Alphabet::Letters, 36, Start::Anywhere),
    key("ghs_", Alphabet::Letters, 36, Start::Anywhere),
    key("ghr_", Alphabet::Letters, 36, Start::Anywhere),
    key("github_pat_", Alphabet::Base64Url, 36, Start::Anywhere),
    // GitLab.
    key("glpat-", Alphabet::Base64Url, 20, Start::Anywhere),
    // Slack.
    key("xoxa-", Alphabet::Base64Url, 10, Start::Anywhere),
    key("xoxb-", Alphabet::Base64Url, 10, Start::Anywhere),
    key("xoxp-", Alphabet::Base64Url, 10, Start::Anywhere),
    key("xoxr-", Alphabet::Base64Url, 10, Start::Anywhere),
    key("xoxs-", Alphabet::Base64Url, 10, Start::Anywhere),
    key("xapp-", Alphabet::Base64Url, 10, Start::Anywhere),
    // Stripe.
    key("sk_live_", Alphabet::Letters, 16, Start::Anywhere),
    key("sk_test_", Alphabet::Letters, 16, Start::Anywhere),
    key("rk_live_", Alphabet::Letters, 16, Start::Anywhere),
    key("rk_test_", Alphabet::Letters, 16, Start::Anywhere),
    key("whsec_", Alphabet::Letters, 16, Start::Anywhere),
    // Google: API keys, OAuth client secrets, OAuth access tokens.
    key("AIza", Alphabet::Base64Url, 35, Start::Anywhere),
    key("GOCSPX-", Alphabet::Base64Url, 20, Start::Anywhere),
    key("ya29.", Alphabet::Base64Url, 20, Start::Token),
    // OpenAI, Anthropic and others that took over the prefix.
    key("sk-", Alphabet::NoWords, 20, Start::Token),
    // SendGrid.
    key("SG.", Alphabet::Dotted, 40, Start::Token),
    // Package registries.
    key("npm_", Alphabet::Letters, 36, Start::Token),
    key("pypi-", Alphabet::NoWords, 50, Start::Token),
    // DigitalOcean.
    key("dop_v1_", Alphabet::LowerHex, 64, Start::Anywhere),
    // Shopify.
    key("shpat_", Alphabet::Letters, 32, Start::Anywhere),
    key("shpss_", Alphabet::Letters, 32, Start::Anywhere),
    // Hugging Face.
    key("hf_", Alphabet::Letters, 30, Start::Token),
    // Telegram: the number of the bot stands before.
    key(":AA", Alphabet::Base64Url, 33, Start::Digits),
    // Square.
    key("sq0atp-", Alphabet::Base64Url, 20, Start::Anywhere),
    key("sq0csp-", Alphabet::Base64Url, 20, Start::Anywhere),
    // Mailgun.
    key("key-", Alphabet::LowerHex, 32, Start::Token),
    // age.
    key("AGE-SECRET-KEY-1", Alphabet::Capitals, 50, Start::Anywhere),
    // HashiCorp Vault.
    key("hvs.", Alphabet::Base64Url, 20, Start::Token),
];

/// The length of the shortest key.
pub(super) const SHORTEST: usize = {
    let mut shortest = TWILIO.prefix.len() + TWILIO.shortest;
    let mut rest = KEYS;
    while let [key, tail @ ..] = rest {
        let length = key.prefix.len() + key.shortest;
        if length < shortest {
            shortest = length;
        }
        rest = tail;
    }
    shortest
};

const LOOKED_AT: usize = 64;
const LONG_WORD: usize = 20;
