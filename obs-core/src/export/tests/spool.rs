//! What cannot be sent waits on disk: nothing is lost, and live data has its way meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::support::{LONG, Reports, account, log, log_record, start};
use crate::export::account::SignalReport;
use crate::export::{Exporter, Priority};
use crate::testing::{Payload, ReceivedRequest, Receiver, Reply};

/// A folder for a spool, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("obs-core-detour-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _never_made = std::fs::remove_dir_all(&self.0);
    }
}

/// An exporter to a receiver that spools into this folder and has little memory.
fn spooling(folder: &Folder, receiver: &Receiver) -> (Exporter, Reports) {
    start(
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OBS_SPOOL_DIR", folder.path()),
            ("OBS_QUEUE_SIZE", "64k"),
        ],
        Duration::from_secs(3_600),
    )
}

fn logs(exporter: &Exporter) -> SignalReport {
    account(&exporter.status(), "logs")
}

/// Waits until the account of the logs is so.
fn wait_until(exporter: &Exporter, reached: impl Fn(&SignalReport) -> bool) -> SignalReport {
    let deadline = Instant::now() + LONG;
    loop {
        let report = logs(exporter);
        if reached(&report) {
            return report;
        }
        assert!(Instant::now() < deadline, "{report:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Logs these numbers no faster than the disk takes them.
fn log_all(exporter: &Exporter, numbers: std::ops::Range<u32>) {
    for number in numbers {
        if number % 100 == 0 {
            wait_until(exporter, |report| report.held_bytes < 50_000);
        }
        log(exporter, &number.to_string());
    }
}

fn taken(receiver: &Receiver) -> BTreeMap<u32, usize> {
    let mut taken = BTreeMap::new();
    for log in receiver.logs() {
        let number = log.message().unwrap().parse().unwrap();
        *taken.entry(number).or_default() += 1;
    }
    taken
}

fn assert_each_once(receiver: &Receiver, numbers: std::ops::Range<u32>) {
    let expected: BTreeMap<u32, usize> = numbers.map(|number| (number, 1)).collect();
    assert_eq!(taken(receiver), expected);
}

/// How many records the files hold that wait to be sent.
fn on_disk(folder: &Folder) -> u64 {
    // The folder is not made before the spool's thread begins.
    let Ok(inspection) = crate::spool::inspect(&folder.0) else {
        return 0;
    };
    let contents = inspection
        .folders
        .iter()
        .flat_map(|folder| &folder.contents);
    contents.map(|contents| contents.records).sum()
}

/// Far more than the queue holds.
const MANY: u32 = 20_000;

#[test]
fn an_outage_longer_than_memory_costs_nothing() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, reports) = spooling(&folder, &receiver);
    receiver.refuse();
    log_all(&exporter, 0..MANY);
    assert!(!exporter.flush(Duration::from_millis(50)));
    wait_until(&exporter, |report| report.spooled > 0 && report.queued == 0);
    receiver.listen();
    assert!(exporter.flush(LONG), "{}", logs(&exporter));
    assert_each_once(&receiver, 0..MANY);
    let report = account(&exporter.shutdown(LONG), "logs");
    assert!(report.is_complete() && report.is_lossless(), "{report}");
    let told = reports.messages().join("\n");
    assert!(
        told.contains("what waits in memory or on disk is tried again"),
        "{told}"
    );
    assert_eq!(
        std::fs::read_dir(&folder.0).unwrap().count(),
        0,
        "nothing stays"
    );
}

#[test]
fn live_data_does_not_wait_for_what_waits_on_disk() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.refuse();
    log_all(&exporter, 0..MANY);
    wait_until(&exporter, |report| {
        report.spooled + report.in_flight >= u64::from(MANY)
    });
    // The server is back, and then what waited on disk hears nothing once it is sent.
    let (live, first) = (MANY + 1, AtomicBool::new(true));
    receiver
        .hold_when(move |request| !carries(request, live) && !first.swap(false, Ordering::Relaxed));
    receiver.listen();
    receiver.wait_until(|receiver| receiver.requests().len() > 1);
    log(&exporter, &live.to_string());
    receiver.wait_until(|receiver| {
        exporter.flush(Duration::ZERO);
        taken(receiver).contains_key(&live)
    });
    assert!(taken(&receiver).len() < MANY as usize / 2);
    receiver.release();
    assert!(exporter.flush(LONG), "{}", logs(&exporter));
    assert_eq!(taken(&receiver).len(), MANY as usize + 1);
    assert!(account(&exporter.shutdown(LONG), "logs").is_lossless());
}

