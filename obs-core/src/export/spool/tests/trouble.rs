//! A disk that fails or hangs costs nothing but the spool, and that is told.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use super::support::{Account, Dir, LONG, Leased, PAUSES, Running, Setup, body, noise};
use crate::export::backlog::Amount;
use crate::export::spool::Told;
use crate::export::spool::disk::Disk;

/// A disk whose writes fail half-way, as often as is said.
#[derive(Clone, Default)]
struct Full {
    failures: Arc<AtomicUsize>,
    /// Whether what was written cannot be cut off either.
    keeps_halves: bool,
}

impl Disk for Full {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fail = |left: usize| left.checked_sub(1);
        let failed = self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fail);
        if failed.is_err() {
            return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
        }
        std::os::unix::fs::FileExt::write_all_at(file, &bytes[..bytes.len() / 2], offset)?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        match self.keeps_halves {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => file.set_len(length),
        }
    }
}

/// A disk whose reads fail as often as is said.
#[derive(Clone, Default)]
struct Unreadable(Arc<AtomicUsize>);

impl Disk for Unreadable {
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let fail = |left: usize| left.checked_sub(1);
        let failed = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fail);
        if failed.is_ok() {
            return Err(io::Error::other("input/output error"));
        }
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
}

/// A disk that does not answer until it is let.
#[derive(Clone, Default)]
struct Hanging(Arc<(Mutex<bool>, Condvar)>);

impl Hanging {
    fn let_go(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

impl Disk for Hanging {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (may_go, let_go) = &*self.0;
        let guard = may_go.lock().unwrap();
        let waited = let_go.wait_timeout_while(guard, LONG, |may_go| !*may_go);
        drop(waited.unwrap());
        std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
    }
}

#[test]
fn a_path_below_a_file_is_told_with_the_remedy() {
    let dir = Dir::new();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let setup = Setup {
        pauses: PAUSES,
        ..Setup::default()
    };
    let running = Running::start_as(&file.join("spool"), setup);
    running.sweep();
    assert!(!running.shelf.is_open(), "closed before anything was tried");
    assert!(running.try_store(body(&["one"])).is_err());
    assert!(running.lease().is_none());
    assert!(!running.shelf.has_waiting());
    let message = running.message();
    assert!(
        message.starts_with("WARN the spool cannot use "),
        "{message}"
    );
    assert!(
        message.contains("set OBS_SPOOL_DIR to a folder of its own"),
        "{message}"
    );
    assert!(message.contains("records stay in memory"), "{message}");
    running.close();
}

#[test]
fn a_write_that_fails_half_way_leaves_nothing_behind() {
    let dir = Dir::new();
    let disk = Full::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    running.leave("before");
    disk.failures.store(1, Ordering::Relaxed);
    assert!(running.try_store(body(&["failed"])).is_err());
    running.leave("after");
    assert!(running.message().contains("make room on the disk"));
    running.kill();
    let next = Running::start(dir.path());
    assert_eq!(next.send_all(), ["before", "after"]);
    assert_eq!(next.account().corrupt, 0);
}

#[test]
fn a_file_that_cannot_be_cut_is_not_written_to_again() {
    let dir = Dir::new();
    let disk = Full {
        keeps_halves: true,
        ..Full::default()
    };
    let setup = Setup {
        disk: Box::new(disk.clone()),
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    running.leave("before");
    disk.failures.store(1, Ordering::Relaxed);
    assert!(running.try_store(body(&["failed"])).is_err());
    running.leave("after");
    assert_eq!(dir.files().len(), 2);
    running.kill();
    let next = Running::start(dir.path());
    assert_eq!(next.send_all(), ["before", "after"]);
    let account = next.account();
    assert_eq!((account.recovered, account.corrupt), (3, 1));
}

#[test]
fn a_file_that_cannot_be_begun_leaves_nothing_behind() {
    let dir = Dir::new();
    let disk = Full::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        ..Setup::default()
    };
    disk.failures.store(3, Ordering::Relaxed);
    let running = Running::start_as(dir.path(), setup);
    for _ in 0..3 {
        assert!(running.try_store(body(&["failed"])).is_err());
    }
    assert!(dir.files().is_empty());
    running.leave("after");
    assert_eq!(running.send_all(), ["after"]);
}

#[test]
fn a_disk_that_failed_is_left_alone_for_a_pause() {
    let dir = Dir::new();
    let disk = Full::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        pauses: PAUSES,
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    running.leave("before");
    assert!(running.shelf.is_open());
    disk.failures.store(2, Ordering::Relaxed);
    assert!(running.try_store(body(&["failed"])).is_err());
    assert!(!running.shelf.is_open());
    assert!(running.try_store(body(&["not tried"])).is_err());
    assert_eq!(
        disk.failures.load(Ordering::Relaxed),
        1,
        "nothing was tried"
    );
    assert_eq!(running.send_all(), ["before"], "what is there can be read");
}

#[test]
fn what_cannot_be_settled_on_disk_is_not_sent_again_by_this_process() {
    let dir = Dir::new();
    let disk = Full::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    running.leave("one");
    running.leave("two");
    disk.failures.store(1, Ordering::Relaxed);
    let one = running.lease().unwrap();
    running.shelf.done(one.ticket);
    running.sweep();
    assert!(
        running
            .message()
            .contains("records may be sent again after a restart")
    );
    assert_eq!(running.send_all(), ["two"]);
}

#[test]
fn a_folder_that_was_taken_away_is_made_again() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let under_way = running.store(body(&["under way"]));
    let given_back = running.store(body(&["given back"]));
    running.leave("lost");
    fs::remove_dir_all(&dir.folders()[0]).unwrap();
    running.leave("after");
    assert_eq!(running.send_all(), ["after"]);
    running.shelf.done(under_way);
    assert_eq!(
        running.account().corrupt,
        1,
        "what is under way is not lost"
    );
    running.shelf.release(given_back, false);
    assert_eq!(running.account().corrupt, 1, "it was given back to nowhere");
    assert!(
        running
            .message()
            .contains("was taken away, and with it 1 records")
    );
    assert_eq!(dir.folders().len(), 1);
    running.close();
    assert!(dir.folders().is_empty());
}

