//! Commands such as those of Redis: the word stays, every argument becomes `?`.

use crate::{rewrite::Rewriter, scan::run_end};

/// Replaces the arguments; without a proper word everything.
pub(super) fn redact(command: &str) -> Option<String> {
    let bytes = command.as_bytes();
    let mut rewriter = Rewriter::new(command);
    let mut start = run_end(bytes, 0, |byte| byte.is_ascii_whitespace());
    let word_end = run_end(bytes, start, |byte| !byte.is_ascii_whitespace());
    if is_word(bytes.get(start..word_end).unwrap_or_default()) {
        start = word_end;
    }
    while start < bytes.len() {
        start = run_end(bytes, start, |byte| byte.is_ascii_whitespace());
        let end = run_end(bytes, start, |byte| !byte.is_ascii_whitespace());
        rewriter.replace(start..end, "?");
        start = end;
    }
    rewriter.finish()
}

/// Words of modules have a dot: `JSON.SET`.
fn is_word(word: &[u8]) -> bool {
    word.len() <= LONGEST_WORD
        && word
            .iter()
            .all(|&byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_'))
}

const LONGEST_WORD: usize = 24;
