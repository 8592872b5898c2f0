//! Requests that sampling left out: which of them arrive all the same, and why.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use obs_core::SpanExt as _;
use obs_core::testing::{self, ManualClock, Spans, TestPipeline};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::service::{Frames, catch, frames};

const CALLERS_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLERS_SPAN: &str = "00f067aa0ba902b7";

/// A service that no trace is sampled in, under a clock that stands still.
struct Unsampled {
    t: TestPipeline,
    clock: ManualClock,
}

impl Unsampled {
    fn start() -> Self {
        let clock = ManualClock::new();
        let t = testing::builder()
            .env(&[("OTEL_TRACES_SAMPLER_ARG", "0")])
            .clock(&clock)
            .start();
        Self { t, clock }
    }

    /// What arrives of a request whose head takes so long, and whose body takes as long again.
    async fn request<F>(
        &self,
        request: Request<Empty<Bytes>>,
        pause: Duration,
        answer: impl FnOnce() -> F,
    ) -> Spans
    where
        F: Future<Output = Response<Frames>>,
    {
        let mut answer = Some(answer);
        let service = service_fn(move |_: Request<Empty<Bytes>>| {
            let answer = answer.take().unwrap();
            self.clock.advance(pause);
            async { Ok::<_, Infallible>(answer().await) }
        });
        let service = obs_tower::observe(self.t.telemetry()).layer(service);
        self.t
            .run(catch(async {
                let response = service.oneshot(request).await.unwrap();
                self.clock.advance(pause);
                let _whole_or_broken = response.into_body().collect().await;
            }))
            .await
            .ok();
        self.t.spans()
    }

    /// The same, for an answer that is known from the start: the reason why it arrived, if it did.
    async fn reason(
        request: Request<Empty<Bytes>>,
        pause: Duration,
        response: Response<Frames>,
    ) -> Option<String> {
        let spans = Self::start()
            .request(request, pause, async || response)
            .await;
        spans.iter().next()?.attribute("sampling.reason")
    }
}

fn get() -> Request<Empty<Bytes>> {
    Request::get("/recipes/1").body(Empty::new()).unwrap()
}

fn ok() -> Response<Frames> {
    Response::new(frames([Ok("a"), Ok("b")]))
}

fn with_status(status: StatusCode) -> Response<Frames> {
    let mut response = ok();
    *response.status_mut() = status;
    response
}

const FAST: Duration = Duration::from_millis(1);
const SLOW: Duration = Duration::from_millis(1_001);

