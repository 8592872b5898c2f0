//! What is a reason to keep a trace, and what comes of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use obs_core::SpanExt as _;
use obs_core::propagation::TraceContext;
use obs_core::testing;

use super::support::{SECOND, names, refusing, report};

#[test]
fn an_error_keeps_its_whole_local_trace() {
    let (t, _clock) = refusing(&[]);
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            tracing::info_span!("before").in_scope(|| drop(tracing::info_span!("inner")));
            tracing::info_span!("failing", otel.status_code = "error").in_scope(|| ());
            drop(tracing::info_span!("after"));
        });
        drop(root);
        tracing::info_span!("fine").in_scope(|| drop(tracing::info_span!("fine child")));
    });
    let spans = t.spans();
    let root = spans.one("root");
    root.has("sampling.reason", "error")
        .has("sampling.weight", 1.0);
    let before = root.child("before");
    before.has_no("sampling.reason").has_no("sampling.weight");
    assert_eq!(before.child("inner").status_code(), 0);
    assert_eq!(root.child("failing").status_code(), 2);
    assert_eq!(root.child("after").status_code(), 0);
    assert_eq!(spans.len(), 5);
    let report = report(&t);
    assert_eq!((report.kept["error"], report.forgotten_spans), (1, 2));
    assert_eq!(report.held_bytes, 0);
    assert!(report.peak_held_bytes > 0);
}

#[test]
fn an_error_event_keeps_what_is_there_at_once() {
    let (t, _clock) = refusing(&[]);
    let root = t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            drop(tracing::info_span!("child"));
            tracing::error!("boom");
        });
        root
    });
    assert_eq!(names(&t), ["child"], "the root is still open");
    t.run_sync(|| drop(root));
    t.spans().one("root").has("sampling.reason", "error");
}

#[test]
fn what_takes_long_is_kept() {
    let (t, clock) = refusing(&[]);
    t.run_sync(|| {
        tracing::info_span!("at the limit").in_scope(|| clock.advance(SECOND));
        tracing::info_span!("slow").in_scope(|| {
            tracing::info_span!("query").in_scope(|| clock.advance(2 * SECOND));
        });
        tracing::info_span!("answered").in_scope(|| {
            tracing::Span::current().end_latency();
            clock.advance(2 * SECOND);
        });
        tracing::info_span!("answered late").in_scope(|| {
            clock.advance(2 * SECOND);
            tracing::Span::current().end_latency();
        });
        tracing::info_span!("stream").in_scope(|| {
            tracing::Span::current().exempt_from_slow();
            clock.advance(20 * SECOND);
        });
    });
    assert_eq!(names(&t), ["answered late", "query", "slow"]);
    let slow = t.spans().one("slow");
    slow.has("sampling.reason", "slow")
        .has("sampling.weight", 1.0);
    assert_eq!(
        slow.end_time_unix_nano - slow.start_time_unix_nano,
        2_000_000_000
    );
    assert_eq!(report(&t).kept["slow"], 2);
}

#[test]
fn the_program_may_ask_for_a_trace() {
    let (t, _clock) = refusing(&[]);
    t.run_sync(|| {
        tracing::info_span!("root").in_scope(|| {
            drop(tracing::info_span!("before"));
            tracing::info_span!("asking").keep();
            drop(tracing::info_span!("after"));
        });
    });
    assert_eq!(names(&t), ["after", "asking", "before", "root"]);
    t.spans()
        .one("root")
        .has("sampling.reason", "forced")
        .has("sampling.weight", 1.0);
    assert_eq!(
        report(&t).kept,
        BTreeMap::from([("error", 0), ("forced", 1), ("late_error", 0), ("slow", 0)])
    );
}

#[test]
fn a_panic_fails_the_spans_it_goes_through() {
    struct Cleanup;

    impl Drop for Cleanup {
        fn drop(&mut self) {
            drop(tracing::info_span!("cleanup").entered());
        }
    }

    let (t, _clock) = refusing(&[]);
    t.run_sync(|| {
        let root = tracing::info_span!("root");
        root.in_scope(|| {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let _inner = tracing::info_span!("inner").entered();
                let _cleanup = Cleanup;
                std::panic::resume_unwind(Box::new("on purpose"));
            }));
            assert!(outcome.is_err());
        });
    });
    let spans = t.spans();
    assert_eq!(spans.one("inner").status_code(), 2);
    assert_eq!(spans.one("root").status_code(), 0, "it caught the panic");
    assert_eq!(spans.one("cleanup").status_code(), 0, "it did its work");
    spans.one("root").has("sampling.reason", "error");
}

#[test]
fn the_variable_chooses_the_reasons() {
    let kept = |keep: &str| {
        let (t, clock) = refusing(&[("OBS_KEEP", keep)]);
        t.run_sync(|| {
            tracing::info_span!("error").in_scope(|| tracing::error!("boom"));
            tracing::info_span!("slow").in_scope(|| clock.advance(2 * SECOND));
            tracing::info_span!("forced").keep();
        });
        (names(&t), t.telemetry().status().sampling.is_some())
    };
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(kept("errors"), (of(&["error", "forced"]), true));
    assert_eq!(kept("slow"), (of(&["forced", "slow"]), true));
    assert_eq!(
        kept("errors,slow"),
        (of(&["error", "forced", "slow"]), true)
    );
    assert_eq!(kept("off"), (Vec::new(), false));
}

#[test]
fn nothing_is_kept_where_nobody_asked_for_traces() {
    for (name, value) in [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ] {
        let t = testing::pipeline_with(&[(name, value)]);
        t.run_sync(|| tracing::info_span!("error").in_scope(|| tracing::error!("boom")));
        assert_eq!(t.telemetry().status().sampling, None, "{name}={value}");
        assert!(t.spans().is_empty(), "{name}={value}");
    }
}