#[test]
fn a_file_that_was_taken_away_costs_its_records() {
    let dir = Dir::new();
    let setup = Setup {
        bytes: 1 << 20,
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    for number in 0..3 {
        running.leave(&format!("{number} {}", noise(300_000)));
    }
    let files = dir.files();
    assert_eq!(files.len(), 3);
    fs::remove_file(&files[1]).unwrap();
    fs::remove_file(&files[2]).unwrap();
    running.leave("3");
    let sent = running.send_all();
    let numbers: Vec<&str> = sent.iter().map(|text| &text[..1]).collect();
    assert_eq!(numbers, ["0", "3"]);
    assert_eq!(running.account().corrupt, 2);
}

/// Asks until the disk gives something.
fn lease_at_last(running: &Running) -> Leased {
    loop {
        if let Some(leased) = running.lease() {
            return leased;
        }
    }
}

#[test]
fn a_read_that_fails_is_tried_again_and_costs_one_record_at_last() {
    let dir = Dir::new();
    let disk = Unreadable::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    for text in ["one", "two"] {
        running.leave(text);
    }
    running.sweep();
    disk.0.store(2, Ordering::Relaxed);
    let one = lease_at_last(&running);
    assert_eq!(one.texts(), ["one"], "two failures cost nothing");
    running.shelf.release(one.ticket, false);
    disk.0.store(3, Ordering::Relaxed);
    assert_eq!(lease_at_last(&running).texts(), ["two"]);
    assert_eq!(running.account().corrupt, 1);
    assert!(running.message().contains("the spool cannot read"));
}

/// A disk that does not give one of its files.
#[derive(Clone, Default)]
struct BadFile {
    inode: Arc<AtomicU64>,
    failures: Arc<AtomicUsize>,
}

impl Disk for BadFile {
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if file.metadata()?.ino() == self.inode.load(Ordering::Relaxed) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::other("input/output error"));
        }
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
}

