//! Requests that are too large, and methods that do not exist.

use crate::support::TestApp;

#[tokio::test]
async fn bodies_declared_too_large_are_refused_everywhere() {
    let app = TestApp::with_demo().await;
    for (method, target) in [
        ("GET", "/api/v1/recipes"),
        ("GET", "/nothing"),
        ("POST", "/api/v1/recipes"),
    ] {
        let answer = app
            .send(&format!(
                "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Content-Length: 1048577\r\n\r\n"
            ))
            .await;
        answer.problem(413, "PAYLOAD_TOO_LARGE");
    }
    let answer = app
        .send(
            "GET /api/v1/recipes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: 4\r\n\r\nbody",
        )
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn addresses_that_are_too_long_are_refused() {
    let app = TestApp::with_demo().await;
    let answer = app.get(&format!("/{}", "x".repeat(16 * 1024))).await;
    answer.problem(414, "URI_TOO_LONG");
    let answer = app
        .get(&format!("/api/v1/recipes?q={}", "x".repeat(16 * 1024)))
        .await;
    answer.problem(414, "URI_TOO_LONG");
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let app = TestApp::with_demo().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        let answer = app
            .send(&format!(
                "{method} /api/v1/recipes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ))
            .await;
        answer.problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let app = TestApp::with_demo().await;
    for (target, status) in [("/api/v1/recipes", 200), ("/nothing", 404)] {
        let answer = app
            .send(&format!(
                "HEAD {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!((answer.status, answer.body.as_str()), (status, ""));
    }
}
