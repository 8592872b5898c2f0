//! Records of processes that are gone are sent by those that live, to where they were meant to go.

use std::fs;
use std::time::Duration;

use super::support::{Account, Dir, Running, Setup, body};
use crate::clock::unix_nanos;
use crate::export::spool::Told;

const THERE: &str = "http://there:4318/v1/logs";

fn elsewhere() -> Setup {
    Setup {
        destination: THERE,
        ..Setup::default()
    }
}

#[test]
fn what_a_killed_process_left_is_sent_and_told() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.store(body(&["one", "two"]));
    running.leave("three");
    running.kill();
    let next = Running::start(dir.path());
    assert!(matches!(next.next(), Told::Recovered { items: 3 }));
    let first = next.lease().unwrap();
    assert!(!first.own);
    assert_eq!(first.texts(), ["one", "two"]);
    next.shelf.done(first.ticket);
    assert_eq!(next.send_all(), ["three"]);
    let message = next.message();
    assert!(
        message.starts_with("WARN an earlier process ended without a shutdown ("),
        "{message}"
    );
    assert!(
        message.ends_with(
            "3 records that it had spooled are sent now; what it held in memory then is lost"
        ),
        "{message}"
    );
    next.close();
    assert!(dir.folders().is_empty());
}

#[test]
fn a_killed_process_that_spooled_nothing_is_told() {
    let dir = Dir::new();
    Running::start(dir.path()).kill();
    let next = Running::start(dir.path());
    assert_eq!(next.account(), Account::default());
    assert!(
        next.message()
            .contains("it left nothing on disk to send here")
    );
    assert_eq!(dir.folders().len(), 1, "only ours is left");
}

#[test]
fn what_a_process_left_in_order_is_sent_without_a_warning() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("one");
    assert_eq!(running.close(), [""; 0]);
    let next = Running::start(dir.path());
    assert_eq!(next.send_all(), ["one"]);
    let message = next.message();
    assert!(
        message.starts_with("INFO 1 records that an earlier process spooled are sent now"),
        "{message}"
    );
}

#[test]
fn the_unclean_end_of_a_process_is_told_once() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("one");
    running.kill();
    let second = Running::start(dir.path());
    second.sweep();
    assert_eq!(second.messages().len(), 1);
    second.close();
    let third = Running::start(dir.path());
    assert_eq!(third.send_all(), ["one"]);
    assert!(third.message().starts_with("INFO"));
}

#[test]
fn two_processes_share_a_directory_without_touching_each_other() {
    let dir = Dir::new();
    let [first, second] = [(); 2].map(|()| Running::start(dir.path()));
    first.leave("first");
    second.leave("second");
    first.sweep();
    second.sweep();
    assert_eq!(dir.folders().len(), 2);
    assert_eq!(first.send_all(), ["first"]);
    first.kill();
    assert_eq!(second.send_all(), ["second"]);
    assert_eq!(second.account(), Account::default());
}

#[test]
fn a_live_process_takes_over_what_another_leaves() {
    let dir = Dir::new();
    let [first, second] = [(); 2].map(|()| Running::start(dir.path()));
    second.sweep();
    first.leave("older");
    second.leave("newer");
    first.kill();
    second.sweep();
    assert_eq!(second.send_all(), ["older", "newer"], "the oldest first");
    assert_eq!(second.account().recovered, 1);
    second.close();
    assert!(dir.folders().is_empty());
}

#[test]
fn records_for_another_destination_wait_for_a_process_that_sends_there() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("for here");
    running.close();
    let other = Running::start_as(dir.path(), elsewhere());
    assert!(other.lease().is_none());
    assert_eq!(other.account(), Account::default());
    other.sweep();
    let message = other.message();
    assert!(
        message.contains("1 log records of an earlier process wait in")
            && message
                .contains("for http://here:4318/v1/logs, which is not where this process sends")
            && message.contains("dropped when they are 4 h old"),
        "{message}"
    );
    // The lock is free again: who sends there need not wait until this one ends.
    let back = Running::start(dir.path());
    assert_eq!(back.send_all(), ["for here"]);
    other.close();
    back.close();
    assert!(dir.folders().is_empty());
}

#[test]
fn a_folder_for_two_destinations_is_sent_in_part() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("for here");
    running.kill();
    let other = Running::start_as(dir.path(), elsewhere());
    other.leave("for there");
    other.kill();
    let [here, there] = [0, 1].map(|at| dir.files()[at].clone());
    let together = there.parent().unwrap().join("logs-00000009.spool");
    fs::rename(&here, &together).unwrap();
    let next = Running::start(dir.path());
    assert_eq!(next.send_all(), ["for here"]);
    assert_eq!(dir.files(), [there]);
    let last = Running::start_as(dir.path(), elsewhere());
    assert_eq!(last.send_all(), ["for there"]);
}

#[test]
fn records_for_others_are_dropped_and_counted_when_they_are_too_old() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let mut old = body(&["one", "two"]);
    old.oldest_unix_nanos = unix_nanos() - Duration::from_hours(3).as_nanos() as u64;
    running.store(old);
    running.close();
    let patient = Running::start_as(dir.path(), elsewhere());
    assert_eq!(patient.account(), Account::default());
    patient.close();
    assert_eq!(dir.files().len(), 1);
    let setup = Setup {
        max_age: Duration::from_hours(2),
        ..elsewhere()
    };
    let next = Running::start_as(dir.path(), setup);
    let account = next.account();
    assert_eq!((account.recovered, account.expired), (2, 2));
    assert!(dir.files().is_empty());
}
