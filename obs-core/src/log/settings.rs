//! Where log lines go, by variable and by environment.

use std::path::PathBuf;

use crate::config::Reader;
use crate::resource::Environment;

/// What this process writes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) console: ConsoleFormat,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) style: FieldStyle,
    pub(crate) stream: Stream,
}

/// The form of lines on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsoleFormat {
    Off,
    Pretty,
    Json,
}

/// The standard stream that the terminal output uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// The spelling of context keys in JSON lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldStyle {
    Camel,
    Snake,
}

impl FieldStyle {
    pub(super) fn pick(self, camel: &'static str, snake: &'static str) -> &'static str {
        match self {
            Self::Camel => camel,
            Self::Snake => snake,
        }
    }
}

impl Settings {
    pub(crate) fn read(reader: &Reader<'_>, environment: Environment, stream: Stream) -> Self {
        let folder = match reader.text("LOG_FILE_PATH") {
            _ if !cfg!(feature = "files") => None,
            Some(text) if text.eq_ignore_ascii_case("off") => None,
            Some(path) => Some(PathBuf::from(path)),
            None => Some(PathBuf::from("./logs")),
        };
        let style = match reader.text("LOG_FIELD_STYLE") {
            None | Some("camel") => FieldStyle::Camel,
            Some("snake") => FieldStyle::Snake,
            Some(other) => {
                reader.problem("LOG_FIELD_STYLE", other, "camel or snake", "camel");
                FieldStyle::Camel
            }
        };
        let automatic = Self::automatic(environment, folder.is_some());
        let console = match reader.text("LOG_FORMAT") {
            None | Some("auto") => automatic,
            Some("pretty") => ConsoleFormat::Pretty,
            Some("json") => ConsoleFormat::Json,
            Some("off") => ConsoleFormat::Off,
            Some(other) => {
                reader.problem("LOG_FORMAT", other, "auto, pretty, json or off", "auto");
                automatic
            }
        };
        if let Some(pattern) = reader
            .text("LOG_DATE_PATTERN")
            .filter(|text| *text != DATE_PATTERN)
        {
            reader.problem("LOG_DATE_PATTERN", pattern, DATE_PATTERN, DATE_PATTERN);
        }
        Self {
            console,
            folder,
            style,
            stream,
        }
    }

    /// Development reads the terminal; production reads files, or the terminal where there are none.
    pub(crate) fn automatic(environment: Environment, has_files: bool) -> ConsoleFormat {
        match (environment, has_files) {
            (Environment::Development, _) => ConsoleFormat::Pretty,
            (Environment::Staging | Environment::Production, true) => ConsoleFormat::Off,
            (Environment::Staging | Environment::Production, false) => ConsoleFormat::Json,
        }
    }
}

const DATE_PATTERN: &str = "YYYY-MM-DD";
