//! Ten thousand requests at ten per cent: what arrives is what the rules say, to the span.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use obs_core::SpanExt as _;
use obs_core::propagation::{SpanId, TraceId};
use obs_core::testing::{self, ManualClock, TestPipeline};
use tokio::task::JoinHandle;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use crate::service::{Frames, catch, frames};

#[tokio::test]
async fn errors_and_slow_requests_arrive_whole_beside_the_sampled_ones() {
    let traffic = Arc::new(Traffic::default());
    let t = testing::builder()
        .env(&[
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
            ("OTEL_LOGS_EXPORTER", "none"),
            ("LOG_FILE_PATH", "off"),
        ])
        .clock(&traffic.clock)
        .seed(20_260_215)
        .start();
    t.run(send_all(&t, &traffic)).await;

    let made = traffic.made.lock().unwrap();
    let merits = |merit| made.values().filter(|trace| trace.merit() == merit).count();
    assert_eq!((merits(Some("error")), merits(Some("slow"))), (100, 50));
    let expected: BTreeMap<TraceId, Arrived> = made
        .values()
        .filter_map(|trace| {
            let (reason, weight) = match trace.merit() {
                Some(merit) => (merit, "1"),
                None if is_head_sampled(trace.id) => ("head", "10"),
                None => return None,
            };
            let arrived = Arrived {
                reason: reason.to_owned(),
                weight: weight.to_owned(),
                spans: trace.spans.clone(),
            };
            Some((trace.id, arrived))
        })
        .collect();
    assert!(expected.len() > 1_000, "{} traces", expected.len());
    let arrived = arrived(&t);
    for (id, trace) in &expected {
        assert_eq!(arrived.get(id), Some(trace), "{id}");
    }
    assert_eq!(arrived.len(), expected.len(), "others arrived too");

    let spans_of =
        |traces: Vec<&BTreeSet<SpanId>>| -> usize { traces.iter().map(|spans| spans.len()).sum() };
    let all = spans_of(made.values().map(|trace| &trace.spans).collect());
    let exported = spans_of(expected.values().map(|trace| &trace.spans).collect());
    let report = t.telemetry().status().sampling.unwrap();
    assert_eq!(report.forgotten_spans, (all - exported) as u64);
    let refused = |merit| {
        let refused = made.values().filter(|trace| !is_head_sampled(trace.id));
        refused.filter(|trace| trace.merit() == Some(merit)).count() as u64
    };
    assert_eq!(report.kept["error"], refused("error"));
    assert_eq!(report.kept["slow"], refused("slow"));
    assert_eq!(
        report.kept.values().sum::<u64>(),
        refused("error") + refused("slow")
    );
    assert_eq!(report.over_bound.values().sum::<u64>(), 0, "{report:?}");
    assert_eq!(report.held_bytes, 0);
    assert!(report.peak_held_bytes > 0);
    assert!(report.peak_held_bytes <= 256 * 1024, "one trace at a time");
}

/// What arrived of a trace.
#[derive(Debug, PartialEq)]
struct Arrived {
    reason: String,
    weight: String,
    spans: BTreeSet<SpanId>,
}

/// What arrived, by trace.
fn arrived(t: &TestPipeline) -> BTreeMap<TraceId, Arrived> {
    let mut traces = BTreeMap::<TraceId, Arrived>::new();
    for span in t.spans().iter() {
        let trace = traces.entry(span.trace_id()).or_insert_with(|| Arrived {
            reason: String::new(),
            weight: String::new(),
            spans: BTreeSet::new(),
        });
        assert!(trace.spans.insert(span.span_id()), "twice: {span:?}");
        let (reason, weight) = (
            span.attribute("sampling.reason"),
            span.attribute("sampling.weight"),
        );
        if span.parent_span_id().is_valid() {
            assert_eq!((reason, weight), (None, None), "of a child");
        } else {
            trace.reason = reason.unwrap_or_default();
            trace.weight = weight.unwrap_or_default();
        }
    }
    traces
}

/// `TraceIdRatioBased` at a tenth: the low 63 bits of the id are below a tenth of 2^63.
fn is_head_sampled(id: TraceId) -> bool {
    let low_bits = u128::from_be_bytes(id.to_bytes()) & u128::from(u64::MAX);
    (low_bits >> 1) * 10 < 1 << 63
}

/// What a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    NotFound,
    Unavailable,
    Panics,
    BodyFails,
    TaskFails,
    Slow,
}