#[tokio::test]
async fn answers_of_5xx_are_kept_and_others_are_not() {
    for (status, reason) in [
        (StatusCode::OK, None),
        (StatusCode::FOUND, None),
        (StatusCode::NOT_FOUND, None),
        (StatusCode::TOO_MANY_REQUESTS, None),
        (StatusCode::INTERNAL_SERVER_ERROR, Some("error")),
        (StatusCode::SERVICE_UNAVAILABLE, Some("error")),
    ] {
        let kept = Unsampled::reason(get(), FAST, with_status(status)).await;
        assert_eq!(kept.as_deref(), reason, "{status}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_not_kept() {
    let service = Unsampled::start();
    let observed = obs_tower::observe(service.t.telemetry()).layer(service_fn(
        async |_: Request<Empty<Bytes>>| Ok::<_, Infallible>(ok()),
    ));
    let response = service.t.run(observed.oneshot(get())).await.unwrap();
    service.t.run_sync(|| drop(response));
    assert!(service.t.spans().is_empty());
    let report = service.t.telemetry().status().sampling.unwrap();
    assert_eq!((report.forgotten_spans, report.held_bytes), (1, 0));
}

#[tokio::test]
async fn a_failure_after_the_head_is_kept() {
    let broken = || Response::new(frames([Ok("a"), Err(io::Error::other("broken"))]));
    let reason = Unsampled::reason(get(), FAST, broken()).await;
    assert_eq!(reason.as_deref(), Some("error"));
    let panics = || Response::new(frames([Ok("a"), Ok("panic")]));
    let reason = Unsampled::reason(get(), FAST, panics()).await;
    assert_eq!(reason.as_deref(), Some("error"));
}

#[tokio::test]
async fn a_panic_is_kept_with_the_spans_before_it() {
    let service = Unsampled::start();
    let spans = service
        .request(get(), FAST, async || {
            drop(tracing::info_span!("SELECT recipes"));
            panic!("on purpose")
        })
        .await;
    assert_eq!(spans.len(), 2);
    let root = spans.one("GET");
    root.has("sampling.reason", "error")
        .has("sampling.weight", 1)
        .has("error.type", "panic");
    root.child("SELECT recipes").has_no("sampling.reason");
}

#[tokio::test]
async fn a_head_that_takes_long_is_slow_and_a_body_is_not() {
    let reason = Unsampled::reason(get(), SLOW, ok()).await;
    assert_eq!(reason.as_deref(), Some("slow"));

    let service = Unsampled::start();
    let observed = obs_tower::observe(service.t.telemetry()).layer(service_fn(
        async |_: Request<Empty<Bytes>>| Ok::<_, Infallible>(ok()),
    ));
    service
        .t
        .run(async {
            let response = observed.oneshot(get()).await.unwrap();
            service.clock.advance(Duration::from_mins(1));
            response.into_body().collect().await.unwrap();
        })
        .await;
    assert!(service.t.spans().is_empty());
}

#[tokio::test]
async fn what_is_made_to_last_is_never_slow() {
    let of_type = |content_type: &'static str| {
        let mut response = ok();
        let headers = response.headers_mut();
        headers.insert("content-type", content_type.parse().unwrap());
        response
    };
    let events = of_type("Text/Event-Stream; charset=utf-8");
    assert_eq!(Unsampled::reason(get(), SLOW, events).await, None);
    let page = of_type("text/html");
    assert!(Unsampled::reason(get(), SLOW, page).await.is_some());

    let upgrade = with_status(StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(Unsampled::reason(get(), SLOW, upgrade).await, None);

    let tunnel = || {
        let request = Request::builder().method(Method::CONNECT);
        let request = request.uri("db.example:5432");
        request.body(Empty::new()).unwrap()
    };
    assert_eq!(Unsampled::reason(tunnel(), SLOW, ok()).await, None);
    let refused = with_status(StatusCode::FORBIDDEN);
    assert!(Unsampled::reason(tunnel(), SLOW, refused).await.is_some());
}

#[tokio::test]
async fn an_event_stream_that_fails_is_kept() {
    let mut response = with_status(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", "text/event-stream".parse().unwrap());
    let reason = Unsampled::reason(get(), FAST, response).await;
    assert_eq!(reason.as_deref(), Some("error"));
}

#[tokio::test]
async fn the_program_may_keep_a_request() {
    let service = Unsampled::start();
    let spans = service
        .request(get(), FAST, async || {
            tracing::Span::current().keep();
            ok()
        })
        .await;
    let root = spans.one("GET");
    root.has("sampling.reason", "forced")
        .has("sampling.weight", 1);
}

#[tokio::test]
async fn a_caller_decides_unless_the_request_fails() {
    let from_caller = |flags: &str| {
        let traceparent = format!("00-{CALLERS_TRACE}-{CALLERS_SPAN}-{flags}");
        let mut request = get();
        let headers = request.headers_mut();
        headers.insert("traceparent", traceparent.parse().unwrap());
        request
    };
    for (flags, status, reason) in [
        ("00", StatusCode::OK, None),
        ("00", StatusCode::BAD_GATEWAY, Some("error")),
        ("01", StatusCode::OK, Some("parent")),
        ("01", StatusCode::BAD_GATEWAY, Some("error")),
    ] {
        let spans = Unsampled::start()
            .request(from_caller(flags), FAST, async || with_status(status))
            .await;
        let reasons: Vec<_> = spans
            .iter()
            .map(|span| span.attribute("sampling.reason"))
            .collect();
        let expected: Vec<_> = reason
            .map(|reason| Some(reason.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(reasons, expected, "{flags} {status}");
        for span in spans.iter() {
            assert_eq!(span.trace_id().to_string(), CALLERS_TRACE);
            assert_eq!(span.parent_span_id().to_string(), CALLERS_SPAN);
        }
    }
}

#[tokio::test]
async fn turned_off_nothing_is_kept() {
    let t = testing::builder()
        .env(&[("OTEL_TRACES_SAMPLER_ARG", "0"), ("OBS_KEEP", "off")])
        .start();
    let failing =
        obs_tower::observe(t.telemetry()).layer(service_fn(async |_: Request<Empty<Bytes>>| {
            Ok::<_, Infallible>(with_status(StatusCode::INTERNAL_SERVER_ERROR))
        }));
    t.run(async {
        let response = failing.oneshot(get()).await.unwrap();
        response.into_body().collect().await.unwrap();
    })
    .await;
    assert!(t.spans().is_empty());
}
