//! Outages that are longer than memory.

use std::{ops::Range, time::Duration};

use obs_core::testing::Receiver;
use obs_tests::{
    emitter::{Account, Emitter},
    fault::Fault,
    spool::SpoolFolder,
    tally::Tally,
    wait,
};

use super::support::{SIGNALS, assert_each_once, emit, spools, until, until_on_disk, until_sent};

#[test]
fn nothing_is_lost_while_the_backend_refuses_for_longer_than_memory() {
    assert_survives(Fault::Refused);
}

#[test]
fn nothing_is_lost_while_the_backend_is_unavailable_for_longer_than_memory() {
    assert_survives(Fault::Unavailable);
}

#[test]
fn nothing_is_lost_while_the_backend_hangs_for_longer_than_memory() {
    assert_survives(Fault::Hang);
}

#[test]
fn nothing_is_lost_while_the_backend_reads_nothing_for_longer_than_memory() {
    assert_survives(Fault::HalfOpen);
}

#[test]
fn nothing_is_lost_while_the_backend_resets_for_longer_than_memory() {
    assert_survives(Fault::ResetUntaken);
}

/// Emits many times what memory holds, as fast as the disk takes it.
fn assert_survives(fault: Fault) {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let setup = spools(&spool, &receiver)
        .var("OBS_QUEUE_SIZE", "256k")
        // Nothing is given up as unanswered: what is sent twice would be sent twice for the spool.
        .var("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")
        .var("LOG_FILE_PATH", "off");
    let mut emitter = Emitter::start(&setup);
    emit(&mut emitter, 10);
    emitter.flush_all();
    assert_eq!(spool.size(), 0, "{fault:?}: there was no need");

    fault.begin(&receiver);
    for _ in 0..ROUNDS {
        emitter.tell(&format!("logs {ROUND} info 1024"));
        emitter.tell(&format!("spans {ROUND}"));
        until(&mut emitter, "memory is free again", |account| {
            account.queued == 0
        });
    }
    assert!(!emitter.flush(Duration::from_millis(50)), "{fault:?}");
    let during = emitter.status();
    for signal in SIGNALS {
        let account = during.of(signal);
        assert!(account.spooled > account.accepted / 2, "{account:?}");
        assert_eq!(account.dropped_total(), 0, "{fault:?} {signal}");
    }
    fault.end(&receiver);

    emit(&mut emitter, 10);
    emitter.flush_all();
    let after = until_sent(&mut emitter);
    for (signal, tally) in [
        ("logs", Tally::of_logs(&receiver)),
        ("traces", Tally::of_spans(&receiver)),
    ] {
        let account = after.of(signal);
        assert_eq!(account.accepted, ROUNDS * ROUND + 20, "{fault:?} {signal}");
        assert_eq!(tally.missing(account.accepted), [0; 0], "{fault:?}");
        let doubled = tally.doubled();
        assert!(doubled <= account.resent_unknown, "{fault:?}: {doubled}");
        if matches!(fault, Fault::Unavailable | Fault::Hang) {
            assert_eq!(doubled, 0, "{fault:?}: it answered in the end");
        }
    }
    wait::until("the spool is empty", || {
        spool.segments().is_empty().then_some(())
    });
}

#[test]
fn new_records_do_not_wait_for_the_backlog() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let setup = spools(&spool, &receiver)
        .var("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "10")
        .var("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10");
    let mut emitter = Emitter::start(&setup);
    receiver.refuse();
    emit(&mut emitter, BACKLOG);
    until_on_disk(&spool, BACKLOG);

    // Many requests, each of them slow.
    receiver.answer_after(Duration::from_millis(50));
    receiver.listen();
    receiver.wait_until(|receiver| is_replayed(receiver, 1..BACKLOG));
    emit(&mut emitter, 1);
    receiver.wait_until(|receiver| has_fresh(&receiver.log_batches("id")));
    receiver.wait_until(|receiver| has_fresh(&receiver.span_batches("id")));
    assert!(is_replayed(&receiver, 1..BACKLOG), "the backlog is through");
    let during = emitter.status();
    let waits = |account: Account| account.spooled > 0;
    assert!(SIGNALS.iter().all(|signal| waits(during.of(signal))));

    receiver.answer_after(Duration::ZERO);
    until_sent(&mut emitter);
    assert_each_once(&receiver, BACKLOG + 1);
    for batches in [receiver.log_batches("id"), receiver.span_batches("id")] {
        let replayed: Vec<i64> = batches.concat();
        let first_half = &replayed[..replayed.len() / 2];
        let old = first_half.iter().filter(|id| **id < BACKLOG as i64 / 2);
        // Requests overtake each other, but not by much.
        assert!(old.count() * 10 > first_half.len() * 9, "{replayed:?}");
    }
}

/// Whether so many of the log records and so many of the spans arrived.
fn is_replayed(receiver: &Receiver, count: Range<u64>) -> bool {
    let logs = receiver.log_count() as u64;
    let spans = receiver.span_count() as u64;
    count.contains(&logs) && count.contains(&spans)
}

fn has_fresh(batches: &[Vec<i64>]) -> bool {
    batches.iter().flatten().any(|id| *id >= BACKLOG as i64)
}

#[test]
fn outages_in_the_middle_of_the_replay_lose_nothing() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let setup = spools(&spool, &receiver)
        .var("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "10")
        .var("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10");
    let mut emitter = Emitter::start(&setup);
    for fault in [Fault::Unavailable, Fault::Refused, Fault::Unavailable] {
        fault.begin(&receiver);
        emit(&mut emitter, 300);
        until(&mut emitter, "memory is free again", |account| {
            account.queued == 0
        });
        let before = receiver.log_count();
        fault.end(&receiver);
        receiver.wait_until(|receiver| receiver.log_count() > before);
    }
    let status = until_sent(&mut emitter);
    for (signal, tally) in [
        ("logs", Tally::of_logs(&receiver)),
        ("traces", Tally::of_spans(&receiver)),
    ] {
        let account = status.of(signal);
        assert_eq!(tally.missing(900), [0; 0], "{signal}: {account:?}");
        // Refusing closes connections whose answers may be on the way.
        let doubled = tally.doubled();
        assert!(doubled <= account.resent_unknown, "{signal}: {account:?}");
    }
}

const ROUNDS: u64 = 20;
/// Log records of little more than 1 KiB: as much as memory takes beside the requests under way.
const ROUND: u64 = 50;
const BACKLOG: u64 = 2_000;
