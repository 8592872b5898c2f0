//! Says what lies in a spool directory, and deletes what no process uses.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::disk::System;
use super::elapsed::Elapsed;
use super::folder::{End, Folder, existing, folders_in, name_of, segments_in};
use super::format::Unreadable;
use super::identity::user_of;
use super::segment_file::{Found, SegmentFile};

/// Looks into a spool directory without changing anything.
///
/// # Errors
/// If there is no such folder, if it is a symbolic link, or if it cannot be read.
///
/// # Examples
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// print!("{}", obs_core::spool::inspect("./data/spool".as_ref())?);
/// # Ok(()) }
/// ```
pub fn inspect(dir: &Path) -> io::Result<Inspection> {
    let dir = existing(dir)?;
    let folders = folders_in(&dir)?;
    let folders = folders.iter().map(|path| SpoolFolder::look(path));
    Ok(Inspection {
        folders: folders.collect(),
    })
}

/// Deletes the records in a spool directory that no process uses.
///
/// It touches only folders that a spool made and that belong to the user who calls it, and none
/// whose process lives. Whatever else is in the directory stays.
///
/// # Errors
/// If there is no such folder, if it is a symbolic link, or if it cannot be written to.
pub fn purge(dir: &Path) -> io::Result<Purged> {
    let dir = existing(dir)?;
    let user = user_of(&dir)?;
    let mut purged = Purged::default();
    for path in folders_in(&dir)? {
        match Folder::claim(&path, user) {
            Ok(Some(folder)) => purged.empty(&folder),
            Ok(None) if Folder::is_in_use(&path, user).unwrap_or(false) => {
                purged.in_use.push(name_of(&path));
            }
            Ok(None) | Err(_) => purged.left.push(name_of(&path)),
        }
    }
    Ok(purged)
}

/// What lies in a spool directory; shown, it reads as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// One for each process that runs or left something, the oldest first.
    pub folders: Vec<SpoolFolder>,
}

/// What one process has spooled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolFolder {
    /// When its process began, in milliseconds since 1970, its process id, and a random number.
    pub name: String,
    /// Whether its process runs, or another has taken it over.
    pub in_use: bool,
    /// Whether its process ended with a shutdown.
    pub ended_cleanly: bool,
    /// What waits in it.
    pub contents: Vec<SpoolContents>,
    /// Files, or the folder, that could not be read, each with the reason.
    pub problems: Vec<String>,
}

/// What waits for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolContents {
    /// `traces` or `logs`.
    pub signal: &'static str,
    /// The address that it is for.
    pub destination: String,
    /// Spans or log records that wait.
    pub records: u64,
    /// What the files take that they are in.
    pub bytes: u64,
    /// How old the oldest is, if any waits.
    pub oldest: Option<Duration>,
    /// Records that are damaged, as far as that can be told without reading them.
    pub damaged: u64,
}

/// What was deleted, and what was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// Spans and log records that waited.
    pub records: u64,
    /// What the deleted files took.
    pub bytes: u64,
    /// Folders that were removed.
    pub folders: u64,
    /// Folders that were left because a process uses them.
    pub in_use: Vec<String>,
    /// Folders that were left because they belong to another user, or because something is in them
    /// that no spool has put there or that cannot be deleted.
    pub left: Vec<String>,
}

impl SpoolFolder {
    fn look(path: &Path) -> Self {
        let mut folder = Self {
            name: name_of(path),
            in_use: false,
            ended_cleanly: Folder::end_of(path) == End::Clean,
            contents: Vec::new(),
            problems: Vec::new(),
        };
        if let Err(error) = folder.look_into(path) {
            folder.problems.push(error.to_string());
        }
        folder
    }

