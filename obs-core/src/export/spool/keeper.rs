//! Does what the shelves ask for, and looks after the files from time to time.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use obs_redact::Redactor;

use super::catalog::{Catalog, Place, SegmentKey};
use super::disk::Disk;
use super::folder::Folder;
use super::gate::{Gate, Pauses};
use super::leasing::Lease;
use super::mailbox::{Command, Mailbox, Stored};
use super::notices::Notices;
use super::scan::State;
use super::settings::Settings;
use super::shelf::{Body, Ticket, Told};
use crate::export::Signal;
use crate::export::account::Reason;

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
    /// What somebody has.
    pub(super) leased: HashMap<Ticket, Lease>,
    /// Whether the disk gives what is on it.
    pub(super) reads: Gate,
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
            reads: Gate::new(pauses),
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
            Command::Lease { shelf, most } => {
                let told = self.lease(shelf, most);
                self.publish();
                self.mailbox.answer_lease(shelf, told);
            }
            Command::Done(ticket) => {
                if let Some(lease) = self.leased.remove(&ticket) {
                    self.settle(&lease.places);
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
        self.reads.opens_at()
    }

    /// Lets records be leased again after a failed read.
    pub(super) fn resume(&mut self) {
        self.reads.enter(Instant::now());
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
                        places: vec![place],
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

    pub(super) fn lose(&mut self, places: &[Place], reason: Reason) {
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