fn carries(request: &ReceivedRequest, number: u32) -> bool {
    numbers(request).contains(&number)
}

fn numbers(request: &ReceivedRequest) -> Vec<u32> {
    let Payload::Logs(logs) = request.payload() else {
        return Vec::new();
    };
    let scopes = logs
        .resource_logs
        .iter()
        .flat_map(|entry| &entry.scope_logs);
    let records = scopes.flat_map(|scope| &scope.log_records);
    let texts = records.map(|record| match record.body.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.parse().ok(),
        _ => None,
    });
    texts.flatten().collect()
}

#[test]
fn the_end_in_an_outage_is_quick_and_the_next_start_sends_what_is_left() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.refuse();
    log_all(&exporter, 0..1_000);
    exporter.span("kitchen", Priority::Info, &super::support::span("cook"));
    let begun = Instant::now();
    let reports = exporter.shutdown(LONG);
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    let report = account(&reports, "logs");
    assert_eq!(
        (report.spooled, report.dropped_total()),
        (1_000, 0),
        "{report}"
    );
    assert!(report.is_lossless() && !report.is_complete());
    assert_eq!(account(&reports, "traces").spooled, 1);

    receiver.listen();
    let (next, reports) = spooling(&folder, &receiver);
    let report = wait_until(&next, |report| {
        report.recovered == 1_000 && report.spooled == 0
    });
    assert_eq!(report.accepted, 0);
    receiver.wait_until(|receiver| receiver.log_count() == 1_000 && receiver.span_count() == 1);
    assert_each_once(&receiver, 0..1_000);
    let logs = receiver.logs();
    let origin = logs[0].resource_attribute("service.name");
    assert_eq!(origin.as_deref(), Some("kitchen"));
    assert_eq!(logs[0].scope.name, "kitchen::stove");
    let report = account(&next.shutdown(LONG), "logs");
    assert!(report.is_complete(), "{report}");
    let told = reports.messages();
    assert!(told.iter().all(|told| told.starts_with("INFO")), "{told:?}");
}

#[test]
fn what_hangs_is_copied_and_survives_the_process() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.hold();
    log_all(&exporter, 0..100);
    exporter.flush(Duration::ZERO);
    // What is under way is on disk as well, what comes now is there alone.
    receiver.wait_until(|receiver| receiver.connections() > 0);
    log_all(&exporter, 100..200);
    wait_until(&exporter, |_| on_disk(&folder) == 200);
    let report = logs(&exporter);
    assert!(report.in_flight > 0, "{report}");
    // As a process that is killed: nothing is told, nothing closed.
    drop(exporter);
    receiver.release();
    let (next, reports) = spooling(&folder, &receiver);
    let report = wait_until(&next, |report| report.recovered == 200);
    assert_eq!(report.recovered, 200);
    assert!(next.flush(LONG));
    wait_until(&next, |report| report.exported == 200);
    assert_eq!(taken(&receiver).len(), 200);
    let report = account(&next.shutdown(LONG), "logs");
    assert!(
        report.resent_unknown > 0,
        "the server may have had some: {report}"
    );
    let told = reports.messages().join("\n");
    assert!(told.contains("ended without a shutdown"), "{told}");
}

#[test]
fn one_bad_batch_on_disk_stops_no_others() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.refuse();
    log_all(&exporter, 0..5_000);
    wait_until(&exporter, |report| report.spooled > 1_000);
    receiver.reply_when(|request| carries(request, 7).then(|| Reply::status(503)));
    receiver.listen();
    receiver.wait_until(|receiver| {
        exporter.flush(Duration::from_millis(5));
        taken(receiver).len() == 4_999
    });
    let report = logs(&exporter);
    assert_eq!((report.exported, report.in_flight), (4_999, 1), "{report}");
    // It is safe on disk, too, and alone: what was taken does not come back with it.
    wait_until(&exporter, |_| on_disk(&folder) == 1);
    drop(exporter);
    receiver.answer_all(200);
    let (next, _reports) = spooling(&folder, &receiver);
    receiver.wait_until(|receiver| taken(receiver).len() == 5_000);
    assert_each_once(&receiver, 0..5_000);
    let report = account(&next.shutdown(LONG), "logs");
    assert_eq!((report.recovered, report.exported), (1, 1), "{report}");
}

