//! What the files hold: which record is next, which file goes first when there is no room.

use std::collections::BTreeMap;

use super::scan::{Contents, Entry, State};
use super::segment_file::SegmentFile;

/// What the files hold.
#[derive(Debug)]
pub(super) struct Catalog {
    segments: BTreeMap<SegmentKey, Segment>,
    next_key: SegmentKey,
    /// Records that nobody has, by shelf.
    waiting: Vec<u64>,
}

/// A file of this process or of one that is gone; no two ever have the same.
pub(super) type SegmentKey = u64;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: SegmentKey,
    entry: usize,
}

/// A file and its records.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: SegmentFile,
    pub(super) shelf: usize,
    /// The folder that it lies in.
    pub(super) folder: u32,
    /// Whether this process wrote it.
    pub(super) is_own: bool,
    entries: Vec<Entry>,
    /// No record before this one waits.
    cursor: usize,
    waiting: u64,
    leased: u64,
    /// The record that could not be read last, and how often, unless one could be read since.
    failed: Option<(usize, u32)>,
}

impl Segment {
    pub(super) fn new(file: SegmentFile, shelf: usize, folder: u32, is_own: bool) -> Self {
        Self {
            file,
            shelf,
            folder,
            is_own,
            entries: Vec::new(),
            cursor: 0,
            waiting: 0,
            leased: 0,
            failed: None,
        }
    }

    /// The same with what was found in it.
    pub(super) fn holding(mut self, contents: Contents) -> Self {
        self.waiting = contents.pending().count() as u64;
        self.entries = contents.entries;
        self
    }

    /// Whether none of its records is of use any more.
    pub(super) fn is_done(&self) -> bool {
        self.waiting == 0 && self.leased == 0
    }

    /// When the oldest record was made that is not settled.
    fn oldest(&self) -> u64 {
        let pending = self.entries.iter();
        let mut times = pending.filter(|entry| entry.state != State::Done);
        times.next().map_or(0, |entry| entry.oldest_unix_nanos)
    }
}

impl Catalog {
    pub(super) fn new(shelves: usize) -> Self {
        Self {
            segments: BTreeMap::new(),
            next_key: 0,
            waiting: vec![0; shelves],
        }
    }

    pub(super) fn add(&mut self, segment: Segment) -> SegmentKey {
        let key = self.next_key;
        self.next_key += 1;
        if let Some(waiting) = self.waiting.get_mut(segment.shelf) {
            *waiting += segment.waiting;
        }
        self.segments.insert(key, segment);
        key
    }

    /// Appends a record that whoever handed it over has.
    pub(super) fn push(&mut self, segment: SegmentKey, entry: Entry) -> Option<Place> {
        let held = self.segments.get_mut(&segment)?;
        held.entries.push(Entry {
            state: State::Leased,
            ..entry
        });
        held.leased += 1;
        Some(Place {
            segment,
            entry: held.entries.len() - 1,
        })
    }

    pub(super) fn record(&self, place: Place) -> Option<(&Segment, &Entry)> {
        let segment = self.segments.get(&place.segment)?;
        Some((segment, segment.entries.get(place.entry)?))
    }

    pub(super) fn segment(&self, key: SegmentKey) -> Option<&Segment> {
        self.segments.get(&key)
    }

    pub(super) fn segment_mut(&mut self, key: SegmentKey) -> Option<&mut Segment> {
        self.segments.get_mut(&key)
    }

