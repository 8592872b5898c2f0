//! Takes over what processes left that are gone; what is for others waits for them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::catalog::Segment;
use super::folder::{End, Folder, existing, folders_in, signal_of};
use super::format::Unreadable;
use super::identity::user_of;
use super::keeper::Keeper;
use super::scan::Contents;
use super::segment_file::{Found, SegmentFile};
use super::shelf::Told;
use crate::export::Signal;
use crate::export::account::Reason;

/// What a folder brought, by shelf.
#[derive(Debug, Default)]
struct Haul {
    segments: Vec<(SegmentFile, Contents, usize)>,
    recovered: BTreeMap<usize, u64>,
    lost: Vec<(usize, u64, Reason)>,
    /// Whether something stays there that is not for us.
    is_shared: bool,
}

impl Haul {
    /// Items that cannot be sent any more: counted as recovered and as lost.
    fn lose(&mut self, shelf: usize, items: u64, reason: Reason) {
        if items > 0 {
            *self.recovered.entry(shelf).or_default() += items;
            self.lost.push((shelf, items, reason));
        }
    }
}

impl Keeper {
    /// Takes over the folders of processes that are gone.
    pub(super) fn adopt(&mut self) {
        let home = self.home.and_then(|key| self.folders.get(&key));
        let found = existing(&self.settings.dir).and_then(|dir| {
            // On a disk that is full we have no folder, but what was left can be sent.
            let user = home.map_or_else(|| user_of(&dir), |home| Ok(home.user()))?;
            Ok((user, folders_in(&dir)?))
        });
        // Trouble with the directory is told when something is to be stored.
        let Ok((user, found)) = found else {
            return;
        };
        for path in found {
            // What we hold ourselves cannot be claimed: its lock is taken.
            match Folder::claim(&path, user) {
                Ok(Some(folder)) => self.take_over(folder),
                Ok(None) => {}
                Err(error) => self.notices.not_taken(&path, &error),
            }
        }
        // What came over may be more than is allowed.
        if let Err(refusal) = self.make_room(0) {
            self.refuse(0, &refusal);
        }
    }

    fn take_over(&mut self, folder: Folder) {
        let haul = match self.haul(&folder) {
            Ok(haul) => haul,
            Err(error) => {
                self.notices.not_taken(folder.path(), &error);
                return;
            }
        };
        let expired_before = self.expired_before();
        let items = |(_, contents, _): &(_, Contents, _)| contents.items_since(expired_before);
        let taken: u64 = haul.segments.iter().map(items).sum();
        let was_killed = folder.end() == End::Unclean;
        self.notices.took_over(&folder.name(), taken, was_killed);
        // Whoever takes over the rest should hear of it, too.
        if was_killed
            && !haul.is_shared
            && let Err(error) = folder.say_ended()
        {
            self.notices.not_settled(folder.path(), &error);
        }
        let key = self.hold(folder);
        let is_empty = haul.segments.is_empty();
        for (file, contents, shelf) in haul.segments {
            let segment = Segment::new(file, shelf, key, false).holding(contents);
            self.catalog.add(segment);
        }
        for (shelf, items) in haul.recovered {
            self.mailbox.tell(shelf, Told::Recovered { items });
        }
        for (shelf, items, reason) in haul.lost {
            let own = false;
            self.mailbox.tell(shelf, Told::Lost { items, reason, own });
        }
        if is_empty {
            self.let_go(key);
        }
    }

    /// Looks through a folder, and removes what is of no use to anybody.
    fn haul(&mut self, folder: &Folder) -> io::Result<Haul> {
        let mut haul = Haul::default();
        for path in folder.segments()? {
            let found = SegmentFile::open(&*self.disk, &path, folder.user());
            match found {
                Ok(Found::Records(file, contents)) => self.sort(&mut haul, file, contents),
                Ok(Found::Unreadable(Unreadable::Damaged)) => {
                    self.notices.damaged(&path, 1);
                    if let Some(shelf) = self.shelf_of(signal_of(&path)) {
                        haul.lose(shelf, 1, Reason::Corrupt);
                    }
                    self.discard(&path, fs::remove_file(&path));
                }
                Ok(Found::Unreadable(Unreadable::Version)) => {
                    if self.is_old(&path) {
                        self.discard(&path, fs::remove_file(&path));
                    }
                }
                Ok(Found::Empty) => self.discard(&path, fs::remove_file(&path)),
                Err(error) => self.notices.not_taken(&path, &error),
            }
        }
        Ok(haul)
    }

    fn sort(&mut self, haul: &mut Haul, file: SegmentFile, contents: Contents) {
        let header = file.header();
        let is_for = |(signal, destination): &(Signal, String)| {
            *signal == header.signal && *destination == header.destination
        };
        let ours = self.shelves.iter().position(is_for);
        let items = contents.pending_items();
        if contents.damaged > 0 && ours.is_some() {
            self.notices.damaged(file.path(), contents.damaged_items);
        }
        let is_expired = contents.newest_unix_nanos() < self.expired_before();
        match ours {
            Some(shelf) => {
                haul.lose(shelf, contents.damaged_items, Reason::Corrupt);
                if items > 0 {
                    *haul.recovered.entry(shelf).or_default() += items;
                    haul.segments.push((file, contents, shelf));
                } else {
                    self.discard(file.path(), file.remove());
                }
            }
            None if is_expired => {
                if let Some(shelf) = self.shelf_of(Some(header.signal)) {
                    haul.lose(shelf, contents.damaged_items, Reason::Corrupt);
                    haul.lose(shelf, items, Reason::Expired);
                }
                self.discard(file.path(), file.remove());
            }
            None => {
                haul.is_shared = true;
                let max_age = self.settings.max_age;
                let (signal, destination) = (header.signal, &header.destination);
                self.notices
                    .for_others(signal, destination, items, file.path(), max_age);
            }
        }
    }

    fn discard(&self, path: &Path, removed: io::Result<()>) {
        if let Err(error) = removed {
            self.notices.not_settled(path, &error);
        }
    }

    /// The shelf that losses of a signal are counted on.
    fn shelf_of(&self, signal: Option<Signal>) -> Option<usize> {
        let is_same = |(known, _): &(Signal, String)| Some(*known) == signal;
        self.shelves.iter().position(is_same)
    }

    /// Whether a file was last written to so long ago that nobody will send what is in it.
    fn is_old(&self, path: &Path) -> bool {
        let written = fs::symlink_metadata(path).and_then(|found| found.modified());
        let age = |written: SystemTime| written.duration_since(UNIX_EPOCH).ok();
        let nanos = written.ok().and_then(age).map(|age| age.as_nanos());
        nanos.is_some_and(|nanos| nanos < u128::from(self.expired_before()))
    }
}
