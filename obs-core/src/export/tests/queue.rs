//! The queue alone: bounds, priorities, order and accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;

use super::support::{account, log_record};
use crate::export::account::Reason;
use crate::export::batch::Batch;
use crate::export::body::{Envelope, gzip};
use crate::export::limits::Limits;
use crate::export::queue::{Outcome, Queue, Until};
use crate::export::segment::Segment;
use crate::export::{Priority, Signal};

fn queue(bytes: usize, items: usize, batch_items: usize) -> Queue {
    Queue::new(
        Signal::Logs,
        Limits {
            bytes,
            items,
            batch_items,
            delay: Duration::from_secs(1),
        },
    )
}

#[test]
fn what_matters_less_leaves_room_for_what_matters_more() {
    let queue = queue(usize::MAX, 100, usize::MAX);
    let push = |priority: Priority| queue.push("s", priority, &[priority as u8; 8]);
    let held = || {
        let report = account(&[queue.report()], "logs");
        (report.queued, report.dropped_total())
    };
    for (priority, room) in Priority::ALL.into_iter().zip([80, 90, 95, 100]) {
        let before = held().0;
        (before..room).for_each(|_| push(priority));
    }
    assert_eq!(held(), (100, 0));
    for lesser in [Priority::Debug, Priority::Info, Priority::Warn] {
        let refused = held().1;
        push(Priority::Debug);
        assert_eq!(held(), (100, refused + 1), "{lesser:?}");
        // As many errors as there are in one segment of the least priority.
        push(Priority::Error);
        let gone = held().1 - refused - 1;
        assert!(gone >= 5 && held().0 == 101 - gone, "{lesser:?}: {gone}");
        (1..gone).for_each(|_| push(Priority::Error));
        assert_eq!(held().0, 100);
    }
    let dropped = held().1;
    (0..10).for_each(|_| push(Priority::Error));
    assert_eq!(held(), (100, dropped + 10));
    assert_only_errors(&queue);
}

#[test]
fn an_error_takes_the_place_of_little() {
    let queue = queue(1_000_000, usize::MAX, usize::MAX);
    let push = |priority: Priority| queue.push("s", priority, &[priority as u8; 1_000]);
    (0..2_000).for_each(|_| push(Priority::Info));
    let full = account(&[queue.report()], "logs");
    assert!((800..900).contains(&full.queued), "{full}");
    (0..200).for_each(|_| push(Priority::Error));
    let report = account(&[queue.report()], "logs");
    let evicted = report.dropped_total() - full.dropped_total();
    assert!((90..=200).contains(&evicted), "{evicted}");
    (0..2_000).for_each(|_| push(Priority::Error));
    assert!(account(&[queue.report()], "logs").held_bytes <= 1_000_000);
    assert_only_errors(&queue);
}

#[test]
fn what_cannot_make_enough_room_drives_out_nothing() {
    let queue = queue(100_000, usize::MAX, usize::MAX);
    // Half of it is under way.
    (0..200).for_each(|_| queue.push("s", Priority::Error, &[0; 400]));
    let batches: Vec<_> = (0..4).map_while(|_| queue.take(usize::MAX)).collect();
    (0..10).for_each(|_| queue.push("s", Priority::Info, &[0; 400]));
    let before = account(&[queue.report()], "logs");
    queue.push("s", Priority::Error, &[0; 60_000]);
    let after = account(&[queue.report()], "logs");
    assert_eq!(after.dropped_total(), before.dropped_total() + 1);
    assert_eq!((after.queued, batches.len()), (before.queued, 4));
}

#[test]
fn many_small_flushes_are_counted_with_what_they_take() {
    let queue = queue(1_000_000, usize::MAX, usize::MAX);
    for _ in 0..20_000 {
        queue.push("s", Priority::Info, &[0; 10]);
        queue.hurry();
    }
    let report = account(&[queue.report()], "logs");
    assert!(report.queued < 900_000 / 160, "{report}");
}

fn assert_only_errors(queue: &Queue) {
    while let Some(batch) = queue.take(usize::MAX) {
        let mut records = batch.segments.iter().flat_map(Segment::records);
        let is_error = |record: &[u8]| record.iter().all(|byte| *byte == Priority::Error as u8);
        assert!(records.all(is_error));
        drop(records);
        queue.settle(batch, Outcome::Exported { rejected: 0 });
    }
    assert_eq!(queue.report().held_bytes, 0);
}

