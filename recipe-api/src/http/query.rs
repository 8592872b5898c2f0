//! Query parameters, read strictly.

use std::collections::BTreeMap;

use crate::error::ApiError;

/// The parameters of a query, each known and given at most once.
#[derive(Debug, Default)]
pub struct QueryParams {
    values: BTreeMap<&'static str, String>,
    problems: BTreeMap<String, String>,
}

impl QueryParams {
    /// Reads a query of the form `name=value&name=value` with the names that are `known`.
    ///
    /// What is unknown, given twice or not valid percent-encoding is kept as a problem, which
    /// [`finish`](Self::finish) reports together with those found later.
    #[must_use]
    pub fn parse(query: Option<&str>, known: &[&'static str]) -> Self {
        let mut params = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            if params.problems.len() >= MAX_PROBLEMS {
                break;
            }
            if !pair.is_empty() {
                params.add(pair, known);
            }
        }
        params
    }

    /// Takes the value of a parameter; `None` if it is missing or has no text.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.values
            .remove(name)
            .filter(|value| !value.trim().is_empty())
    }

    /// Takes a whole number between `min` and `max`; `default` if it is missing.
    pub fn take_number(&mut self, name: &str, default: u32, min: u32, max: u32) -> u32 {
        let Some(value) = self.values.remove(name) else {
            return default;
        };
        let number = value
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| value.parse().ok())
            .flatten()
            .filter(|number| (min..=max).contains(number));
        number.unwrap_or_else(|| {
            self.problem(name, format!("must be a number from {min} to {max}"));
            default
        })
    }

    /// Adds a problem with a parameter.
    pub fn problem(&mut self, name: &str, expected: impl Into<String>) {
        self.problems
            .entry(name.chars().take(MAX_NAME_CHARS).collect())
            .or_insert_with(|| expected.into());
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`ApiError::Validation`] with all problems, if there are any.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Validation(self.problems))
        }
    }

    fn add(&mut self, pair: &str, known: &[&'static str]) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = decode(name) else {
            self.problem(name, "the name is not valid percent-encoded UTF-8");
            return;
        };
        let Some(known_name) = known.iter().find(|known| **known == name) else {
            let expected = if known.is_empty() {
                "unknown parameter; there are none here".to_owned()
            } else {
                format!("unknown parameter; known are {}", known.join(", "))
            };
            self.problem(&name, expected);
            return;
        };
        match decode(value) {
            None => self.problem(known_name, "must be valid percent-encoded UTF-8"),
            Some(value) => {
                if self.values.insert(known_name, value).is_some() {
                    self.problem(known_name, "must be given only once");
                }
            }
        }
    }
}

/// Encodes a value for a query.
#[must_use]
pub fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                encoded.push(digit.to_ascii_uppercase());
            }
        }
    }
    encoded
}

/// Decodes `%20` and `+`; `None` if digits are missing or the bytes are not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// How many problems are told at once; the rest of the query is not read.
const MAX_PROBLEMS: usize = 20;

/// How much of a name is told back.
const MAX_NAME_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn decodes_strictly() {
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
        check("a+b%20c", Some("a b c"));
        check("cr%C3%A8me", Some("crème"));
        check("%", None);
        check("%4", None);
        check("%zz", None);
        check("%+1", None);
        check("%C3", None);
        check("%c3%28", None);
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let text = "crème & 100% \"söt\"+\n\0🍲";
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    }
}
