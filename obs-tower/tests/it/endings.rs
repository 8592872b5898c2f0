//! Every ending of a request is recorded once: one span, one point, one access-log event that agree.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Full};
use obs_tower::ObserveLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::observed::observed;
use crate::service::{catch, frames};

/// What was recorded of a request: status, `error.type`, and whether the span is an error.
#[derive(Debug, PartialEq)]
struct Recorded {
    status: u16,
    error_type: Option<String>,
    is_error: bool,
}

fn recorded(status: u16, error_type: Option<&str>, is_error: bool) -> Recorded {
    Recorded {
        status,
        error_type: error_type.map(str::to_owned),
        is_error,
    }
}

/// Runs one request and returns what its span, its point and its event say, all the same.
async fn record_of(run: impl AsyncFnOnce(ObserveLayer)) -> Recorded {
    let seen = observed(run).await;
    let ([span], [point], [event]) = (&seen.spans[..], &seen.points[..], &seen.access[..]) else {
        panic!("recorded more or less than once: {seen:?}")
    };
    for other in [&point.attributes, &event.attributes] {
        for name in ["http.response.status_code", "error.type"] {
            assert_eq!(span.attributes.get(name), other.get(name), "{name}");
        }
    }
    assert_eq!(point.count, 1);
    Recorded {
        status: span.attributes["http.response.status_code"]
            .parse()
            .unwrap(),
        error_type: span.attributes.get("error.type").cloned(),
        is_error: span.is_error,
    }
}

fn get() -> Request<Empty<Bytes>> {
    Request::get("/recipes/1").body(Empty::new()).unwrap()
}

/// The response to a request, for a service that always answers so.
async fn answered<B: Body + 'static>(
    layer: ObserveLayer,
    request: Request<Empty<Bytes>>,
    response: Response<B>,
) -> Response<obs_tower::observe::ResponseBody<B>> {
    let mut response = Some(response);
    let service = layer.layer(service_fn(move |_: Request<Empty<Bytes>>| {
        let response = response.take().unwrap();
        async move { Ok::<_, Infallible>(response) }
    }));
    service.oneshot(request).await.unwrap()
}

fn with_status<B>(status: StatusCode, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[tokio::test]
async fn sent_responses_are_recorded_with_their_status() {
    for (status, error_type, is_error) in [
        (StatusCode::OK, None, false),
        (StatusCode::FOUND, None, false),
        (StatusCode::NOT_FOUND, None, false),
        (StatusCode::METHOD_NOT_ALLOWED, None, false),
        (StatusCode::INTERNAL_SERVER_ERROR, Some("500"), true),
        (StatusCode::SERVICE_UNAVAILABLE, Some("503"), true),
    ] {
        let record = record_of(async |layer| {
            let response = answered(
                layer,
                get(),
                with_status(status, Full::<Bytes>::from("body")),
            )
            .await;
            assert_eq!(
                response.into_body().collect().await.unwrap().to_bytes(),
                "body"
            );
        })
        .await;
        assert_eq!(record, recorded(status.as_u16(), error_type, is_error));
    }
}

#[tokio::test]
async fn streamed_body_is_complete_at_its_end() {
    let record = record_of(async |layer| {
        let response = answered(layer, get(), Response::new(frames([Ok("a"), Ok("b")]))).await;
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "ab"
        );
    })
    .await;
    assert_eq!(record, recorded(200, None, false));
}

#[tokio::test]
async fn body_of_known_size_is_complete_when_all_of_it_is_out() {
    let record = record_of(async |layer| {
        let mut body = answered(layer, get(), Response::new(Full::<Bytes>::from("abc")))
            .await
            .into_body();
        body.frame().await.unwrap().unwrap();
    })
    .await;
    assert_eq!(record, recorded(200, None, false));

    let record = record_of(async |layer| {
        let mut response = Response::new(frames([Ok("ab"), Ok("c")]));
        response.headers_mut().insert("content-length", 3.into());
        let mut body = answered(layer, get(), response).await.into_body();
        body.frame().await.unwrap().unwrap();
        body.frame().await.unwrap().unwrap();
    })
    .await;
    assert_eq!(record, recorded(200, None, false));
}

#[tokio::test]
async fn response_without_a_body_is_complete_at_its_head() {
    let head = || Request::head("/").body(Empty::new()).unwrap();
    let check = async |request: Request<Empty<Bytes>>, status: StatusCode| {
        let record = record_of(async |layer| {
            drop(
                answered(
                    layer,
                    request,
                    with_status(status, frames([Ok("never sent")])),
                )
                .await,
            );
        })
        .await;
        assert_eq!(record, recorded(status.as_u16(), None, false));
    };
    check(head(), StatusCode::OK).await;
    check(get(), StatusCode::NO_CONTENT).await;
    check(get(), StatusCode::NOT_MODIFIED).await;
    check(get(), StatusCode::SWITCHING_PROTOCOLS).await;

    let record = record_of(async |layer| {
        drop(answered(layer, get(), Response::new(Empty::<Bytes>::new())).await);
    })
    .await;
    assert_eq!(record, recorded(200, None, false));
}

