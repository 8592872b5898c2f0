//! URLs and queries.

use obs_redact::Redactor;

use crate::secrets::{cards, jwt, vendor_keys};

fn check_url(url: &str, expected: &str) {
    let redactor = Redactor::new();
    assert_eq!(redactor.redact_url(url), expected, "{url}");
    assert_eq!(redactor.redact_url(expected), expected, "a second time");
}

fn check_query(query: &str, expected: &str) {
    let redactor = Redactor::new();
    assert_eq!(redactor.redact_query(query), expected, "{query}");
    assert_eq!(redactor.redact_query(expected), expected, "a second time");
    check_url(&format!("/a?{query}"), &format!("/a?{expected}"));
    check_url(
        &format!("https://example.com/a?{query}#b"),
        &format!("https://example.com/a?{expected}#b"),
    );
}

#[test]
fn parameters_of_the_semantic_conventions_are_redacted_by_exact_name() {
    for name in [
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "AWSAccessKeyId",
        "Signature",
        "sig",
        "X-Goog-Signature",
    ] {
        check_query(
            &format!("a=1&{name}=x&b=2"),
            &format!("a=1&{name}=[REDACTED]&b=2"),
        );
    }
    check_query(
        "SIG=1&Sig=2&signature_version=4",
        "SIG=1&Sig=2&signature_version=4",
    );
}

#[test]
fn parameters_with_sensitive_names_are_redacted() {
    for name in [
        "access_token",
        "refresh_token",
        "id_token",
        "token",
        "api_key",
        "apikey",
        "password",
        "secret",
        "client_secret",
        "session",
        "sessionId",
        "p%61ssword",
        "user%5Bpassword%5D",
        "API%20KEY",
        "API+key",
    ] {
        check_query(
            &format!("{name}=x,y;z&b=2"),
            &format!("{name}=[REDACTED]&b=2"),
        );
        check_query(&format!("a&{name}="), &format!("a&{name}="));
    }
}

#[test]
fn other_parameters_stay() {
    for query in [
        "q=chicken%20soup&page=2&limit=10",
        "key=salt&code=12&status=x",
        "max_tokens=5",
        "",
        "&&",
        "=",
        "a",
        "%",
        "a=%zz%4",
        "q=na%C3%AFve&r=%FF%FE",
    ] {
        check_query(query, query);
    }
}

#[test]
fn what_encoding_hides_is_found() {
    check_query(
        "next=https%3A%2F%2Fx%2F%3Ftoken%3Dabc&a=1",
        "next=[REDACTED]&a=1",
    );
    check_query(
        "q=Bearer+abc123&r=a%3A%2F%2Fu%3Ap%40h",
        "q=[REDACTED]&r=[REDACTED]",
    );
    let card = cards().remove(0);
    let (first, rest) = card.split_at(4);
    check_query(
        &format!("q={first}%2D{rest}"),
        &format!("q={first}%2D{rest}"),
    );
    let grouped: Vec<_> = card
        .as_bytes()
        .chunks(4)
        .map(|group| str::from_utf8(group).unwrap())
        .collect();
    check_query(&format!("q={}", grouped.join("+")), "q=[REDACTED]");
    check_url(
        &format!("/cards/{}/x", grouped.join("%20")),
        "/cards/[REDACTED]/x",
    );
    check_query(
        &format!("q={}password%3D1", "%20".repeat(2_000)),
        "q=[REDACTED]",
    );
}

#[test]
fn values_by_shape_are_found_anywhere_in_a_url() {
    for secret in vendor_keys().into_iter().chain([jwt()]) {
        check_url(&format!("/reset/{secret}/x"), "/reset/[REDACTED]/x");
        check_query(&format!("key={secret}&a=1"), "key=[REDACTED]&a=1");
        check_query(&secret, "[REDACTED]");
    }
}

#[test]
fn credentials_before_the_host_go() {
    check_url(
        "https://u:p@example.com/",
        "https://[REDACTED]@example.com/",
    );
    check_url("//u:p@example.com/a?b=c", "//[REDACTED]@example.com/a?b=c");
    check_url(
        "https://u:p?q#r@example.com/",
        "https://[REDACTED]@example.com/",
    );
}

#[test]
fn fragments_are_queries_too() {
    check_url(
        "/cb#access_token=a&token_type=Bearer&state=s",
        "/cb#access_token=[REDACTED]&token_type=Bearer&state=s",
    );
    check_url("/a;jsessionid=x1?b=c", "/a;jsessionid=[REDACTED]");
}

#[test]
fn a_parameter_after_a_marker_is_not_eaten() {
    let redactor = Redactor::new();
    let once = redactor.redact_query("password=>;\t&quot; &quot; &quot; &quot; x");
    assert_eq!(once, "password=[REDACTED]&quot; &quot; &quot; &quot; x");
    assert_eq!(redactor.redact_query(&once), once);
}

#[test]
fn the_code_of_a_sign_in_goes() {
    check_query("code=abc123&state=xyz", "code=[REDACTED]&state=xyz");
    check_query("state=xyz&code=abc123", "state=xyz&code=[REDACTED]");
    check_query("code=DE&page=2", "code=DE&page=2");
}
