//! What one process could not send, and another finds.

use std::time::Duration;

use obs_core::testing::Receiver;
use obs_tests::{emitter::Emitter, fault::Fault, spool::SpoolFolder, tally::Tally};

use super::support::{
    SIGNALS, assert_each_once, emit, spools, until, until_on_disk, until_sent, until_warned,
};

#[test]
fn what_was_on_disk_survives_sigkill_while_the_backend_refuses() {
    assert_survives_sigkill(Fault::Refused);
}

#[test]
fn what_was_on_disk_survives_sigkill_while_the_backend_is_unavailable() {
    assert_survives_sigkill(Fault::Unavailable);
}

#[test]
fn what_was_on_disk_survives_sigkill_while_the_backend_hangs() {
    assert_survives_sigkill(Fault::Hang);
}

fn assert_survives_sigkill(fault: Fault) {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let mut killed = Emitter::start(&spools(&spool, &receiver));
    fault.begin(&receiver);
    emit(&mut killed, 500);
    until_on_disk(&spool, 500);
    // What comes in the last moment is what SIGKILL may take.
    emit(&mut killed, 5);
    killed.kill();

    let mut next = Emitter::start(&spools(&spool, &receiver));
    let said = until_warned(&next, "ended without a shutdown");
    next.tell("ids 505");
    emit(&mut next, 100);
    fault.end(&receiver);
    let status = until_sent(&mut next);
    let found = status.of("logs").recovered + status.of("traces").recovered;
    assert!(said.contains(&format!(" {found} records")), "{said}");
    for (signal, tally) in [
        ("logs", Tally::of_logs(&receiver)),
        ("traces", Tally::of_spans(&receiver)),
    ] {
        let account = status.of(signal);
        let found = account.recovered;
        assert!((500..=505).contains(&found), "{signal}: {account:?}");
        let missing = tally.missing(605);
        assert!(missing.iter().all(|id| (500..505).contains(id)), "{signal}");
        if fault == Fault::Hang {
            // It may have taken from the dead what was never on disk, or is sent again.
            assert!(tally.doubled() <= account.resent_unknown, "{account:?}");
        } else {
            assert_eq!(missing.len() as u64, 505 - found, "{signal}");
            assert_eq!(tally.doubled(), 0, "{signal}");
        }
    }
}

#[test]
fn two_seconds_after_it_was_recorded_in_an_outage_nothing_is_lost_by_sigkill() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let mut killed = Emitter::start(&spools(&spool, &receiver));
    receiver.refuse();
    emit(&mut killed, 100);
    assert!(!killed.flush(Duration::from_millis(300)), "it is an outage");
    emit(&mut killed, 400);
    // The time is what is promised: nobody asks, and nothing more happens.
    std::thread::sleep(Duration::from_secs(2));
    killed.kill();
    receiver.listen();
    let mut next = Emitter::start(&spools(&spool, &receiver));
    until(&mut next, "all is recovered and sent", |account| {
        account.recovered == 500 && account.exported == 500
    });
    assert_each_once(&receiver, 500);
}

#[test]
fn shutdown_in_an_outage_is_quick_and_the_next_start_sends() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    // Data points cannot be sent either, and are no reason to wait.
    let setup = spools(&spool, &receiver).var("OTEL_METRICS_EXPORTER", "otlp");
    let mut first = Emitter::start(&setup);
    receiver.refuse();
    emit(&mut first, 500);
    first.tell("counter 1");
    // The spool has not heard of an outage yet, or it has: both must do.
    let (ended, took) = first.shutdown(Duration::from_secs(25));
    assert!(took < Duration::from_secs(5), "{took:?}");
    for signal in SIGNALS {
        let account = ended.of(signal);
        assert_eq!(account.spooled, account.accepted, "{signal}: {account:?}");
        assert_eq!(account.dropped_total(), 0, "{signal}: {account:?}");
    }
    let ended = first.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    receiver.listen();
    let mut next = Emitter::start(&spools(&spool, &receiver));
    let status = until(&mut next, "all is recovered and sent", |account| {
        account.recovered == 500 && account.exported == 500
    });
    assert_each_once(&receiver, 500);
    assert_eq!(status.of("logs").accepted, 0, "{status:?}");
    let unclean = |warning: &String| warning.contains("without a shutdown");
    assert!(
        !next.warnings().iter().any(unclean),
        "{:?}",
        next.warnings()
    );
}

