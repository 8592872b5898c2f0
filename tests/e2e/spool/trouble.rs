//! Disks that do not take what they are given: memory goes on, and nothing is silent.

use std::{fs, time::Duration};

use obs_core::testing::Receiver;
use obs_tests::{
    emitter::Emitter, folder::Folder, service::Setup, spool::SpoolFolder, tally::Tally, wait,
};

use super::support::{
    SIGNALS, assert_each_once, emit, spools, until, until_on_disk, until_sent, until_warned,
};

#[test]
fn a_folder_that_cannot_be_made_leaves_memory_as_it_was() {
    let (folder, receiver) = (Folder::make(), Receiver::start());
    let file = folder.join("a-file");
    fs::write(&file, "no folder").unwrap();
    receiver.refuse();
    let setup = spools(&SpoolFolder::make(), &receiver)
        .var("OBS_SPOOL_DIR", format!("{file}/spool"))
        .var("OBS_QUEUE_SIZE", "256k");
    let mut emitter = Emitter::start(&setup);
    let said = until_warned(&emitter, "a-file");
    assert!(said.contains("memory"), "what happens meanwhile: {said}");
    emit(&mut emitter, 50);
    assert!(!emitter.flush(Duration::from_millis(300)));
    let status = emitter.status();
    for signal in SIGNALS {
        let account = status.of(signal);
        assert_eq!((account.spooled, account.dropped_total()), (0, 0));
    }
    // More than memory holds, of which nothing was promised.
    emitter.tell("logs 1000 info 1024");
    receiver.listen();
    emitter.flush_all();
    let account = emitter.account("logs");
    let missing = Tally::of_logs(&receiver).missing(1050);
    assert!(account.dropped["queue_full"] > 0, "{account:?}");
    assert_eq!(missing.len() as u64, account.dropped_total());
    Tally::of_spans(&receiver).assert_each_once(50);
}

#[test]
fn a_read_only_folder_leaves_everything_in_memory() {
    let receiver = Receiver::start();
    receiver.refuse();
    // Not even root may make folders there.
    let setup = spools(&SpoolFolder::make(), &receiver).var("OBS_SPOOL_DIR", "/sys/obs-spool");
    let mut emitter = Emitter::start(&setup);
    let said = until_warned(&emitter, "/sys/obs-spool");
    assert!(
        said.contains("let the user of this process write there"),
        "{said}"
    );
    emit(&mut emitter, 200);
    assert!(!emitter.flush(Duration::from_millis(300)));
    for signal in SIGNALS {
        let account = emitter.account(signal);
        assert_eq!((account.spooled, account.dropped_total()), (0, 0));
    }
    receiver.listen();
    emitter.flush_all();
    assert_each_once(&receiver, 200);
}

#[test]
fn a_full_disk_leaves_records_in_memory_until_there_is_room() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    let mut emitter = Emitter::start(&full_disk(spools(&spool, &receiver)));
    // Spans alone: log files are on the same disk.
    emitter.tell("spans 5000");
    let said = until_warned(&emitter, &spool.path().display().to_string());
    assert!(said.contains("memory"), "what happens meanwhile: {said}");
    let full = emitter.account("traces");
    assert_eq!(full.dropped_total(), 0, "{full:?}");
    assert!(full.queued + full.in_flight > 0, "{full:?}");

    emitter.set_limit("fsize=unlimited:");
    wait::until_or(
        "what is in memory goes to disk",
        || (spool.records("traces") == 5_000).then_some(()),
        || {
            format!(
                "{} {:?}",
                spool.records("traces"),
                emitter.account("traces")
            )
        },
    );
    receiver.listen();
    until_sent_spans(&mut emitter, 5_000);
    Tally::of_spans(&receiver).assert_each_once(5_000);
}

#[test]
fn a_full_disk_does_not_keep_what_memory_has_from_being_sent() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    let mut emitter = Emitter::start(&full_disk(spools(&spool, &receiver)));
    emitter.tell("spans 5000");
    until_warned(&emitter, &spool.path().display().to_string());
    receiver.listen();
    emitter.flush_all();
    until_sent_spans(&mut emitter, 5_000);
    Tally::of_spans(&receiver).assert_each_once(5_000);
}

#[test]
fn a_spool_that_is_full_gives_up_the_oldest() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    let setup = spools(&spool, &receiver)
        .var("OBS_SPOOL_SIZE", "1m")
        .var("OBS_QUEUE_SIZE", "1m")
        .var("LOG_FILE_PATH", "off");
    let mut emitter = Emitter::start(&setup);
    let mut emitted = 0;
    while emitter.account("traces").dropped.is_empty() {
        emitter.tell("spans 2000");
        emitted += 2_000;
        until(&mut emitter, "memory is free again", |account| {
            account.queued == 0
        });
        assert!(spool.size() <= 1 << 20, "{}", spool.size());
    }
    receiver.listen();
    emitter.flush_all();
    let account = emitter.account("traces");
    let reasons: Vec<_> = account.dropped.keys().collect();
    assert_eq!(reasons, ["spool_full"], "{account:?}");
    let missing = Tally::of_spans(&receiver).missing(emitted);
    assert_eq!(missing.len() as u64, account.dropped_total());
    // Older ones were in memory as well, to be tried.
    let newest = missing.iter().max().unwrap();
    assert!(*newest < emitted as i64 / 2, "{newest} of {emitted}");
}

#[test]
fn a_folder_that_is_deleted_costs_what_was_in_it_and_is_made_again() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    let mut emitter = Emitter::start(&spools(&spool, &receiver));
    wait::until("the folder is there", || {
        (spool.processes().len() == 1).then_some(())
    });
    fs::remove_dir_all(spool.path()).unwrap();
    emit(&mut emitter, 100);
    until_on_disk(&spool, 100);
    receiver.listen();
    until_sent(&mut emitter);
    assert_each_once(&receiver, 100);
}

/// No file may grow beyond 32 KiB, and trying it is an error of the write rather than a signal.
fn full_disk(setup: Setup) -> Setup {
    setup.limits("trap '' XFSZ && ulimit -S -f 64")
}

fn until_sent_spans(emitter: &mut Emitter, count: u64) {
    wait::until("all spans are sent", || {
        (emitter.account("traces").exported == count).then_some(())
    });
}
