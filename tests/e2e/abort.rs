//! The end without a shutdown: by a panic that aborts the process, or by an exit.

use std::{
    collections::BTreeMap, os::unix::process::ExitStatusExt as _, path::PathBuf, sync::LazyLock,
    time::Duration,
};

use obs_core::testing::Receiver;
use obs_tests::logs;

use crate::child::{Ended, Run, build};

/// The program in the profile in which a panic aborts.
static ABORTING: LazyLock<PathBuf> = LazyLock::new(|| build("abort", "abort", "abort"));

/// The same as most programs are built.
static UNWINDING: LazyLock<PathBuf> = LazyLock::new(|| build("abort", "abort", "dev"));

#[test]
fn a_panic_that_aborts_is_told_of_and_loses_nothing() {
    for (ending, message) in [
        ("panic", "panicked: out of flour, password=[REDACTED]"),
        ("panic-in-task", "panicked: in a task"),
        ("panic-in-value", "panicked: a value's own code"),
        ("panic-in-callback", "panicked: in a callback"),
        ("panic-in-hook", "panicked: followed by another"),
    ] {
        let receiver = Receiver::start();
        let ended = Run::of(&ABORTING)
            .argument(ending)
            .sends_to(&receiver)
            .end();
        assert_aborted(&ended, ending);
        assert_eq!(in_files(&ended, "recorded"), RECORDS, "{ending}");
        assert_eq!(sent(&receiver).get("recorded"), Some(&RECORDS), "{ending}");
        assert_eq!(receiver.span_count(), RECORDS, "{ending}");

        assert_eq!(sent(&receiver).get(message), Some(&1), "{ending}");
        let lines = ended.error_lines();
        assert_eq!(lines.len(), 1, "{ending}: {lines:?}");
        assert_eq!(lines[0]["message"], message);
        assert_eq!(lines[0]["level"], "error");
        let told = receiver.logs().into_iter();
        let told: Vec<_> = told.filter(|log| log.severity_text == "ERROR").collect();
        assert_eq!(told.len(), 1, "{ending}");
        let file = told[0].attribute("code.file.path").unwrap();
        assert!(file.ends_with(".rs"), "{ending}: {file}");
        let line: u32 = told[0]
            .attribute("code.line.number")
            .unwrap()
            .parse()
            .unwrap();
        assert!(line > 1, "{ending}: {line}");
        assert!(!receiver.raw_bytes_contain("correct-horse"), "{ending}");
    }
}

#[test]
fn the_thread_that_panicked_is_named() {
    let ended = Run::of(&ABORTING).argument("panic").end();
    assert_aborted(&ended, "no receiver");
    let lines = ended.error_lines();
    assert_eq!(lines[0]["thread.name"], "main", "{lines:?}");
    assert!(
        ended.stderr().contains("thread 'main'"),
        "the hook that was there before is called"
    );
}

#[test]
fn panics_on_several_threads_end_the_process_once_and_soon() {
    let receiver = Receiver::start();
    let ended = Run::of(&ABORTING)
        .argument("panic-in-threads")
        .sends_to(&receiver)
        .end();
    assert_aborted(&ended, "four threads");
    let sent = sent(&receiver);
    assert_eq!(sent.get("recorded"), Some(&RECORDS));
    let panics: Vec<_> = sent
        .iter()
        .filter(|(message, _)| message.starts_with("panicked: thread "))
        .collect();
    // Each is told of once, but those for which the process ended too soon.
    assert!((1..=4).contains(&panics.len()), "{panics:?}");
    assert!(panics.iter().all(|(_, count)| **count == 1), "{panics:?}");
}

#[test]
fn a_server_that_never_answers_puts_the_end_off_for_a_second() {
    for ending in ["panic", "panic-in-threads", "panic-in-callback"] {
        let receiver = Receiver::start();
        receiver.hold();
        let ended = Run::of(&ABORTING)
            .argument(ending)
            .sends_to(&receiver)
            .end();
        assert_aborted(&ended, ending);
        assert_eq!(in_files(&ended, "recorded"), RECORDS, "{ending}");
        assert!(!ended.error_lines().is_empty(), "{ending}");
        assert!(!receiver.requests().is_empty(), "{ending}: it was tried");
    }
}

