//! Gives records away, many small ones at once, and takes them back.

use std::io;
use std::time::{Duration, Instant};

use super::catalog::Place;
use super::keeper::Keeper;
use super::replay;
use super::scan::State;
use super::shelf::{Ticket, Told};
use crate::export::account::Reason;
use crate::export::backlog::Amount;
use crate::export::batch::Batch;

/// Records of one file that somebody has.
pub(super) struct Lease {
    /// In the order in which they stand.
    pub(super) places: Vec<Place>,
    pub(super) shelf: usize,
    /// Of all of them together.
    pub(super) items: u64,
    pub(super) is_own: bool,
}

/// Why a record cannot be sent.
enum Unusable {
    /// It is damaged.
    Corrupt,
    /// The disk does not give it.
    Disk(io::Error),
}

impl Keeper {
    /// The oldest record that can be sent, and as many of those behind it as fit.
    pub(super) fn lease(&mut self, shelf: usize, most: Amount) -> Told {
        while self.resumes_at().is_none() {
            let Some((place, oldest)) = self.catalog.oldest_waiting(shelf) else {
                break;
            };
            if oldest < self.expired_before() {
                self.expire();
                continue;
            }
            match self.load(place) {
                Ok(batch) => {
                    self.reads.succeeded();
                    self.catalog.read_succeeded(place);
                    return self.give(shelf, place, batch, most);
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

    /// Gives a record away, together with others.
    fn give(&mut self, shelf: usize, first: Place, batch: Batch, most: Amount) -> Told {
        let found = self.catalog.record(first);
        let (own, may_have_arrived) = found.map_or((false, true), |(segment, entry)| {
            (segment.is_own, entry.may_have_arrived)
        });
        // From here on its file stays, whatever becomes of the others in it.
        self.catalog.set(first, State::Leased);
        let mut places = vec![first];
        let batch = self.gather(&mut places, batch, may_have_arrived, most);
        let ticket = self.mailbox.ticket();
        let lease = Lease {
            places,
            shelf,
            items: batch.items as u64,
            is_own: own,
        };
        self.leased.insert(ticket, lease);
        Told::Leased {
            ticket,
            batch,
            may_have_arrived,
            own,
        }
    }

    /// Adds what follows in the same file, as far as it fits and one request can carry both: what
    /// is stored every moment of an outage would take as many requests otherwise.
    fn gather(
        &mut self,
        places: &mut Vec<Place>,
        first: Batch,
        may_have_arrived: bool,
        most: Amount,
    ) -> Batch {
        let Batch {
            resource,
            mut segments,
            mut bytes,
            mut items,
        } = first;
        let mut last = places.last().copied();
        while bytes < most.bytes
            && items < most.items
            && let Some((place, entry)) = last.and_then(|last| self.catalog.waiting_after(last))
        {
            last = Some(place);
            if entry.oldest_unix_nanos < self.expired_before() {
                self.lose(&[place], Reason::Expired);
                continue;
            }
            if entry.may_have_arrived != may_have_arrived {
                break;
            }
            match self.load(place) {
                Ok(next)
                    if next.resource == resource
                        && bytes.saturating_add(next.bytes) <= most.bytes
                        && items.saturating_add(next.items) <= most.items =>
                {
                    bytes += next.bytes;
                    items += next.items;
                    segments.extend(next.segments);
                    self.catalog.set(place, State::Leased);
                    places.push(place);
                }
                Err(Unusable::Corrupt) => self.lose_damaged(place),
                // It comes first the next time, and so does what is wrong with the disk.
                Ok(_) | Err(Unusable::Disk(_)) => break,
            }
        }
        Batch::new(segments).of(resource)
    }

    fn load(&self, place: Place) -> Result<Batch, Unusable> {
        let (segment, entry) = self.catalog.record(place).ok_or(Unusable::Corrupt)?;
        let read = segment.file.read(&*self.disk, entry.offset, entry.length);
        let record = read.map_err(Unusable::Disk)?.ok_or(Unusable::Corrupt)?;
        let now = crate::clock::unix_nanos();
        let age = now.saturating_sub(record.header.oldest_unix_nanos);
        let since = replay::since(Duration::from_nanos(age));
        let signal = segment.file.header().signal;
        let batch = replay::batch(signal, &record.payload, entry.items, since, &self.redactor);
        batch.ok_or(Unusable::Corrupt)
    }

    /// Notes that what was leased is being sent.
    pub(super) fn note_sending(&self, ticket: Ticket) {
        let places = self.leased.get(&ticket).map(|lease| &lease.places);
        let records = places.into_iter().flatten();
        let mut records = records.filter_map(|place| self.catalog.record(*place));
        let Some((segment, first)) = records.next() else {
            return;
        };
        let offsets = records.map(|(_, entry)| entry.offset);
        let offsets = std::iter::once(first.offset).chain(offsets);
        // Without the note a record that is doubled is not counted as such; it is sent all the same.
        if let Err(error) = segment.file.mark_sent(&*self.disk, offsets) {
            self.notices.not_settled(segment.file.path(), &error);
        }
    }

    /// Takes back what was leased.
    pub(super) fn release(&mut self, ticket: Ticket, may_have_arrived: bool) {
        let Some(lease) = self.leased.remove(&ticket) else {
            return;
        };
        let is_there = |place: &Place| self.catalog.segment(place.segment).is_some();
        if lease.places.iter().all(is_there) {
            for place in lease.places {
                self.catalog.set_arrived(place, may_have_arrived);
                self.catalog.set(place, State::Waiting);
            }
        } else {
            // Their file was taken away meanwhile.
            let (reason, own) = (Reason::Corrupt, lease.is_own);
            let items = lease.items;
            self.mailbox
                .tell(lease.shelf, Told::Lost { items, reason, own });
        }
    }

    /// A disk that does not answer for a moment must not cost everything that is on it.
    fn read_failed(&mut self, place: Place, error: &io::Error) {
        let times = self.catalog.read_failed(place);
        self.reads.failed(Instant::now());
        if let Some(segment) = self.catalog.segment(place.segment) {
            self.notices.not_read(segment.file.path(), error);
        }
        if times >= MOST_READS {
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
}

/// A record that the disk does not give so often is given up.
const MOST_READS: u32 = 3;
