//! Waiting for a condition, with an end.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longer than anything takes on a busy machine; only a failing test waits that long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until there is something.
///
/// # Panics
/// If that takes longer than [`PATIENCE`]; `what` says what was waited for.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_or(what, look, String::new)
}

/// As [`until`]; who waits in vain is told how it stands.
///
/// # Panics
/// As [`until`].
pub fn until_or<T>(
    what: &str,
    mut look: impl FnMut() -> Option<T>,
    stands: impl FnOnce() -> String,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() >= deadline {
            panic!("waited {PATIENCE:?} in vain: {what} {}", stands());
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
