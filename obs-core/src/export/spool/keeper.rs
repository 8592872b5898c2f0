//! Does what the shelves ask for, and looks after the files from time to time.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use obs_redact::Redactor;

use super::catalog::{Catalog, Place, SegmentKey};
use super::disk::Disk;
use super::folder::Folder;
use super::gate::{Gate, Pauses};
use super::mailbox::{Command, Mailbox, Stored};
use super::notices::Notices;
use super::replay;
use super::scan::State;
use super::settings::Settings;
use super::shelf::{Body, Ticket, Told};
use crate::export::Signal;
use crate::export::account::Reason;
use crate::export::batch::Batch;

/// Does what the shelves ask for. The only one that touches the files.
pub(super) struct Keeper {
    pub(super) settings: Settings,
    pub(super) shelves: Vec<(Signal, String)>,
    pub(super) disk: Box<dyn Disk>,
    pub(super) redactor: Redactor,
    pub(super) notices: Notices,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) catalog: Catalog,
    /// Every folder that is locked by us, our own included.
    pub(super) folders: BTreeMap<u32, Folder>,
    /// Our own, unless there was trouble.
    pub(super) home: Option<u32>,
    /// The file of each shelf that is being written to.
    pub(super) filling: Vec<Option<SegmentKey>>,
    /// The numbers of the next folder and of the next file.
    pub(super) next: (u32, u64),
    leased: HashMap<Ticket, Lease>,
    reads: Reads,
}

/// A record that somebody has.
struct Lease {
    place: Place,
    shelf: usize,
    items: u64,
    is_own: bool,
}

/// What became of the last reads.
struct Reads {
    gate: Gate,
    /// The record that could not be read, and how often.
    failed: Option<(Place, u32)>,
}

/// Why a record cannot be sent.
enum Unusable {
    /// It is damaged.
    Corrupt,
    /// The disk does not give it.
    Disk(io::Error),
}

impl Keeper {
    pub(super) fn new(
        settings: Settings,
        shelves: Vec<(Signal, String)>,
        disk: Box<dyn Disk>,
        redactor: Redactor,
        notices: Notices,
        mailbox: Arc<Mailbox>,
        pauses: Pauses,
    ) -> Self {
        Self {
            catalog: Catalog::new(shelves.len()),
            filling: vec![None; shelves.len()],
            settings,
            shelves,
            disk,
            redactor,
            notices,
            mailbox,
            folders: BTreeMap::new(),
            home: None,
            next: (0, 1),
            leased: HashMap::new(),
            reads: Reads {
                gate: Gate::new(pauses),
                failed: None,
            },
        }
    }

    /// Makes our own folder and takes over what others left.
    pub(super) fn begin(&mut self) {
        if let Err(error) = self.ensure_home() {
            self.notices.trouble(&self.settings.dir, &error);
            self.mailbox.shut();
        }
        self.sweep();
    }

    /// What is to be done now and then: drops what is too old, and takes over what others left.
    pub(super) fn sweep(&mut self) {
        // Trouble is told when something is to be stored.
        let _tried = self.ensure_home();
        self.adopt();
        self.expire();
        self.remove_done();
        self.publish();
    }

