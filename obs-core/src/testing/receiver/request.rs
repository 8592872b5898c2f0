//! One request as it arrived, and its decoded body.

use std::sync::OnceLock;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// One request as it arrived.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// The path, with the query.
    pub path: String,
    /// Names in lower case, and values as text.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// The size of the body on the wire.
    pub wire_len: usize,
    pub(super) outcome: OnceLock<Outcome>,
    pub(super) payload: OnceLock<Payload>,
}

impl ReceivedRequest {
    /// The value of a header; its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// What was answered, if it was.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.outcome.get() {
            Some(Outcome::Answered(status)) => Some(*status),
            _ => None,
        }
    }

    /// Whether the receiver took it: answered with success, or took it and reset the connection.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        match self.outcome.get() {
            Some(Outcome::Answered(status)) => (200..300).contains(status),
            Some(Outcome::Taken) => true,
            Some(Outcome::Untaken) | None => false,
        }
    }

    /// Whether it is known what became of it.
    pub(super) fn is_settled(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// The decoded body, by the end of the path.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        self.payload
            .get_or_init(|| Payload::decode(&self.path, &self.body))
    }

    pub(super) fn summary(&self) -> String {
        format!(
            "{} {} bytes -> {:?}",
            self.path,
            self.body.len(),
            self.outcome.get()
        )
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Answered(u16),
    /// Without an answer.
    Taken,
    /// Without an answer.
    Untaken,
}

/// A decoded body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload {
    /// Of `…/v1/traces`.
    Traces(ExportTraceServiceRequest),
    /// Of `…/v1/metrics`.
    Metrics(ExportMetricsServiceRequest),
    /// Of `…/v1/logs`.
    Logs(ExportLogsServiceRequest),
    /// Not protobuf of the kind that the path says, and why.
    Undecodable(String),
}

impl Payload {
    fn decode(path: &str, body: &[u8]) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let decoded = match path.rsplit('/').next() {
            Some("traces") => ExportTraceServiceRequest::decode(body).map(Self::Traces),
            Some("metrics") => ExportMetricsServiceRequest::decode(body).map(Self::Metrics),
            Some("logs") => ExportLogsServiceRequest::decode(body).map(Self::Logs),
            _ => return Self::Undecodable(format!("no signal has the path {path}")),
        };
        decoded.unwrap_or_else(|error| Self::Undecodable(error.to_string()))
    }
}