#[test]
fn a_record_that_can_never_fit_drives_out_nothing() {
    let queue = queue(1_000, usize::MAX, usize::MAX);
    queue.push("s", Priority::Debug, b"small");
    queue.push("s", Priority::Error, &[0; 1_000]);
    let report = account(&[queue.report()], "logs");
    assert_eq!((report.queued, report.dropped["queue_full"]), (1, 1));
}

#[test]
fn a_flush_waits_for_what_was_there_and_for_nothing_later() {
    let queue = queue(usize::MAX, usize::MAX, 1);
    let now = Instant::now();
    assert!(
        queue.wait(queue.hurry(), Until::Sent, now),
        "nothing is there"
    );
    (0..2).for_each(|_| queue.push("s", Priority::Info, b"x"));
    let wanted = queue.hurry();
    queue.push("s", Priority::Info, b"later");
    let (first, second) = (queue.take(1).unwrap(), queue.take(1).unwrap());
    // Requests end in any order.
    queue.settle(second, Outcome::Rejected);
    assert!(!queue.wait(wanted, Until::Sent, now));
    let all = queue.hurry();
    queue.settle(first, Outcome::Exported { rejected: 0 });
    assert!(queue.wait(wanted, Until::Sent, now));
    assert!(!queue.wait(all, Until::Sent, now));
    let later = queue.take(1).unwrap();
    queue.settle(later, Outcome::Exported { rejected: 0 });
    assert!(queue.wait(all, Until::Sent, now));
}

#[test]
fn what_a_failed_sender_held_is_counted_and_keeps_no_flush_waiting() {
    let queue = queue(usize::MAX, usize::MAX, 2);
    (0..3).for_each(|_| queue.push("s", Priority::Info, b"x"));
    let wanted = queue.hurry();
    drop(queue.take(usize::MAX));
    queue.lose_in_flight();
    let report = account(&[queue.report()], "logs");
    assert_eq!((report.dropped["internal"], report.queued), (2, 1));
    assert!(!queue.wait(wanted, Until::Sent, Instant::now()));
    let last = queue.take(usize::MAX).unwrap();
    queue.settle(last, Outcome::Exported { rejected: 0 });
    assert!(queue.wait(wanted, Until::Sent, Instant::now()));
}

#[test]
fn a_batch_is_divided_between_records() {
    let queue = queue(usize::MAX, usize::MAX, usize::MAX);
    for number in 0..7_u8 {
        queue.push(
            ["a", "b"][usize::from(number % 2)],
            Priority::Info,
            &[number; 3],
        );
    }
    let records = |batch: &Batch| -> Vec<u8> {
        let records = batch.segments.iter().flat_map(Segment::records);
        records.map(|record| record[0]).collect()
    };
    let whole = queue.take(usize::MAX).unwrap();
    let bytes = whole.bytes;
    let [front, back] = whole.halves().unwrap();
    assert_eq!((front.items, back.items), (3, 4));
    assert_eq!(front.bytes + back.bytes, bytes);
    assert_eq!(
        [records(&front), records(&back)].concat(),
        [0, 2, 4, 6, 1, 3, 5]
    );
    let [one, _two] = front.halves().unwrap();
    assert_eq!(one.halves().unwrap_err().items, 1);
}

#[test]
fn a_batch_has_few_distinct_keys() {
    let queue = queue(usize::MAX, usize::MAX, usize::MAX);
    let record = |keys: std::ops::Range<usize>| {
        let attribute = |key| KeyValue {
            key: format!("key{key}"),
            ..KeyValue::default()
        };
        LogRecord {
            time_unix_nano: 1,
            attributes: keys.map(attribute).collect(),
            ..LogRecord::default()
        }
        .encode_to_vec()
    };
    for number in 0..30 {
        queue.push("varied", Priority::Info, &record(number..number + 2));
        queue.push("steady", Priority::Info, &record(0..3));
    }
    queue.push("wide", Priority::Info, &record(0..50));
    queue.push("wide", Priority::Info, &record(0..1));
    let batches = queue.take(usize::MAX).unwrap().with_few_keys(6, 10);
    let items: Vec<usize> = batches.iter().map(|batch| batch.items).collect();
    assert_eq!(items.iter().sum::<usize>(), 62);
    for batch in &batches {
        let records = batch.segments.iter().flat_map(Segment::records);
        let keys = records.flat_map(|record| LogRecord::decode(record).unwrap().attributes);
        let keys: BTreeSet<String> = keys.map(|attribute| attribute.key).collect();
        assert!(keys.len() <= 10 || batch.items == 1, "{keys:?}");
    }
    // Thirty alike and the first of the varied; then nine more records for ten keys.
    assert_eq!(batches.len(), 1 + 3 + 2, "{items:?}");
}