    /// Does what was asked for; false if that was the end.
    pub(super) fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Store {
                shelf,
                ticket,
                body,
            } => self.store(shelf, ticket, body),
            Command::Lease { shelf } => {
                let told = self.lease(shelf);
                self.publish();
                self.mailbox.answer_lease(shelf, told);
            }
            Command::Done(ticket) => {
                if let Some(lease) = self.leased.remove(&ticket) {
                    self.settle(&[lease.place]);
                }
            }
            Command::Sending(ticket) => self.note_sending(ticket),
            Command::Release {
                ticket,
                may_have_arrived,
            } => self.release(ticket, may_have_arrived),
            Command::Close => {
                self.close();
                return false;
            }
            #[cfg(test)]
            Command::Sweep(done) => {
                self.sweep();
                // Whoever asked may have stopped waiting.
                let _told = done.send(());
            }
        }
        self.publish();
        true
    }

    /// When a pause after a failed read is over, if there is one.
    pub(super) fn resumes_at(&self) -> Option<Instant> {
        self.reads.gate.opens_at()
    }

    /// Lets records be leased again after a failed read.
    pub(super) fn resume(&mut self) {
        self.reads.gate.enter(Instant::now());
        self.publish();
    }

    fn publish(&self) {
        let is_paused = self.resumes_at().is_some();
        for shelf in 0..self.shelves.len() {
            let has_waiting = !is_paused && self.catalog.waiting(shelf) > 0;
            self.mailbox.set_waiting(shelf, has_waiting);
        }
    }

    fn store(&mut self, shelf: usize, ticket: Ticket, body: Option<Body>) {
        let stored = match body {
            Some(body) if !self.mailbox.has_shut() => match self.write(shelf, &body) {
                Ok(place) => {
                    self.notices.works(&self.settings.dir);
                    let lease = Lease {
                        place,
                        shelf,
                        items: body.items as u64,
                        is_own: true,
                    };
                    self.leased.insert(ticket, lease);
                    Stored::Yes
                }
                Err(refusal) => self.refuse(shelf, &refusal),
            },
            _ => Stored::NotTried,
        };
        self.publish();
        self.mailbox.answer_store(shelf, ticket, stored);
    }

    fn note_sending(&self, ticket: Ticket) {
        let place = self.leased.get(&ticket).map(|lease| lease.place);
        let Some((segment, entry)) = place.and_then(|place| self.catalog.record(place)) else {
            return;
        };
        // Without the note a record that is doubled is not counted as such; it is sent all the same.
        if let Err(error) = segment.file.mark_sent(&*self.disk, entry.offset) {
            self.notices.not_settled(segment.file.path(), &error);
        }
    }

    fn release(&mut self, ticket: Ticket, may_have_arrived: bool) {
        let Some(lease) = self.leased.remove(&ticket) else {
            return;
        };
        self.catalog.set_arrived(lease.place, may_have_arrived);
        if self.catalog.segment(lease.place.segment).is_some() {
            self.catalog.set(lease.place, State::Waiting);
        } else {
            // Its file was taken away meanwhile.
            let (reason, own) = (Reason::Corrupt, lease.is_own);
            let items = lease.items;
            self.mailbox
                .tell(lease.shelf, Told::Lost { items, reason, own });
        }
    }

    fn lease(&mut self, shelf: usize) -> Told {
        while self.resumes_at().is_none() {
            let Some((place, oldest)) = self.catalog.oldest_waiting(shelf) else {
                break;
            };
            if oldest < self.expired_before() {
                self.expire();
                continue;
            }
            match self.load(shelf, place) {
                Ok(told) => {
                    self.reads.gate.succeeded();
                    self.reads.failed = None;
                    return told;
                }
                Err(Unusable::Corrupt) => self.lose_damaged(place),
                Err(Unusable::Disk(error)) if error.kind() == io::ErrorKind::NotFound => {
                    self.forget(place.segment);
                }
                Err(Unusable::Disk(error)) => self.read_failed(place, &error),
            }
        }
        Told::Empty
    }

    /// Reads a record, and notes who has it.
    fn load(&mut self, shelf: usize, place: Place) -> Result<Told, Unusable> {
        let (segment, entry) = self.catalog.record(place).ok_or(Unusable::Corrupt)?;
        let (is_own, items) = (segment.is_own, entry.items);
        let may_have_arrived = entry.may_have_arrived;
        let read = segment.file.read(&*self.disk, entry.offset, entry.length);
        let record = read.map_err(Unusable::Disk)?.ok_or(Unusable::Corrupt)?;
        let now = crate::clock::unix_nanos();
        let age = now.saturating_sub(record.header.oldest_unix_nanos);
        let since = replay::since(Duration::from_nanos(age));
        let signal = segment.file.header().signal;
        let batch: Option<Batch> =
            replay::batch(signal, &record.payload, items, since, &self.redactor);
        let batch = batch.ok_or(Unusable::Corrupt)?;
        let ticket = self.mailbox.ticket();
        let lease = Lease {
            place,
            shelf,
            items: u64::from(items),
            is_own,
        };
        self.leased.insert(ticket, lease);
        self.catalog.set(place, State::Leased);
        Ok(Told::Leased {
            ticket,
            batch,
            may_have_arrived,
            own: is_own,
        })
    }

    /// A disk that does not answer for a moment must not cost everything that is on it.
    fn read_failed(&mut self, place: Place, error: &io::Error) {
        let before = self.reads.failed.filter(|(failed, _)| *failed == place);
        let times = before.map_or(1, |(_, times)| times + 1);
        self.reads.failed = Some((place, times));
        self.reads.gate.failed(Instant::now());
        if let Some(segment) = self.catalog.segment(place.segment) {
            self.notices.not_read(segment.file.path(), error);
        }
        if times >= MOST_READS {
            self.reads.failed = None;
            self.lose(&[place], Reason::Corrupt);
        }
    }

    fn lose_damaged(&mut self, place: Place) {
        if let Some((segment, entry)) = self.catalog.record(place) {
            let items = u64::from(entry.items);
            self.notices.damaged(segment.file.path(), items);
        }
        self.lose(&[place], Reason::Corrupt);
    }

    /// Gives up what waits for longer than is allowed.
    pub(super) fn expire(&mut self) {
        let before = self.expired_before();
        let expired = self.catalog.waiting_since_before(before);
        self.lose(&expired, Reason::Expired);
    }

    /// What was recorded before this is too old.
    pub(super) fn expired_before(&self) -> u64 {
        let max_age = u64::try_from(self.settings.max_age.as_nanos()).unwrap_or(u64::MAX);
        crate::clock::unix_nanos().saturating_sub(max_age)
    }

    fn lose(&mut self, places: &[Place], reason: Reason) {
        let mut lost: BTreeMap<(usize, bool), u64> = BTreeMap::new();
        for place in places {
            if let Some((segment, entry)) = self.catalog.record(*place) {
                let items = lost.entry((segment.shelf, segment.is_own)).or_default();
                *items += u64::from(entry.items);
            }
        }
        self.settle(places);
        for ((shelf, own), items) in lost {
            self.mailbox.tell(shelf, Told::Lost { items, reason, own });
        }
    }

    /// Sees to it that these records are not sent again, and removes files that are of no use.
    fn settle(&mut self, places: &[Place]) {
        let mut offsets: BTreeMap<SegmentKey, Vec<u32>> = BTreeMap::new();
        for place in places {
            if let Some((_, entry)) = self.catalog.record(*place) {
                let offset = entry.offset;
                offsets.entry(place.segment).or_default().push(offset);
                self.catalog.set(*place, State::Done);
            }
        }
        for (key, offsets) in offsets {
            let Some(segment) = self.catalog.segment(key) else {
                continue;
            };
            if segment.is_done() {
                self.remove_segment(key);
                continue;
            }
            match segment.file.mark_done(&*self.disk, offsets) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.forget(key),
                Err(error) => self.notices.not_settled(segment.file.path(), &error),
            }
        }
    }

    /// Tries again to remove files that could not be removed.
    fn remove_done(&mut self) {
        let done = self.catalog.segments().filter(|(_, held)| held.is_done());
        let done: Vec<SegmentKey> = done.map(|(key, _)| key).collect();
        for key in done {
            self.remove_segment(key);
        }
    }

    /// Removes a file; one that cannot be removed is tried again later.
    fn remove_segment(&mut self, key: SegmentKey) {
        let Some(segment) = self.catalog.segment(key) else {
            return;
        };
        match segment.file.remove() {
            Ok(()) => self.drop_segment(key),
            Err(error) => self.notices.not_settled(segment.file.path(), &error),
        }
    }

    /// Brings everything to an end, so that another process can take over.
    fn close(&mut self) {
        self.remove_done();
        for shelf in 0..self.filling.len() {
            if let Err(error) = self.seal(shelf) {
                self.notices.trouble(&self.settings.dir, &error);
            }
        }
        let home = self.home.take().and_then(|key| self.folders.remove(&key));
        let Some(home) = home.filter(Folder::is_ours) else {
            return;
        };
        let ended = home.remove().and_then(|is_gone| match is_gone {
            true => Ok(()),
            false => home.say_ended(),
        });
        if let Err(error) = ended {
            self.notices.trouble(home.path(), &error);
        }
    }
}

/// A record that the disk does not give so often is given up.
const MOST_READS: u32 = 3;
