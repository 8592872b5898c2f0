//! What span, metric and access log say of a request, and what they never say.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Empty};
use obs_tower::{ClientAddr, ObserveLayer, RouteTemplate};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::observed::{Observed, observed};

fn app(layer: ObserveLayer) -> Router {
    Router::new()
        .route("/recipes/{id}", get(async || "Chicken Tacos"))
        .route("/any/{id}", any(async || "ok"))
        .layer(layer)
}

/// What was recorded of one request to the router.
async fn seen(request: Request<Body>) -> Observed {
    observed(async |layer| {
        app(layer)
            .oneshot(request)
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap();
    })
    .await
}

fn attributes<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn span_has_the_attributes_of_the_conventions() {
    let request = Request::get("/recipes/17?q=tacos")
        .header("host", "recipes.example:8080")
        .header("user-agent", "curl/8.0")
        .header("x-request-id", "r-1")
        .extension(ClientAddr::new("[::ffff:192.0.2.7]:5000".parse().unwrap()))
        .body(Body::empty())
        .unwrap();
    let seen = seen(request).await;
    let span = &seen.spans[0];
    assert_eq!(
        (span.name.as_str(), span.is_server),
        ("GET /recipes/{id}", true)
    );
    assert_eq!(
        span.attributes,
        attributes([
            ("client.address", "192.0.2.7"),
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("http.route", "/recipes/{id}"),
            ("network.protocol.version", "1.1"),
            ("request.id", "r-1"),
            ("sampling.reason", "head"),
            ("sampling.weight", "1"),
            ("server.address", "recipes.example"),
            ("server.port", "8080"),
            ("url.path", "/recipes/17"),
            ("url.query", "q=tacos"),
            ("url.scheme", "http"),
            ("user_agent.original", "curl/8.0"),
        ])
    );
}

#[tokio::test]
async fn access_log_tells_the_request_in_one_event() {
    let seen = seen(
        Request::get("/recipes/17?q=tacos")
            .header("x-request-id", "r-1")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    let event = &seen.access[0];
    assert_eq!(event.message, "HTTP GET /recipes/17");
    assert_eq!(event.level, "http");
    assert_eq!(event.trace_id, seen.spans[0].trace_id);
    let mut attributes_seen = event.attributes.clone();
    let seconds: f64 = attributes_seen
        .remove("http.server.request.duration")
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds > 0.0 && seconds < 60.0);
    assert_eq!(
        attributes_seen,
        attributes([
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("http.route", "/recipes/{id}"),
            ("request.id", "r-1"),
            ("url.path", "/recipes/17"),
        ])
    );
}

#[tokio::test]
async fn duration_is_a_histogram_in_seconds_with_the_advised_boundaries() {
    let seen = seen(Request::get("/recipes/17").body(Body::empty()).unwrap()).await;
    let point = &seen.points[0];
    assert_eq!(point.unit, "s");
    assert_eq!(
        point.boundaries,
        [
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0
        ]
    );
    assert_eq!(
        point.attributes,
        attributes([
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("http.route", "/recipes/{id}"),
            ("network.protocol.version", "1.1"),
            ("url.scheme", "http"),
        ])
    );
}