#[test]
fn a_file_that_cannot_be_read_lets_the_others_go_first() {
    let dir = Dir::new();
    let disk = BadFile::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        bytes: 1 << 20,
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    for number in 0..3 {
        running.leave(&format!("{number} {}", noise(200_000)));
    }
    let files = dir.files();
    assert_eq!(files.len(), 3);
    let bad = fs::metadata(&files[0]).unwrap().ino();
    disk.inode.store(bad, Ordering::Relaxed);
    for expected in ["1", "2"] {
        let leased = lease_at_last(&running);
        assert_eq!(&leased.texts()[0][..1], expected);
        running.shelf.done(leased.ticket);
    }
    assert_eq!(
        disk.failures.load(Ordering::Relaxed),
        1,
        "it was tried once"
    );
    while !dir.files().is_empty() {
        assert!(running.lease().is_none());
    }
    assert_eq!(disk.failures.load(Ordering::Relaxed), 3);
    assert_eq!(running.account().corrupt, 1);
}

#[test]
fn reads_pause_after_one_failed() {
    let dir = Dir::new();
    let disk = Unreadable::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        pauses: PAUSES,
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    running.leave("one");
    running.sweep();
    assert!(running.shelf.has_waiting());
    disk.0.store(1, Ordering::Relaxed);
    assert!(running.lease().is_none());
    assert!(!running.shelf.has_waiting(), "nobody asks in vain");
    assert!(running.lease().is_none());
    assert_eq!(running.account(), Account::default());
    running.close();
    let next = Running::start(dir.path());
    assert_eq!(next.send_all(), ["one"]);
}

#[test]
fn a_disk_that_hangs_holds_a_bounded_amount_and_nobody() {
    let dir = Dir::new();
    let disk = Hanging::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    let mut tickets = Vec::new();
    while running.shelf.is_open() {
        tickets.push(running.shelf.store(body(&["one"])));
        assert!(tickets.len() <= 8, "there is a bound");
    }
    assert_eq!(tickets.len(), 8);
    let refused = running.shelf.store(body(&["too much"]));
    running.shelf.lease(Amount::default());
    assert!(!running.shelf.has_waiting());
    let spool = running.spool.as_ref().unwrap();
    assert!(!spool.close(Instant::now()), "it does not end in time");
    disk.let_go();
    for ticket in tickets {
        assert!(matches!(running.next(), Told::Stored(stored) if stored == ticket));
    }
    assert!(matches!(running.next(), Told::NotStored(ticket) if ticket == refused));
    assert!(matches!(running.next(), Told::Empty));
    assert!(
        spool.close(Instant::now() + LONG),
        "a second call waits for the same"
    );
}

#[test]
fn few_large_bodies_are_as_much_as_many_small_ones() {
    let dir = Dir::new();
    let disk = Hanging::default();
    let setup = Setup {
        disk: Box::new(disk.clone()),
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    let large = "x".repeat(9 << 20);
    for _ in 0..2 {
        assert!(running.shelf.is_open());
        running.shelf.store(body(&[&large]));
    }
    assert!(!running.shelf.is_open());
    disk.let_go();
    running.close();
}

#[test]
fn a_folder_that_lost_its_lock_is_taken_over_by_ourselves() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("one");
    fs::remove_file(dir.folders()[0].join("lock")).unwrap();
    running.leave("two");
    assert_eq!(running.send_all(), ["two"]);
    let account = running.account();
    assert_eq!((account.corrupt, account.recovered), (1, 1));
    assert_eq!(running.send_all(), ["one"]);
    running.close();
    assert!(dir.folders().is_empty());
}

/// A disk that nobody thought of.
struct Defect;

impl Disk for Defect {
    fn write_at(&self, _: &File, _: &[u8], _: u64) -> io::Result<()> {
        panic!("a defect")
    }
}

#[test]
fn a_defect_ends_the_spool_and_nothing_else() {
    let dir = Dir::new();
    let setup = Setup {
        disk: Box::new(Defect),
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    assert!(running.try_store(body(&["one"])).is_err());
    assert!(running.lease().is_none());
    assert!(!running.shelf.is_open());
    let message = running.message();
    assert!(
        message.starts_with("ERROR nothing is spooled: a defect in obs-core"),
        "{message}"
    );
    running.close();
}

#[test]
fn after_the_end_everything_is_answered_with_no() {
    let dir = Dir::new();
    let mut running = Running::start(dir.path());
    running.leave("one");
    running.spool.take().unwrap().kill();
    assert!(!running.shelf.is_open() && !running.shelf.has_waiting());
    assert!(running.try_store(body(&["two"])).is_err());
    assert!(running.lease().is_none());
}
