//! The user's own patterns.

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};

use crate::{REDACTED, findings::Findings};

/// Compiled patterns, applied one after the other.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Vec<Regex>);

impl Patterns {
    /// Compiles a pattern.
    ///
    /// Classes such as `\w` and `.` are ASCII and bytes: a counted Unicode class is a hundred times
    /// slower. Matches are widened to whole characters.
    ///
    /// # Errors
    /// What is wrong with the pattern, without its text.
    pub(crate) fn add(&mut self, pattern: &str) -> Result<(), String> {
        if self.0.len() == MOST_PATTERNS {
            return Err(format!(
                "is one too many, at most {MOST_PATTERNS} are allowed"
            ));
        }
        if pattern.len() > LONGEST_PATTERN {
            return Err(format!("is longer than {LONGEST_PATTERN} bytes"));
        }
        let regex = RegexBuilder::new(pattern)
            .unicode(false)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .build()
            .map_err(|error| reason(&error))?;
        if can_match_nothing(&regex) {
            return Err("can match nothing at all, make it need at least one character".to_owned());
        }
        self.0.push(regex);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Finds what the patterns match.
    pub(crate) fn find(&self, findings: &mut Findings<'_>) {
        for regex in &self.0 {
            find_one(regex, findings);
        }
    }
}

/// Finds matches between the markers that are there already, never in them.
fn find_one(regex: &Regex, findings: &mut Findings<'_>) {
    let bytes = findings.bytes();
    let mut matches = 0;
    let mut start = 0;
    loop {
        let rest = bytes.get(start..).unwrap_or_default();
        let marker = memmem::find(rest, REDACTED.as_bytes());
        let end = marker.map_or(bytes.len(), |offset| start + offset);
        let piece = bytes.get(..end).unwrap_or_default();
        while let Some(found) = regex.find_at(piece, start) {
            if found.is_empty() {
                start = found.end() + 1;
                if start > end {
                    break;
                }
                continue;
            }
            matches += 1;
            if matches > MOST_MATCHES {
                findings.add(found.start()..bytes.len());
                return;
            }
            findings.add(found.range());
            start = found.end();
        }
        if marker.is_none() {
            return;
        }
        start = end + REDACTED.len();
    }
}

/// Tries texts of each kind of boundary; what still slips through is skipped when matching.
fn can_match_nothing(regex: &Regex) -> bool {
    ["", "a", " ", "a b", "-", "a\n1"].iter().any(|probe| {
        regex
            .find_iter(probe.as_bytes())
            .any(|found| found.is_empty())
    })
}

/// The last line of the compiler's message; the lines before show the pattern.
fn reason(error: &regex::Error) -> String {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return format!("needs more than {SIZE_LIMIT} bytes when compiled");
    }
    let message = error.to_string();
    let reason = message
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("error: "))
        .unwrap_or("not a regular expression");
    format!("does not compile: {reason}")
}

const MOST_PATTERNS: usize = 64;
const LONGEST_PATTERN: usize = 1_000;
const SIZE_LIMIT: usize = 1 << 20;
/// One search is linear, a search after each match is not: beyond this the rest of the text goes.
const MOST_MATCHES: usize = 1_000;
