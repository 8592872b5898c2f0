//! Spans that outlive their root, in the same task and in others.

use std::collections::HashSet;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use obs_core::SpanExt as _;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use super::support::{SECOND, names, outlived, refusing, report, taking};

#[test]
fn an_error_after_the_root_keeps_all_of_the_trace() {
    let (t, clock) = refusing(&[]);
    let late = outlived(&t);
    clock.advance(4 * SECOND);
    assert!(t.spans().is_empty());
    assert!(report(&t).held_bytes > 0);
    t.run_sync(|| late.in_scope(|| tracing::error!("boom")));
    drop(late);
    let spans = t.spans();
    let root = spans.one("root");
    root.has("sampling.reason", "error")
        .has("sampling.weight", 1.0);
    assert_eq!(root.child("work").status_code(), 0);
    root.child("late").has_no("sampling.reason");
    assert_eq!((report(&t).held_bytes, report(&t).kept["error"]), (0, 1));
}

#[test]
fn five_seconds_after_the_root_nothing_waits_any_more() {
    let (t, clock) = refusing(&[]);
    let late = outlived(&t);
    clock.advance(5 * SECOND);
    t.flush();
    let report_then = report(&t);
    assert_eq!(
        (report_then.held_bytes, report_then.forgotten_spans),
        (0, 2)
    );
    t.run_sync(|| {
        late.in_scope(|| {
            tracing::info_span!("fine").in_scope(|| ());
            tracing::error!("boom");
        });
    });
    drop(late);
    assert_eq!(names(&t), ["late"], "an error keeps itself");
    t.spans()
        .one("late")
        .has("sampling.reason", "late_error")
        .has_no("sampling.weight");
    let report = report(&t);
    assert_eq!((report.forgotten_spans, report.kept["late_error"]), (3, 1));
    assert_eq!(report.kept["error"], 0);
}

#[test]
fn what_waits_is_let_go_without_anybody_asking() {
    let (t, clock) = refusing(&[]);
    let late = outlived(&t);
    clock.advance(5 * SECOND);
    // The sender looks once a second, by the system's time.
    let patience = Instant::now() + Duration::from_secs(30);
    while report(&t).held_bytes > 0 {
        assert!(Instant::now() < patience, "nobody let go of it");
        std::thread::yield_now();
    }
    drop(late);
}

#[test]
fn a_root_that_the_head_took_waits_for_errors_too() {
    let (t, clock) = taking();
    let late = outlived(&t);
    let exported = || t.receiver().spans().len();
    assert!(report(&t).held_bytes > 0);
    t.run_sync(|| late.in_scope(|| tracing::error!("boom")));
    assert_eq!(report(&t).held_bytes, 0, "the reason is known");
    drop(late);
    t.spans()
        .one("root")
        .has("sampling.reason", "error")
        .has("sampling.weight", 1.0);
    assert_eq!(exported(), 3);

    let late = outlived(&t);
    clock.advance(5 * SECOND);
    t.run_sync(|| late.in_scope(|| tracing::error!("too late")));
    assert_eq!(report(&t).held_bytes, 0);
    drop(late);
    let roots = t.spans();
    let roots = roots.iter().filter(|span| span.name == "root");
    let reasons: Vec<_> = roots
        .map(|root| root.attribute("sampling.reason"))
        .collect();
    assert_eq!(reasons, [Some("error".to_owned()), Some("head".to_owned())]);
    assert_eq!(report(&t).forgotten_spans, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_a_spawned_task_keeps_the_trace() {
    let (t, _clock) = refusing(&[]);
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let task = async {
        wait.await.unwrap();
        tracing::info_span!("deep").in_scope(|| tracing::error!("boom"));
    };
    let task = t.run_sync(|| {
        let root = tracing::info_span!("root");
        let span = root.in_scope(|| tracing::info_span!("task"));
        // The span ends inside, where its subscriber is the current one.
        let task = async {
            task.instrument(span).await;
        };
        tokio::spawn(task.with_subscriber(t.dispatch().clone()))
    });
    // Whoever began the root has left it by now.
    go.send(()).unwrap();
    task.await.unwrap();
    let root = t.spans().one("root");
    root.has("sampling.reason", "error");
    assert_eq!(root.child("task").child("deep").status_code(), 2);
}

#[test]
fn spans_of_one_trace_may_end_on_many_threads_at_once() {
    const THREADS: usize = 8;
    const SPANS: usize = 50;

    let (t, _clock) = refusing(&[]);
    let root = t.run_sync(|| tracing::info_span!("root"));
    let ready = Barrier::new(THREADS);
    let work = |thread: usize| {
        ready.wait();
        for number in 0..SPANS {
            let part = tracing::info_span!(parent: &root, "part");
            if thread == 3 && number == SPANS / 2 {
                part.in_scope(|| tracing::error!("boom"));
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (t, work) = (&t, &work);
            scope.spawn(move || t.run_sync(|| work(thread)));
        }
    });
    drop(root);
    let spans = t.spans();
    assert_eq!(spans.len(), THREADS * SPANS + 1, "no loss, no double");
    let ids: HashSet<_> = spans.iter().map(|span| span.span_id()).collect();
    assert_eq!(ids.len(), spans.len());
    let report = report(&t);
    assert_eq!((report.forgotten_spans, report.held_bytes), (0, 0));
}

#[test]
fn a_root_ends_when_it_is_told_to_and_not_with_its_last_task() {
    let (t, clock) = refusing(&[("OTEL_TRACES_SAMPLER_ARG", "1")]);
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        let task = root.in_scope(|| tracing::info_span!("task"));
        clock.advance(SECOND / 2);
        root.end();
        root.end();
        drop(root);
        clock.advance(SECOND / 4);
        task.in_scope(|| tracing::error!("boom"));
    });
    let spans = t.spans();
    assert_eq!(spans.len(), 2);
    let root = spans.one("root");
    root.has("sampling.reason", "error");
    let took = |span: obs_core::testing::Span| span.end_time_unix_nano - span.start_time_unix_nano;
    assert_eq!(took(root.child("task")), 750_000_000);
    assert_eq!(took(root), 500_000_000);
}
