//! Rules of one's own.

use obs_redact::{PolicyError, Redactor};

#[test]
fn added_names_cover_the_ends_of_names() {
    let redactor = Redactor::builder()
        .field("email")
        .fields(["nick_name", "Straße"])
        .build()
        .unwrap();
    for name in [
        "email",
        "EMAIL",
        "user.email",
        "userEmail",
        "e-mail",
        "nickname",
        "user.nickName",
        "straße",
    ] {
        assert!(redactor.is_sensitive_field(name), "{name}");
    }
    for name in ["email_count", "gemail", "emails", "nick", "name"] {
        assert!(!redactor.is_sensitive_field(name), "{name}");
    }
    assert_eq!(
        redactor.redact_text("email=a@b.example x"),
        "email=[REDACTED] x"
    );
    assert_eq!(redactor.redact_query("email=a&b=c"), "email=[REDACTED]&b=c");
}

#[test]
fn allowed_names_win_over_all_others() {
    let redactor = Redactor::builder()
        .allow("session_id")
        .field("session_id")
        .allow("nick")
        .field("nick")
        .build()
        .unwrap();
    for name in ["session_id", "sessionId", "nick"] {
        assert!(!redactor.is_sensitive_field(name), "{name}");
    }
    for name in ["user.session_id", "password"] {
        assert!(redactor.is_sensitive_field(name), "{name}");
    }
    assert_eq!(
        redactor.redact_field("nick", "Bearer abc1"),
        "Bearer [REDACTED]"
    );
}

#[test]
fn patterns_apply_to_every_text() {
    let redactor = Redactor::builder()
        .pattern(r"CUST-\d{6}")
        .pattern("(?i)straße")
        .pattern("[A-Z]{8}")
        .pattern(r"x\b|$")
        .build();
    assert!(redactor.is_err(), "the last can match nothing");
    let redactor = Redactor::builder()
        .pattern(r"CUST-\d{6}")
        .pattern("straße")
        .pattern("[A-Z]{8}")
        .pattern("é.")
        .build()
        .unwrap();
    for (text, expected) in [
        ("a CUST-123456 b", "a [REDACTED] b"),
        ("CUST-123456CUST-654321", "[REDACTED][REDACTED]"),
        ("die straße", "die [REDACTED]"),
        (
            "[REDACTED] ABCDEFGH [REDACTED]",
            "[REDACTED] [REDACTED] [REDACTED]",
        ),
        ("é日本", "[REDACTED]本"),
    ] {
        assert_eq!(redactor.redact_text(text), expected);
        assert_eq!(redactor.redact_text(expected), expected);
    }
    assert_eq!(
        redactor.redact_url("/c/CUST-123456?a=1"),
        "/c/[REDACTED]?a=1"
    );
    assert_eq!(redactor.redact_query("c=CUST%2D123456"), "c=[REDACTED]");
    assert_eq!(
        redactor.redact_sql("sqlite", "SELECT * FROM ABCDEFGH"),
        "SELECT * FROM [REDACTED]"
    );
}

#[test]
fn too_many_matches_cut_the_rest() {
    let redactor = Redactor::builder().pattern("x").build().unwrap();
    let redacted = redactor.redact_text(&"x ".repeat(5_000)).into_owned();
    assert_eq!(redacted.matches("[REDACTED]").count(), 1_001);
    assert!(redacted.ends_with("[REDACTED]"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let secret = "hunter2(";
    let error: PolicyError = Redactor::builder()
        .field("")
        .field("fine")
        .allow("..")
        .field("x".repeat(200))
        .pattern("fine")
        .pattern(secret)
        .pattern(r"\b")
        .pattern("a".repeat(2_000))
        .pattern(r"(a{1000}){1000}")
        .build()
        .unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "field 1 has no letter or digit",
            "field 3 is longer than 128 letters",
            "allowed field 1 has no letter or digit",
            "pattern 2 does not compile: unclosed group",
            "pattern 3 can match nothing at all, make it need at least one character",
            "pattern 4 is longer than 1000 bytes",
            "pattern 5 needs more than 1048576 bytes when compiled",
        ]
    );
    assert!(!error.to_string().contains(secret) && !format!("{error:?}").contains(secret));
}

#[test]
fn at_most_64_patterns() {
    let builder = (0..65).fold(Redactor::builder(), |builder, _| builder.pattern("a"));
    let error = builder.build().unwrap_err();
    assert_eq!(
        error.problems(),
        ["pattern 65 is one too many, at most 64 are allowed"]
    );
}

#[test]
fn debug_shows_no_rule() {
    let builder = Redactor::builder().field("nick").pattern("hunter2");
    assert_eq!(
        format!("{builder:?}"),
        "RedactorBuilder { fields: 1, allowed: 0, patterns: 1 }"
    );
    let redactor = builder.build().unwrap();
    assert_eq!(
        format!("{redactor:?}"),
        "Redactor { fields: 1, allowed: 0, patterns: 1 }"
    );
}

#[test]
fn redactors_are_shared_between_threads() {
    fn check<T: Clone + Send + Sync + Default + 'static>() {}
    check::<Redactor>();
}
