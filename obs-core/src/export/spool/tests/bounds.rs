//! Neither bytes nor age grow beyond what is allowed, and what goes is counted.

use std::fs;
use std::time::Duration;

use super::support::{Account, Dir, Running, Setup, body, noise};
use crate::clock::unix_nanos;
use crate::export::account::Reason;
use crate::export::spool::Told;

const MIB: u64 = 1 << 20;

fn small() -> Setup {
    Setup {
        bytes: MIB,
        ..Setup::default()
    }
}

fn bytes_in(dir: &Dir) -> u64 {
    let lengths = dir.files().into_iter();
    lengths.map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn the_oldest_make_room_for_the_newest() {
    let dir = Dir::new();
    let running = Running::start_as(dir.path(), small());
    let mut most_files = 0;
    for number in 0..100 {
        running.leave(&format!("{number} {}", noise(40_000)));
        assert!(bytes_in(&dir) <= MIB);
        most_files = most_files.max(dir.files().len());
    }
    assert!(most_files >= 4, "one file is not most of it: {most_files}");
    let lost = running.account().full;
    assert!((30..80).contains(&lost), "{lost}");
    let sent = running.send_all();
    let numbers = sent.iter().map(|text| text.split(' ').next().unwrap());
    let numbers: Vec<u64> = numbers.map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers, (lost..100).collect::<Vec<_>>());
    let messages = running.messages();
    assert!(
        messages[0].contains("the spool is full (1048576 bytes)"),
        "{messages:?}"
    );
}

#[test]
fn what_somebody_has_makes_no_room() {
    let dir = Dir::new();
    let running = Running::start_as(dir.path(), small());
    let mut stored = 0;
    while running.try_store(body(&[&noise(200_000)])).is_ok() {
        stored += 1;
        assert!(stored < 20, "there is a bound");
    }
    assert!(bytes_in(&dir) <= MIB);
    assert_eq!(running.account(), Account::default());
    assert!(running.message().contains("of records that are being sent"));
}

#[test]
fn what_comes_over_is_within_the_bound() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    for _ in 0..40 {
        running.leave(&noise(100_000));
        // A file for each.
        running.sweep();
    }
    running.kill();
    let next = Running::start_as(dir.path(), small());
    let account = next.account();
    let sent = next.send_all().len() as u64;
    assert_eq!(account.recovered, 40);
    assert_eq!(account.full + sent, 40);
    assert!(bytes_in(&dir) <= MIB);
}

#[test]
fn a_body_that_never_fits_is_refused_and_others_are_not() {
    let dir = Dir::new();
    let running = Running::start_as(dir.path(), small());
    let ticket = running.shelf.store(body(&[&noise(4 << 20)]));
    assert!(matches!(running.next(), Told::TooLarge(refused) if refused == ticket));
    assert!(running.shelf.is_open());
    running.leave("small");
    assert_eq!(running.send_all(), ["small"]);
    assert!(
        running
            .message()
            .contains("is larger than the spool may be")
    );
}

#[test]
fn what_is_too_old_is_dropped_and_counted() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let aged = |text: &str, hours| {
        let mut aged = body(&[text]);
        aged.oldest_unix_nanos = unix_nanos() - Duration::from_hours(hours).as_nanos() as u64;
        aged
    };
    let held = running.store(aged("held", 9));
    for (text, hours) in [("new", 0), ("old", 5), ("older", 8), ("less old", 3)] {
        let ticket = running.store(aged(text, hours));
        running.shelf.release(ticket, false);
    }
    assert_eq!(running.account().expired, 2);
    running.shelf.release(held, false);
    assert_eq!(running.send_all(), ["new", "less old"]);
    assert_eq!(
        running.account().expired,
        1,
        "noticed when it was to be sent"
    );
}

#[test]
fn what_is_lost_says_whose_it_was() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("of the first process");
    running.kill();
    let next = Running::start(dir.path());
    next.leave("of the second process");
    next.sweep();
    assert!(matches!(next.next(), Told::Recovered { items: 1 }));
    for path in dir.files() {
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    assert!(next.lease().is_none());
    let mut owners = [next.next(), next.next()].map(|told| match told {
        Told::Lost {
            items: 1,
            reason: Reason::Corrupt,
            own,
        } => own,
        other => panic!("{other:?}"),
    });
    owners.sort_unstable();
    assert_eq!(owners, [false, true]);
}
