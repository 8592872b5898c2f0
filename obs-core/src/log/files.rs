//! Daily files: `combined-YYYY-MM-DD.log` for everything, `error-YYYY-MM-DD.log` for errors.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::writer::Sink;
use crate::clock::Day;

/// The file of the current day, replaced when a line of another day comes.
#[derive(Debug)]
pub(super) struct DailyFile {
    folder: PathBuf,
    prefix: &'static str,
    open: Option<(Day, File)>,
}

impl DailyFile {
    /// Makes the folder if it is missing and opens the file of `today`, so that a mistaken path is
    /// noticed at start and not at the first error.
    pub(super) fn open(folder: &Path, prefix: &'static str, today: Day) -> io::Result<Self> {
        let mut file = Self {
            folder: folder.to_owned(),
            prefix,
            open: None,
        };
        file.of_day(today)?;
        Ok(file)
    }

    /// The path of a day's file.
    pub(super) fn path(folder: &Path, prefix: &str, day: Day) -> PathBuf {
        let (year, month, day) = day.civil();
        folder.join(format!("{prefix}-{year:04}-{month:02}-{day:02}.log"))
    }

    fn of_day(&mut self, day: Day) -> io::Result<&mut File> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != day) {
            // Lines may name what happened inside the service: not for every user of the machine.
            DirBuilder::new()
                .recursive(true)
                .mode(0o750)
                .create(&self.folder)?;
            let path = Self::path(&self.folder, self.prefix, day);
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o640)
                .open(path)?;
            self.open = Some((day, file));
        }
        let (_, file) = self
            .open
            .as_mut()
            .ok_or_else(|| io::Error::other("no open file"))?;
        Ok(file)
    }
}

impl Sink for DailyFile {
    fn write(&mut self, day: Day, lines: &[u8]) -> io::Result<()> {
        let written = self.of_day(day).and_then(|file| file.write_all(lines));
        if written.is_err() {
            // The next batch opens the file anew: the folder may have been replaced.
            self.open = None;
        }
        written
    }
}
