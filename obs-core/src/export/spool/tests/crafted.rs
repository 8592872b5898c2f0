//! Files that somebody made to cost more than they should.

use std::time::Instant;

use obs_redact::Redactor;
use opentelemetry_proto::tonic::logs::v1::ScopeLogs;

use super::support::{Dir, Running, body_of, request};
use crate::export::Signal;
use crate::export::batch::Batch;
use crate::export::queue::MAX_BATCH_BYTES;
use crate::export::spool::{Body, replay};

const MIB: usize = 1 << 20;

/// What a body is taken for that is said to hold so many records.
fn read(body: Vec<u8>, items: usize) -> Option<Batch> {
    let payload = replay::compress(&[body.into()], 0).unwrap();
    let (now, redactor) = (Instant::now(), Redactor::new());
    let items = u32::try_from(items).unwrap();
    replay::batch(Signal::Logs, &payload, items, now, &redactor)
}

/// A field of a message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut bytes).unwrap();
    bytes.extend_from_slice(content);
    bytes
}

/// A body with so many records in one scope that hold nothing.
fn empty_records(count: usize) -> Vec<u8> {
    field(1, &field(2, &[2 << 3 | 2, 0].repeat(count)))
}

#[test]
fn a_payload_that_expands_without_end_is_refused() {
    let zeros = vec![0; 80 * MIB];
    let payload = replay::compress(&[zeros.clone().into()], 0).unwrap();
    assert!(payload.len() < MIB);
    assert!(read(zeros, 1).is_none());
    let within = empty_records(8 * MIB - 16);
    assert!(within.len() <= replay::MAX_BODY);
    let beyond = empty_records(8 * MIB);
    assert!(beyond.len() > replay::MAX_BODY);
    assert!(read(beyond, 8 * MIB).is_none());
}

#[test]
fn records_are_counted_before_they_are_decoded() {
    let count = 2 * MIB;
    let body = empty_records(count);
    let length = body.len();
    for said in [0, 1, count - 1, count + 1] {
        assert!(read(body.clone(), said).is_none(), "{said}");
    }
    let batch = read(body, count).unwrap();
    let [segment] = &batch.segments[..] else {
        panic!("one scope is one segment");
    };
    assert_eq!(segment.items, count);
    assert!(segment.bytes.len() <= length, "they take what they took");
}

#[test]
fn what_is_between_the_records_is_bounded_too() {
    let scopes = field(1, &[2 << 3 | 2, 0].repeat(MIB));
    assert!(read(scopes, 0).is_none());
    let resources = [1 << 3 | 2, 0].repeat(MIB);
    assert!(read(resources, 0).is_none());
    let mut two = request(&["one"]);
    two.resource_logs.push(two.resource_logs[0].clone());
    assert!(read(prost::Message::encode_to_vec(&two), 2).is_none());
}

#[test]
fn a_record_that_no_queue_takes_is_not_decoded() {
    let record =
        |attributes: usize| field(1, &field(2, &field(2, &[6 << 3 | 2, 0].repeat(attributes))));
    assert!(read(record(1_000), 1).is_some());
    assert!(read(record(MAX_BATCH_BYTES / 2 + 1), 1).is_none());
}

#[test]
fn a_scope_without_records_is_left_out() {
    let mut sparse = request(&["one"]);
    let scopes = &mut sparse.resource_logs[0].scope_logs;
    scopes.insert(0, ScopeLogs::default());
    let batch = read(prost::Message::encode_to_vec(&sparse), 1).unwrap();
    assert_eq!((batch.segments.len(), batch.items), (1, 1));
}

#[test]
fn a_record_that_says_less_than_it_holds_costs_itself_only() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let crafted = Body {
        pieces: vec![empty_records(MIB).into()],
        ..body_of(&request(&[]), 1)
    };
    running.leave("before");
    let ticket = running.store(crafted);
    running.shelf.release(ticket, false);
    running.leave("after");
    assert_eq!(running.send_all(), ["before", "after"]);
    assert_eq!(running.account().corrupt, 1);
}
