//! Daily files: `combined-YYYY-MM-DD.log` for everything, `error-YYYY-MM-DD.log` for errors.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
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

    /// Whether the open file is the one to write to. Asked for each batch: a look at a path costs
    /// little beside a write, and lines in a file that nobody can find are lost.
    fn is_current(&self, day: Day) -> bool {
        self.open.as_ref().is_some_and(|(open_day, file)| {
            let path = Self::path(&self.folder, self.prefix, day);
            *open_day == day && leads_to(&path, file).unwrap_or(false)
        })
    }

    fn of_day(&mut self, day: Day) -> io::Result<&mut File> {
        if !self.is_current(day) {
            // Lines may name what happened inside the service: not for every user of the machine.
            DirBuilder::new()
                .recursive(true)
                .mode(0o750)
                .create(&self.folder)?;
            let path = Self::path(&self.folder, self.prefix, day);
            let mut file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .mode(0o640)
                .open(path)?;
            end_torn_line(&mut file)?;
            self.open = Some((day, file));
        }
        let (_, file) = self
            .open
            .as_mut()
            .ok_or_else(|| io::Error::other("no open file"))?;
        Ok(file)
    }
}

/// Whether this path still leads to this file: it may have been removed, or renamed to be archived.
fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let (there, open) = (fs::metadata(path)?, file.metadata()?);
    Ok((there.dev(), there.ino()) == (open.dev(), open.ino()))
}

/// A full disk or a crash may have cut the last line short: what follows must not be glued to it.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last == [b'\n'] {
        Ok(())
    } else {
        file.write_all(b"\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_taken_away_is_made_anew() {
        let folder = std::env::temp_dir().join(format!("obs-core-gone-{}", std::process::id()));
        let day = Day::of(0);
        let path = DailyFile::path(&folder, "combined", day);
        let mut file = DailyFile::open(&folder, "combined", day).unwrap();
        file.write(day, b"first\n").unwrap();
        fs::rename(&path, folder.join("archived")).unwrap();
        file.write(day, b"second\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
        fs::remove_dir_all(&folder).unwrap();
        file.write(day, b"third\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_line_that_was_cut_short_is_ended_first() {
        let folder = std::env::temp_dir().join(format!("obs-core-torn-{}", std::process::id()));
        let day = Day::of(0);
        let path = DailyFile::path(&folder, "combined", day);
        let mut file = DailyFile::open(&folder, "combined", day).unwrap();
        file.write(day, b"whole\n").unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"tor")
            .unwrap();
        for _ in 0..2 {
            let mut next = DailyFile::open(&folder, "combined", day).unwrap();
            next.write(day, b"next\n").unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(text, "whole\ntor\nnext\nnext\n");
    }
}
