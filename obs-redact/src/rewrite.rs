//! Copies text while parts of it are replaced; allocates on the first replacement only.

use std::ops::Range;

/// A text under replacement, front to back.
pub(crate) struct Rewriter<'t> {
    text: &'t str,
    out: String,
    copied: usize,
}

impl<'t> Rewriter<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            out: String::new(),
            copied: 0,
        }
    }

    /// Replaces `range`, widened to whole characters, unless it already reads `with`.
    ///
    /// Ranges come in ascending order; what overlaps an earlier one is cut off at its end.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: &str) {
        let start = self.text.floor_char_boundary(range.start).max(self.copied);
        let end = self.text.ceil_char_boundary(range.end);
        let Some(old) = self.text.get(start..end) else {
            return;
        };
        if old == with || old.is_empty() {
            return;
        }
        if self.out.is_empty() {
            self.out.reserve(self.text.len() + with.len());
        }
        self.out
            .push_str(self.text.get(self.copied..start).unwrap_or_default());
        self.out.push_str(with);
        self.copied = end;
    }

    /// The new text, or `None` if nothing was replaced.
    pub(crate) fn finish(mut self) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        self.out
            .push_str(self.text.get(self.copied..).unwrap_or_default());
        Some(self.out)
    }
}
