//! Replaces the literals and removes the comments of one statement.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::dialect::{Backslash, Dialect, DoubleQuoted};
use crate::{
    rewrite::Rewriter,
    scan::{at, before, part, run_end, spend, starts_with},
};

/// Replaces what is no structure.
pub(super) fn redact(statement: &str, dialect: Dialect) -> Option<String> {
    let scanner = Scanner {
        bytes: statement.as_bytes(),
        dialect,
    };
    let mut rewriter = Rewriter::new(statement);
    let mut index = 0;
    while index < statement.len() {
        match scanner.token(index) {
            Token::Kept(end) => index = end,
            Token::Literal(range) => {
                index = range.end;
                rewriter.replace(range, "?");
            }
            Token::Comment(end) => {
                let is_apart = before(scanner.bytes, index) <= b' ';
                rewriter.replace(index..end, if is_apart { "" } else { " " });
                index = end;
            }
            Token::Unreadable => {
                rewriter.replace(index..statement.len(), "?");
                break;
            }
        }
    }
    rewriter.finish()
}

enum Token {
    /// Structure up to here.
    Kept(usize),
    Literal(Range<usize>),
    Comment(usize),
    /// A literal, name or comment that does not end.
    Unreadable,
}

struct Scanner<'t> {
    bytes: &'t [u8],
    dialect: Dialect,
}

impl Scanner<'_> {
    fn token(&self, start: usize) -> Token {
        let Dialect {
            double_quoted,
            has_hash_comments,
            has_bracket_names,
            has_dollar_quotes,
            ..
        } = self.dialect;
        let next = at(self.bytes, start + 1);
        match at(self.bytes, start) {
            b'\'' => self.string(start, start),
            b'"' if double_quoted == DoubleQuoted::String => self.string(start, start),
            mark @ (b'"' | b'`') => self.name(start, mark),
            b'[' if has_bracket_names => self.name(start, b']'),
            b'-' if next == b'-' => self.line_comment(start),
            b'#' if has_hash_comments => self.line_comment(start),
            b'/' if next == b'*' => self.block_comment(start),
            b'$' if has_dollar_quotes => self.dollar(start),
            b'$' | b'?' | b'@' => Token::Kept(self.word_end(start + 1)),
            // Numbered placeholders; PostgreSQL has none, but slices of arrays.
            b':' if next.is_ascii_digit() && !has_dollar_quotes => {
                Token::Kept(self.word_end(start + 1))
            }
            b'.' if next.is_ascii_digit() => self.number(start),
            byte if byte.is_ascii_digit() => self.number(start),
            byte if is_word_byte(byte) => self.word(start),
            _ => Token::Kept(start + 1),
        }
    }

    /// A name without marks, or a string with a prefix such as `E'…'`, `N'…'` or `_utf8'…'`.
    fn word(&self, start: usize) -> Token {
        let end = self.word_end(start);
        if at(self.bytes, end) != b'\'' {
            return Token::Kept(end);
        }
        let word = part(self.bytes, start..end);
        if self.dialect.has_q_quotes && matches!(word, b"q" | b"Q" | b"nq" | b"NQ" | b"Nq" | b"nQ")
        {
            return self.q_string(start, end);
        }
        let is_prefix = word.len() <= 2 || word.starts_with(b"_");
        if is_prefix {
            self.string(start, end)
        } else {
            Token::Kept(end)
        }
    }

    /// A string whose mark stands at `mark`; a prefix before it begins at `start`.
    fn string(&self, start: usize, mark: usize) -> Token {
        let quote = at(self.bytes, mark);
        let escapes = match self.dialect.backslash {
            Backslash::Plain if matches!(part(self.bytes, start..mark), b"e" | b"E") => {
                Backslash::Escape
            }
            other => other,
        };
        let mut index = mark + 1;
        while index < self.bytes.len() {
            let byte = at(self.bytes, index);
            if byte == b'\\' && escapes == Backslash::Escape {
                index += 2;
            } else if byte != quote {
                index += 1;
            } else if before(self.bytes, index) == b'\\' && escapes == Backslash::Unclear {
                return Token::Unreadable;
            } else if at(self.bytes, index + 1) == quote {
                index += 2;
            } else {
                return Token::Literal(start..index + 1);
            }
        }
        Token::Unreadable
    }

    fn q_string(&self, start: usize, mark: usize) -> Token {
        let closing = match at(self.bytes, mark + 1) {
            b'[' => b']',
            b'{' => b'}',
            b'(' => b')',
            b'<' => b'>',
            other => other,
        };
        self.find(start, mark + 2, &[closing, b'\''])
    }

    fn dollar(&self, start: usize) -> Token {
        let tag_end = run_end(self.bytes, start + 1, |byte| {
            byte != b'$' && is_word_byte(byte)
        });
        let tag = part(self.bytes, start..tag_end + 1);
        if tag.ends_with(b"$") && tag.len() > 1 && !at(self.bytes, start + 1).is_ascii_digit() {
            self.find(start, tag_end + 1, tag)
        } else {
            Token::Kept(tag_end)
        }
    }

    /// The literal that starts at `start` and ends with the next `closing` from `from` on.
    fn find(&self, start: usize, from: usize, closing: &[u8]) -> Token {
        let rest = part(self.bytes, from..self.bytes.len());
        let Some(offset) = memmem::find(rest, closing) else {
            spend(rest.len());
            return Token::Unreadable;
        };
        spend(offset);
        Token::Literal(start..from + offset + closing.len())
    }

    /// A name between marks, where a doubled mark stands for itself.
    fn name(&self, start: usize, mark: u8) -> Token {
        let mut from = start + 1;
        while let Some(offset) = memchr(mark, part(self.bytes, from..self.bytes.len())) {
            let end = from + offset + 1;
            if at(self.bytes, end) != mark {
                return Token::Kept(end);
            }
            from = end + 1;
        }
        Token::Unreadable
    }

    fn number(&self, start: usize) -> Token {
        let mut end = start;
        loop {
            end = run_end(self.bytes, end, |byte| {
                byte == b'.' || byte != b'$' && is_word_byte(byte)
            });
            let has_exponent = matches!(before(self.bytes, end), b'e' | b'E')
                && matches!(at(self.bytes, end), b'+' | b'-')
                && at(self.bytes, end + 1).is_ascii_digit();
            if !has_exponent {
                return Token::Literal(start..end);
            }
            end += 1;
        }
    }

    fn line_comment(&self, start: usize) -> Token {
        let rest = part(self.bytes, start..self.bytes.len());
        Token::Comment(start + memchr(b'\n', rest).unwrap_or(rest.len()))
    }

    /// Comments nest in some systems; taken to nest in all, at worst too much is removed.
    fn block_comment(&self, start: usize) -> Token {
        let mut depth = 1;
        let mut index = start + 2;
        while index < self.bytes.len() {
            if starts_with(self.bytes, index, b"/*") {
                depth += 1;
                index += 2;
            } else if starts_with(self.bytes, index, b"*/") {
                depth -= 1;
                index += 2;
                if depth == 0 {
                    return Token::Comment(index);
                }
            } else {
                index += 1;
            }
        }
        Token::Unreadable
    }

    fn word_end(&self, start: usize) -> usize {
        run_end(self.bytes, start, is_word_byte)
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'_' | b'$' | b'@')
}
