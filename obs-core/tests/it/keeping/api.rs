//! Spans of the OpenTelemetry API as parts of a local trace.

use std::time::{Duration, SystemTime};

use obs_core::otel::trace::{
    FutureExt as _, Span as _, SpanContext, Status, TraceContextExt as _, Tracer as _,
    TracerProvider as _,
};
use obs_core::otel::{Context, SdkTracerProvider};
use obs_core::propagation::TraceContext;
use obs_core::testing::TestPipeline;

use super::support::{names, refusing, report};

fn provider(t: &TestPipeline) -> SdkTracerProvider {
    obs_core::otel::tracer_provider(&t.telemetry().handle())
}

#[test]
fn spans_of_both_apis_are_one_trace() {
    let (t, _clock) = refusing(&[]);
    let tracer = provider(&t).tracer("library");
    let nested = |fails: bool| {
        tracing::info_span!("outer").in_scope(|| {
            tracer.in_span("api", |_| {
                tracing::info_span!("inner").in_scope(|| {
                    tracer.in_span("leaf", |cx| {
                        if fails {
                            cx.span().set_status(Status::error("boom"));
                        }
                    });
                });
            });
        });
    };
    t.run_sync(|| {
        nested(false);
        nested(true);
    });
    let spans = t.spans();
    assert_eq!(spans.len(), 4);
    let outer = spans.one("outer");
    outer
        .has("sampling.reason", "error")
        .has("sampling.weight", 1.0);
    let leaf = outer.child("api").child("inner").child("leaf");
    leaf.has_no("sampling.reason");
    let report = report(&t);
    assert_eq!((report.forgotten_spans, report.held_bytes), (4, 0));
}

#[test]
fn a_root_of_the_api_is_the_root_of_a_local_trace() {
    let (t, _clock) = refusing(&[]);
    let tracer = provider(&t).tracer("library");
    t.run_sync(|| {
        tracer.in_span("api", |_| {
            drop(tracing::info_span!("before"));
            tracing::error!("an event of no span of ours");
            drop(tracing::info_span!("after"));
        });
        tracer.in_span("fine", |_| drop(tracing::info_span!("fine child")));
        let start = SystemTime::now();
        let mut slow = tracer.build(tracer.span_builder("slow").with_start_time(start));
        slow.end_with_timestamp(start + Duration::from_secs(2));
        // Neither ended nor activated: the SDK ends it.
        let mut dropped = tracer.start("dropped");
        dropped.set_status(Status::error("boom"));
    });
    assert_eq!(names(&t), ["after", "api", "before", "dropped", "slow"]);
    let spans = t.spans();
    for (name, reason) in [("api", "error"), ("slow", "slow"), ("dropped", "error")] {
        spans
            .one(name)
            .has("sampling.reason", reason)
            .has("sampling.weight", 1.0);
    }
    spans.one("api").child("before").has_no("sampling.reason");
    assert_eq!(report(&t).held_bytes, 0);
}

#[test]
fn remote_parents_of_the_api_begin_a_local_trace_each() {
    let (t, _clock) = refusing(&[]);
    let tracer = provider(&t).tracer("library");
    let caller: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        .parse()
        .unwrap();
    t.run_sync(|| {
        tracing::info_span!("unrelated").in_scope(|| {
            let remote = Context::current().with_remote_span_context(SpanContext::from(&caller));
            let mut fine = tracer.start_with_context("fine", &remote);
            let mut failed = tracer.start_with_context("failed", &remote);
            failed.set_status(Status::error("boom"));
            failed.end();
            fine.end();
        });
    });
    assert_eq!(names(&t), ["failed"]);
    let failed = t.spans().one("failed");
    assert_eq!(failed.parent_span_id(), caller.span_id);
    failed.has("sampling.reason", "error");
}

#[test]
fn the_context_takes_the_trace_to_other_threads() {
    let (t, _clock) = refusing(&[]);
    let tracer = provider(&t).tracer("library");
    let root = t.run_sync(|| tracing::info_span!("root"));
    let context = t.run_sync(|| root.in_scope(Context::current));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut span = tracer.start_with_context("elsewhere", &context);
            span.set_status(Status::error("boom"));
        });
    });
    drop(root);
    let root = t.spans().one("root");
    root.has("sampling.reason", "error");
    assert_eq!(root.child("elsewhere").status_code(), 2);
    // Long after the trace: an error is exported alone.
    let mut late = tracer.start_with_context("late", &context);
    late.end();
    let mut late = tracer.start_with_context("late error", &context);
    late.set_status(Status::error("boom"));
    late.end();
    assert_eq!(names(&t), ["elsewhere", "late", "late error", "root"]);
}

#[tokio::test(flavor = "current_thread")]
async fn futures_with_a_context_belong_to_its_trace() {
    let (t, _clock) = refusing(&[]);
    let tracer = provider(&t).tracer("library");
    let root = t.run_sync(|| tracing::info_span!("root"));
    let context = t.run_sync(|| root.in_scope(Context::current));
    let work = async {
        tokio::task::yield_now().await;
        tracing::info_span!("work").in_scope(|| tracing::error!("boom"));
    };
    t.run(work.with_context(context)).await;
    drop((root, tracer));
    let root = t.spans().one("root");
    root.has("sampling.reason", "error");
    assert_eq!(root.child("work").status_code(), 2);
}

