//! Formats values of the program: code that may give up or panic, which must not reach the caller.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Appends the `Debug` form of a value.
pub(super) fn push_debug(text: &mut String, value: &dyn fmt::Debug) {
    push(text, format_args!("{value:?}"));
}

/// Appends an error and its causes, outermost first.
pub(super) fn push_error(text: &mut String, error: &(dyn Error + 'static)) {
    push(text, format_args!("{error}"));
    let mut last = error;
    for _ in 0..MAX_CAUSES {
        match contained(|| last.source()) {
            Some(Some(cause)) => {
                text.push_str(": ");
                push(text, format_args!("{cause}"));
                last = cause;
            }
            Some(None) => return,
            None => {
                text.push_str(": ");
                text.push_str(PANICKED);
                return;
            }
        }
    }
}

/// Appends a whole value, or a mark in its place: half a value may be half a secret, which nobody
/// would recognise.
fn push(text: &mut String, value: fmt::Arguments<'_>) {
    let start = text.len();
    let mark = match contained(|| text.write_fmt(value)) {
        Some(Ok(())) => return,
        Some(Err(fmt::Error)) => FAILED,
        None => PANICKED,
    };
    text.truncate(start);
    text.push_str(mark);
}

/// Calls code of the program; none if it panics. Costs nothing where it does not.
fn contained<R>(call: impl FnOnce() -> R) -> Option<R> {
    let payload = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => return Some(result),
        Err(payload) => payload,
    };
    // What was thrown belongs to the program too, and so does what its destructor throws.
    if let Err(thrown_again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        #[expect(clippy::mem_forget, reason = "there is no end to what may be thrown")]
        std::mem::forget(thrown_again);
    }
    None
}

const PANICKED: &str = "<panicked while formatting>";
const FAILED: &str = "<formatting failed>";

/// An error that is its own cause would have no end.
const MAX_CAUSES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a little, then does this.
    #[derive(Clone, Copy)]
    enum Hostile {
        GivesUp,
        Panics,
        ThrowsABomb,
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(Self);
        }
    }

    impl fmt::Debug for Hostile {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("4111 1111 ")?;
            match self {
                Self::GivesUp => Err(fmt::Error),
                Self::Panics => panic!("in Debug"),
                Self::ThrowsABomb => std::panic::panic_any(Bomb),
            }
        }
    }

    /// Has this source; panics when asked for it where it has none.
    #[derive(Debug)]
    struct Caused(Option<&'static Self>);

    impl fmt::Display for Caused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("caused")
        }
    }

    impl Error for Caused {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match self.0 {
                Some(cause) => Some(cause),
                None => panic!("in source"),
            }
        }
    }

    #[test]
    fn what_cannot_be_formatted_leaves_a_mark_and_nothing_of_itself() {
        for (hostile, mark) in [
            (Hostile::GivesUp, FAILED),
            (Hostile::Panics, PANICKED),
            (Hostile::ThrowsABomb, PANICKED),
        ] {
            let mut text = "before ".to_owned();
            push_debug(&mut text, &hostile);
            assert_eq!(text, format!("before {mark}"));
        }
    }

    #[test]
    fn causes_end_where_one_panics_or_when_there_are_too_many() {
        static LAST: Caused = Caused(None);
        static FIRST: Caused = Caused(Some(&LAST));
        static CIRCLE: Caused = Caused(Some(&CIRCLE));
        let shown = |error: &'static Caused| {
            let mut text = String::new();
            push_error(&mut text, error);
            text
        };
        assert_eq!(shown(&FIRST), format!("caused: caused: {PANICKED}"));
        assert_eq!(shown(&CIRCLE).matches("caused").count(), 1 + MAX_CAUSES);
    }
}
