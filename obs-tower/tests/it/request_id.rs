//! Which request ids are accepted, and where the id is found.

use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, Request, Response};
use obs_redact::Redactor;
use obs_tower::RequestId;
use tower::ServiceExt as _;

use crate::observed::observed;

/// The id on the response to a request with these ids, and whether handler, span and log agree.
async fn id_for(sent: &[HeaderValue]) -> String {
    let mut id = String::new();
    let seen = observed(async |layer| {
        let handler = async |Extension(id): Extension<RequestId>, headers: HeaderMap| {
            let header: Vec<_> = headers.get_all("x-request-id").iter().collect();
            assert_eq!(header, [&id.header_value()]);
            tracing::info!("handled");
            // The handler cannot make the response say something else.
            ([("x-request-id", "other")], "body").into_response()
        };
        let app = Router::new().route("/", get(handler)).layer(layer);
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        for value in sent {
            request.headers_mut().append("x-request-id", value.clone());
        }
        id = only_id(&app.oneshot(request).await.unwrap());
    })
    .await;
    assert_eq!(seen.spans[0].attributes["request.id"], id);
    assert_eq!(seen.access[0].attributes["request.id"], id);
    assert_eq!(seen.others[0].attributes["request.id"], id);
    id
}

fn only_id<B>(response: &Response<B>) -> String {
    let ids: Vec<_> = response.headers().get_all("x-request-id").iter().collect();
    assert_eq!(ids.len(), 1);
    ids[0].to_str().unwrap().to_owned()
}

fn is_uuid_v7(id: &str) -> bool {
    let uuid = uuid::Uuid::parse_str(id).unwrap();
    id.len() == 36 && uuid.get_version_num() == 7
}

#[tokio::test]
async fn safe_ids_are_kept() {
    for id in ["1", "checkout-42", "AZaz09._~:+/=@-", &"a".repeat(128)] {
        assert_eq!(id_for(&[HeaderValue::from_str(id).unwrap()]).await, id);
    }
}

#[tokio::test]
async fn everything_else_is_replaced() {
    let long = HeaderValue::from_str(&"a".repeat(129)).unwrap();
    let huge = HeaderValue::from_str(&"a".repeat(200 * 1024)).unwrap();
    let good = HeaderValue::from_static("good");
    for sent in [
        vec![],
        vec![HeaderValue::from_static("")],
        vec![long],
        vec![huge],
        vec![good.clone(), good],
        vec![HeaderValue::from_static("two words")],
        vec![HeaderValue::from_static("tab\there")],
        vec![HeaderValue::from_static("quote\"")],
        vec![HeaderValue::from_static("a,b")],
        vec![HeaderValue::from_bytes(b"\xF0\x9F\x8D\xB3").unwrap()],
        vec![HeaderValue::from_bytes(b"esc\x80[31m").unwrap()],
        // Hidden in the log, they would lead nowhere.
        vec![HeaderValue::from_static("4111111111111111")],
        vec![HeaderValue::from_str(&["ghp_", &"a1".repeat(18)].concat()).unwrap()],
    ] {
        let id = id_for(&sent).await;
        assert!(is_uuid_v7(&id), "{id}");
    }
}

#[test]
fn generated_ids_are_not_taken_for_secrets() {
    let redactor = Redactor::new();
    for _ in 0..20_000 {
        let id = RequestId::generate().to_string();
        assert_eq!(redactor.redact_field("request.id", &id), id);
        assert_eq!(redactor.redact_text(&id), id);
    }
}
