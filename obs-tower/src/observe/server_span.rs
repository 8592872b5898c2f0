//! The server span of a request, as it is when the request arrives.

use http::{HeaderMap, Request, header};
use obs_core::propagation::{Extract, TraceContext};
use obs_redact::Redactor;
use tracing::{Span, field};

use crate::client_addr::ClientAddr;
use crate::request_id::RequestId;
use crate::semconv::{self, KnownMethod};

/// What is known of a request before the service sees it.
#[derive(Debug)]
pub(super) struct Arrival<'r> {
    pub(super) name: &'r str,
    pub(super) method: KnownMethod,
    pub(super) scheme: &'static str,
    pub(super) protocol_version: &'static str,
    /// Without what is sensitive.
    pub(super) path: &'r str,
    pub(super) route: Option<&'r str>,
    pub(super) client: Option<ClientAddr>,
    pub(super) request_id: &'r RequestId,
}

/// Opens the span; the caller's trace context, if it sent a valid one, is the parent.
pub(super) fn open<B>(request: &Request<B>, arrival: &Arrival<'_>, redactor: &Redactor) -> Span {
    match TraceContext::extract(&Headers(request.headers())) {
        Some(caller) => caller.as_parent(|| make(request, arrival, redactor)),
        None => make(request, arrival, redactor),
    }
}

fn make<B>(request: &Request<B>, arrival: &Arrival<'_>, redactor: &Redactor) -> Span {
    let Arrival {
        name,
        method,
        scheme,
        protocol_version,
        path,
        route,
        client,
        request_id,
    } = *arrival;
    let (uri, headers) = (request.uri(), request.headers());
    let original = (!method.is_known()).then(|| {
        semconv::excerpt(
            request.method().as_str(),
            semconv::MAX_METHOD_BYTES,
            redactor,
        )
    });
    let query = uri.query().map(|query| redactor.redact_query(query));
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let host = authority
        .or_else(|| text(headers, &header::HOST))
        .and_then(semconv::host);
    let user_agent = text(headers, &header::USER_AGENT);
    tracing::info_span!(
        target: "obs::http",
        parent: None,
        "HTTP request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        request.id = request_id.as_str(),
        http.request.method = method.name(),
        http.request.method_original = original.as_deref(),
        url.scheme = scheme,
        url.path = path,
        url.query = query.as_deref().map(|query| semconv::bounded(query, semconv::MAX_TARGET_BYTES)),
        http.route = route,
        server.address = host.map(|(address, _)| address),
        server.port = host.and_then(|(_, port)| port),
        client.address = client.map(|client| field::display(client.ip())),
        user_agent.original = user_agent.map(|agent| semconv::excerpt(agent, semconv::MAX_USER_AGENT_BYTES, redactor)).as_deref(),
        network.protocol.version = protocol_version,
        http.response.status_code = field::Empty,
        "error.type" = field::Empty,
    )
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

struct Headers<'h>(&'h HeaderMap);

impl Extract for Headers<'_> {
    fn values<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c [u8]> {
        self.0.get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}
