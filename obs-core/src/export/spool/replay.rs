//! From a request body to a payload and back, redacted by the rules that hold now.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use obs_redact::Redactor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::export::Signal;
use crate::export::batch::Batch;
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
/// They were redacted when they were recorded. The rules may have become stricter since.
pub(super) fn batch(
    signal: Signal,
    payload: &[u8],
    items: u32,
    since: Instant,
    redactor: &Redactor,
) -> Option<Batch> {
    let body = expand(payload)?;
    let (resource, segments) = match signal {
        Signal::Logs => logs(&body, since, redactor)?,
        Signal::Traces => spans(&body, since, redactor)?,
        Signal::Metrics => return None,
    };
    let batch = Batch::new(segments).of(Some(resource));
    (batch.items == items as usize).then_some(batch)
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

fn logs(body: &[u8], since: Instant, redactor: &Redactor) -> Option<(Bytes, Vec<Segment>)> {
    let request = ExportLogsServiceRequest::decode(body).ok()?;
    let [entry] = <[_; 1]>::try_from(request.resource_logs).ok()?;
    let segments = entry.scope_logs.into_iter().map(|mut group| {
        let records = &mut group.log_records;
        records
            .iter_mut()
            .for_each(|record| redact::log_record(redactor, record));
        Segment::of_messages(&name(group.scope), records, since)
    });
    let segments = segments.filter(|segment| segment.items > 0).collect();
    Some((resource(entry.resource, redactor), segments))
}

fn spans(body: &[u8], since: Instant, redactor: &Redactor) -> Option<(Bytes, Vec<Segment>)> {
    let request = ExportTraceServiceRequest::decode(body).ok()?;
    let [entry] = <[_; 1]>::try_from(request.resource_spans).ok()?;
    let segments = entry.scope_spans.into_iter().map(|mut group| {
        let records = &mut group.spans;
        records
            .iter_mut()
            .for_each(|span| redact::span(redactor, span));
        Segment::of_messages(&name(group.scope), records, since)
    });
    let segments = segments.filter(|segment| segment.items > 0).collect();
    Some((resource(entry.resource, redactor), segments))
}

fn name(scope: Option<InstrumentationScope>) -> String {
    scope.map_or_else(String::new, |scope| scope.name)
}

fn resource(resource: Option<Resource>, redactor: &Redactor) -> Bytes {
    let mut resource = resource.unwrap_or_default();
    redact::attributes(redactor, &mut resource.attributes);
    resource.encode_to_vec().into()
}

/// The largest body that is stored or read: requests hold 4 MiB, or a single record.
pub(super) const MAX_BODY: usize = 64 * 1024 * 1024;
