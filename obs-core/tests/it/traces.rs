//! Spans as they arrive: parents, kinds, status, sampling, and the OpenTelemetry API beside `tracing`.

use std::collections::BTreeMap;
use std::time::Duration;

use obs_core::SpanExt as _;
use obs_core::otel::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use obs_core::otel::{Context, KeyValue, logs::Logger as _, logs::LoggerProvider as _};
use obs_core::propagation::TraceContext;
use obs_core::testing;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn children_know_their_parents() {
    let t = testing::pipeline();
    t.run_sync(|| {
        let root = tracing::info_span!(
            "root",
            otel.kind = "server",
            answer = 42,
            ok = true,
            pi = 3.5
        );
        let child = root.in_scope(|| tracing::info_span!("child", otel.kind = "client"));
        child.in_scope(|| tracing::info!("inside"));
        let other = tracing::info_span!(parent: &child, "explicit");
        drop(other);
    });
    let spans = t.spans();
    let root = spans.one("root");
    assert!(!root.parent_span_id().is_valid());
    assert_eq!(root.kind, 2);
    root.has("answer", 42)
        .has("ok", true)
        .has("pi", 3.5)
        .has_no("otel.kind");
    let child = root.child("child");
    assert_eq!(child.kind, 3);
    assert_eq!(child.trace_id(), root.trace_id());
    let explicit = child.child("explicit");
    assert_eq!(explicit.kind, 1);
    assert!(root.start_time_unix_nano <= child.start_time_unix_nano);
    assert!(root.end_time_unix_nano >= child.start_time_unix_nano);
    let log = t.logs().one("inside");
    assert_eq!(
        (log.trace_id(), log.span_id()),
        (child.trace_id(), child.span_id())
    );
    assert_eq!(log.severity_text, "INFO");
}

#[test]
fn name_and_status_may_be_given_by_fields() {
    let t = testing::pipeline();
    t.run_sync(|| {
        let span = tracing::info_span!(
            "static",
            otel.name = "GET /recipes/{id}",
            otel.status_code = tracing::field::Empty
        );
        span.record("otel.status_code", "error");
        span.record("otel.status_description", "not declared, so ignored");
        let failed = tracing::info_span!("failed");
        failed.in_scope(|| tracing::error!("boom"));
        drop(tracing::info_span!("fine"));
    });
    let spans = t.spans();
    assert_eq!(spans.one("GET /recipes/{id}").status_code(), 2);
    assert_eq!(
        spans.one("failed").status_code(),
        2,
        "an ERROR event marks its span"
    );
    assert_eq!(spans.one("fine").status_code(), 0);
}

#[test]
fn a_remote_parent_is_continued_and_its_decision_trusted() {
    let t = testing::pipeline();
    let carrier = BTreeMap::from([
        ("traceparent".to_owned(), CALLER.to_owned()),
        ("tracestate".to_owned(), "vendor=1".to_owned()),
    ]);
    let caller = TraceContext::extract(&carrier).unwrap();
    let unsampled: TraceContext = CALLER.replace("-01", "-00").parse().unwrap();
    let mut outgoing = BTreeMap::new();
    t.run_sync(|| {
        let span = caller.as_parent(|| tracing::info_span!(parent: None, "continued"));
        span.trace_context().unwrap().inject(&mut outgoing);
        let late = tracing::info_span!("late");
        assert!(late.set_parent(&caller));
        assert!(late.add_link(&unsampled));
        let refused = unsampled.as_parent(|| tracing::info_span!(parent: None, "refused"));
        refused.in_scope(|| {
            tracing::info!("kept");
            drop(tracing::info_span!("refused child"));
        });
    });
    let spans = t.spans();
    assert_eq!(spans.len(), 2, "what the caller refused is not exported");
    for name in ["continued", "late"] {
        let span = spans.one(name);
        assert_eq!(span.trace_id(), caller.trace_id);
        assert_eq!(span.parent_span_id(), caller.span_id);
        assert_eq!(span.trace_state, "vendor=1");
        assert_eq!(
            span.flags & 0x300,
            0x300,
            "the parent is known to be remote"
        );
    }
    assert_eq!(spans.one("late").links.len(), 1);
    let passed_on: TraceContext = outgoing["traceparent"].parse().unwrap();
    assert_eq!(passed_on.span_id, spans.one("continued").span_id());
    assert_eq!(outgoing["tracestate"], "vendor=1");
    let log = t.logs().one("kept");
    assert_eq!(log.trace_id(), caller.trace_id, "logs are never sampled");
    assert_eq!(log.flags, 0);
}

