//! Puts bodies into files, makes room for them, and notices when files are taken away.

use std::io;
use std::path::PathBuf;

use super::catalog::{Place, Segment, SegmentKey};
use super::folder::{Folder, segment_name};
use super::format::{FileHeader, RecordHeader, checksum};
use super::keeper::Keeper;
use super::mailbox::Stored;
use super::replay::{MAX_BODY, compress};
use super::scan::{Entry, State};
use super::segment_file::SegmentFile;
use super::shelf::{Body, Told};
use crate::export::account::Reason;
use crate::propagation::random_u64;

/// Why a body is not stored.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It could not be read again, or never fits.
    TooLarge(usize),
    /// Everything on disk is on its way.
    NoRoom,
    Disk(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Keeper {
    /// Appends a body to the file of its shelf.
    pub(super) fn write(&mut self, shelf: usize, body: &Body) -> Result<Place, Refusal> {
        if body.len() > MAX_BODY {
            return Err(Refusal::TooLarge(body.len()));
        }
        let mut record = compress(&body.pieces, RecordHeader::LEN)?;
        let needed = record.len() as u64 + FileHeader::MAX_LEN as u64;
        if needed > self.settings.bytes {
            return Err(Refusal::TooLarge(body.len()));
        }
        let payload = record.get(RecordHeader::LEN..).unwrap_or_default();
        let too_large = |_| Refusal::TooLarge(body.len());
        let header = RecordHeader {
            length: u32::try_from(payload.len()).map_err(too_large)?,
            items: u32::try_from(body.items).map_err(too_large)?,
            oldest_unix_nanos: body.oldest_unix_nanos,
            may_have_arrived: body.may_have_arrived,
            checksum: checksum(payload),
            was_sent: false,
            is_done: false,
        };
        self.ensure_home()?;
        match self.append(shelf, &header, &mut record) {
            // The file or the folder was taken away: another takes its place.
            Err(Refusal::Disk(error)) if error.kind() == io::ErrorKind::NotFound => {
                self.ensure_home()?;
                self.append(shelf, &header, &mut record)
            }
            appended => appended,
        }
    }

    fn append(
        &mut self,
        shelf: usize,
        header: &RecordHeader,
        record: &mut [u8],
    ) -> Result<Place, Refusal> {
        self.make_room(record.len() as u64)?;
        let key = self.file_for(shelf, record.len() as u64)?;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let segment = self.catalog.segment_mut(key).ok_or_else(gone)?;
        if let Some(start) = record.get_mut(..RecordHeader::LEN) {
            start.copy_from_slice(&header.encode(segment.file.marker()));
        }
        let appended = segment.file.append(&*self.disk, record);
        let is_open = segment.file.is_open();
        let offset = appended.inspect_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                self.forget(key);
            } else if !is_open {
                self.fill(shelf, None);
            }
        })?;
        let entry = Entry {
            oldest_unix_nanos: header.oldest_unix_nanos,
            offset,
            length: header.length,
            items: header.items,
            may_have_arrived: header.may_have_arrived,
            state: State::Leased,
        };
        let place = self.catalog.push(key, entry);
        place.ok_or_else(|| gone().into())
    }

    /// Says why nothing is stored.
    pub(super) fn refuse(&self, shelf: usize, refusal: &Refusal) -> Stored {
        match refusal {
            Refusal::TooLarge(bytes) => {
                if let Some((signal, _)) = self.shelves.get(shelf) {
                    self.notices.too_large(*signal, *bytes);
                }
                Stored::Refused
            }
            Refusal::NoRoom => {
                self.notices.no_room(self.settings.bytes);
                Stored::Failed
            }
            Refusal::Disk(error) => {
                self.notices.trouble(&self.settings.dir, error);
                Stored::Failed
            }
        }
    }

    /// Makes sure that we have a folder of our own: it may have been taken away.
    pub(super) fn ensure_home(&mut self) -> io::Result<()> {
        if let Some(key) = self.home {
            if self.folders.get(&key).is_some_and(Folder::is_ours) {
                return Ok(());
            }
            self.home = None;
            self.folders.remove(&key);
            let lost = self.catalog.segments();
            let lost = lost.filter(|(_, segment)| segment.folder == key);
            let lost: Vec<SegmentKey> = lost.map(|(key, _)| key).collect();
            lost.into_iter().for_each(|key| self.forget(key));
        }
        let folder = Folder::create(&self.settings.dir)?;
        self.home = Some(self.hold(folder));
        Ok(())
    }

    /// Keeps the lock of a folder.
    pub(super) fn hold(&mut self, folder: Folder) -> u32 {
        let key = self.next.0;
        self.next.0 += 1;
        self.folders.insert(key, folder);
        key
    }

    /// Deletes the oldest records until there is room for so many bytes more.
    pub(super) fn make_room(&mut self, needed: u64) -> Result<(), Refusal> {
        // Another file may have to be begun for it.
        let needed = needed + FileHeader::MAX_LEN as u64;
        while self.catalog.bytes() + needed > self.settings.bytes {
            let key = self.catalog.oldest_segment().ok_or(Refusal::NoRoom)?;
            let Some(segment) = self.catalog.segment(key) else {
                return Err(Refusal::NoRoom);
            };
            segment.file.remove()?;
            let (shelf, own) = (segment.shelf, segment.is_own);
            let items = self.catalog.waiting_items(key);
            self.drop_segment(key);
            if items > 0 {
                if let Some((signal, _)) = self.shelves.get(shelf) {
                    self.notices.full(*signal, items, self.settings.bytes);
                }
                let reason = Reason::SpoolFull;
                self.mailbox.tell(shelf, Told::Lost { items, reason, own });
            }
        }
        Ok(())
    }

    /// The file that the next record of a shelf goes to.
    fn file_for(&mut self, shelf: usize, needed: u64) -> io::Result<SegmentKey> {
        let most = (self.settings.bytes / SHARE).min(MOST_BYTES);
        if let Some(key) = self.filling.get(shelf).copied().flatten()
            && let Some(segment) = self.catalog.segment(key)
        {
            if segment.file.length() + needed <= most {
                return Ok(key);
            }
            self.seal(shelf)?;
        }
        let home = self
            .home
            .and_then(|key| Some((key, self.folders.get(&key)?)));
        let (folder, home) = home.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let (signal, destination) = self.shelves.get(shelf).cloned().ok_or_else(no_shelf)?;
        let path: PathBuf = home.path().join(segment_name(signal, self.next.1));
        self.next.1 += 1;
        let header = FileHeader {
            signal,
            destination,
            marker: random_u64().to_le_bytes(),
        };
        let file = SegmentFile::create(&*self.disk, path, home.user(), header)?;
        let key = self.catalog.add(Segment::new(file, shelf, folder, true));
        self.fill(shelf, Some(key));
        Ok(key)
    }

    fn fill(&mut self, shelf: usize, key: Option<SegmentKey>) {
        if let Some(filling) = self.filling.get_mut(shelf) {
            *filling = key;
        }
    }

    /// Ends the file of a shelf that is being written to.
    pub(super) fn seal(&mut self, shelf: usize) -> io::Result<()> {
        let key = self.filling.get_mut(shelf).and_then(Option::take);
        let segment = key.and_then(|key| self.catalog.segment_mut(key));
        segment.map_or(Ok(()), |segment| segment.file.seal(&*self.disk))
    }

    /// A file that was taken away: what waited in it is lost.
    pub(super) fn forget(&mut self, key: SegmentKey) {
        let Some(segment) = self.catalog.segment(key) else {
            return;
        };
        let (shelf, own) = (segment.shelf, segment.is_own);
        let items = self.catalog.waiting_items(key);
        if items > 0 {
            self.notices.gone(segment.file.path(), items);
        }
        self.drop_segment(key);
        if items > 0 {
            let reason = Reason::Corrupt;
            self.mailbox.tell(shelf, Told::Lost { items, reason, own });
        }
    }

    /// Strikes a file off, and the folder of another process with the last of its files.
    pub(super) fn drop_segment(&mut self, key: SegmentKey) {
        let Some(segment) = self.catalog.remove(key) else {
            return;
        };
        for filling in &mut self.filling {
            filling.take_if(|filling| *filling == key);
        }
        let folder = segment.folder;
        let mut others = self.catalog.segments();
        let is_last = others.all(|(_, other)| other.folder != folder);
        drop(others);
        if is_last && self.home != Some(folder) {
            self.let_go(folder);
        }
    }

    /// Removes the folder of another process, if nothing else is in it, and gives up its lock.
    pub(super) fn let_go(&mut self, folder: u32) {
        let Some(folder) = self.folders.remove(&folder) else {
            return;
        };
        if let Err(error) = folder.remove() {
            self.notices.not_settled(folder.path(), &error);
        }
    }
}

fn no_shelf() -> io::Error {
    io::Error::other("there is no such shelf")
}

/// A file is the least that goes when there is no room, and the most that is read when a process
/// takes over.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// The part of the spool that one file takes at most, unless a single record is larger.
const SHARE: u64 = 8;
