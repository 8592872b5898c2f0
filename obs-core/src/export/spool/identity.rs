//! Tells whether a path still leads to the file that is meant, and to one of our own.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::propagation::SpanId;

/// Which file it is, whatever its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// Whether the path leads to this file, and not by a symbolic link.
    pub(super) fn is_at(self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|there| Self::of(&there) == self)
    }
}

/// Makes a file that only this user may read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a regular file of this user; symbolic links are not followed.
pub(super) fn open_own(path: &Path, user: u32, access: Access) -> io::Result<File> {
    // Looked at before it is opened: to open a pipe would wait for somebody to write.
    let expected = fs::symlink_metadata(path)?;
    if !expected.is_file() || expected.uid() != user {
        return Err(not_ours());
    }
    let file = OpenOptions::new()
        .read(true)
        .write(access == Access::Write)
        .open(path)?;
    if FileId::of(&file.metadata()?) != FileId::of(&expected) {
        return Err(not_ours());
    }
    Ok(file)
}

/// The user that files belong to which this process makes in a folder.
pub(super) fn user_of(folder: &Path) -> io::Result<u32> {
    let path = folder.join(format!(".obs-spool-{}", SpanId::random()));
    let Ok(file) = create_private(&path) else {
        // On a disk that is full, the system's word must do. It names the administrator for a process
        // that hides from others: such a process finds nothing of its own then.
        return fs::metadata("/proc/self").map(|process| process.uid());
    };
    let user = file.metadata().map(|metadata| metadata.uid());
    fs::remove_file(&path)?;
    user
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

fn not_ours() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "it is not a regular file of this user",
    )
}