    pub(super) fn remove(&mut self, key: SegmentKey) -> Option<Segment> {
        let removed = self.segments.remove(&key)?;
        if let Some(waiting) = self.waiting.get_mut(removed.shelf) {
            *waiting = waiting.saturating_sub(removed.waiting);
        }
        Some(removed)
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = (SegmentKey, &Segment)> {
        self.segments.iter().map(|(key, segment)| (*key, segment))
    }

    /// Changes what is to become of a record.
    pub(super) fn set(&mut self, place: Place, state: State) {
        let Some(segment) = self.segments.get_mut(&place.segment) else {
            return;
        };
        let Some(entry) = segment.entries.get_mut(place.entry) else {
            return;
        };
        let before = std::mem::replace(&mut entry.state, state);
        let waiting = self.waiting.get_mut(segment.shelf);
        match before {
            State::Waiting => segment.waiting -= 1,
            State::Leased => segment.leased -= 1,
            State::Done => {}
        }
        match state {
            State::Waiting => {
                segment.waiting += 1;
                segment.cursor = segment.cursor.min(place.entry);
            }
            State::Leased => segment.leased += 1,
            State::Done => {}
        }
        if let Some(waiting) = waiting {
            *waiting += u64::from(state == State::Waiting);
            *waiting -= u64::from(before == State::Waiting);
        }
    }

    /// Notes whether the server may have a record.
    pub(super) fn set_arrived(&mut self, place: Place, may_have_arrived: bool) {
        let segment = self.segments.get_mut(&place.segment);
        if let Some(entry) = segment.and_then(|held| held.entries.get_mut(place.entry)) {
            entry.may_have_arrived = may_have_arrived;
        }
    }

    /// Notes that a record could not be read, and says how often that was so.
    pub(super) fn read_failed(&mut self, place: Place) -> u32 {
        let Some(segment) = self.segments.get_mut(&place.segment) else {
            return 0;
        };
        let before = segment.failed.filter(|(failed, _)| *failed == place.entry);
        let times = before.map_or(1, |(_, times)| times + 1);
        segment.failed = Some((place.entry, times));
        times
    }

    /// Notes that a record could be read.
    pub(super) fn read_succeeded(&mut self, place: Place) {
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.failed = None;
        }
    }

    /// How many records of a shelf nobody has.
    pub(super) fn waiting(&self, shelf: usize) -> u64 {
        self.waiting.get(shelf).copied().unwrap_or(0)
    }

    /// The record to send next, with its time: the oldest of those that come first in their files.
    /// A file that could not be read waits until the others are empty.
    pub(super) fn oldest_waiting(&mut self, shelf: usize) -> Option<(Place, u64)> {
        let segments = self.segments.iter_mut();
        let waiting = segments.filter(|(_, held)| held.shelf == shelf && held.waiting > 0);
        let first = waiting.filter_map(|(key, held)| {
            let ahead = held.entries.get(held.cursor..)?;
            let is_waiting = |entry: &Entry| entry.state == State::Waiting;
            held.cursor += ahead.iter().position(is_waiting)?;
            let oldest = held.entries.get(held.cursor)?.oldest_unix_nanos;
            let place = Place {
                segment: *key,
                entry: held.cursor,
            };
            Some((held.failed.is_some(), oldest, place))
        });
        let next = first.min();
        next.map(|(_, oldest, place)| (place, oldest))
    }

    /// The next record of the same file that nobody has.
    pub(super) fn waiting_after(&self, place: Place) -> Option<(Place, Entry)> {
        let entries = &self.segments.get(&place.segment)?.entries;
        let mut behind = entries.iter().enumerate().skip(place.entry + 1);
        let (entry, found) = behind.find(|(_, entry)| entry.state == State::Waiting)?;
        Some((Place { entry, ..place }, *found))
    }

    /// The file with the oldest records, of those that nobody has a record of.
    pub(super) fn oldest_segment(&self) -> Option<SegmentKey> {
        let free = self.segments.iter().filter(|(_, held)| held.leased == 0);
        free.min_by_key(|(key, held)| (held.oldest(), **key))
            .map(|(key, _)| *key)
    }

    /// The records that wait and were made before this.
    pub(super) fn waiting_since_before(&self, unix_nanos: u64) -> Vec<Place> {
        let segments = self.segments.iter().filter(|(_, held)| held.waiting > 0);
        segments
            .flat_map(|(key, held)| {
                let entries = held.entries.iter().enumerate();
                entries.filter_map(|(entry, found)| {
                    let is_old = found.oldest_unix_nanos < unix_nanos;
                    let place = Place {
                        segment: *key,
                        entry,
                    };
                    (found.state == State::Waiting && is_old).then_some(place)
                })
            })
            .collect()
    }

    /// The items of a file's records that nobody has.
    pub(super) fn waiting_items(&self, key: SegmentKey) -> u64 {
        let entries = self.segments.get(&key).map(|held| &held.entries);
        let waiting = entries.into_iter().flatten();
        let waiting = waiting.filter(|entry| entry.state == State::Waiting);
        waiting.map(|entry| u64::from(entry.items)).sum()
    }

    /// What the files take.
    pub(super) fn bytes(&self) -> u64 {
        let lengths = self.segments.values().map(|held| held.file.length());
        lengths.sum()
    }
}
