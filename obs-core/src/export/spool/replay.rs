//! From a request body to a payload and back, redacted by the rules that hold now.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use obs_redact::Redactor;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::export::Signal;
use crate::export::batch::{Batch, fields};
use crate::export::queue::MAX_BATCH_BYTES;
use crate::export::segment::Segment;
use crate::otel::redact;

/// The body in gzip, after this many bytes that are left free.
pub(super) fn compress(pieces: &[Bytes], free: usize) -> io::Result<Vec<u8>> {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let mut record = Vec::with_capacity(free + length / 8);
    record.resize(free, 0);
    let mut encoder = GzEncoder::new(record, Compression::fast());
    for piece in pieces {
        encoder.write_all(piece)?;
    }
    encoder.finish()
}

/// The records of a payload, as many as were said to be in it; none if it is damaged.
///
/// They were redacted when they were recorded. The rules may have become stricter since. Each is
/// decoded by itself: an empty one takes two bytes in a body, and hundreds once it is decoded.
pub(super) fn batch(
    signal: Signal,
    payload: &[u8],
    items: u32,
    since: Instant,
    redactor: &Redactor,
) -> Option<Batch> {
    let body = expand(payload)?;
    let mut entries = parts(&body, RESOURCE_ENTRY);
    let (entry, None) = (entries.next()?, entries.next()) else {
        return None;
    };
    let groups = || parts(entry, SCOPE_ENTRY);
    let records: usize = groups().map(|group| parts(group, RECORD).count()).sum();
    if records != items as usize || groups().count() > MOST_GROUPS {
        return None;
    }
    let segments = groups().map(|group| segment(signal, group, since, redactor));
    let mut segments = segments.collect::<Option<Vec<Segment>>>()?;
    segments.retain(|segment| segment.items > 0);
    Some(Batch::new(segments).of(Some(resource(entry, redactor)?)))
}

/// When something of this age began, as far back as this machine's clock reaches.
pub(super) fn since(age: Duration) -> Instant {
    let now = Instant::now();
    now.checked_sub(age).unwrap_or(now)
}

fn expand(payload: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity((payload.len() * 4).min(MAX_BODY));
    let mut decoder = GzDecoder::new(payload).take(MAX_BODY as u64 + 1);
    decoder.read_to_end(&mut body).ok()?;
    (body.len() <= MAX_BODY).then_some(body)
}

/// The records of one scope.
fn segment(signal: Signal, group: &[u8], since: Instant, redactor: &Redactor) -> Option<Segment> {
    let scope = parts(group, SCOPE).next().unwrap_or_default();
    let scope = decode::<InstrumentationScope>(scope)?.name;
    let records = parts(group, RECORD);
    match signal {
        Signal::Logs => {
            let records = records.map(|record| {
                let mut record: LogRecord = decode(record)?;
                redact::log_record(redactor, &mut record);
                Some(record)
            });
            Segment::of_messages(&scope, records, group.len(), since)
        }
        Signal::Traces => {
            let records = records.map(|record| {
                let mut span: Span = decode(record)?;
                redact::span(redactor, &mut span);
                Some(span)
            });
            Segment::of_messages(&scope, records, group.len(), since)
        }
        Signal::Metrics => None,
    }
}

fn resource(entry: &[u8], redactor: &Redactor) -> Option<Bytes> {
    let resource = parts(entry, RESOURCE).next().unwrap_or_default();
    let mut resource: Resource = decode(resource)?;
    redact::attributes(redactor, &mut resource.attributes);
    Some(resource.encode_to_vec().into())
}

/// A message, unless it is larger than any that the queue takes: decoded, it may take many times
/// what it took.
fn decode<M: Message + Default>(message: &[u8]) -> Option<M> {
    let is_usual = message.len() <= MAX_BATCH_BYTES;
    is_usual.then(|| M::decode(message).ok())?
}

/// What a message has under this number.
fn parts(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    let parts = fields(message).filter(move |(found, _)| *found == number);
    parts.map(|(_, part)| part)
}

/// The largest body that is stored or read: requests hold 4 MiB of records, and what is around them.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;
/// The most scopes in a body: far more than a request of ours has.
const MOST_GROUPS: usize = 16 * 1024;
/// `ExportLogsServiceRequest.resource_logs` and, as below, what corresponds to it for spans.
const RESOURCE_ENTRY: u64 = 1;
/// `ResourceLogs.resource`.
const RESOURCE: u64 = 1;
/// `ResourceLogs.scope_logs`.
const SCOPE_ENTRY: u64 = 2;
/// `ScopeLogs.scope`.
const SCOPE: u64 = 1;
/// `ScopeLogs.log_records`.
const RECORD: u64 = 2;
