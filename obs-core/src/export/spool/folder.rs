//! The folder of one process, locked for as long as the process lives.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::identity::{Access, FileId, create_private, open_own};
use crate::export::Signal;
use crate::propagation::SpanId;

/// The folder of one process, which nobody else touches until this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    user: u32,
    /// Open for as long as the folder is locked.
    lock: File,
    lock_id: FileId,
    end: End,
}

/// How the process that made a folder ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It said so.
    Clean,
    /// It did not: it was killed, or lost power.
    Unclean,
    /// It had hardly begun, or runs.
    Unknown,
}

impl Folder {
    /// Makes a folder in the spool directory, and that if it is missing.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        let dir = prepare(dir)?;
        for _ in 0..TRIES {
            let path = dir.join(new_name());
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            match Self::lock_first(&path) {
                Ok(Some(folder)) => return Ok(folder),
                Ok(None) => {}
                Err(error) => {
                    // Where there are no locks, each try would leave a folder behind.
                    let _removed = fs::remove_file(path.join(LOCK));
                    let _removed = fs::remove_dir(&path);
                    return Err(error);
                }
            }
        }
        Err(io::Error::other("other processes take every new folder"))
    }

    /// Locks a folder that was just made, unless another process took it for an abandoned one.
    fn lock_first(path: &Path) -> io::Result<Option<Self>> {
        let lock = match create_private(&path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if is_race(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let user = lock.metadata()?.uid();
        let folder = Self::lock(path, user, lock, End::Unknown)?;
        if let Some(folder) = &folder {
            // From now on the process has begun. On a disk that is full its end will not be told.
            let _told = (&folder.lock).write_all(std::process::id().to_string().as_bytes());
        }
        Ok(folder)
    }

    /// Takes over the folder of a process that is gone; none if that lives, or if the folder is not
    /// one of this user's.
    pub(super) fn claim(path: &Path, user: u32) -> io::Result<Option<Self>> {
        let found = fs::symlink_metadata(path)?;
        if !found.is_dir() || found.uid() != user {
            return Ok(None);
        }
        let lock_path = path.join(LOCK);
        let opened = match open_own(&lock_path, user, Access::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_private(&lock_path).map(|lock| (lock, End::Unknown))
            }
            opened => opened.map(|lock| (lock, Self::end_of(path))),
        };
        match opened {
            Ok((lock, end)) => Self::lock(path, user, lock, end),
            Err(error) if is_race(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lock(path: &Path, user: u32, lock: File, end: End) -> io::Result<Option<Self>> {
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let lock_id = FileId::of(&lock.metadata()?);
        let folder = Self {
            path: path.to_owned(),
            user,
            lock,
            lock_id,
            end,
        };
        // Whoever had it before may have removed it since it was opened.
        Ok(folder.is_ours().then_some(folder))
    }

    /// Whether it is still there and nobody else can have taken it.
    pub(super) fn is_ours(&self) -> bool {
        self.lock_id.is_at(&self.path.join(LOCK))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's name, which tells when its process began and under which id.
    pub(super) fn name(&self) -> String {
        name_of(&self.path)
    }

    /// The user that everything in it belongs to.
    pub(super) fn user(&self) -> u32 {
        self.user
    }

    /// How the process that made it ended.
    pub(super) fn end(&self) -> End {
        self.end
    }

    /// Leaves word that nothing but what is on disk waits.
    pub(super) fn say_ended(&self) -> io::Result<()> {
        match create_private(&self.path.join(ENDED)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map(drop),
        }
    }

    /// The paths of its segment files, the first made first.
    pub(super) fn segments(&self) -> io::Result<Vec<PathBuf>> {
        segments_in(&self.path)
    }

    /// Removes it, if nothing is left in it; true if it is gone.
    pub(super) fn remove(&self) -> io::Result<bool> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            if name != LOCK && name != ENDED {
                return Ok(false);
            }
        }
        remove_if_there(&self.path.join(ENDED))?;
        // The lock goes last. Who makes it anew before the folder is gone owns an empty folder.
        remove_if_there(&self.path.join(LOCK))?;
        fs::remove_dir(&self.path)?;
        Ok(true)
    }

    /// How a process ended, by what lies in its folder.
    pub(super) fn end_of(path: &Path) -> End {
        let length_of = |name| fs::symlink_metadata(path.join(name)).map(|found| found.len());
        if length_of(ENDED).is_ok() {
            return End::Clean;
        }
        match length_of(LOCK) {
            Ok(1..) => End::Unclean,
            _ => End::Unknown,
        }
    }

    /// Whether a process holds the lock, asked without taking it for longer than that.
    pub(super) fn is_in_use(path: &Path, user: u32) -> io::Result<bool> {
        let lock = match open_own(&path.join(LOCK), user, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The spool directory, made if it is missing, without a slash at the end that would hide a link.
fn prepare(dir: &Path) -> io::Result<PathBuf> {
    let dir: PathBuf = dir.components().collect();
    match existing(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700).create(&dir)?;
            existing(&dir)
        }
        found => found,
    }
}

/// The spool directory, if it is a real folder.
pub(super) fn existing(dir: &Path) -> io::Result<PathBuf> {
    let dir: PathBuf = dir.components().collect();
    let found = fs::symlink_metadata(&dir)?;
    if found.is_symlink() {
        let message = "it is a symbolic link, which is not followed";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    if !found.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    Ok(dir)
}

/// The folders of processes in the spool directory, the oldest first, whoever they belong to.
pub(super) fn folders_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if is_name(&name_of(&path)) && fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir())
        {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The paths of the segment files in a folder, the first made first.
pub(super) fn segments_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if signal_of(&path).is_some() {
            segments.push(path);
        }
    }
    segments.sort();
    Ok(segments)
}

/// The name of the segment file with this number.
pub(super) fn segment_name(signal: Signal, number: u64) -> String {
    format!("{}-{number:08}{SUFFIX}", signal.name())
}

/// The signal that a segment file is named for.
pub(super) fn signal_of(path: &Path) -> Option<Signal> {
    let name = name_of(path);
    let (signal, number) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let mut signals = Signal::ALL.into_iter();
    signals.find(|known| is_number && known.name() == signal)
}

/// The last part of a path, as text.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// When it began, under which process id, and something that makes it the only one.
fn new_name() -> String {
    let millis = crate::clock::unix_nanos() / 1_000_000;
    format!("{millis}-{}-{}", std::process::id(), SpanId::random())
}

fn is_name(name: &str) -> bool {
    let mut parts = name.split('-');
    let mut next = |is_right: fn(&u8) -> bool| {
        let part = parts.next().unwrap_or_default();
        !part.is_empty() && part.bytes().all(|byte| is_right(&byte))
    };
    let is_right =
        next(u8::is_ascii_digit) && next(u8::is_ascii_digit) && next(u8::is_ascii_hexdigit);
    is_right && parts.next().is_none()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether another process was faster.
fn is_race(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
    )
}

const LOCK: &str = "lock";
const ENDED: &str = "ended";
const SUFFIX: &str = ".spool";
const TRIES: u32 = 8;