#[test]
fn a_panic_on_the_thread_that_sends_or_within_a_panic_hangs_nothing() {
    let receiver = Receiver::start();
    let run = |ending| {
        let ended = Run::of(&ABORTING)
            .argument(ending)
            .var("RUST_LOG", "trace")
            .sends_to(&receiver)
            .end();
        assert_aborted(&ended, ending);
        ended
    };
    let ended = run("panic-in-sender");
    assert_eq!(in_files(&ended, "recorded"), RECORDS);
    assert_eq!(ended.error_lines().len(), 1);
    assert_eq!(
        ended.error_lines()[0]["message"],
        "panicked: on the thread obs-export"
    );
    // No hook is called here: the standard library gives up when a panic's own message panics.
    run("panic-in-message");
}

#[test]
fn where_a_panic_unwinds_nothing_is_installed() {
    let receiver = Receiver::start();
    let ended = Run::of(&UNWINDING)
        .argument("panic-in-task")
        .sends_to(&receiver)
        .end();
    assert!(ended.status.success(), "{}", ended.stderr());
    assert_eq!(
        sent(&receiver),
        BTreeMap::from([("recorded".to_owned(), RECORDS)])
    );
}

#[test]
fn values_may_log_flush_and_shut_down_while_they_are_formatted() {
    let receiver = Receiver::start();
    let ended = Run::of(&UNWINDING)
        .argument("values")
        .sends_to(&receiver)
        .end();
    assert!(ended.status.success(), "{}", ended.stderr());
    assert!(ended.stdout().ends_with("came to its end\n"));
    let lines = ended.log_lines();
    // The first value of the last round is the end.
    let acted = logs::with(&lines, "message", "acted");
    let fields: Vec<_> = acted
        .iter()
        .map(|line| line["field"].as_str().unwrap())
        .collect();
    let panicked = "<panicked while formatting>";
    assert_eq!(fields, [panicked, "formatted", panicked, "formatted"]);
    for line in &acted {
        assert_eq!(line["later"], line["field"], "{line}");
    }
    let inner = logs::with(&lines, "message", "logged by a value");
    assert_eq!(
        inner.len(),
        2 * 3,
        "two values that log, each formatted three times"
    );
    assert!(inner.iter().all(|line| line["inner"] == panicked));
    let sent = sent(&receiver);
    assert_eq!((sent["acted"], sent["logged by a value"]), (4, 6));
}

#[test]
fn an_exit_neither_hangs_nor_crashes() {
    for ending in ["exit", "exit-in-task", "exit-after-shutdown"] {
        let receiver = Receiver::start();
        let ended = Run::of(&UNWINDING)
            .argument(ending)
            .sends_to(&receiver)
            .end();
        assert_eq!(ended.status.code(), Some(3), "{ending}: {}", ended.stderr());
        assert_eq!(ended.stderr(), "", "{ending}");
        assert!(ended.took < SOON, "{ending}: {:?}", ended.took);
        if ending == "exit-after-shutdown" {
            assert_eq!(in_files(&ended, "recorded"), RECORDS);
            assert_eq!(sent(&receiver)["recorded"], RECORDS);
            assert_eq!(receiver.span_count(), RECORDS);
        }
    }
}

fn assert_aborted(ended: &Ended, ending: &str) {
    let (status, stderr) = (ended.status, ended.stderr());
    assert_eq!(
        status.signal(),
        Some(SIGABRT),
        "{ending}: {status}\n{stderr}"
    );
    assert!(ended.took < SOON, "{ending}: {:?}\n{stderr}", ended.took);
}

fn in_files(ended: &Ended, message: &str) -> usize {
    logs::with(&ended.log_lines(), "message", message).len()
}

/// How often each message arrived.
fn sent(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for message in receiver.logs().iter().filter_map(|log| log.message()) {
        *counts.entry(message).or_default() += 1;
    }
    counts
}

const RECORDS: usize = 100;
const SIGABRT: i32 = 6;
/// The second that the end may be put off, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(5);
