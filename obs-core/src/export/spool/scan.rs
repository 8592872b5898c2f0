//! Finds the records of a file by their headers; what is damaged is skipped and counted.

use std::fs::File;
use std::io;

use super::disk::Disk;
use super::format::{Marker, RecordHeader};

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// In the order in which they stand.
    pub(super) entries: Vec<Entry>,
    /// Places where records are lost.
    pub(super) damaged: u64,
    /// How many items are lost there, as far as that can be told: one for each place where not.
    pub(super) damaged_items: u64,
}

/// A record in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) oldest_unix_nanos: u64,
    /// Where its header stands.
    pub(super) offset: u32,
    /// Of its payload.
    pub(super) length: u32,
    pub(super) items: u32,
    /// Whether the server may have it: an earlier process sent it, or this one did.
    pub(super) may_have_arrived: bool,
    pub(super) state: State,
}

/// What is to become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Somebody shall ask for it.
    Waiting,
    /// Somebody has it.
    Leased,
    /// It is settled.
    Done,
}

impl Contents {
    /// The records that are not settled.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.state != State::Done)
    }

    /// The items of the records that are not settled.
    pub(super) fn pending_items(&self) -> u64 {
        self.items_since(0)
    }

    /// The items of those that are not older than this.
    pub(super) fn items_since(&self, unix_nanos: u64) -> u64 {
        let pending = self.pending();
        let young = pending.filter(|entry| entry.oldest_unix_nanos >= unix_nanos);
        young.map(|entry| u64::from(entry.items)).sum()
    }

    /// When the newest item that waits was recorded at the latest known.
    pub(super) fn newest_unix_nanos(&self) -> u64 {
        let times = self.pending().map(|entry| entry.oldest_unix_nanos);
        times.max().unwrap_or(0)
    }
}

/// Walks over a file from header to header, without reading payloads.
pub(super) struct Scanner<'f> {
    disk: &'f dyn Disk,
    file: &'f File,
    marker: Marker,
    length: u64,
}

impl<'f> Scanner<'f> {
    pub(super) fn new(disk: &'f dyn Disk, file: &'f File, marker: Marker, length: u64) -> Self {
        Self {
            disk,
            file,
            marker,
            length,
        }
    }

    /// The records from this place on.
    pub(super) fn scan(&self, first: u64) -> io::Result<Contents> {
        let mut contents = Contents::default();
        let mut at = first;
        while at < self.length {
            let Some(header) = self.header_at(at)? else {
                contents.damaged += 1;
                contents.damaged_items += 1;
                match self.next_header(at + 1)? {
                    Some(next) => at = next,
                    None => break,
                }
                continue;
            };
            let end = at + RecordHeader::LEN as u64 + u64::from(header.length);
            // Records are written one after the other: nothing follows one that was cut.
            if end > self.length {
                if !header.is_done {
                    contents.damaged += 1;
                    contents.damaged_items += u64::from(header.items);
                }
                break;
            }
            contents.entries.push(Entry {
                oldest_unix_nanos: header.oldest_unix_nanos,
                offset: u32::try_from(at).map_err(io::Error::other)?,
                length: header.length,
                items: header.items,
                may_have_arrived: header.may_have_arrived || header.was_sent,
                state: match header.is_done {
                    true => State::Done,
                    false => State::Waiting,
                },
            });
            at = end;
        }
        Ok(contents)
    }

    fn header_at(&self, at: u64) -> io::Result<Option<RecordHeader>> {
        if at + RecordHeader::LEN as u64 > self.length {
            return Ok(None);
        }
        let mut bytes = [0; RecordHeader::LEN];
        self.disk.read_at(self.file, &mut bytes, at)?;
        Ok(RecordHeader::parse(&bytes, self.marker))
    }

    /// Where the next sound header begins, from this place on.
    fn next_header(&self, from: u64) -> io::Result<Option<u64>> {
        let mut at = from;
        let mut chunk = vec![0; CHUNK];
        while at < self.length {
            let room = usize::try_from(self.length - at)
                .unwrap_or(CHUNK)
                .min(CHUNK);
            let chunk = chunk.get_mut(..room).unwrap_or_default();
            self.disk.read_at(self.file, chunk, at)?;
            let windows = chunk.windows(self.marker.len()).enumerate();
            for (start, _) in windows.filter(|(_, window)| *window == self.marker) {
                let candidate = at + start as u64;
                if self.header_at(candidate)?.is_some() {
                    return Ok(Some(candidate));
                }
            }
            // A marker may lie across the end of the chunk.
            let step = room.saturating_sub(self.marker.len() - 1).max(1);
            at += step as u64;
        }
        Ok(None)
    }
}

const CHUNK: usize = 64 * 1024;