#[tokio::test]
async fn what_matches_no_route_has_no_route_and_no_path_in_its_name() {
    let seen = seen(
        Request::get("/wp-admin/setup.php")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert_eq!(seen.spans[0].name, "GET");
    assert!(!seen.spans[0].attributes.contains_key("http.route"));
    assert!(
        !seen.points[0]
            .attributes
            .values()
            .any(|value| value.contains("wp-admin"))
    );
}

#[tokio::test]
async fn unknown_methods_are_folded() {
    let method = "PURGE".repeat(20);
    let request = Request::builder()
        .method(method.as_str())
        .uri("/any/1")
        .body(Body::empty())
        .unwrap();
    let seen = seen(request).await;
    assert_eq!(seen.spans[0].name, "HTTP /any/{id}");
    assert_eq!(seen.spans[0].attributes["http.request.method"], "_OTHER");
    assert_eq!(
        seen.spans[0].attributes["http.request.method_original"],
        method[..32]
    );
    assert_eq!(seen.points[0].attributes["http.request.method"], "_OTHER");
    assert!(
        !seen.points[0]
            .attributes
            .values()
            .any(|value| value.contains("PURGE"))
    );
}

#[tokio::test]
async fn protocol_and_scheme_come_from_closed_sets() {
    let request = Request::get("https://recipes.example/any/1")
        .version(Version::HTTP_2)
        .body(Body::empty())
        .unwrap();
    let over_http2 = seen(request).await;
    assert_eq!(
        over_http2.points[0].attributes["network.protocol.version"],
        "2"
    );
    assert_eq!(over_http2.points[0].attributes["url.scheme"], "https");
    let invented = seen(
        Request::get("gopher://recipes.example/any/1")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert_eq!(invented.points[0].attributes["url.scheme"], "http");
}

#[tokio::test]
async fn what_clients_choose_is_bounded_and_redacted() {
    let request = Request::get(format!("/any/1?token=canary-1&q={}", "a".repeat(10_000)))
        .header("host", "<script>")
        .header("user-agent", "a".repeat(10_000))
        .header("x-forwarded-for", "203.0.113.9")
        .body(Body::empty())
        .unwrap();
    let seen = seen(request).await;
    let attributes = &seen.spans[0].attributes;
    assert!(attributes["url.query"].len() <= 2048);
    assert!(!attributes["url.query"].contains("canary-1"));
    assert_eq!(attributes["user_agent.original"].len(), 256);
    assert!(!attributes.contains_key("server.address"));
    assert!(
        !attributes.contains_key("client.address"),
        "forwarding headers are not believed"
    );
}

#[tokio::test]
async fn caller_is_the_parent_and_an_invalid_one_is_not() {
    let with = |traceparent: &str| {
        Request::get("/any/1")
            .header("traceparent", traceparent)
            .body(Body::empty())
            .unwrap()
    };
    let traced = seen(with(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ))
    .await;
    assert_eq!(traced.spans[0].trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(traced.spans[0].parent_id, "00f067aa0ba902b7");
    let forged = seen(with(
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    ))
    .await;
    assert_ne!(forged.spans[0].trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(forged.spans[0].parent_id, "");
}

#[tokio::test]
async fn span_has_no_parent_of_this_process_and_is_that_of_what_runs_inside() {
    let seen = observed(async |layer| {
        let handler = async || {
            tracing::info!("handled");
            "ok"
        };
        let app = Router::new().route("/", get(handler)).layer(layer);
        let outer = tracing::info_span!("outer");
        let _entered = outer.enter();
        drop(
            app.oneshot(Request::get("/").body(Body::empty()).unwrap())
                .await
                .unwrap(),
        );
    })
    .await;
    let span = seen.spans.iter().find(|span| span.is_server).unwrap();
    assert_eq!(span.parent_id, "");
    let event = &seen.others[0];
    assert_eq!(
        (event.message.as_str(), &event.trace_id),
        ("handled", &span.trace_id)
    );
}

#[tokio::test]
async fn what_is_logged_while_a_request_is_given_up_belongs_to_it() {
    struct LogsOnDrop;
    impl Drop for LogsOnDrop {
        fn drop(&mut self) {
            tracing::info!("rolled back");
        }
    }

    let seen = observed(async |layer| {
        let service = layer.layer(service_fn(async |_: Request<Empty<bytes::Bytes>>| {
            let _transaction = LogsOnDrop;
            std::future::pending::<()>().await;
            Ok::<_, std::convert::Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
        }));
        let mut future = Box::pin(service.oneshot(Request::get("/").body(Empty::new()).unwrap()));
        assert!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx)))
                .await
                .is_pending()
        );
    })
    .await;
    assert_eq!(seen.others[0].message, "rolled back");
    assert_eq!(
        seen.others[0].attributes["request.id"],
        seen.spans[0].attributes["request.id"]
    );
}

#[tokio::test]
async fn other_routers_name_the_route_by_extension() {
    let service = |request: Request<Empty<bytes::Bytes>>| async move {
        let mut response = Response::new(Empty::<bytes::Bytes>::new());
        if request.uri().path().starts_with("/late") {
            response
                .extensions_mut()
                .insert(RouteTemplate::new("/late/{id}"));
        }
        Ok::<_, std::convert::Infallible>(response)
    };
    let seen = observed(async |layer| {
        let service = layer.layer(service_fn(service));
        let early = Request::get("/early/1")
            .extension(RouteTemplate::new("/early/{id}"))
            .body(Empty::new())
            .unwrap();
        service.clone().oneshot(early).await.unwrap();
        service
            .oneshot(Request::get("/late/1").body(Empty::new()).unwrap())
            .await
            .unwrap();
    })
    .await;
    let names: Vec<_> = seen.spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET /early/{id}", "GET /late/{id}"]);
    let mut routes: Vec<_> = seen
        .points
        .iter()
        .map(|point| point.attributes["http.route"].as_str())
        .collect();
    routes.sort_unstable();
    assert_eq!(routes, ["/early/{id}", "/late/{id}"]);
}
