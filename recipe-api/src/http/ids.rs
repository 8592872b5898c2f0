//! The ids by which a request is found in logs and traces.

use axum::http::Extensions;
use obs_core::{SpanExt as _, propagation::TraceId};
use obs_tower::RequestId;
use tracing::Span;

/// The ids of a request that a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Names the request.
    pub request_id: String,
    /// Names the trace that the request belongs to: 32 hexadecimal digits.
    pub trace_id: String,
}

/// The ids of the request that is being answered: its id as [`obs_tower::observe()`] settled it, and
/// the trace of the span that the code runs in. New ones where there are none.
#[must_use]
pub fn ids(extensions: &Extensions) -> Ids {
    let request_id = extensions
        .get::<RequestId>()
        .cloned()
        .unwrap_or_else(RequestId::generate);
    let trace_id = Span::current()
        .trace_context()
        .map_or_else(TraceId::random, |context| context.trace_id);
    Ids {
        request_id: request_id.as_str().to_owned(),
        trace_id: trace_id.to_string(),
    }
}
