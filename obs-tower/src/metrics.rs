//! The metrics of HTTP servers.

use obs_core::TelemetryHandle;
use obs_core::otel::KeyValue;
use obs_core::otel::metrics::Histogram;

/// What describes one finished request in a metric: closed sets only.
#[derive(Debug)]
pub(crate) struct RequestAttributes<'r> {
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) protocol_version: &'static str,
    pub(crate) status: u16,
    pub(crate) route: Option<&'r std::sync::Arc<str>>,
    pub(crate) error_type: Option<&'r str>,
}

/// The instruments of a server.
#[derive(Debug)]
pub(crate) struct ServerMetrics {
    request_duration: Histogram<f64>,
}

impl ServerMetrics {
    pub(crate) fn new(handle: &TelemetryHandle) -> Self {
        let request_duration = handle
            .meter("obs-tower")
            .f64_histogram("http.server.request.duration")
            .with_description("Duration of HTTP server requests.")
            .with_unit("s")
            .with_boundaries(DURATION_BOUNDARIES.to_vec())
            .build();
        Self { request_duration }
    }

    /// Counts one request.
    pub(crate) fn record(&self, seconds: f64, request: &RequestAttributes<'_>) {
        let method = KeyValue::new("http.request.method", request.method);
        let scheme = KeyValue::new("url.scheme", request.scheme);
        let version = KeyValue::new("network.protocol.version", request.protocol_version);
        let status = KeyValue::new("http.response.status_code", i64::from(request.status));
        let route = request
            .route
            .map(|route| KeyValue::new("http.route", route.clone()));
        let error = request
            .error_type
            .map(|name| KeyValue::new("error.type", name.to_owned()));
        // Arrays of each length, because a vector would be an allocation for each request.
        match (route, error) {
            (Some(route), None) => self
                .request_duration
                .record(seconds, &[method, scheme, version, status, route]),
            (None, None) => self
                .request_duration
                .record(seconds, &[method, scheme, version, status]),
            (Some(route), Some(error)) => {
                self.request_duration
                    .record(seconds, &[method, scheme, version, status, route, error]);
            }
            (None, Some(error)) => self
                .request_duration
                .record(seconds, &[method, scheme, version, status, error]),
        }
    }
}

/// The boundaries that the semantic conventions advise, in seconds.
const DURATION_BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
