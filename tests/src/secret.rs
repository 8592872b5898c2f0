//! Secrets that are made when a test runs: no source file has one, and no two runs share one.

use std::{
    hash::{BuildHasher, RandomState},
    iter,
};

/// A secret, and the parts of it by which it is found again, whole or cut.
#[derive(Clone, Debug)]
pub struct Secret {
    text: String,
    telltales: Vec<String>,
}

impl Secret {
    /// Letters and digits that no pattern knows: only its place says that it is a secret.
    #[must_use]
    pub fn unknown() -> Self {
        Self::vendor("", &random_from(ALPHANUMERIC, 32))
    }

    /// A personal access token of GitHub.
    #[must_use]
    pub fn github() -> Self {
        Self::vendor(concat!("gh", "p_"), &random_from(ALPHANUMERIC, 36))
    }

    /// A secret key of Stripe.
    #[must_use]
    pub fn stripe() -> Self {
        Self::vendor(concat!("sk_", "live_"), &random_from(ALPHANUMERIC, 24))
    }

    /// The id of an access key of AWS.
    #[must_use]
    pub fn aws() -> Self {
        Self::vendor(concat!("AK", "IA"), &random_from(BASE32, 16))
    }

    /// A JSON Web Token with a header that says so; its signature proves nothing.
    #[must_use]
    pub fn jwt() -> Self {
        // `{"alg":"HS256","typ":"JWT"}` and the beginning of `{"sub":"`.
        let header = concat!("eyJhbGciOiJIUzI1NiIs", "InR5cCI6IkpXVCJ9");
        let claims = random_from(ALPHANUMERIC, 40);
        let signature = random_from(ALPHANUMERIC, 43);
        Self {
            text: format!("{header}.eyJzdWIiOiI{claims}.{signature}"),
            telltales: vec![telltale(&claims), telltale(&signature)],
        }
    }

    /// A card number of 16 digits whose check digit is right.
    #[must_use]
    pub fn card() -> Self {
        let mut digits = format!("4{}", random_from(DIGITS, 14));
        let check_digit = (10 - luhn(&format!("{digits}0")) % 10) % 10;
        digits.push_str(&check_digit.to_string());
        Self::vendor("", &digits)
    }

    /// The text to send.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same secret in another form, such as an encoding, by which it is found too.
    #[must_use]
    pub fn also_as(mut self, form: impl Into<String>) -> Self {
        self.telltales.push(form.into());
        self
    }

    /// Parts of which none may be seen.
    #[must_use]
    pub fn telltales(&self) -> &[String] {
        &self.telltales
    }

    fn vendor(prefix: &str, random: &str) -> Self {
        Self {
            text: format!("{prefix}{random}"),
            telltales: vec![telltale(random)],
        }
    }
}

/// Enough of the beginning that it is there by no accident.
fn telltale(random: &str) -> String {
    random.chars().take(12).collect()
}

/// The sum of the digits, every second one from the right counted twice (ISO/IEC 7812-1, annex B).
fn luhn(digits: &str) -> u32 {
    let digits = digits.chars().rev().filter_map(|digit| digit.to_digit(10));
    digits
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum()
}

/// A word of letters and digits that nothing else has, and that is no secret.
#[must_use]
pub fn word() -> String {
    random_from(LETTERS, 12)
}

/// Base64 as in Basic credentials (RFC 4648, section 4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .chain(iter::repeat(&0))
            .take(3)
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = BASE64.chars().nth(bits >> (18 - 6 * place) & 63);
            text.push(letter.filter(|_| place <= chunk.len()).unwrap_or('='));
        }
    }
    text
}

/// Every character as `%41`, also those that need it not.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn random_from(alphabet: &str, length: usize) -> String {
    // Each state of the hasher comes from the system's randomness.
    let pick = || {
        let number = RandomState::new().hash_one(length);
        let place = number % alphabet.len() as u64;
        alphabet
            .chars()
            .nth(usize::try_from(place).unwrap_or_default())
    };
    iter::repeat_with(pick).take(length).flatten().collect()
}

const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGITS: &str = "0123456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_base64_as_the_standard_shows_it() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn cards_pass_the_luhn_check() {
        assert_eq!(luhn("4111111111111111"), 30);
        for _ in 0..100 {
            let card = Secret::card();
            assert_eq!(card.text().len(), 16);
            assert_eq!(luhn(card.text()) % 10, 0, "{card:?}");
        }
    }

    #[test]
    fn no_two_are_alike() {
        assert_ne!(Secret::github().text(), Secret::github().text());
        assert_ne!(word(), word());
    }
}
