//! Log output of this process: JSON lines in daily files, and the terminal.

mod json;
mod output;
mod settings;
mod writer;

#[cfg(feature = "console")]
mod console;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "console")]
mod pretty;

pub(crate) use self::output::LogOutputs;
pub(crate) use self::settings::{FieldStyle, Settings, Stream};
