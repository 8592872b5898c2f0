//! The body of an OTLP request, made from framed records without looking into them.
//!
//! # Source
//! `opentelemetry-proto` 1.x: `ExportLogsServiceRequest` and `ExportTraceServiceRequest` give the
//! same numbers to corresponding fields.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::batch::Batch;
use super::segment::{Segment, push_varint, varint_len};

/// What stands around the records of every batch of this process: the resource, encoded once.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    resource: Bytes,
}

impl Envelope {
    pub(super) fn new(resource: &[(String, String)]) -> Self {
        let attribute = |(key, value): &(String, String)| KeyValue {
            key: key.clone(),
            value: Some(AnyValue {
                value: Some(Value::StringValue(value.clone())),
            }),
            ..KeyValue::default()
        };
        let attributes = resource.iter().map(attribute).collect();
        let resource = Resource {
            attributes,
            ..Resource::default()
        };
        Self {
            resource: resource.encode_to_vec().into(),
        }
    }

    /// An export request with one resource and one entry for each scope, in pieces: the segments
    /// are not copied, unless they are small. They stand in the order of their scopes.
    pub(super) fn wrap(&self, batch: &Batch) -> Vec<Bytes> {
        let Batch {
            resource, segments, ..
        } = batch;
        let resource = resource.as_ref().unwrap_or(&self.resource);
        let groups: Vec<(Vec<u8>, &[Segment])> = segments
            .chunk_by(|a, b| a.scope == b.scope)
            .map(|group| (scope_of(group), group))
            .collect();
        let group_len = |(scope, group): &(Vec<u8>, &[Segment])| {
            let records: usize = group.iter().map(|segment| segment.bytes.len()).sum();
            field_len(scope.len()) + records
        };
        let total = field_len(resource.len())
            + groups
                .iter()
                .map(|group| field_len(group_len(group)))
                .sum::<usize>();
        let mut pieces = Pieces::default();
        push_field(&mut pieces.small, RESOURCE_ENTRY, total);
        push_field(&mut pieces.small, RESOURCE, resource.len());
        pieces.small.extend_from_slice(resource);
        for group in &groups {
            push_field(&mut pieces.small, SCOPE_ENTRY, group_len(group));
            let (scope, segments) = group;
            push_field(&mut pieces.small, SCOPE, scope.len());
            pieces.small.extend_from_slice(scope);
            segments
                .iter()
                .for_each(|segment| pieces.push(&segment.bytes));
        }
        pieces.finish()
    }
}

/// Buffers that follow each other on the wire; small ones are copied together.
#[derive(Default)]
struct Pieces {
    done: Vec<Bytes>,
    small: Vec<u8>,
}

impl Pieces {
    fn push(&mut self, bytes: &Bytes) {
        if bytes.len() < WORTH_A_PIECE {
            self.small.extend_from_slice(bytes);
        } else {
            self.finish_small();
            self.done.push(bytes.clone());
        }
    }

    fn finish_small(&mut self) {
        if !self.small.is_empty() {
            self.done.push(std::mem::take(&mut self.small).into());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.finish_small();
        self.done
    }
}

/// The body in gzip, at the fastest level: it takes a third of the time of the usual one, and
/// telemetry is so repetitive that the size hardly differs.
pub(super) fn gzip(pieces: &[Bytes]) -> std::io::Result<Bytes> {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let mut encoder = GzEncoder::new(Vec::with_capacity(length / 8), Compression::fast());
    for piece in pieces {
        encoder.write_all(piece)?;
    }
    encoder.finish().map(Bytes::from)
}

fn scope_of(group: &[Segment]) -> Vec<u8> {
    let name = group
        .first()
        .map_or(String::new(), |segment| (*segment.scope).to_owned());
    InstrumentationScope {
        name,
        ..InstrumentationScope::default()
    }
    .encode_to_vec()
}

fn field_len(length: usize) -> usize {
    1 + varint_len(length) + length
}

fn push_field(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    push_varint(out, length);
}

const fn length_delimited(field: u8) -> u8 {
    field << 3 | 2
}

/// Below this size a copy costs less than another piece.
const WORTH_A_PIECE: usize = 16 * 1024;
/// `ExportLogsServiceRequest.resource_logs`.
const RESOURCE_ENTRY: u8 = length_delimited(1);
/// `ResourceLogs.resource`.
const RESOURCE: u8 = length_delimited(1);
/// `ResourceLogs.scope_logs`.
const SCOPE_ENTRY: u8 = length_delimited(2);
/// `ScopeLogs.scope`.
const SCOPE: u8 = length_delimited(1);
