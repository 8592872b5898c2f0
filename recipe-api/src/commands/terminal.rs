//! Text for people, on the terminal.

use std::io::{self, Write};

/// Prints a line to the standard output.
///
/// A reader that went away, such as `head`, is no failure.
pub(super) fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints lines for people to the standard error: the standard output may be a stream of log lines.
pub(super) fn tell(lines: &str) {
    let _ = writeln!(io::stderr().lock(), "{lines}");
}

/// Prints why something did not work to the standard error.
pub(super) fn print_error(message: &str) {
    let _ = writeln!(io::stderr().lock(), "error: {message}");
}
