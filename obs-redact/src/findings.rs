//! What the rules found in one text, and the text without it.

use std::{borrow::Cow, ops::Range};

use crate::{REDACTED, rewrite::Rewriter, scan::part};

/// The parts of a text that must go.
///
/// All rules look at the same untouched text: a rule that replaced something could take away what
/// tells another one that there is a secret, such as the name before a value. Where findings
/// overlap, one marker stands for all.
pub(crate) struct Findings<'t> {
    text: &'t str,
    found: Vec<Finding>,
}

struct Finding {
    range: Range<usize>,
    marker: Cow<'static, str>,
}

impl<'t> Findings<'t> {
    /// Nothing found yet, nothing allocated.
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes()
    }

    /// Adds a part that becomes `[REDACTED]`, unless that is what it is.
    pub(crate) fn add(&mut self, range: Range<usize>) {
        self.add_with(range, Cow::Borrowed(REDACTED));
    }

    /// Adds a part that becomes `marker`.
    pub(crate) fn add_with(&mut self, range: Range<usize>, marker: Cow<'static, str>) {
        let old = part(self.bytes(), range.clone());
        if !old.is_empty() && old != marker.as_bytes() && old != REDACTED.as_bytes() {
            self.found.push(Finding { range, marker });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The text with markers, or `None` if nothing was found.
    pub(crate) fn apply(mut self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        // Of two that start together the longer one comes first.
        self.found
            .sort_by(|a, b| (a.range.start, b.range.end).cmp(&(b.range.start, a.range.end)));
        let mut rewriter = Rewriter::new(self.text);
        let mut found = self.found.into_iter().peekable();
        while let Some(Finding { mut range, marker }) = found.next() {
            while let Some(next) = found.next_if(|next| next.range.start < range.end) {
                range.end = range.end.max(next.range.end);
            }
            rewriter.replace(range, &marker);
        }
        rewriter.finish()
    }
}

/// Replaces what `find` finds.
pub(crate) fn redact<'t>(text: &'t str, find: impl Fn(&mut Findings<'_>)) -> Cow<'t, str> {
    repeat(text, |text| {
        let mut findings = Findings::new(text);
        find(&mut findings);
        findings.apply()
    })
}

/// Goes over the text again and again until a round changes nothing.
///
/// One round is enough for nearly all texts. A marker can end what looked like a longer word,
/// though, and so show what was in front of it; the number of rounds is limited all the same.
pub(crate) fn repeat<'t>(text: &'t str, round: impl Fn(&str) -> Option<String>) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_ROUNDS {
        let Some(changed) = round(&text) else {
            break;
        };
        text = Cow::Owned(changed);
    }
    text
}

const MOST_ROUNDS: usize = 4;