#[test]
fn roots_say_why_they_were_taken_and_for_how_many_they_stand() {
    let caller: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        .parse()
        .unwrap();
    let work = || {
        tracing::info_span!("own").in_scope(|| drop(tracing::info_span!("child")));
        drop(caller.as_parent(|| tracing::info_span!(parent: None, "continued")));
        tracing::info_span!("failed").in_scope(|| tracing::error!("boom"));
    };
    // The head takes the ids of this seed, as the assertions show.
    for keep in ["errors,slow", "off"] {
        let t = testing::builder()
            .env(&[("OTEL_TRACES_SAMPLER_ARG", "0.999"), ("OBS_KEEP", keep)])
            .seed(1)
            .start();
        t.run_sync(work);
        let spans = t.spans();
        let weight = 1.0 / 0.999;
        let own = spans.one("own");
        own.has("sampling.reason", "head")
            .has("sampling.weight", weight);
        own.child("child").has_no("sampling.reason");
        spans
            .one("continued")
            .has("sampling.reason", "parent")
            .has("sampling.weight", weight);
        let failed = spans.one("failed");
        if keep == "off" {
            failed
                .has("sampling.reason", "head")
                .has("sampling.weight", weight);
        } else {
            failed
                .has("sampling.reason", "error")
                .has("sampling.weight", 1.0);
        }
    }
}

#[test]
fn a_ratio_of_zero_gives_no_weight_to_what_callers_took() {
    let (t, _clock) = refusing(&[]);
    let caller: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        .parse()
        .unwrap();
    t.run_sync(|| drop(caller.as_parent(|| tracing::info_span!(parent: None, "continued"))));
    t.spans()
        .one("continued")
        .has("sampling.reason", "parent")
        .has_no("sampling.weight");
}

#[test]
fn what_a_caller_refused_is_kept_below_its_span() {
    let (t, _clock) = refusing(&[]);
    let caller: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        .parse()
        .unwrap();
    let request = |name: &'static str, fails: bool| {
        let root =
            caller.as_parent(|| tracing::info_span!(parent: None, "request", otel.name = name));
        root.in_scope(|| {
            drop(tracing::info_span!(
                "work",
                otel.name = format!("work of {name}")
            ))
        });
        if fails {
            root.in_scope(|| tracing::error!("boom"));
        }
        root
    };
    // Two requests of one trace at once: each is judged by itself.
    t.run_sync(|| drop((request("fine", false), request("failed", true))));
    assert_eq!(names(&t), ["failed", "work of failed"]);
    let failed = t.spans().one("failed");
    assert_eq!(failed.parent_span_id(), caller.span_id);
    failed.has("sampling.reason", "error");
    assert_eq!(report(&t).forgotten_spans, 2);
}

#[test]
fn a_parent_that_is_found_later_decides() {
    let (t, _clock) = refusing(&[]);
    let [taken, refused] = ["01", "00"].map(|flags| {
        let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        text.parse::<TraceContext>().unwrap()
    });
    t.run_sync(|| {
        let late = tracing::info_span!("taken");
        assert!(late.set_parent(&taken));
        let late = tracing::info_span!("refused");
        assert!(late.set_parent(&refused));
        let failed = tracing::info_span!("failed");
        assert!(failed.set_parent(&refused));
        failed.in_scope(|| tracing::error!("boom"));
    });
    assert_eq!(names(&t), ["failed", "taken"]);
    t.spans().one("taken").has("sampling.reason", "parent");
    assert_eq!(report(&t).forgotten_spans, 1);
}

#[test]
fn callees_are_told_of_the_change_of_mind_only_if_asked_to() {
    for (propagates, expected) in [("false", false), ("true", true)] {
        let (t, _clock) = refusing(&[("OBS_KEEP_PROPAGATE", propagates)]);
        t.run_sync(|| {
            let root = tracing::info_span!("root").entered();
            let sampled = || {
                let active = obs_core::otel::Context::current();
                let active = obs_core::otel::trace::TraceContextExt::span(&active)
                    .span_context()
                    .is_sampled();
                let current = tracing::Span::current().trace_context().unwrap();
                [current.is_sampled(), active]
            };
            assert_eq!(sampled(), [false; 2]);
            tracing::error!("boom");
            // The span is entered anew, as a task is at each poll.
            let root = root.exit().entered();
            assert_eq!(sampled(), [expected; 2]);
            tracing::info_span!("child").in_scope(|| assert_eq!(sampled(), [expected; 2]));
            drop(root);
        });
        assert_eq!(names(&t), ["child", "root"]);
        t.spans().one("root").has("sampling.reason", "error");
    }
}

#[test]
fn a_description_says_what_a_running_pipeline_says() {
    let receiver = testing::Receiver::start();
    let builder = || {
        obs_core::builder("shop").env(obs_core::config::Env::from_pairs([
            ("LOG_FORMAT", "off"),
            ("LOG_FILE_PATH", "off"),
            ("OBS_KEEP_SLOW", "2s"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint().as_str()),
        ]))
    };
    let traces = |lines: Vec<&str>| {
        let traces = lines.into_iter().find(|line| line.starts_with("traces"));
        traces.unwrap().to_owned()
    };
    let before = builder().describe().unwrap();
    let before = traces(before.lines.iter().map(String::as_str).collect());
    let (telemetry, _layer) = builder()
        .quiet()
        .build::<tracing_subscriber::Registry>()
        .unwrap();
    assert_eq!(before, traces(telemetry.describe().lines().collect()));
    assert!(before.contains("OBS_KEEP"), "{before}");
}
