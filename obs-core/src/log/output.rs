//! The local outputs of one pipeline: each record is rendered once per form and handed over.

use std::time::{Duration, Instant};

use tracing::Level;

use super::json::JsonLines;
use super::settings::{ConsoleFormat, Settings};
use super::writer::LineWriter;
use crate::capture::LogRecord;
use crate::clock::{self, Day};
use crate::config::Reader;
use crate::report::LineCounts;
use crate::resource::{Environment, Identity};

/// Files and terminal.
#[derive(Debug)]
pub(crate) struct LogOutputs {
    json: JsonLines,
    #[cfg(feature = "files")]
    files: Option<Files>,
    #[cfg(feature = "console")]
    console: Option<Terminal>,
}

#[cfg(feature = "files")]
#[derive(Debug)]
struct Files {
    folder: std::path::PathBuf,
    combined: LineWriter,
    error: LineWriter,
}

#[cfg(feature = "console")]
#[derive(Debug)]
struct Terminal {
    writer: LineWriter,
    format: ConsoleFormat,
    colour: bool,
}

impl LogOutputs {
    /// Opens the outputs. A folder that cannot be written is a problem, not an end: lines go to the
    /// terminal then, in the form that the environment asks for.
    pub(crate) fn open(
        settings: &Settings,
        reader: &Reader<'_>,
        environment: Environment,
        identity: &Identity,
    ) -> Self {
        let json = JsonLines::new(identity, settings.style);
        #[cfg(feature = "files")]
        let files = settings
            .folder
            .as_deref()
            .and_then(|folder| Files::open(folder, reader));
        #[cfg(feature = "console")]
        let console = {
            let has_files = cfg!(feature = "files") && settings.folder.is_some();
            #[cfg(feature = "files")]
            let has_files = has_files && files.is_some();
            let lost_files = settings.folder.is_some() && !has_files;
            let format = match settings.console {
                ConsoleFormat::Off if lost_files => Settings::automatic(environment, false),
                chosen => chosen,
            };
            Terminal::open(format, settings, reader)
        };
        Self {
            json,
            #[cfg(feature = "files")]
            files,
            #[cfg(feature = "console")]
            console,
        }
    }

    /// Writes a record to every output that wants it; `line` is a buffer to render into.
    pub(crate) fn write(&self, record: &LogRecord<'_>, line: &mut Vec<u8>) {
        let day = Day::of(record.unix_nanos);
        if self.wants_json() {
            line.clear();
            self.json.push(line, record);
            self.write_json(day, record.level, line);
        }
        #[cfg(feature = "console")]
        if let Some(terminal) = self
            .console
            .as_ref()
            .filter(|terminal| terminal.format == ConsoleFormat::Pretty)
        {
            line.clear();
            super::pretty::push(line, record, terminal.colour);
            terminal.writer.push(day, record.level, line);
        }
    }

    fn wants_json(&self) -> bool {
        #[cfg(feature = "files")]
        if self.files.is_some() {
            return true;
        }
        #[cfg(feature = "console")]
        if self
            .console
            .as_ref()
            .is_some_and(|terminal| terminal.format == ConsoleFormat::Json)
        {
            return true;
        }
        false
    }

    fn write_json(&self, day: Day, level: Level, line: &[u8]) {
        #[cfg(feature = "files")]
        if let Some(files) = &self.files {
            files.combined.push(day, level, line);
            if level == Level::ERROR {
                files.error.push(day, level, line);
            }
        }
        #[cfg(feature = "console")]
        if let Some(terminal) = self
            .console
            .as_ref()
            .filter(|terminal| terminal.format == ConsoleFormat::Json)
        {
            terminal.writer.push(day, level, line);
        }
    }

