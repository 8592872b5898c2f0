//! One request from arrival to its last frame: what is kept, and how it is recorded exactly once.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode};
use obs_core::{SpanExt as _, TelemetryHandle};
use obs_redact::Redactor;
use tracing::Span;

use super::routes::{Route, Routes};
use super::server_span::{self, Arrival};
use crate::access_log::{self, AccessRecord};
use crate::client_addr::ClientAddr;
use crate::metrics::{RequestAttributes, ServerMetrics};
use crate::request_id::RequestId;
use crate::route;
use crate::semconv::{self, KnownMethod};

/// What all requests of a layer share.
#[derive(Debug)]
pub(super) struct Observer {
    metrics: ServerMetrics,
    redactor: Redactor,
    routes: Routes,
}

impl Observer {
    pub(super) fn new(handle: &TelemetryHandle) -> Self {
        Self {
            metrics: ServerMetrics::new(handle),
            redactor: handle.redactor(),
            routes: Routes::default(),
        }
    }
}

/// How an exchange came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All of the response went out.
    Complete,
    /// The future or the body was dropped before that.
    Disconnected,
    Panicked,
    /// The service returned an error instead of a response.
    ServiceFailed,
    BodyFailed,
}

/// One request and its response. Dropping it without an end records that the client went away.
#[derive(Debug)]
pub(super) struct Exchange {
    observer: Arc<Observer>,
    span: Span,
    started: Instant,
    method: KnownMethod,
    scheme: &'static str,
    protocol_version: &'static str,
    path_and_query: Option<PathAndQuery>,
    /// The path as it is recorded, where that is not as it came.
    redacted_path: Option<String>,
    client: Option<ClientAddr>,
    request_id: RequestId,
    route: Option<Arc<Route>>,
    status: Option<StatusCode>,
    recorded: bool,
}

impl Exchange {
    /// Gives the request its id and opens its span.
    pub(super) fn begin<B>(observer: &Arc<Observer>, request: &mut Request<B>) -> Self {
        let started = Instant::now();
        let request_id = RequestId::settle(request.headers_mut(), &observer.redactor);
        request.extensions_mut().insert(request_id.clone());
        let route =
            route::template(request.extensions()).map(|template| observer.routes.of(template));
        let method = KnownMethod::of(request.method());
        let scheme = semconv::scheme(request.uri());
        let protocol_version = semconv::protocol_version(request.version());
        let client = request.extensions().get::<ClientAddr>().copied();
        let path = semconv::recorded_path(request.uri().path(), &observer.redactor);
        let arrival = Arrival {
            name: route
                .as_ref()
                .map_or(method.span_word(), |route| route.span_name(method)),
            method,
            scheme,
            protocol_version,
            path: &path,
            route: route.as_ref().map(|route| &*route.template),
            client,
            request_id: &request_id,
        };
        let span = server_span::open(request, &arrival, &observer.redactor);
        let redacted_path = match path {
            Cow::Borrowed(_) => None,
            Cow::Owned(path) => Some(path),
        };
        Self {
            observer: observer.clone(),
            span,
            started,
            method,
            scheme,
            protocol_version,
            redacted_path,
            path_and_query: request.uri().path_and_query().cloned(),
            client,
            request_id,
            route,
            status: None,
            recorded: false,
        }
    }

    /// Runs code of the service inside the span; a panic is recorded and goes on.
    pub(super) fn run<R>(&mut self, code: impl FnOnce() -> R) -> R {
        let outcome = {
            let _entered = self.span.enter();
            // A panic leaves nothing of ours half done: the code's own state goes on unwinding.
            catch_unwind(AssertUnwindSafe(code))
        };
        outcome.unwrap_or_else(|panic| {
            tracing::error!(
                target: "obs::http",
                parent: &self.span,
                { exception.message = message_of(&*panic) },
                "a request handler panicked"
            );
            self.record(Ending::Panicked);
            resume_unwind(panic)
        })
    }

    /// Takes note of the response head and marks it with the request id.
    pub(super) fn answer<B>(&mut self, response: &mut Response<B>) {
        self.status = Some(response.status());
        // What lasts as long as both sides like is not slow, however long its head took: event
        // streams often send it with the first event.
        if semconv::is_open_ended(self.method, response) {
            self.span.exempt_from_slow();
        } else {
            self.span.end_latency();
        }
        response
            .headers_mut()
            .insert(RequestId::HEADER, self.request_id.header_value());
        if self.route.is_none()
            && let Some(template) = route::template(response.extensions())
        {
            let route = self.observer.routes.of(template);
            tracing::record_all!(
                self.span,
                otel.name = route.span_name(self.method),
                http.route = &*route.template
            );
            self.route = Some(route);
        }
    }

    /// Whether the server sends no body with the response, whatever the service gave it.
    pub(super) fn has_no_body(&self) -> bool {
        let Some(status) = self.status else {
            return false;
        };
        self.method.is_head()
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
            || (self.method.is_connect() && status.is_success())
    }

    pub(super) fn end(mut self, ending: Ending) {
        self.record(ending);
    }

    fn record(&mut self, ending: Ending) {
        if std::mem::replace(&mut self.recorded, true) {
            return;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let Outcome {
            status,
            error_type,
            is_error,
        } = self.outcome(ending);
        tracing::record_all!(
            self.span,
            http.response.status_code = status,
            "error.type" = error_type,
            otel.status_code = is_error.then_some("error")
        );
        self.observer.metrics.record(
            seconds,
            &RequestAttributes {
                method: self.method.name(),
                scheme: self.scheme,
                protocol_version: self.protocol_version,
                status,
                route: self.route.as_deref().map(|route| &route.template),
                error_type,
            },
        );
        let path = self.path_and_query.as_ref().map_or("", PathAndQuery::path);
        access_log::write(
            &self.span,
            &AccessRecord {
                method: self.method.name(),
                path: self
                    .redacted_path
                    .as_deref()
                    .unwrap_or_else(|| semconv::bounded(path, semconv::MAX_TARGET_BYTES)),
                client: self.client,
                status,
                error_type,
                seconds,
            },
        );
        // A task that was spawned inside does not make the request longer.
        self.span.end();
    }

    fn outcome(&self, ending: Ending) -> Outcome<'_> {
        let sent = self.status.map(|status| status.as_u16());
        let failed = sent.is_some_and(|status| status >= 500);
        let error = |error_type| Outcome {
            status: sent.unwrap_or(500),
            error_type: Some(error_type),
            is_error: true,
        };
        match ending {
            // That the client went away does not undo an error of the server.
            Ending::Disconnected if !failed => Outcome {
                status: CLIENT_CLOSED_REQUEST,
                error_type: Some("client_disconnect"),
                is_error: false,
            },
            Ending::Complete | Ending::Disconnected => Outcome {
                status: sent.unwrap_or(500),
                error_type: self
                    .status
                    .as_ref()
                    .filter(|_| failed)
                    .map(StatusCode::as_str),
                is_error: failed,
            },
            Ending::Panicked => error("panic"),
            Ending::ServiceFailed => error("service_error"),
            Ending::BodyFailed => error("body_error"),
        }
    }
}

/// What an ending means to those who read span, metric and log.
#[derive(Clone, Copy, Debug)]
struct Outcome<'e> {
    status: u16,
    error_type: Option<&'e str>,
    is_error: bool,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.record(Ending::Disconnected);
    }
}

/// What a panic says, where it says it in text as `panic!` does.
fn message_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

/// The status that nginx made common for a client that closed the connection; never sent.
const CLIENT_CLOSED_REQUEST: u16 = 499;
