//! The layer beside others: it filters for itself and hides nothing from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use obs_core::SpanExt as _;
use obs_core::config::Env;
use obs_core::testing::Receiver;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::support::Folder;

/// Counts events of the level TRACE.
#[derive(Clone, Default)]
struct Counts(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Counts {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::TRACE {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn layers_before_and_after_see_what_this_one_refuses() {
    let folder = Folder::new();
    let env = Env::from_pairs([
        ("LOG_FILE_PATH", folder.0.to_str().unwrap()),
        ("LOG_FORMAT", "off"),
        ("LOG_LEVEL", "info"),
    ]);
    let (telemetry, layer) = obs_core::builder("shop").env(env).quiet().build().unwrap();
    let (before, after) = (Counts::default(), Counts::default());
    let subscriber = tracing_subscriber::registry()
        .with(before.clone())
        .with(layer)
        .with(after.clone());
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::trace_span!("fine");
        let _entered = span.enter();
        tracing::trace!("refused by ours");
        tracing::info!("seen by all");
    });
    assert!(telemetry.flush(std::time::Duration::from_secs(30)));
    assert_eq!(before.0.load(Ordering::Relaxed), 1);
    assert_eq!(after.0.load(Ordering::Relaxed), 1);
    let text = folder.text("combined");
    assert!(
        text.contains("seen by all") && !text.contains("refused by ours"),
        "{text}"
    );
}

#[test]
fn two_pipelines_in_one_subscriber_share_spans_and_nothing_else() {
    let folders = [Folder::new(), Folder::new()];
    let [first, second] = folders.each_ref().map(|folder| {
        let env = Env::from_pairs([
            ("LOG_FILE_PATH", folder.0.to_str().unwrap()),
            ("LOG_FORMAT", "off"),
        ]);
        obs_core::builder("shop").env(env).quiet()
    });
    let (one, first) = first.build().unwrap();
    let (two, second) = second.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(first).with(second);
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("span", request.id = "r-1").entered();
        tracing::info!("once each");
    });
    for (telemetry, folder) in [one, two].into_iter().zip(&folders) {
        let report = telemetry.shutdown(std::time::Duration::MAX);
        assert!(report.is_complete(), "{report}");
        let text = folder.text("combined");
        assert_eq!(text.matches("once each").count(), 1, "{text}");
        assert_eq!(text.matches(r#""requestId":"r-1""#).count(), 1, "{text}");
    }
}

#[test]
fn two_pipelines_in_one_subscriber_export_every_span_each() {
    let receivers = [Receiver::start(), Receiver::start()];
    let [first, second] = receivers.each_ref().map(|receiver| {
        let env = Env::from_pairs([
            ("LOG_FILE_PATH", "off"),
            ("LOG_FORMAT", "off"),
            ("OTEL_TRACES_SAMPLER_ARG", "1"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint().as_str()),
        ]);
        obs_core::builder("shop").env(env).quiet()
    });
    let (one, first) = first.build().unwrap();
    let (two, second) = second.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(first).with(second);
    tracing::subscriber::with_default(subscriber, || {
        let root = tracing::info_span!("root");
        root.in_scope(|| drop(tracing::info_span!("child")));
        drop(root);
        let told = tracing::info_span!("told to end");
        told.end();
        told.end();
    });
    for (telemetry, receiver) in [&one, &two].into_iter().zip(&receivers) {
        assert!(telemetry.flush(std::time::Duration::from_secs(30)));
        let spans = receiver.spans();
        let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["child", "root", "told to end"]);
        assert_eq!(telemetry.status().sampling.unwrap().forgotten_spans, 0);
    }
}

#[test]
fn what_one_pipeline_keeps_the_other_does_not_count_as_forgotten() {
    let receivers = [Receiver::start(), Receiver::start()];
    let [first, second] = receivers.each_ref().map(|receiver| {
        let env = Env::from_pairs([
            ("LOG_FILE_PATH", "off"),
            ("LOG_FORMAT", "off"),
            ("OTEL_TRACES_SAMPLER_ARG", "0"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint().as_str()),
        ]);
        obs_core::builder("shop").env(env).quiet()
    });
    let (one, first) = first.build().unwrap();
    let (two, second) = second.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(first).with(second);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("root").in_scope(|| {
            drop(tracing::info_span!("child"));
            tracing::error!("boom");
        });
        drop(tracing::info_span!("fine"));
    });
    let forgotten = [&one, &two].map(|telemetry| {
        assert!(telemetry.flush(std::time::Duration::from_secs(30)));
        telemetry.status().sampling.unwrap().forgotten_spans
    });
    assert_eq!(forgotten, [1, 0], "the spans are the first one's");
    assert_eq!(receivers[0].spans().len(), 2);
}