    /// Waits until what was handed over is written.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let deadline = clock::deadline(timeout);
        let mut all = true;
        for writer in self.writers() {
            // Every output gets its turn, also after one that is stuck.
            all &= writer.flush(left(deadline));
        }
        all
    }

    /// Ends the file outputs; the terminal stays, for what comes after shutdown.
    pub(crate) fn close(&self, timeout: Duration) -> bool {
        let deadline = clock::deadline(timeout);
        let mut all = true;
        #[cfg(feature = "files")]
        if let Some(files) = &self.files {
            all &= files.combined.close(left(deadline));
            all &= files.error.close(left(deadline));
        }
        #[cfg(feature = "console")]
        if let Some(terminal) = &self.console {
            all &= terminal.writer.flush(left(deadline));
        }
        all
    }

    /// Lines written to the combined file, or to the terminal where there is no file, and the losses
    /// of all outputs.
    pub(crate) fn counts(&self) -> LineCounts {
        let mut counts = LineCounts::default();
        for (index, writer) in self.writers().enumerate() {
            let of_writer = writer.counts();
            if index == 0 {
                counts.written = of_writer.written;
            }
            counts.dropped_full += of_writer.dropped_full;
            counts.dropped_failed += of_writer.dropped_failed;
        }
        counts
    }

    fn writers(&self) -> impl Iterator<Item = &LineWriter> {
        let mut writers: Vec<&LineWriter> = Vec::new();
        #[cfg(feature = "files")]
        if let Some(files) = &self.files {
            writers.extend([&files.combined, &files.error]);
        }
        #[cfg(feature = "console")]
        writers.extend(self.console.as_ref().map(|terminal| &terminal.writer));
        writers.into_iter()
    }

    /// What is on, for the start-up line.
    pub(crate) fn describe(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        #[cfg(feature = "console")]
        match self.console.as_ref().map(|terminal| terminal.format) {
            Some(ConsoleFormat::Pretty) => parts.push("terminal".to_owned()),
            Some(ConsoleFormat::Json) => parts.push("terminal (JSON)".to_owned()),
            Some(ConsoleFormat::Off) | None => {}
        }
        #[cfg(feature = "files")]
        if let Some(files) = &self.files {
            let today = Day::of(clock::unix_nanos());
            let path = super::files::DailyFile::path(&files.folder, "combined", today);
            parts.push(path.display().to_string());
        }
        if parts.is_empty() {
            "nowhere in this process".to_owned()
        } else {
            parts.join(" and ")
        }
    }
}

#[cfg(feature = "files")]
impl Files {
    fn open(folder: &std::path::Path, reader: &Reader<'_>) -> Option<Self> {
        let open = |prefix| {
            let today = Day::of(clock::unix_nanos());
            let file = super::files::DailyFile::open(folder, prefix, today)?;
            LineWriter::start("obs-log-file", file, move |error| {
                tell(&format!("the {prefix} log file"), error)
            })
        };
        match open("combined").and_then(|combined| Ok((combined, open("error")?))) {
            Ok((combined, error)) => Some(Self {
                folder: folder.to_owned(),
                combined,
                error,
            }),
            Err(error) => {
                let shown = folder.display().to_string();
                let expected = format!("a folder that can be written ({error})");
                reader.problem("LOG_FILE_PATH", &shown, &expected, "no log files");
                None
            }
        }
    }
}

#[cfg(feature = "console")]
impl Terminal {
    fn open(format: ConsoleFormat, settings: &Settings, reader: &Reader<'_>) -> Option<Self> {
        if format == ConsoleFormat::Off {
            return None;
        }
        let sink = super::console::Console::new(settings.stream);
        // A terminal that is gone can be told nothing.
        let writer = LineWriter::start("obs-log-terminal", sink, |_| {}).ok()?;
        let colour =
            super::console::wants_colour(settings.stream, reader.text("NO_COLOR").is_some());
        Some(Self {
            writer,
            format,
            colour,
        })
    }
}

/// Says on stderr that lines are being lost: the log itself is what is broken.
#[cfg(feature = "files")]
fn tell(what: &str, error: &std::io::Error) {
    use std::io::Write as _;

    // Where stderr is closed too, the count is all that remains.
    let _closed = writeln!(
        std::io::stderr(),
        "obs: {what} cannot be written, lines are lost and counted: {error}"
    );
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