impl Fate {
    /// One in a hundred fails, in every way, one in two hundred is slow, one in ten is a 404.
    fn of(number: usize) -> Self {
        let failures = [
            Self::Unavailable,
            Self::Panics,
            Self::BodyFails,
            Self::TaskFails,
        ];
        match number % 200 {
            51 | 150 => failures[number / 200 % failures.len()],
            100 => Self::Slow,
            rest if rest % 10 == 7 => Self::NotFound,
            _ => Self::Fine,
        }
    }
}

/// The spans that a request had.
#[derive(Debug)]
struct Made {
    fate: Fate,
    id: TraceId,
    spans: BTreeSet<SpanId>,
}

impl Made {
    fn merit(&self) -> Option<&'static str> {
        match self.fate {
            Fate::Fine | Fate::NotFound => None,
            Fate::Unavailable | Fate::Panics | Fate::BodyFails | Fate::TaskFails => Some("error"),
            Fate::Slow => Some("slow"),
        }
    }
}

/// All requests: what they made, their clock, and tasks that outlive their response.
#[derive(Debug, Default)]
struct Traffic {
    clock: ManualClock,
    made: Mutex<BTreeMap<usize, Made>>,
    left_running: Mutex<Vec<JoinHandle<()>>>,
}

impl Traffic {
    /// Takes note of the current span.
    fn note(&self, number: usize) {
        let context = tracing::Span::current().trace_context().unwrap();
        let mut made = self.made.lock().unwrap();
        let trace = made.entry(number).or_insert_with(|| Made {
            fate: Fate::of(number),
            id: context.trace_id,
            spans: BTreeSet::new(),
        });
        assert_eq!(trace.id, context.trace_id);
        trace.spans.insert(context.span_id);
    }

    /// Answers a request of four spans, two of them in a task; every other task ends after its
    /// request.
    async fn answer(self: Arc<Self>, number: usize) -> Response<Frames> {
        self.note(number);
        async { self.note(number) }
            .instrument(tracing::info_span!("SELECT recipes"))
            .await;
        let audit = self.clone().audit(number, tracing::info_span!("audit"));
        let audit = tokio::spawn(audit.with_current_subscriber());
        if number.is_multiple_of(2) {
            audit.await.unwrap();
        } else {
            self.left_running.lock().unwrap().push(audit);
        }
        let fate = Fate::of(number);
        if fate == Fate::Slow {
            self.clock.advance(Duration::from_millis(1_001));
        }
        let last = match fate {
            Fate::Panics => panic!("on purpose"),
            Fate::BodyFails => Err(io::Error::other("broken")),
            _ => Ok("tacos"),
        };
        let mut response = Response::new(frames([Ok("chicken "), last]));
        *response.status_mut() = match fate {
            Fate::NotFound => StatusCode::NOT_FOUND,
            Fate::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        response
    }

    /// Takes the span along, so that it is dropped inside the subscriber too: `tracing` releases the
    /// parent of a span in the subscriber that is the default then.
    async fn audit(self: Arc<Self>, number: usize, span: tracing::Span) {
        let work = async {
            self.note(number);
            tracing::info_span!("INSERT audit").in_scope(|| self.note(number));
            if Fate::of(number) == Fate::TaskFails {
                tracing::error!("no audit");
            }
        };
        work.instrument(span).await;
    }
}

/// One request after another, a thousand a second, each with its tasks to the end.
async fn send_all(t: &TestPipeline, traffic: &Arc<Traffic>) {
    let handler = traffic.clone();
    let service = service_fn(move |request: Request<Empty<Bytes>>| {
        let number = *request.extensions().get::<usize>().unwrap();
        let answer = handler.clone().answer(number);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let service = obs_tower::observe(t.telemetry()).layer(service);
    for number in 0..10_000_usize {
        let request = Request::get("/recipes/1").extension(number);
        let request = request.body(Empty::new()).unwrap();
        let answered = catch(service.clone().oneshot(request)).await;
        if let Ok(Ok(response)) = answered {
            let whole = response.into_body().collect().await;
            assert_eq!(whole.is_err(), Fate::of(number) == Fate::BodyFails);
        }
        let left_running = std::mem::take(&mut *traffic.left_running.lock().unwrap());
        for task in left_running {
            task.await.unwrap();
        }
        traffic.clock.advance(Duration::from_millis(1));
    }
}
