//! Spans that were told to end while somebody holds them: what happens in them still counts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use obs_core::SpanExt as _;
use obs_core::otel::Context;
use obs_core::propagation::TraceContext;
use tracing::instrument::WithSubscriber as _;
use tracing::{Instrument as _, Span};

use super::support::{SECOND, names, refusing, report};

fn parent() -> TraceContext {
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        .parse()
        .unwrap()
}

#[test]
fn what_happens_in_a_span_after_its_end_keeps_the_trace() {
    let error: fn(&Span) = |span| span.in_scope(|| tracing::error!("boom"));
    let panic: fn(&Span) = |span| {
        let thrown = AssertUnwindSafe(|| span.in_scope(|| std::panic::resume_unwind(Box::new(0))));
        assert!(catch_unwind(thrown).is_err());
    };
    let child: fn(&Span) = |span| {
        span.in_scope(|| drop(tracing::info_span!("work", otel.status_code = "error")));
    };
    let keep: fn(&Span) = |span| span.keep();
    let cases = [
        (error, "error"),
        (panic, "error"),
        (child, "error"),
        (keep, "forced"),
    ];
    for (ratio, (happens, reason)) in ["0", "1"].into_iter().flat_map(|r| cases.map(|c| (r, c))) {
        let (t, clock) = refusing(&[("OTEL_TRACES_SAMPLER_ARG", ratio)]);
        t.run_sync(|| {
            let root = tracing::info_span!("root");
            root.in_scope(|| drop(tracing::info_span!("work")));
            clock.advance(SECOND / 2);
            root.end();
            clock.advance(4 * SECOND);
            happens(&root);
            drop(root);
        });
        let spans = t.spans();
        let root = spans.one("root");
        root.has("sampling.reason", reason)
            .has("sampling.weight", 1.0);
        assert_eq!(
            root.end_time_unix_nano - root.start_time_unix_nano,
            500_000_000
        );
        assert_eq!(root.status_code(), 0, "it was fine when it ended");
        assert!(spans.iter().any(|span| span.name == "work"), "{ratio}");
        let report = report(&t);
        assert_eq!((report.forgotten_spans, report.held_bytes), (0, 0));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_task_may_run_in_the_span_of_its_request() {
    let (t, _clock) = refusing(&[]);
    let (answered, wait) = tokio::sync::oneshot::channel::<()>();
    let task = t.run_sync(|| {
        let root = tracing::info_span!("root");
        let task = async {
            wait.await.unwrap();
            tracing::error!("mail failed");
        };
        let task = root.in_scope(|| task.in_current_span());
        let task = tokio::spawn(task.with_subscriber(t.dispatch().clone()));
        root.end();
        task
    });
    answered.send(()).unwrap();
    task.await.unwrap();
    t.spans().one("root").has("sampling.reason", "error");
}

#[test]
fn more_than_five_seconds_later_an_error_is_exported_alone() {
    for (ratio, reason, arrived) in [
        ("0", "error", &["root"][..]),
        ("1", "head", &["root", "work"]),
    ] {
        let (t, clock) = refusing(&[("OTEL_TRACES_SAMPLER_ARG", ratio)]);
        t.run_sync(|| {
            let root = tracing::info_span!("root");
            root.in_scope(|| drop(tracing::info_span!("work")));
            root.end();
            clock.advance(5 * SECOND);
            t.flush();
            assert_eq!(report(&t).held_bytes, 0);
            root.in_scope(|| tracing::error!("boom"));
        });
        assert_eq!(names(&t), arrived);
        t.spans().one("root").has("sampling.reason", reason);
    }
}

#[test]
fn what_the_head_took_is_there_before_its_last_handle_is_gone() {
    let (t, _clock) = refusing(&[("OTEL_TRACES_SAMPLER_ARG", "1")]);
    let root = t.run_sync(|| tracing::info_span!("root"));
    root.end();
    t.spans().one("root").has("sampling.reason", "head");
    t.run_sync(|| drop(root));
    assert_eq!(names(&t), ["root"]);
}

#[test]
fn a_span_without_merit_is_forgotten_once_and_never_waits() {
    let (t, _clock) = refusing(&[]);
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.end();
        assert!(!root.set_parent(&parent()), "it is too late");
        root.end();
    });
    let report = report(&t);
    assert_eq!((report.forgotten_spans, report.peak_held_bytes), (1, 0));
}

#[test]
fn a_new_parent_may_drop_what_logs_into_the_span() {
    /// Its end is told in this span.
    struct Logs(Span);

    impl Drop for Logs {
        fn drop(&mut self) {
            tracing::info!(parent: &self.0, "dropped");
        }
    }

    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let (t, _clock) = refusing(&[]);
        t.run_sync(|| {
            let span = tracing::info_span!("span");
            let context = Context::current().with_value(Logs(span.clone()));
            {
                let _active = context.attach();
                span.in_scope(|| ());
            }
            assert!(span.set_parent(&parent()));
        });
        assert_eq!(t.logs().one("dropped").trace_id(), parent().trace_id);
        done.send(()).unwrap();
    });
    let done = wait.recv_timeout(Duration::from_secs(30));
    assert_eq!(done, Ok(()), "the span is still locked");
}
