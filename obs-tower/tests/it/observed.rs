//! What came out of a pipeline of its own, for requests that a test sends through the layer.

use std::collections::BTreeMap;

use obs_core::testing::{self, attribute};
use obs_tower::ObserveLayer;

/// Everything that arrived at the receiver.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) spans: Vec<Span>,
    pub(crate) points: Vec<Point>,
    /// Events of the access log.
    pub(crate) access: Vec<Event>,
    /// All other events.
    pub(crate) others: Vec<Event>,
}

#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) is_server: bool,
    pub(crate) is_error: bool,
    pub(crate) trace_id: String,
    /// Empty for a root.
    pub(crate) parent_id: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A point of the duration histogram.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) unit: String,
    pub(crate) boundaries: Vec<f64>,
    pub(crate) count: u64,
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) message: String,
    pub(crate) level: String,
    pub(crate) trace_id: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// Runs requests through the layer of a pipeline and collects what it sent.
pub(crate) async fn observed(run: impl AsyncFnOnce(ObserveLayer)) -> Observed {
    let t = testing::pipeline();
    t.run(run(obs_tower::observe(t.telemetry()))).await;
    let (access, others) = t
        .logs()
        .iter()
        .map(event)
        .partition(|event| event.level == "http");
    Observed {
        spans: t.spans().iter().map(span).collect(),
        points: points(&t.metrics()),
        access,
        others,
    }
}

/// The attributes as a map of texts.
macro_rules! texts {
    ($attributes:expr) => {
        $attributes
            .iter()
            .filter_map(|pair| Some((pair.key.clone(), attribute(&$attributes, &pair.key)?)))
            .collect()
    };
}

fn span(span: &testing::Span) -> Span {
    Span {
        name: span.name.clone(),
        is_server: span.kind == 2,
        is_error: span.status_code() == 2,
        trace_id: span.trace_id().to_string(),
        parent_id: if span.parent_span_id.is_empty() {
            String::new()
        } else {
            span.parent_span_id().to_string()
        },
        attributes: texts!(span.attributes),
    }
}

fn event(log: &testing::Log) -> Event {
    Event {
        message: log.message(),
        level: log.level(),
        trace_id: log.trace_id().to_string(),
        attributes: texts!(log.attributes),
    }
}

fn points(metrics: &testing::Metrics) -> Vec<Point> {
    let unit = &metrics.one(NAME).unit;
    let points = metrics.histogram(NAME).iter();
    points
        .map(|point| Point {
            unit: unit.clone(),
            boundaries: point.explicit_bounds.clone(),
            count: point.count,
            attributes: texts!(point.attributes),
        })
        .collect()
}

const NAME: &str = "http.server.request.duration";
