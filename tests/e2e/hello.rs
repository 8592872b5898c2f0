//! The smallest example does what its first lines say.

use obs_core::testing::Receiver;
use obs_tests::{logs, service::Setup};

#[test]
fn the_smallest_service_is_observed() {
    let receiver = Receiver::start();
    let service = Setup::example("hello").sends_to(&receiver).start();
    let answer = service.get("/hello/world");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, b"Hello, world!\n");
    let id = answer.request_id().to_owned();
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());

    let lines = logs::combined(&ended.logs_folder());
    let of_request: Vec<_> = lines
        .iter()
        .filter(|line| line["requestId"] == id.as_str())
        .collect();
    assert_eq!(
        of_request.len(),
        2,
        "the event and the access line: {of_request:?}"
    );
    let spans = receiver.spans();
    let span = spans
        .iter()
        .find(|span| span.name == "GET /hello/{name}")
        .unwrap();
    assert_eq!(span.attribute("request.id"), Some(id));
    assert!(
        receiver
            .metrics()
            .iter()
            .any(|metric| metric.name == "http.server.request.duration")
    );
    assert_eq!(
        span.resource_attribute("service.name").as_deref(),
        Some("obs-examples")
    );
}
