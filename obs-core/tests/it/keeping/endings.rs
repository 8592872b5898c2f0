//! What waits when somebody flushes, and when the pipeline ends.

use std::time::Duration;

use obs_core::Telemetry;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;

use super::support::{names, outlived, refusing, report, taking};

#[test]
fn a_flush_exports_what_only_waits_for_its_weight() {
    let (t, _clock) = taking();
    let late = outlived(&t);
    assert!(report(&t).held_bytes > 0);
    assert_eq!(names(&t), ["root", "work"], "asking for spans flushes");
    t.spans().one("root").has("sampling.reason", "head");
    drop(late);
    assert_eq!(names(&t), ["late", "root", "work"]);
}

#[test]
fn a_flush_does_not_decide_about_what_the_head_refused() {
    let (t, _clock) = refusing(&[]);
    let late = outlived(&t);
    t.flush();
    assert!(report(&t).held_bytes > 0);
    t.run_sync(|| late.in_scope(|| tracing::error!("boom")));
    drop(late);
    assert_eq!(names(&t), ["late", "root", "work"]);
}

#[test]
fn nothing_waits_after_the_end() {
    for (ratio, arrived) in [("0", &[][..]), ("1", &["child", "ended"])] {
        let receiver = obs_core::testing::Receiver::start();
        let (telemetry, layer) = telemetry(ratio, &receiver);
        let handle = telemetry.handle();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let held = || handle.status().sampling.unwrap().held_bytes;
            // One trace whose root has ended, one whose child has, and one of which nothing has.
            let ended = tracing::info_span!("ended");
            let late = {
                let _active = ended.in_scope(obs_core::otel::Context::current).attach();
                tracing::info_span!("late")
            };
            drop(ended);
            let root = tracing::info_span!("root");
            root.in_scope(|| drop(tracing::info_span!("child")));
            let open = tracing::info_span!("open");
            let open = (open.in_scope(|| tracing::info_span!("open child")), open);
            assert!(held() > 0);
            let shutdown = telemetry.shutdown(Duration::from_secs(30));
            assert!(shutdown.is_complete(), "{shutdown}");
            assert_eq!(held(), 0);
            drop((late, root, open));
            tracing::info_span!("after").in_scope(|| tracing::error!("boom"));
            assert_eq!(held(), 0, "nothing is held from then on");
            let sampling = handle.status().sampling.unwrap();
            assert_eq!(sampling.kept["error"], 0, "nor kept");
            assert_eq!(sampling.over_bound["rate_errors"], 0, "nor refused");
        });
        let spans = receiver.spans();
        let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, arrived, "ratio {ratio}");
    }
}

#[test]
fn a_span_that_is_gone_with_its_subscriber_leaves_nothing_behind() {
    let receiver = obs_core::testing::Receiver::start();
    let (telemetry, layer) = telemetry("0", &receiver);
    let subscriber = tracing_subscriber::registry().with(layer);
    let child = tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("root").in_scope(|| tracing::info_span!("child"))
    });
    // Outside of its subscriber a span does not close its parent.
    drop(child);
    let report = telemetry.status().sampling.unwrap();
    assert!(report.peak_held_bytes > 0, "the child waited for the root");
    assert_eq!((report.held_bytes, report.forgotten_spans), (0, 2));
}

fn telemetry(
    ratio: &str,
    receiver: &obs_core::testing::Receiver,
) -> (Telemetry, impl Layer<Registry> + Send + Sync + use<>) {
    let env = obs_core::config::Env::from_pairs([
        ("LOG_FORMAT", "off"),
        ("LOG_FILE_PATH", "off"),
        ("OTEL_TRACES_SAMPLER_ARG", ratio),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint().as_str()),
    ]);
    obs_core::builder("shop").env(env).quiet().build().unwrap()
}