#[test]
fn what_is_in_flight_counts_towards_the_bounds() {
    let queue = queue(usize::MAX, 80, usize::MAX);
    (0..80).for_each(|_| queue.push("s", Priority::Error, b"x"));
    let batch = queue.take(usize::MAX).unwrap();
    assert_eq!(batch.items, 10);
    queue.push("s", Priority::Error, b"refused");
    queue.settle(batch, Outcome::Exported { rejected: 3 });
    queue.push("s", Priority::Error, b"welcome");
    let report = account(&[queue.report()], "logs");
    assert_eq!(
        (report.exported, report.rejected, report.queued),
        (7, 3, 71)
    );
    assert_eq!(report.dropped["queue_full"], 1);
}

#[test]
fn a_record_that_no_batch_can_hold_is_refused() {
    let queue = queue(usize::MAX, usize::MAX, usize::MAX);
    queue.push("s", Priority::Error, &vec![0; 4 * 1024 * 1024]);
    queue.push("s", Priority::Error, &vec![0; 4 * 1024 * 1024 - 10]);
    let report = account(&[queue.report()], "logs");
    assert_eq!((report.dropped["too_large"], report.queued), (1, 1));
}

#[test]
fn an_abandoned_batch_is_counted_once() {
    let queue = queue(usize::MAX, usize::MAX, 2);
    (0..5).for_each(|_| queue.push("s", Priority::Info, b"x"));
    let take = || queue.take(usize::MAX).unwrap();
    let (unsent, sent) = (take(), take());
    queue.begin_request(unsent.items, false, false, Arc::default());
    queue.begin_request(sent.items, false, false, Arc::new(AtomicBool::new(true)));
    queue.abandon();
    // The answers come after all was given up.
    queue.settle(unsent, Outcome::Exported { rejected: 0 });
    queue.settle(sent, Outcome::Dropped(Reason::Expired));
    queue.push("s", Priority::Error, b"late");
    let report = account(&[queue.report()], "logs");
    let dropped = BTreeMap::from([("after_shutdown", 1), ("shutdown", 3), ("unanswered", 2)]);
    assert_eq!(report.dropped, dropped);
    assert!(queue.take(usize::MAX).is_none());
}

#[test]
fn records_keep_their_order_within_a_scope() {
    let queue = queue(usize::MAX, usize::MAX, 1_000);
    let envelope = Envelope::new(&[]);
    // Enough to fill several buffers of each scope.
    let filler = "x".repeat(1_000);
    for number in 0..2_500 {
        for scope in ["a", "b"] {
            queue.push(
                scope,
                Priority::Info,
                &log_record(&format!("{number} {filler}")),
            );
        }
    }
    let mut seen: [usize; 2] = [0; 2];
    while let Some(batch) = queue.take(usize::MAX) {
        assert!(batch.items <= 1_000);
        let body = envelope.wrap(&batch).concat();
        let request = ExportLogsServiceRequest::decode(body.as_slice()).unwrap();
        let [entry] = request.resource_logs.as_slice() else {
            panic!("one resource")
        };
        for logs in &entry.scope_logs {
            let seen = &mut seen[usize::from(logs.scope.as_ref().unwrap().name == "b")];
            for record in &logs.log_records {
                let expected = log_record(&format!("{seen} {filler}"));
                assert!(record.encode_to_vec() == expected, "record {seen}");
                *seen += 1;
            }
        }
        queue.settle(batch, Outcome::Exported { rejected: 0 });
    }
    assert_eq!(seen, [2_500; 2]);
    assert_eq!(account(&[queue.report()], "logs").exported, 5_000);
}

#[test]
fn an_empty_batch_is_a_valid_request() {
    let resource = [("service.name".to_owned(), "kitchen".to_owned())];
    let body = Envelope::new(&resource).wrap(&Batch::new(Vec::new()));
    let request = ExportLogsServiceRequest::decode(body.concat().as_slice()).unwrap();
    assert_eq!(
        request.resource_logs[0]
            .resource
            .as_ref()
            .unwrap()
            .attributes
            .len(),
        1
    );
    assert!(gzip(&body).unwrap().starts_with(&[0x1f, 0x8b]));
}