#[test]
fn what_failed_alone_is_left_to_the_disk_at_the_end() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.reply_when(|request| carries(request, 7).then(|| Reply::status(503)));
    log_all(&exporter, 0..100);
    // It takes others that are taken to see which is at fault.
    let mut next = 100;
    while on_disk(&folder) != 1 || taken(&receiver).len() < 99 {
        assert!(next < 10_000, "{}", logs(&exporter));
        log_all(&exporter, next..next + 1);
        next += 1;
        exporter.flush(Duration::from_millis(5));
    }
    let report = account(&exporter.shutdown(LONG), "logs");
    assert_eq!((report.spooled, report.dropped_total()), (1, 0), "{report}");
}

#[test]
fn a_hang_that_begins_just_before_the_end_costs_nothing() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.hold();
    log_all(&exporter, 0..3_000);
    let report = account(&exporter.shutdown(Duration::from_secs(1)), "logs");
    assert_eq!(
        (report.spooled, report.dropped_total()),
        (3_000, 0),
        "{report}"
    );
    assert_eq!(on_disk(&folder), 3_000);
}

#[test]
fn live_data_is_taken_while_the_oldest_on_disk_is_refused() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.refuse();
    log_all(&exporter, 0..5_000);
    wait_until(&exporter, |report| report.spooled > 1_000);
    receiver.reply_when(|request| {
        let is_old = numbers(request).into_iter().any(|number| number < 9_000);
        is_old.then(|| Reply::status(503))
    });
    receiver.listen();
    let mut live = 9_000;
    while taken(&receiver).is_empty() {
        assert!(live < 20_000, "{}", logs(&exporter));
        log_all(&exporter, live..live + 1);
        live += 1;
        exporter.flush(Duration::from_millis(5));
    }
    receiver.answer_all(200);
    assert!(exporter.flush(LONG));
    assert_eq!(taken(&receiver).len() as u32, 5_000 + live - 9_000);
    assert!(account(&exporter.shutdown(LONG), "logs").is_lossless());
}

#[test]
fn a_disk_that_cannot_be_used_leaves_everything_in_memory() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    std::fs::create_dir_all(&folder.0).unwrap();
    let file = folder.0.join("file");
    std::fs::write(&file, "").unwrap();
    let below = Folder(file.join("spool"));
    let (exporter, reports) = spooling(&below, &receiver);
    receiver.refuse();
    (0..100).for_each(|number| log(&exporter, &number.to_string()));
    assert!(!exporter.flush(Duration::from_millis(50)));
    receiver.listen();
    assert!(exporter.flush(LONG));
    assert_each_once(&receiver, 0..100);
    let told = reports.messages().join("\n");
    assert!(told.contains(below.path()), "{told}");
    assert!(account(&exporter.shutdown(LONG), "logs").is_complete());
}

#[test]
fn a_disk_that_comes_back_gets_everything() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    std::fs::create_dir_all(&folder.0).unwrap();
    let file = folder.0.join("file");
    std::fs::write(&file, "").unwrap();
    let below = Folder(file.join("spool"));
    let (exporter, _reports) = spooling(&below, &receiver);
    receiver.refuse();
    for batch in 0..6 {
        (0..10).for_each(|number| log(&exporter, &(batch * 10 + number).to_string()));
        assert!(!exporter.flush(Duration::from_millis(60)));
    }
    std::fs::remove_file(&file).unwrap();
    wait_until(&exporter, |_| on_disk(&below) == 60);
    drop(exporter);
    receiver.listen();
    let (next, _reports) = spooling(&below, &receiver);
    receiver.wait_until(|receiver| receiver.log_count() == 60);
    assert_each_once(&receiver, 0..60);
    assert!(account(&next.shutdown(LONG), "logs").is_complete());
}

