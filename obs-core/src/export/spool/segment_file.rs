//! One file of records: written to its end, read anywhere, removed as a whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::format::{FileHeader, Marker, RecordHeader, Unreadable, checksum};
use super::identity::{Access, FileId, create_private, open_own};
use super::replay::MAX_BODY;
use super::scan::{Contents, Scanner};

/// One file of records.
#[derive(Debug)]
pub(super) struct SegmentFile {
    path: PathBuf,
    id: FileId,
    user: u32,
    header: FileHeader,
    length: u64,
    /// While it is being written to.
    writing: Option<File>,
}

/// A file that was found.
#[derive(Debug)]
pub(super) enum Found {
    Records(SegmentFile, Contents),
    Unreadable(Unreadable),
    /// Its process ended before it wrote anything.
    Empty,
}

/// A record that was read.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) header: RecordHeader,
    pub(super) payload: Vec<u8>,
}

impl SegmentFile {
    /// Begins a file of the user who owns the folder.
    pub(super) fn create(
        disk: &dyn Disk,
        path: PathBuf,
        user: u32,
        header: FileHeader,
    ) -> io::Result<Self> {
        let bytes = header.encode().ok_or_else(|| {
            let message = "the address that the records are for is too long for a file of records";
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        let file = create_private(&path)?;
        let written = disk.write_at(&file, &bytes, 0);
        let id = written.and_then(|()| file.metadata().map(|found| FileId::of(&found)));
        let id = id.inspect_err(|_| {
            // What is left otherwise is an empty file, which whoever finds it removes.
            let _removed = fs::remove_file(&path);
        })?;
        Ok(Self {
            path,
            id,
            user,
            header,
            length: bytes.len() as u64,
            writing: Some(file),
        })
    }

    /// Opens a file that another process left, and looks for its records.
    pub(super) fn open(disk: &dyn Disk, path: &Path, user: u32) -> io::Result<Found> {
        let file = open_own(path, user, Access::Read)?;
        let metadata = file.metadata()?;
        let length = metadata.len();
        if length == 0 {
            return Ok(Found::Empty);
        }
        if length > MAX_LENGTH {
            return Ok(Found::Unreadable(Unreadable::Damaged));
        }
        let mut start = vec![0; FileHeader::MAX_LEN.min(usize::try_from(length).unwrap_or(0))];
        disk.read_at(&file, &mut start, 0)?;
        let (header, first) = match FileHeader::parse(&start) {
            Ok(parsed) => parsed,
            Err(unreadable) => return Ok(Found::Unreadable(unreadable)),
        };
        let contents = Scanner::new(disk, &file, header.marker, length).scan(first)?;
        let found = Self {
            path: path.to_owned(),
            id: FileId::of(&metadata),
            user,
            header,
            length,
            writing: None,
        };
        Ok(Found::Records(found, contents))
    }

    pub(super) fn header(&self) -> &FileHeader {
        &self.header
    }

    pub(super) fn marker(&self) -> Marker {
        self.header.marker
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How long it is.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether records may be appended.
    pub(super) fn is_open(&self) -> bool {
        self.writing.is_some()
    }

    /// Appends a record, header and payload, and says where it stands. One that could not be
    /// written completely is cut off again; where that fails too, nothing more is appended.
    pub(super) fn append(&mut self, disk: &dyn Disk, record: &[u8]) -> io::Result<u32> {
        // What is written to a file that was removed is lost without an error.
        if !self.id.is_at(&self.path) {
            self.writing = None;
            return Err(gone());
        }
        let file = self.writing.as_ref().ok_or_else(gone)?;
        let offset = u32::try_from(self.length).map_err(|_| gone())?;
        if let Err(error) = disk.write_at(file, record, self.length) {
            if disk.cut(file, self.length).is_err() {
                self.writing = None;
            }
            return Err(error);
        }
        self.length += record.len() as u64;
        Ok(offset)
    }

    /// Reads the record that stands there; none if it is damaged.
    pub(super) fn read(
        &self,
        disk: &dyn Disk,
        offset: u32,
        length: u32,
    ) -> io::Result<Option<Record>> {
        if length > MAX_PAYLOAD {
            return Ok(None);
        }
        let file = self.opened(Access::Read)?;
        let mut header = [0; RecordHeader::LEN];
        if !fill(disk, &file, &mut header, offset.into())? {
            return Ok(None);
        }
        let Some(header) = RecordHeader::parse(&header, self.header.marker) else {
            return Ok(None);
        };
        if header.length != length {
            return Ok(None);
        }
        let mut payload = vec![0; length as usize];
        let start = u64::from(offset) + RecordHeader::LEN as u64;
        let is_sound =
            fill(disk, &file, &mut payload, start)? && checksum(&payload) == header.checksum;
        Ok(is_sound.then_some(Record { header, payload }))
    }

    /// Notes in the file that records are settled, so that no later process sends them again.
    pub(super) fn mark_done(
        &self,
        disk: &dyn Disk,
        offsets: impl IntoIterator<Item = u32>,
    ) -> io::Result<()> {
        self.mark(disk, offsets, RecordHeader::DONE_AT)
    }

    /// Notes in the file that records are being sent, so that a later process knows.
    pub(super) fn mark_sent(
        &self,
        disk: &dyn Disk,
        offsets: impl IntoIterator<Item = u32>,
    ) -> io::Result<()> {
        self.mark(disk, offsets, RecordHeader::SENT_AT)
    }

    fn mark(
        &self,
        disk: &dyn Disk,
        offsets: impl IntoIterator<Item = u32>,
        at: u64,
    ) -> io::Result<()> {
        let file = self.opened(Access::Write)?;
        for offset in offsets {
            disk.write_at(&file, &[RecordHeader::YES], u64::from(offset) + at)?;
        }
        Ok(())
    }

    /// Ends the writing, and sees to it that a loss of power takes nothing of it.
    pub(super) fn seal(&mut self, disk: &dyn Disk) -> io::Result<()> {
        match self.writing.take() {
            Some(file) => disk.sync(&file),
            None => Ok(()),
        }
    }

    /// Removes it; one that is gone already is removed.
    pub(super) fn remove(&self) -> io::Result<()> {
        if !self.id.is_at(&self.path) {
            return match fs::symlink_metadata(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        fs::remove_file(&self.path)
    }

    fn opened(&self, access: Access) -> io::Result<File> {
        let file = open_own(&self.path, self.user, access)?;
        if FileId::of(&file.metadata()?) != self.id {
            return Err(gone());
        }
        Ok(file)
    }
}

/// Fills the buffer; false if the file was cut off before its end.
fn fill(disk: &dyn Disk, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
    match disk.read_at(file, buffer, offset) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the file was taken away")
}

/// No file of ours is longer; offsets of records stay far below 32 bits.
const MAX_LENGTH: u64 = 128 * 1024 * 1024;
/// No body that is stored is larger, even where gzip makes it a little larger than it was.
const MAX_PAYLOAD: u32 = MAX_BODY as u32 + 1024 * 1024;