#[test]
fn a_hang_at_the_end_leaves_everything_on_disk() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let mut first = Emitter::start(&spools(&spool, &receiver));
    receiver.hold();
    emit(&mut first, 200);
    let (ended, _) = first.shutdown(Duration::from_secs(3));
    for signal in SIGNALS {
        let account = ended.of(signal);
        assert_eq!(account.spooled, account.accepted, "{signal}: {account:?}");
    }
    drop(first);
    // What was held may still be taken by it: then it comes twice, and never not at all.
    receiver.release();
    let mut next = Emitter::start(&spools(&spool, &receiver));
    until(&mut next, "all is sent again", |account| {
        account.recovered == 200 && account.exported == 200
    });
    assert_eq!(Tally::of_logs(&receiver).missing(200), [0; 0]);
    assert_eq!(Tally::of_spans(&receiver).missing(200), [0; 0]);
}

#[test]
fn live_processes_leave_each_other_alone_and_inherit_from_the_dead() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    let mut dies = Emitter::start(&spools(&spool, &receiver));
    let mut lives = Emitter::start(&spools(&spool, &receiver));
    emit(&mut dies, 100);
    lives.tell("ids 100");
    emit(&mut lives, 100);
    until_on_disk(&spool, 200);
    assert_eq!(spool.processes().len(), 2, "a folder for each");
    dies.kill();

    let mut heir = Emitter::start(&spools(&spool, &receiver));
    until(&mut heir, "it inherits", |account| account.recovered == 100);
    receiver.listen();
    until_sent(&mut heir);
    let status = until_sent(&mut lives);
    assert_eq!(status.of("logs").recovered, 0, "{status:?}");
    assert_each_once(&receiver, 200);
    for emitter in [&mut heir, &mut lives] {
        let _ended = emitter.shutdown(Duration::from_secs(20));
    }
    let left = spool.processes();
    assert!(left.is_empty(), "nothing is left of them: {left:?}");
}

#[test]
fn nothing_goes_to_another_destination() {
    let (spool, meant) = (SpoolFolder::make(), Receiver::start());
    meant.refuse();
    let mut first = Emitter::start(&spools(&spool, &meant));
    emit(&mut first, 100);
    let _on_disk = first.shutdown(Duration::from_secs(20));
    drop(first);

    let other = Receiver::start();
    let mut moved = Emitter::start(&spools(&spool, &other));
    let said = until_warned(&moved, &meant.endpoint());
    assert!(said.contains("100 "), "how much: {said}");
    moved.tell("ids 100");
    emit(&mut moved, 10);
    moved.flush_all();
    let status = moved.status();
    for signal in SIGNALS {
        let account = status.of(signal);
        assert_eq!((account.recovered, account.exported), (0, 10), "{signal}");
    }
    let _sent = moved.shutdown(Duration::from_secs(20));
    assert_eq!((other.log_count(), other.span_count()), (10, 10));

    meant.listen();
    let mut back = Emitter::start(&spools(&spool, &meant));
    until(&mut back, "the first destination gets it", |account| {
        account.exported == 100
    });
    assert_each_once(&meant, 100);
    assert_eq!((other.log_count(), other.span_count()), (10, 10));
}

#[test]
fn what_is_too_old_is_counted_and_not_sent() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    let mut first = Emitter::start(&spools(&spool, &receiver));
    emit(&mut first, 100);
    let _on_disk = first.shutdown(Duration::from_secs(20));
    drop(first);

    receiver.listen();
    // Starting takes longer than this.
    let impatient = spools(&spool, &receiver).var("OBS_SPOOL_MAX_AGE", "1ms");
    let mut late = Emitter::start(&impatient);
    let status = until(&mut late, "all is too old", |account| {
        account.recovered == 100 && account.spooled == 0 && account.in_flight == 0
    });
    for signal in SIGNALS {
        let account = status.of(signal);
        assert_eq!(account.dropped["expired"], 100, "{signal}: {account:?}");
    }
    assert_eq!((receiver.log_count(), receiver.span_count()), (0, 0));
    assert!(spool.segments().is_empty());
}
