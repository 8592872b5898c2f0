//! What messages say about secrets and numbers without telling one, all of which stays.

use obs_redact::Redactor;

fn check_unchanged(text: &str) {
    assert_eq!(Redactor::new().redact_text(text), text);
}

fn check_changed(text: &str, expected: &str) {
    assert_eq!(Redactor::new().redact_text(text), expected);
}

#[test]
fn states_stay() {
    for state in [
        "null", "None", "nil", "true", "false", "missing", "invalid", "expired", "required",
        "denied", "revoked", "started", "ended", "done", "ok", "FAILED", "unset", "empty",
    ] {
        for form in [
            "token: S",
            "token=S",
            "password=S, x=1",
            "{\"password\":S}",
            "{\"password\": S, \"a\":1}",
            "(session: S)",
            "password: S.",
            "Password: S for user 5",
            "authorization: S\nx",
            "/a?token=S&b=1",
            "\"token: S\"",
            "secret: S; x",
            "{token: S}",
            "token: S\\n",
        ] {
            check_unchanged(&form.replace('S', state));
        }
    }
    for text in [
        "password: must be at least 8 characters",
        "authorization: denied for user 5",
        "password: is too short",
        "token: not found",
        "password: has no digit",
        "session: started",
    ] {
        check_unchanged(text);
    }
}

#[test]
fn what_only_begins_like_a_state_goes() {
    for value in [
        "expired7",
        "none-of-yours",
        "not_a_word",
        "ok!x",
        "null0",
        "done.x",
        "is/it",
        "true:x",
        "required=1",
        "ok,7x",
        "setting",
    ] {
        check_changed(&format!("password: {value} x"), "password: [REDACTED] x");
    }
    // Quoted, it is data.
    check_changed(r#"{"password":"none"}"#, r#"{"password":"[REDACTED]"}"#);
    check_changed("password='expired'", "password='[REDACTED]'");
}

#[test]
fn added_names_have_no_states() {
    let redactor = Redactor::builder()
        .field("mood")
        .field("pin")
        .build()
        .unwrap();
    assert_eq!(
        redactor.redact_text("mood: ok, pin: 4"),
        "mood: [REDACTED], pin: [REDACTED]"
    );
}

#[test]
fn counts_stay() {
    for text in [
        "Processed 5 tokens: prompt=3 completion=2",
        "tests: 12 pass: 10",
        "pass=12 fail=0",
        "tokens: 512",
        "{\"tokens\": 128000, \"a\": 1}",
        "secrets: 3 loaded",
        "GPIO pin: 4",
        "running on Erlang/OTP: 26",
        "session: 7, x",
        "tokens: 5/10, pass: 95%",
    ] {
        check_unchanged(text);
    }
    for (text, expected) in [
        ("pin: 4711", "pin: [REDACTED]"),
        ("otp: 123456", "otp: [REDACTED]"),
        ("otp: 123 456", "otp: [REDACTED] 456"),
        ("pass: 4711", "pass: [REDACTED]"),
        ("{\"pin\": 12}", "{\"pin\": \"[REDACTED]\"}"),
        ("pin=1-2-3", "pin=[REDACTED]"),
        ("password: 12", "password: [REDACTED]"),
        ("secrets=123456", "secrets=[REDACTED]"),
        ("passwords: 1234", "passwords: [REDACTED]"),
        ("cvv: 123", "cvv: [REDACTED]"),
        ("session: 7f3a", "session: [REDACTED]"),
        ("tokens: a=b", "tokens: [REDACTED]"),
    ] {
        check_changed(text, expected);
    }
}

#[test]
fn words_that_look_like_tokens_stay() {
    check_unchanged("Bearer bonds rose");
    check_unchanged("file eyJfoobarbaz.something_long.png");
    check_unchanged("eyJfoobarbazfoobarbaz.eyJfoobarbazfoobarbaz.eyJfoobarbaz");
}

#[test]
fn measures_are_no_cards() {
    let number = ["4111", "1111", "1111", "1111"].concat();
    for text in [
        "elapsed_ns=N",
        "\"duration_us\": N,",
        "total_bytes: N",
        "timestamp=N",
        "offset: \"N\"",
        "{\\\"start_ms\\\":N}",
        "elapsed N",
    ] {
        let text = text.replace('N', &number);
        if text.contains([':', '=']) {
            check_unchanged(&text);
        } else {
            check_changed(&text, "elapsed [REDACTED]");
        }
    }
    for name in ["order ", "card=", "id: ", "x_ns=1 ", "number: ", "columns="] {
        check_changed(&format!("{name}{number}"), &format!("{name}[REDACTED]"));
    }
    let grouped = ["4111", "1111", "1111", "1111"].join(" ");
    check_changed(&format!("elapsed_ns={grouped}"), "elapsed_ns=[REDACTED]");
}

#[test]
fn places_in_source_files_stay() {
    for text in [
        "panicked at src/auth/token.rs:42:5:\nboom",
        "at ./src/password.rs:7",
        "File session.py:12, in login",
        "(secrets.go:120)",
    ] {
        check_unchanged(text);
    }
    check_changed("token.rs:abc123", "token.rs:[REDACTED]");
    check_changed("\"secret.py\":1234567", "\"secret.py\":\"[REDACTED]\"");
}