#[tokio::test]
async fn client_that_goes_away_is_no_error_of_the_server() {
    let disconnected = recorded(499, Some("client_disconnect"), false);
    let before_the_head = record_of(async |layer| {
        let service = layer.layer(service_fn(async |_: Request<Empty<Bytes>>| {
            pending::<()>().await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }));
        let mut future = Box::pin(service.oneshot(get()));
        poll_fn(|cx| {
            assert!(future.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    })
    .await;
    assert_eq!(before_the_head, disconnected);

    let before_the_body = record_of(async |layer| {
        drop(
            answered(
                layer,
                get(),
                Response::new(Full::<Bytes>::from("never read")),
            )
            .await,
        );
    })
    .await;
    assert_eq!(before_the_body, disconnected);

    let midway = record_of(async |layer| {
        let mut body = answered(layer, get(), Response::new(frames([Ok("a"), Ok("b")])))
            .await
            .into_body();
        body.frame().await.unwrap().unwrap();
    })
    .await;
    assert_eq!(midway, disconnected);
}

#[tokio::test]
async fn client_that_goes_away_does_not_undo_a_server_error() {
    let record = record_of(async |layer| {
        let response = with_status(StatusCode::BAD_GATEWAY, frames([Ok("a"), Ok("b")]));
        drop(answered(layer, get(), response).await);
    })
    .await;
    assert_eq!(record, recorded(502, Some("502"), true));
}

#[tokio::test]
async fn panic_is_recorded_and_goes_on() {
    let in_the_future = record_of(async |layer| {
        let service = layer.layer(service_fn(async |_: Request<Empty<Bytes>>| {
            if true {
                panic!("on purpose");
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }));
        let panic = catch(service.oneshot(get())).await.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    })
    .await;
    assert_eq!(in_the_future, recorded(500, Some("panic"), true));

    let in_the_call = record_of(async |layer| {
        let service = layer.layer(service_fn(|_: Request<Empty<Bytes>>| {
            if true {
                panic!("on purpose");
            }
            async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
        }));
        assert!(catch(service.oneshot(get())).await.is_err());
    })
    .await;
    assert_eq!(in_the_call, recorded(500, Some("panic"), true));

    let in_the_body = record_of(async |layer| {
        let body = answered(layer, get(), Response::new(frames([Ok("a"), Ok("panic")])))
            .await
            .into_body();
        assert!(catch(body.collect()).await.is_err());
    })
    .await;
    assert_eq!(in_the_body, recorded(200, Some("panic"), true));
}

#[tokio::test]
async fn errors_of_service_and_body_pass_through() {
    let of_the_service = record_of(async |layer| {
        let service = layer.layer(service_fn(async |_: Request<Empty<Bytes>>| {
            Err::<Response<Empty<Bytes>>, _>(io::Error::other("broken"))
        }));
        assert_eq!(
            service.oneshot(get()).await.unwrap_err().to_string(),
            "broken"
        );
    })
    .await;
    assert_eq!(of_the_service, recorded(500, Some("service_error"), true));

    let of_the_body = record_of(async |layer| {
        let response = Response::new(frames([Ok("a"), Err(io::Error::other("broken"))]));
        let body = answered(layer, get(), response).await.into_body();
        assert_eq!(body.collect().await.unwrap_err().to_string(), "broken");
    })
    .await;
    assert_eq!(of_the_body, recorded(200, Some("body_error"), true));
}

#[tokio::test]
async fn unmatched_routes_and_methods_of_a_router_are_recorded() {
    use axum::{Router, body::Body, routing::get};

    for (method, path, status) in [("GET", "/nowhere", 404), ("DELETE", "/", 405)] {
        let record = record_of(async |layer| {
            let app = Router::new().route("/", get(async || "up")).layer(layer);
            let request = Request::builder()
                .method(method)
                .uri(path)
                .body(Body::empty())
                .unwrap();
            app.oneshot(request)
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap();
        })
        .await;
        assert_eq!(record, recorded(status, None, false));
    }
}

#[tokio::test]
async fn a_panic_is_an_error_with_its_words_and_goes_on() {
    let seen = observed(async |layer| {
        let service = service_fn(
            async |_: Request<Empty<Bytes>>| -> Result<Response<Empty<Bytes>>, Infallible> {
                panic!("out of eggs, password=hunter2")
            },
        );
        let panic = catch(layer.layer(service).oneshot(get())).await;
        assert!(panic.is_err(), "the panic goes on");
    })
    .await;
    let [error] = seen.others.as_slice() else {
        panic!("one event: {:?}", seen.others)
    };
    assert_eq!(error.level, "error");
    assert_eq!(
        error.attributes["exception.message"],
        "out of eggs, password=[REDACTED]"
    );
    assert_eq!(
        error.attributes["request.id"],
        seen.spans[0].attributes["request.id"]
    );
}