#[test]
fn ratio_zero_sends_no_spans_but_propagates() {
    let t = testing::pipeline_with(&[("OTEL_TRACES_SAMPLER_ARG", "0")]);
    t.run_sync(|| {
        let span = tracing::info_span!("root");
        let context = span.trace_context().unwrap();
        assert!(context.trace_id.is_valid() && !context.is_sampled());
        span.in_scope(|| tracing::info!("kept"));
    });
    assert!(t.logs().one("kept").trace_id().is_valid());
    assert!(t.spans().is_empty());
}

#[test]
fn spans_of_the_opentelemetry_api_nest_both_ways() {
    let t = testing::pipeline();
    let provider = obs_core::otel::tracer_provider(&t.telemetry().handle());
    let tracer = provider.tracer("library");
    t.run_sync(|| {
        let outer = tracing::info_span!("outer");
        let _outer = outer.enter();
        let ours = outer.trace_context().unwrap();
        let active = Context::current().span().span_context().clone();
        assert_eq!(
            obs_core::propagation::SpanId::from(active.span_id()),
            ours.span_id
        );

        tracer.in_span("api", |cx| {
            cx.span()
                .set_attribute(KeyValue::new("db.password", "hunter2"));
            cx.span().add_event("login with password=hunter2", vec![]);
            tracing::info!("inside api");
            tracing::info_span!("inner").in_scope(|| {
                let built = tracer.span_builder("leaf").with_kind(SpanKind::Client);
                drop(tracer.build_with_context(built, &Context::current()));
            });
        });
        assert_eq!(
            Context::current().span().span_context().span_id(),
            active.span_id()
        );
    });
    assert!(
        !Context::current().has_active_span(),
        "nothing stays behind on the thread"
    );
    let api = t.spans().one("outer").child("api");
    api.has("db.password", "[REDACTED]");
    let leaf = api.child("inner").child("leaf");
    assert_eq!(leaf.kind, 3);
    assert_eq!(t.logs().one("inside api").span_id(), api.span_id());
    t.assert_absent("hunter2");
}

#[test]
fn log_records_of_the_opentelemetry_api_are_redacted_and_sent() {
    use obs_core::otel::logs::{AnyValue, LogRecord as _, Severity};

    let t = testing::pipeline();
    let provider = obs_core::otel::logger_provider(&t.telemetry().handle());
    let logger = provider.logger("library");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Warn);
    record.set_body(AnyValue::from("token=abcdefgh"));
    record.add_attribute("api_key", "hunter2");
    logger.emit(record);
    t.logs()
        .one("token=[REDACTED]")
        .has("api_key", "[REDACTED]");
    t.assert_absent("hunter2");
}

#[test]
fn metrics_carry_redacted_attributes() {
    let t = testing::pipeline();
    let meter = t.telemetry().handle().meter("shop");
    let counter = meter.u64_counter("orders").with_unit("{order}").build();
    counter.add(
        2,
        &[
            KeyValue::new("kind", "online"),
            KeyValue::new("api_key", "hunter2"),
        ],
    );
    let metrics = t.metrics();
    assert_eq!(metrics.one("orders").unit, "{order}");
    assert_eq!(metrics.counter("orders").len(), 1);
    t.assert_absent("hunter2");
}

#[tokio::test(flavor = "current_thread")]
async fn futures_carry_their_span_over_awaits() {
    use tracing::Instrument as _;

    let t = testing::pipeline();
    t.run(async {
        let work = |name: &'static str| async move {
            tokio::task::yield_now().await;
            tracing::info!(name, "step");
            tokio::task::yield_now().await;
        };
        let first = work("first").instrument(tracing::info_span!("first"));
        let second = work("second").instrument(tracing::info_span!("second"));
        tokio::join!(first, second);
    })
    .await;
    let (spans, logs) = (t.spans(), t.logs());
    for log in logs.iter() {
        let name = log.attribute("name").unwrap();
        assert_eq!(log.span_id(), spans.one(&name).span_id(), "{name}");
    }
    assert_eq!(logs.len(), 2);
}

#[test]
fn records_after_shutdown_harm_nobody() {
    let t = testing::pipeline();
    let handle = t.telemetry().handle();
    t.run_sync(|| tracing::info!("before"));
    t.flush();
    let (telemetry, layer) = obs_core::builder("second")
        .env(obs_core::config::Env::from_pairs([
            ("LOG_FORMAT", "off"),
            ("LOG_FILE_PATH", "off"),
        ]))
        .build()
        .unwrap();
    let subscriber =
        tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), layer);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("open");
        let report = telemetry.shutdown(Duration::from_secs(5));
        assert!(report.is_complete(), "{report}");
        span.in_scope(|| tracing::error!("after"));
    });
    assert_eq!(handle.service_name(), "test");
}