    fn look_into(&mut self, path: &Path) -> io::Result<()> {
        let user = fs::symlink_metadata(path)?.uid();
        let is_in_use = Folder::is_in_use(path, user)?;
        self.in_use = is_in_use;
        for path in segments_in(path)? {
            let problem = match SegmentFile::open(&System, &path, user) {
                Ok(Found::Records(file, found)) => {
                    let Some(contents) = self.contents_for(&file) else {
                        continue;
                    };
                    contents.records += found.pending_items();
                    contents.bytes += file.length();
                    // A record may be half-written at this moment.
                    contents.damaged += if is_in_use { 0 } else { found.damaged_items };
                    let times = found.pending().map(|entry| entry.oldest_unix_nanos);
                    let oldest = times.min().map(|oldest| Elapsed::since(oldest).0);
                    contents.oldest = contents.oldest.max(oldest);
                    continue;
                }
                Ok(Found::Empty) => continue,
                Ok(Found::Unreadable(Unreadable::Damaged)) => "it is damaged".to_owned(),
                Ok(Found::Unreadable(Unreadable::Version)) => {
                    "another version of the spool wrote it".to_owned()
                }
                // Its process may have sent and removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => error.to_string(),
            };
            self.problems.push(format!("{}: {problem}", name_of(&path)));
        }
        Ok(())
    }

    fn contents_for(&mut self, file: &SegmentFile) -> Option<&mut SpoolContents> {
        let (signal, destination) = (file.header().signal.name(), &file.header().destination);
        let is_same =
            |known: &SpoolContents| known.signal == signal && known.destination == *destination;
        let at = self.contents.iter().position(is_same);
        let at = at.unwrap_or(self.contents.len());
        if at == self.contents.len() {
            self.contents.push(SpoolContents {
                signal,
                destination: destination.clone(),
                records: 0,
                bytes: 0,
                oldest: None,
                damaged: 0,
            });
        }
        self.contents.get_mut(at)
    }
}

impl Purged {
    fn empty(&mut self, folder: &Folder) {
        for path in folder.segments().unwrap_or_default() {
            self.delete(&path, folder.user());
        }
        match folder.remove() {
            Ok(true) => self.folders += 1,
            Ok(false) | Err(_) => self.left.push(folder.name()),
        }
    }

    /// Deletes a file of the spool; one that is a link, or somebody else's, stays.
    fn delete(&mut self, path: &Path, user: u32) {
        let Ok(found) = SegmentFile::open(&System, path, user) else {
            return;
        };
        let bytes = fs::symlink_metadata(path).map_or(0, |found| found.len());
        if fs::remove_file(path).is_ok() {
            self.bytes += bytes;
            if let Found::Records(_, contents) = found {
                self.records += contents.pending_items();
            }
        }
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.folders.is_empty() {
            return writeln!(f, "the spool is empty");
        }
        self.folders.iter().try_for_each(|folder| folder.fmt(f))
    }
}

impl fmt::Display for SpoolFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.in_use, self.ended_cleanly) {
            (true, _) => "in use",
            (false, true) => "left by a process that was shut down",
            (false, false) => "left by a process that ended without a shutdown",
        };
        writeln!(f, "{}: {state}", self.name)?;
        if self.contents.is_empty() && self.problems.is_empty() {
            writeln!(f, "  nothing waits")?;
        }
        for contents in &self.contents {
            writeln!(f, "  {contents}")?;
        }
        // Names and errors may hold anything.
        let problems = self.problems.iter();
        problems
            .map(|problem| problem.escape_debug())
            .try_for_each(|problem| writeln!(f, "  cannot be read: {problem}"))
    }
}

impl fmt::Display for SpoolContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (signal, destination) = (self.signal, self.destination.escape_debug());
        let (records, bytes) = (self.records, self.bytes);
        write!(
            f,
            "{signal} for {destination}: {records} records wait in {bytes} bytes"
        )?;
        if let Some(oldest) = self.oldest {
            write!(f, ", the oldest {} old", Elapsed(oldest))?;
        }
        match self.damaged {
            0 => Ok(()),
            damaged => write!(f, ", {damaged} are damaged"),
        }
    }
}

impl fmt::Display for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (records, bytes, folders) = (self.records, self.bytes, self.folders);
        write!(
            f,
            "deleted {records} records, {bytes} bytes, in {folders} folders"
        )?;
        if !self.in_use.is_empty() {
            write!(f, "; in use and left: {}", self.in_use.join(", "))?;
        }
        if !self.left.is_empty() {
            write!(
                f,
                "; left because something else is in them: {}",
                self.left.join(", ")
            )?;
        }
        Ok(())
    }
}
