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
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain: {what}"
        );
        thread::sleep(BETWEEN_LOOKS);
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
