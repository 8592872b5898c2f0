//! What was stored in small pieces comes back in large ones; each piece stands for itself.

use std::fs;
use std::time::Duration;

use super::support::{Account, Dir, Leased, Running, body, body_of, noise, request};
use crate::clock::unix_nanos;
use crate::export::account::Reason;
use crate::export::backlog::Amount;
use crate::export::spool::format::{FileHeader, RecordHeader};
use crate::export::spool::{Body, Told};

const MOST: usize = 64 * 1024;

/// Stores a body, and leaves it there.
fn leave(running: &Running, body: Body) {
    let may_have_arrived = body.may_have_arrived;
    let ticket = running.store(body);
    running.shelf.release(ticket, may_have_arrived);
}

/// Stores numbered records of about a kilobyte, one by one.
fn leave_numbers(running: &Running, numbers: std::ops::Range<usize>) -> Vec<String> {
    let texts = numbers.map(|number| format!("{number} {}", noise(1_000)));
    let texts: Vec<String> = texts.collect();
    texts.iter().for_each(|text| running.leave(text));
    texts
}

fn lease_all(running: &Running) -> Vec<Leased> {
    std::iter::from_fn(|| running.lease_within(MOST)).collect()
}

fn texts(leased: &[Leased]) -> Vec<String> {
    leased.iter().flat_map(Leased::texts).collect()
}

/// Damages the payload of a record, counted from the first of the only file.
fn damage(dir: &Dir, record: usize) {
    let path = &dir.files()[0];
    let mut bytes = fs::read(path).unwrap();
    let (header, first) = FileHeader::parse(&bytes).unwrap();
    let starts = bytes.windows(8).enumerate();
    let mut starts =
        starts.filter(|(at, window)| *at >= first as usize && *window == header.marker);
    let (start, _) = starts.nth(record).unwrap();
    bytes[start + RecordHeader::LEN + 20] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn many_small_bodies_come_back_in_few_leases_in_order() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let stored = leave_numbers(&running, 0..500);
    let leased = lease_all(&running);
    assert!((9..=11).contains(&leased.len()), "{}", leased.len());
    assert_eq!(texts(&leased), stored);
    for leased in &leased {
        assert!(leased.batch.bytes <= MOST && leased.own);
        assert_eq!(leased.batch.items, leased.texts().len());
        assert!(leased.batch.resource.is_some());
    }
    for leased in leased {
        running.shelf.done(leased.ticket);
    }
    assert_eq!(running.account(), Account::default());
    assert!(dir.files().is_empty(), "all of it is settled");
}

#[test]
fn what_is_given_back_comes_again_as_a_whole() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let stored = leave_numbers(&running, 0..30);
    let first = running.lease_within(MOST).unwrap();
    assert_eq!(first.texts(), stored);
    assert!(!first.may_have_arrived);
    running.shelf.release(first.ticket, true);
    let again = running.lease_within(MOST).unwrap();
    assert_eq!(again.texts(), stored);
    assert!(again.may_have_arrived);
    running.shelf.done(again.ticket);
    assert!(running.lease_within(MOST).is_none());
}

#[test]
fn a_kill_in_between_keeps_what_is_not_done() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let stored = leave_numbers(&running, 0..150);
    let [done, sent, held] = [(); 3].map(|()| running.lease_within(MOST).unwrap());
    running.shelf.done(done.ticket);
    running.shelf.sending(sent.ticket);
    running.sweep();
    running.kill();
    let next = Running::start(dir.path());
    let found = lease_all(&next);
    assert_eq!(texts(&found), stored[done.batch.items..]);
    let doubted = found.iter().filter(|leased| leased.may_have_arrived);
    let doubted: Vec<String> = doubted.flat_map(Leased::texts).collect();
    assert_eq!(doubted, sent.texts());
    assert_eq!(found[1].texts(), held.texts(), "it was not sent");
    let recovered = 150 - done.batch.items as u64;
    assert_eq!(next.account().recovered, recovered);
}

#[test]
fn damage_in_the_middle_costs_one_piece() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let mut stored = leave_numbers(&running, 0..40);
    running.sweep();
    damage(&dir, 17);
    stored.remove(17);
    let leased = running.lease_within(MOST).unwrap();
    assert_eq!(leased.texts(), stored);
    assert_eq!(running.account().corrupt, 1);
    running.shelf.done(leased.ticket);
    running.sweep();
    assert!(dir.files().is_empty());
}

#[test]
fn what_is_too_old_in_the_middle_is_lost_alone() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("before");
    let mut old = body(&["old", "older"]);
    old.oldest_unix_nanos = unix_nanos() - Duration::from_hours(5).as_nanos() as u64;
    leave(&running, old);
    running.leave("after");
    let leased = running.lease_within(MOST).unwrap();
    assert_eq!(leased.texts(), ["before", "after"]);
    assert_eq!(running.account().expired, 2);
}

#[test]
fn what_one_request_cannot_carry_comes_apart() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("ours");
    let mut theirs = request(&["theirs"]);
    theirs.resource_logs[0].resource = None;
    leave(&running, body_of(&theirs, 1));
    leave(&running, body_of(&theirs, 1));
    leave(
        &running,
        Body {
            may_have_arrived: true,
            ..body_of(&theirs, 1)
        },
    );
    let leased = lease_all(&running);
    let texts: Vec<_> = leased.iter().map(Leased::texts).collect();
    assert_eq!(
        texts,
        [vec!["ours"], vec!["theirs", "theirs"], vec!["theirs"]]
    );
    let doubts: Vec<bool> = leased.iter().map(|found| found.may_have_arrived).collect();
    assert_eq!(doubts, [false, false, true]);
}

#[test]
fn a_large_one_comes_alone() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let large = noise(2 * MOST);
    for text in ["before", &large, "after", "last"] {
        running.leave(text);
    }
    let leased = lease_all(&running);
    let texts: Vec<_> = leased.iter().map(Leased::texts).collect();
    assert_eq!(texts, [vec!["before"], vec![&large], vec!["after", "last"]]);
}

#[test]
fn a_file_that_is_taken_away_meanwhile_costs_all_that_is_given_back() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    leave_numbers(&running, 0..5);
    let leased = running.lease_within(MOST).unwrap();
    leave_numbers(&running, 5..7);
    fs::remove_file(&dir.files()[0]).unwrap();
    assert!(running.lease_within(MOST).is_none());
    running.shelf.release(leased.ticket, false);
    running.sweep();
    let lost = [running.next(), running.next()].map(|told| match told {
        Told::Lost {
            items,
            reason: Reason::Corrupt,
            own: true,
        } => items,
        other => panic!("{other:?}"),
    });
    assert_eq!(lost, [2, 5]);
}

#[test]
fn no_more_records_come_back_than_one_request_may_carry() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    leave_numbers(&running, 0..10);
    running.shelf.lease(Amount {
        items: 3,
        bytes: usize::MAX,
    });
    let Told::Leased { batch, .. } = running.next() else {
        panic!("nothing was leased");
    };
    assert_eq!(batch.items, 3);
}