#[test]
fn all_of_both_signals_is_on_disk_soon_however_fast_they_come() {
    const EACH: u64 = 4_000;
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let endpoint = receiver.endpoint();
    let pairs = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OBS_SPOOL_DIR", folder.path()),
        ("OBS_QUEUE_SIZE", "8m"),
    ];
    let (exporter, _reports) = start(&pairs, Duration::from_secs(3_600));
    receiver.refuse();
    let text = "so it goes ".repeat(90);
    let has_room = |signal| account(&exporter.status(), signal).held_bytes < 6 << 20;
    std::thread::scope(|scope| {
        for signal in ["logs", "traces"] {
            let (exporter, text) = (&exporter, &text);
            scope.spawn(move || {
                for number in 0..EACH {
                    while number % 100 == 0 && !has_room(signal) {
                        std::thread::yield_now();
                    }
                    match signal {
                        "logs" => log(exporter, &format!("{number} {text}")),
                        _ => exporter.span("kitchen", Priority::Info, &super::support::span(text)),
                    }
                }
            });
        }
    });
    // Every batch has its turn, also those that found the way to the disk full.
    wait_until(&exporter, |_| on_disk(&folder) == 2 * EACH);
    receiver.listen();
    assert!(exporter.flush(LONG));
    let reports = exporter.shutdown(LONG);
    assert_eq!(account(&reports, "logs").exported, EACH);
    assert_eq!(account(&reports, "traces").exported, EACH);
    assert!(reports.iter().all(SignalReport::is_lossless));
}

#[test]
fn what_was_sent_again_from_disk_by_the_next_process_is_counted() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.refuse();
    log_all(&exporter, 0..MANY);
    wait_until(&exporter, |_| on_disk(&folder) == u64::from(MANY));
    receiver.hold();
    receiver.listen();
    // The server has a whole request; the process ends before it hears of it.
    receiver.wait_until(|receiver| !receiver.requests().is_empty());
    drop(exporter);
    receiver.release();
    let (next, _reports) = spooling(&folder, &receiver);
    wait_until(&next, |report| {
        report.recovered == u64::from(MANY) && report.exported == report.recovered
    });
    let taken = taken(&receiver);
    assert_eq!(taken.len(), MANY as usize);
    let doubled: u64 = taken.values().map(|times| *times as u64 - 1).sum();
    let report = account(&next.shutdown(LONG), "logs");
    assert!(
        report.resent_unknown >= doubled,
        "{doubled} twice: {report}"
    );
    assert!(report.resent_unknown > 0, "{report}");
}

#[test]
fn records_for_another_server_are_not_sent_to_this_one() {
    let (folder, first, second) = (Folder::new(), Receiver::start(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &first);
    first.refuse();
    log_all(&exporter, 0..100);
    assert_eq!(account(&exporter.shutdown(LONG), "logs").spooled, 100);

    let (other, reports) = spooling(&folder, &second);
    log(&other, "100");
    assert!(other.flush(LONG));
    while !reports
        .messages()
        .iter()
        .any(|told| told.contains(&first.endpoint()))
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(logs(&other).recovered, 0);
    assert!(account(&other.shutdown(LONG), "logs").is_complete());
    assert_each_once(&second, 100..101);

    first.listen();
    let (back, _reports) = spooling(&folder, &first);
    first.wait_until(|receiver| receiver.log_count() == 100);
    assert_each_once(&first, 0..100);
    assert!(account(&back.shutdown(LONG), "logs").is_complete());
}

#[test]
fn encoded_records_are_what_is_kept() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (exporter, _reports) = spooling(&folder, &receiver);
    receiver.refuse();
    exporter.log("a", Priority::Error, &log_record("1"));
    exporter.log("b", Priority::Debug, &log_record("2"));
    wait_until(&exporter, |report| report.spooled + report.in_flight == 2);
    receiver.listen();
    assert!(exporter.flush(LONG));
    let logs = receiver.logs();
    let seen: BTreeMap<_, _> = logs
        .iter()
        .map(|log| (log.message().unwrap(), log.scope.name.clone()))
        .collect();
    let expected =
        [("1", "a"), ("2", "b")].map(|(text, scope)| (text.to_owned(), scope.to_owned()));
    assert_eq!(seen, BTreeMap::from(expected));
    assert!(account(&exporter.shutdown(LONG), "logs").is_complete());
}