#[test]
fn the_change_of_mind_reaches_spans_of_the_api() {
    for (propagates, expected) in [("false", false), ("true", true)] {
        let (t, _clock) = refusing(&[("OBS_KEEP_PROPAGATE", propagates)]);
        let tracer = provider(&t).tracer("library");
        t.run_sync(|| {
            tracing::info_span!("root").in_scope(|| {
                tracing::error!("boom");
                tracer.in_span("api", |cx| {
                    assert_eq!(cx.span().span_context().is_sampled(), expected);
                });
            });
        });
        assert_eq!(names(&t), ["api", "root"]);
    }
}

#[test]
fn spans_that_a_provider_never_ends_are_given_up() {
    let (t, _clock) = refusing(&[]);
    let provider = provider(&t);
    let tracer = provider.tracer("library");
    let root = t.run_sync(|| tracing::info_span!("root"));
    let open = t.run_sync(|| root.in_scope(|| tracer.start("never ends")));
    drop(root);
    assert!(report(&t).held_bytes > 0, "the root waits for it");
    provider.shutdown().unwrap();
    assert_eq!(report(&t).held_bytes, 0);
    assert_eq!(report(&t).forgotten_spans, 2);
    drop(open);
    assert!(t.spans().is_empty());
}

#[test]
fn without_keeping_roots_of_the_api_say_their_weight() {
    let (t, _clock) = refusing(&[("OTEL_TRACES_SAMPLER_ARG", "1"), ("OBS_KEEP", "off")]);
    let tracer = provider(&t).tracer("library");
    tracer.in_span("api", |_| tracer.in_span("child", |_| ()));
    let root = t.spans().one("api");
    root.has("sampling.reason", "head")
        .has("sampling.weight", 1.0);
    root.child("child").has_no("sampling.reason");
}

#[test]
fn an_error_under_an_attached_context_keeps_its_trace() {
    let (t, _clock) = refusing(&[]);
    let root = t.run_sync(|| tracing::info_span!("root"));
    let context = t.run_sync(|| root.in_scope(Context::current));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _active = context.clone().attach();
            t.run_sync(|| tracing::error!("boom elsewhere"));
        });
    });
    drop(root);
    let root = t.spans().one("root");
    root.has("sampling.reason", "error");
    let log = t.logs().one("boom elsewhere");
    assert_eq!(log.trace_id(), root.trace_id());

    let other = t.run_sync(|| tracing::info_span!("other"));
    let context = t.run_sync(|| other.in_scope(Context::current));
    t.run_sync(|| {
        tracing::info_span!("around").in_scope(|| {
            let _active = context.attach();
            tracing::error!("boom in both");
        });
        drop(other);
    });
    assert_eq!(names(&t), ["around", "other", "root"]);
}

#[test]
fn a_trace_of_another_pipeline_is_not_ours() {
    let ((ours, _), (theirs, _)) = (refusing(&[]), refusing(&[]));
    let tracer = provider(&ours).tracer("library");
    theirs.run_sync(|| {
        tracing::info_span!("theirs").in_scope(|| {
            let mut fails = tracer.start("fails");
            fails.set_status(Status::error("boom"));
            fails.end();
            ours.run_sync(|| tracing::error!("boom"));
        });
    });
    assert_eq!(names(&ours), ["fails"]);
    assert_eq!(names(&theirs), [""; 0]);
    assert_eq!(report(&ours).forgotten_spans, 0);
    assert_eq!(report(&theirs).forgotten_spans, 1);
}

#[test]
fn below_a_span_whose_trace_is_not_known_no_root_is_counted_again() {
    for (ratio, arrived) in [("0", &["api", "api error", "error"][..]), ("1", ALL)] {
        let (t, _clock) = refusing(&[("OTEL_TRACES_SAMPLER_ARG", ratio)]);
        let tracer = provider(&t).tracer("library");
        t.run_sync(|| {
            let context = Context::current_with_span(tracer.start("api"));
            let _active = context.clone().attach();
            context.span().set_status(Status::error("boom"));
            context.span().end();
            drop(tracing::info_span!("fine"));
            tracer.start("api fine").end();
            tracing::info_span!("error").in_scope(|| tracing::error!("boom"));
            let mut failed = tracer.start("api error");
            failed.set_status(Status::error("boom"));
            failed.end();
        });
        assert_eq!(names(&t), arrived);
        let spans = t.spans();
        spans.one("api").has("sampling.weight", 1.0);
        for span in spans.iter().filter(|span| span.name != "api") {
            assert_eq!(span.attribute("sampling.weight"), None, "{}", span.name);
            let is_error = span.name.ends_with("error");
            let reason = is_error.then(|| "error".to_owned());
            assert_eq!(span.attribute("sampling.reason"), reason, "{}", span.name);
        }
    }
}

const ALL: &[&str] = &["api", "api error", "api fine", "error", "fine"];
