//! The terminal as an output.

use std::io::{self, IsTerminal as _, Write as _};

use super::settings::Stream;
use super::writer::Sink;
use crate::clock::Day;

/// Writes lines to a standard stream.
#[derive(Debug)]
pub(super) struct Console {
    stream: Stream,
}

impl Console {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream }
    }
}

impl Sink for Console {
    fn write(&mut self, _: Day, lines: &[u8]) -> io::Result<()> {
        match self.stream {
            Stream::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines)?;
                out.flush()
            }
            Stream::Stderr => io::stderr().lock().write_all(lines),
        }
    }
}

/// Whether colours help: on a terminal, and not unwanted (<https://no-color.org>).
pub(super) fn wants_colour(stream: Stream, no_color: bool) -> bool {
    let terminal = match stream {
        Stream::Stdout => io::stdout().is_terminal(),
        Stream::Stderr => io::stderr().is_terminal(),
    };
    terminal && !no_color
}
