//! Problem bodies to the letter: one golden file for each code.

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request},
    middleware,
    routing::get,
};
use obs_core::propagation::TraceContext;
use obs_tower::RequestId;
use recipe_api::{error::ApiError, http::problem};
use tower_service::Service;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::capture;

fn fail(error: &str) -> ApiError {
    match error {
        "validation-error" => ApiError::invalid("limit", "must be a number from 1 to 100"),
        "not-found" => ApiError::NotFound("there is no recipe of this id".to_owned()),
        "method-not-allowed" => ApiError::MethodNotAllowed,
        "payload-too-large" => ApiError::PayloadTooLarge(1024),
        "uri-too-long" => ApiError::UriTooLong(1024),
        "unavailable" => ApiError::Unavailable("the secret cause".into()),
        _ => ApiError::Internal("the secret cause".into()),
    }
}

#[tokio::test]
async fn every_code_has_the_documented_body() {
    let golden = [
        (
            "validation-error",
            include_str!("golden/validation-error.json"),
        ),
        ("not-found", include_str!("golden/not-found.json")),
        (
            "method-not-allowed",
            include_str!("golden/method-not-allowed.json"),
        ),
        (
            "payload-too-large",
            include_str!("golden/payload-too-large.json"),
        ),
        ("uri-too-long", include_str!("golden/uri-too-long.json")),
        ("unavailable", include_str!("golden/unavailable.json")),
        ("internal", include_str!("golden/internal.json")),
    ];
    let (_telemetry, layer) = capture();
    let _captured = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let caller: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        .parse()
        .unwrap();
    for (slug, expected) in golden {
        let mut app = Router::new()
            .route("/", get(async move || fail(slug)))
            .layer(middleware::from_fn(problem::render));
        let mut request = Request::new(Body::empty());
        let id = RequestId::accept(&HeaderValue::from_static("req-1")).unwrap();
        request.extensions_mut().insert(id);
        let span = caller.as_parent(|| tracing::info_span!(parent: None, "request"));
        let response = app.call(request).instrument(span).await.unwrap();
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = axum::body::to_bytes(response.into_body(), 4096)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(body, expected, "{slug}");
    }
}
