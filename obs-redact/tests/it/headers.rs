//! Header maps.

use http::{HeaderMap, HeaderValue};
use obs_redact::Redactor;

fn check(name: &'static str, value: &'static str, expected: &str) {
    let redactor = Redactor::new();
    assert_eq!(
        redactor.redact_header(name, value),
        expected,
        "{name}: {value}"
    );
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_static(value));
    assert_eq!(redactor.redact_headers(&headers)[name], expected);
}

#[test]
fn headers_with_credentials_go_whole() {
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-amz-security-token",
        "x-goog-api-key",
        "x-openai-api-key",
    ] {
        check(name, "a b; c=d", "[REDACTED]");
        assert_eq!(
            Redactor::new().redact_header(&name.to_uppercase(), "x"),
            "[REDACTED]"
        );
    }
}

#[test]
fn other_headers_go_by_their_value() {
    check("accept", "text/html", "text/html");
    check(
        "referer",
        "https://a.example/?sig=x",
        "https://a.example/?sig=[REDACTED]",
    );
    check("location", "/cb?token=x,y&a=b", "/cb?token=[REDACTED]&a=b");
    check("x-note", "token=x; a=b", "token=[REDACTED]; a=b");
    check("sec-websocket-key", "dGhlIHNhbXBsZQ==", "dGhlIHNhbXBsZQ==");
    check(
        "www-authenticate",
        "Bearer realm=\"a\"",
        "Bearer realm=\"a\"",
    );
}

#[test]
fn marked_and_unreadable_values_go_whole() {
    let mut headers = HeaderMap::new();
    let mut marked = HeaderValue::from_static("plain");
    marked.set_sensitive(true);
    headers.append("x-a", marked);
    headers.append("x-a", HeaderValue::from_static("other"));
    headers.append("x-b", HeaderValue::from_bytes(b"a\xffb").unwrap());
    headers.append("x-c", HeaderValue::from_bytes("é".as_bytes()).unwrap());
    headers.append(
        "x-d",
        HeaderValue::from_bytes("é token=x".as_bytes()).unwrap(),
    );
    let redacted = Redactor::new().redact_headers(&headers);
    let values: Vec<_> = redacted.get_all("x-a").iter().collect();
    assert_eq!(values, ["[REDACTED]", "other"]);
    assert_eq!(redacted["x-b"], "[REDACTED]");
    assert_eq!(redacted["x-c"].as_bytes(), "é".as_bytes());
    assert_eq!(redacted["x-d"].as_bytes(), "é token=[REDACTED]".as_bytes());
    assert_eq!(
        headers["x-c"].as_bytes(),
        "é".as_bytes(),
        "the original stays"
    );
}
