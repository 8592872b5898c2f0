//! Requests that a backend will not take while it takes others: poison, and what is too large.

use std::{ops::Range, time::Duration};

use obs_core::testing::{Payload, ReceivedRequest, Receiver, Reply, attribute};
use obs_tests::{
    emitter::{self, Emitter},
    tally::Tally,
};

use crate::faults::{BATCH, assert_all_came_once, in_small_batches};

#[test]
fn a_batch_that_the_backend_refuses_for_ever_takes_no_other_with_it() {
    for status in [400, 500] {
        let (receiver, mut emitter) = poisoned(status);
        emitter.flush_all();
        let account = emitter.account("logs");
        assert_eq!(account.rejected, BATCH, "{status}: {account:?}");
        assert_eq!(account.dropped_total(), 0, "{status}: {account:?}");
        assert_only_poison_is_missing(&receiver, account.emitted);
    }
}

#[test]
fn a_record_that_fails_for_ever_is_found_and_set_aside_while_others_go_on() {
    let (receiver, mut emitter) = poisoned(503);
    // It is tried between others, fails, and in the end is alone and out of their way.
    let mut came = BATCHES * BATCH - 1;
    let is_aside = |emitter: &Emitter| {
        let mut warnings = emitter.warnings().into_iter();
        warnings.any(|line| line.contains("1 log records are set aside"))
    };
    while !is_aside(&emitter) {
        assert!(came < 200 * BATCH, "{:#?}", emitter.warnings());
        emitter.tell(&format!("logs {BATCH}"));
        came += BATCH;
        emitter.give("flush 100");
        assert_eq!(emitter.answer()["flushed"], false);
    }
    receiver.wait_until(|receiver| Tally::of_logs(receiver).total() == came);
    let (accounts, _) = emitter.shutdown(Duration::from_secs(2));
    let account = accounts.of("logs");
    assert_eq!(account.dropped_total(), 1, "{account:?}");
    assert_eq!(account.exported, account.accepted - 1, "{account:?}");
    let tally = Tally::of_logs(&receiver);
    assert_eq!(tally.missing(account.emitted), [POISON]);
    assert_eq!(tally.doubled(), 0);
}

/// A backend that says no to one of the records, and an emitter that has it among others.
fn poisoned(status: u16) -> (Receiver, Emitter) {
    let receiver = Receiver::start();
    receiver.reply_when(move |request| has_poison(request).then(|| Reply::status(status)));
    let mut emitter = Emitter::start(&in_small_batches(emitter::sends_to(&receiver)));
    emitter.tell(&format!("logs {}", BATCHES * BATCH));
    (receiver, emitter)
}

fn has_poison(request: &ReceivedRequest) -> bool {
    let Payload::Logs(logs) = request.payload() else {
        return false;
    };
    let scopes = logs.resource_logs.iter().flat_map(|all| &all.scope_logs);
    scopes
        .flat_map(|scope| &scope.log_records)
        .any(|record| attribute(&record.attributes, "id") == Some(POISON.to_string()))
}

fn assert_only_poison_is_missing(receiver: &Receiver, emitted: u64) {
    let tally = Tally::of_logs(receiver);
    let first = POISON / BATCH as i64 * BATCH as i64;
    let batch: Range<i64> = first..first + BATCH as i64;
    assert_eq!(tally.missing(emitted), batch.collect::<Vec<_>>());
    assert_eq!(tally.doubled(), 0);
}

#[test]
fn what_is_too_large_for_the_backend_arrives_in_parts() {
    let receiver = Receiver::start();
    receiver.reply_when(|request| (request.body.len() > 4096).then(|| Reply::status(413)));
    let mut emitter = Emitter::start(&emitter::sends_to(&receiver));
    emitter.tell("logs 500 info 100");
    emitter.tell("spans 500");
    emitter.tell("counter 1");
    emitter.flush_all();
    assert_all_came_once(&mut emitter, &receiver);
    // One that is too large by itself is refused, and only that one.
    emitter.tell("logs 1 info 8192");
    emitter.tell("logs 99 info 100");
    emitter.flush_all();
    let account = emitter.account("logs");
    assert_eq!(
        (account.exported, account.rejected),
        (599, 1),
        "{account:?}"
    );
    let tally = Tally::of_logs(&receiver);
    assert_eq!(tally.missing(600), [500]);
    assert_eq!(tally.doubled(), 0);
}

/// Requests of the poison test, with the poison in one of them.
const BATCHES: u64 = 5;
const POISON: i64 = 123;
