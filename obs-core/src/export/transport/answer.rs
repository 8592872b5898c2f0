//! What a server answers, and what that means.

use std::time::Duration;

use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use hyper::{Response, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use prost::Message;
use tokio::time::timeout;

use super::failure::Failure;
use crate::export::retry::parse_retry_after;
use crate::export::settings::Target;

/// What became of a request.
#[derive(Debug)]
pub(in crate::export) enum Answer {
    /// Taken, but for the records that the server rejected.
    Taken {
        rejected: u64,
        message: String,
        /// A partial success that says nothing: some servers answer so when they took nothing.
        is_suspect: bool,
    },
    /// Any other answer: a status that is no success, or a web page whatever its status.
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
        message: String,
    },
    /// No answer of the server.
    Failed(Failure),
}

/// Reads an answer, and waits little longer for it than its head took.
pub(super) async fn read(response: Response<Incoming>, target: &Target) -> Answer {
    let (head, body) = response.into_parts();
    // The head decides; a body that is too long, breaks off or does not come takes nothing back.
    let body = timeout(BODY_TIMEOUT, Limited::new(body, MAX_ANSWER).collect())
        .await
        .ok()
        .and_then(Result::ok)
        .map(Collected::to_bytes)
        .unwrap_or_default();
    let kind = header(&head.headers, CONTENT_TYPE).to_ascii_lowercase();
    let is_page = kind.contains("html") || body.trim_ascii_start().starts_with(b"<");
    if head.status.is_success() && !is_page {
        return taken(&body);
    }
    if let Some(failure) = Failure::of_answer(head.status, &body, target) {
        return Answer::Failed(failure);
    }
    Answer::Status {
        status: head.status,
        retry_after: parse_retry_after(header(&head.headers, RETRY_AFTER)),
        message: if is_page {
            "a web page".to_owned()
        } else {
            message(&head.headers, &body)
        },
    }
}

fn taken(body: &[u8]) -> Answer {
    // The responses of the three signals have the same form on the wire.
    let Ok(response) = ExportMetricsServiceResponse::decode(body) else {
        // Success all the same, by its status; but it may be JSON that says what was rejected.
        return Answer::Taken {
            rejected: 0,
            message: String::from_utf8_lossy(body).into_owned(),
            is_suspect: false,
        };
    };
    let partial = response.partial_success;
    let is_suspect = partial == Some(ExportMetricsPartialSuccess::default());
    let partial = partial.unwrap_or_default();
    Answer::Taken {
        rejected: u64::try_from(partial.rejected_data_points).unwrap_or(0),
        message: partial.error_message,
        is_suspect,
    }
}

/// What a server says about an error: a text, or `google.rpc.Status`.
fn message(headers: &HeaderMap, body: &[u8]) -> String {
    if header(headers, CONTENT_TYPE).starts_with("application/x-protobuf") {
        // On the wire both are a number in field 1 and a text in field 2.
        let status = ExportMetricsPartialSuccess::decode(body).unwrap_or_default();
        if !status.error_message.is_empty() {
            return status.error_message;
        }
    }
    String::from_utf8_lossy(body).into_owned()
}

fn header(headers: &HeaderMap, name: HeaderName) -> &str {
    let value = headers.get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// What a server says about a batch is small and comes with the head.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// An answer is a few bytes; what is longer is no answer of an OTLP server.
const MAX_ANSWER: usize = 64 * 1024;
