//! The queue alone: bounds, priorities, order and accounts.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;

use super::support::{account, log_record};
use crate::export::account::Reason;
use crate::export::body::{Envelope, gzip};
use crate::export::limits::Limits;
use crate::export::queue::{Outcome, Queue};
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
fn what_matters_less_is_refused_first() {
    let check = |queue: &Queue| {
        let fill = |priority| {
            let before = queue.report().queued;
            (0..200).for_each(|_| queue.push("s", priority, &[0; 8]));
            queue.report().queued - before
        };
        assert_eq!(fill(Priority::Debug), 80);
        assert_eq!(fill(Priority::Info), 10);
        assert_eq!(fill(Priority::Warn), 5);
        assert_eq!(fill(Priority::Error), 5);
        let report = account(&[queue.report()], "logs");
        assert_eq!((report.accepted, report.dropped["queue_full"]), (800, 700));
    };
    check(&queue(usize::MAX, 100, usize::MAX));
    // Ten bytes with the frame.
    check(&queue(1_000, usize::MAX, usize::MAX));
}

#[test]
fn what_is_in_flight_counts_towards_the_bounds() {
    let queue = queue(usize::MAX, 10, usize::MAX);
    (0..10).for_each(|_| queue.push("s", Priority::Error, b"x"));
    assert_eq!(queue.take().unwrap().items, 10);
    queue.push("s", Priority::Error, b"refused");
    queue.settle(Outcome::Exported { rejected: 3 });
    queue.push("s", Priority::Error, b"welcome");
    let report = account(&[queue.report()], "logs");
    assert_eq!((report.exported, report.rejected, report.queued), (7, 3, 1));
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
    assert_eq!(queue.take().unwrap().items, 2);
    queue.abandon();
    // The answer comes after all was given up.
    queue.settle(Outcome::Exported { rejected: 0 });
    queue.settle(Outcome::Dropped(Reason::Expired));
    queue.push("s", Priority::Error, b"late");
    let report = account(&[queue.report()], "logs");
    assert_eq!(
        (report.dropped["shutdown"], report.dropped["after_shutdown"]),
        (5, 1)
    );
    assert!(queue.take().is_none());
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
    while let Some(mut batch) = queue.take() {
        assert!(batch.items <= 1_000);
        let body = envelope.wrap(&mut batch.segments);
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
        queue.recycle(batch);
        queue.settle(Outcome::Exported { rejected: 0 });
    }
    assert_eq!(seen, [2_500; 2]);
    assert_eq!(account(&[queue.report()], "logs").exported, 5_000);
}

#[test]
fn an_empty_batch_is_a_valid_request() {
    let resource = [("service.name".to_owned(), "kitchen".to_owned())];
    let body = Envelope::new(&resource).wrap(&mut []);
    let request = ExportLogsServiceRequest::decode(body.as_slice()).unwrap();
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
