//! The stack that Rust services wire by hand today, as the thing to measure against.

use std::{
    error::Error,
    path::Path,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::Response,
    middleware::{Next, from_fn},
};
use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::SdkMeterProvider,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tower::ServiceBuilder;
use tower_http::{
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use tracing::{Span, field};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::FilterFn, fmt, layer::Layered, prelude::*,
    util::TryInitError,
};

/// How the bridge from spans to OpenTelemetry is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bridge {
    /// As it comes.
    Stock,
    /// Without source location, thread, target, idle times and span events.
    Lean,
}

/// What must live until the measurement is over, and be shut down after it.
#[derive(Debug)]
pub(crate) struct Guard {
    tracer: SdkTracerProvider,
    logger: SdkLoggerProvider,
    meter: SdkMeterProvider,
    _file: WorkerGuard,
}

impl Guard {
    /// Flushes and stops the three providers; what they lost they do not say.
    pub(crate) fn shutdown(self) -> Result<(), Box<dyn Error>> {
        self.tracer.shutdown()?;
        self.logger.shutdown()?;
        self.meter.shutdown()?;
        Ok(())
    }
}

/// Installs the stack globally, at the sampling ratio of the main figure.
pub(crate) fn install(
    log_dir: &Path,
    endpoint: &str,
    bridge: Bridge,
) -> Result<Guard, Box<dyn Error>> {
    let resource = Resource::builder()
        .with_service_name("standard-stack")
        .build();
    let at = |signal: &str| format!("{endpoint}/v1/{signal}");
    let spans = SpanExporter::builder()
        .with_http()
        .with_endpoint(at("traces"))
        .build()?;
    let ratio = Sampler::TraceIdRatioBased(SAMPLING_RATIO);
    let tracer = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(Sampler::ParentBased(Box::new(ratio)))
        .with_batch_exporter(spans)
        .build();
    let logs = LogExporter::builder()
        .with_http()
        .with_endpoint(at("logs"))
        .build()?;
    let logger = SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_batch_exporter(logs)
        .build();
    let metrics = MetricExporter::builder()
        .with_http()
        .with_endpoint(at("metrics"))
        .build()?;
    let meter = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_periodic_exporter(metrics)
        .build();
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_meter_provider(meter.clone());

    let (writer, file) =
        tracing_appender::non_blocking(tracing_appender::rolling::daily(log_dir, "combined.log"));
    let spans = tracing_opentelemetry::layer().with_tracer(tracer.tracer("standard-stack"));
    match bridge {
        Bridge::Stock => subscribe(spans, &logger, writer)?,
        Bridge::Lean => subscribe(
            spans
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false)
                .with_filter(FilterFn::new(|metadata| metadata.is_span())),
            &logger,
            writer,
        )?,
    }
    Ok(Guard {
        tracer,
        logger,
        meter,
        _file: file,
    })
}

/// Generic over the span layer, so that neither kind pays for a box around it.
fn subscribe(
    spans: impl Layer<Layered<EnvFilter, Registry>> + Send + Sync,
    logger: &SdkLoggerProvider,
    writer: NonBlocking,
) -> Result<(), TryInitError> {
    tracing_subscriber::registry()
        .with(EnvFilter::new("info"))
        .with(spans)
        .with(OpenTelemetryTracingBridge::new(logger))
        .with(fmt::layer().json().flatten_event(true).with_writer(writer))
        .try_init()
}

/// The routes with request id, server span, access log line and duration histogram around them.
pub(crate) fn observed(routes: Router) -> Router {
    let duration = global::meter("http")
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .build();
    routes
        .layer(from_fn(move |req: Request, next: Next| {
            let duration = duration.clone();
            async move {
                let start = Instant::now();
                let method = req.method().to_string();
                let route = req
                    .extensions()
                    .get::<MatchedPath>()
                    .map(|path| path.as_str().to_owned())
                    .unwrap_or_default();
                let res = next.run(req).await;
                duration.record(
                    start.elapsed().as_secs_f64(),
                    &[
                        KeyValue::new("http.request.method", method),
                        KeyValue::new("http.route", route),
                        KeyValue::new(
                            "http.response.status_code",
                            i64::from(res.status().as_u16()),
                        ),
                        KeyValue::new("url.scheme", "http"),
                    ],
                );
                res
            }
        }))
        .layer(
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
                .layer(
                    TraceLayer::new_for_http()
                        .make_span_with(make_span)
                        .on_request(())
                        .on_response(on_response),
                )
                .layer(PropagateRequestIdLayer::x_request_id()),
        )
}

fn make_span<B>(req: &axum::http::Request<B>) -> Span {
    let id = req
        .headers()
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    tracing::info_span!(
        "HTTP request",
        http.request.method = %req.method(),
        url.path = req.uri().path(),
        request_id = id,
        user_agent.original = ?req.headers().get("user-agent"),
        http.response.status_code = field::Empty,
    )
}

fn on_response<B>(res: &Response<B>, latency: Duration, span: &Span) {
    span.record("http.response.status_code", res.status().as_u16());
    tracing::info!(
        latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
        status = res.status().as_u16(),
        "request finished"
    );
}

/// One trace in ten, as the main figure asks.
const SAMPLING_RATIO: f64 = 0.1;
