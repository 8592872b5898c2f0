//! JSON values.

use obs_redact::Redactor;
use serde_json::{Value, json};

use crate::secrets::{cards, jwt, vendor_keys};

#[track_caller]
fn check(mut value: Value, expected: &Value) {
    let redactor = Redactor::new();
    redactor.redact_json(&mut value);
    assert_eq!(value, *expected);
    redactor.redact_json(&mut value);
    assert_eq!(value, *expected, "a second time");
}

#[test]
fn sensitive_names_lose_values_of_every_kind() {
    check(
        json!({"password": "x", "pin": 12, "tokens": ["a"], "credentials": {"a": 1}, "cvv": null,
               "session": true, "token_count": 5, "name": "ada"}),
        &json!({"password": "[REDACTED]", "pin": "[REDACTED]", "tokens": "[REDACTED]",
                "credentials": "[REDACTED]", "cvv": null, "session": "[REDACTED]",
                "token_count": 5, "name": "ada"}),
    );
}

#[test]
fn values_are_found_at_any_depth() {
    check(
        json!([[{"a": [{"b": "Bearer abc1"}, {"apiKey": "x"}]}], jwt(), 5, null]),
        &json!([[{"a": [{"b": "Bearer [REDACTED]"}, {"apiKey": "[REDACTED]"}]}], "[REDACTED]", 5, null]),
    );
    let mut value = json!("secret without a name");
    for _ in 0..200 {
        value = json!({ "a": value });
    }
    Redactor::new().redact_json(&mut value);
    let text = value.to_string();
    assert!(text.contains("[REDACTED]") && !text.contains("secret"));
}

#[test]
fn json_inside_of_strings_is_read_as_json() {
    check(
        json!({"body": r#" {"p\u0061ssword": "x", "n": 1.50} "#}),
        &json!({"body": r#"{"n":1.5,"password":"[REDACTED]"}"#}),
    );
    let inner = json!({"token": "x"}).to_string();
    let middle = json!({ "b": inner }).to_string();
    check(
        json!([middle]),
        &json!([json!({"b": json!({"token": "[REDACTED]"}).to_string()}).to_string()]),
    );
    check(
        json!([r#"{"a":"Bearer x1","a":"b"}"#]),
        &json!([r#"{"a":"Bearer [REDACTED]","a":"b"}"#]),
    );
    check(json!([r#"{ "n" : 1.50 }"#]), &json!([r#"{ "n" : 1.50 }"#]));
    check(
        json!([r#"{"password":"x", broken"#]),
        &json!([r#"{"password":"[REDACTED]", broken"#]),
    );
}

#[test]
fn names_and_numbers_hold_secrets_too() {
    let card: u64 = cards().remove(0).parse().unwrap();
    check(
        json!({"n": card, "m": card + 1}),
        &json!({"n": "[REDACTED]", "m": card + 1}),
    );
    let keys = vendor_keys();
    check(
        json!({ &keys[0]: 1, &keys[1]: 2, "a": 3 }),
        &json!({"[REDACTED]": 1, "[REDACTED] 2": 2, "a": 3}),
    );
}

#[test]
fn names_that_become_the_same_are_all_kept() {
    let mut value: Value = (0..2_000)
        .map(|number| (format!("Bearer x{number}"), json!(number)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    Redactor::new().redact_json(&mut value);
    assert_eq!(value.as_object().unwrap().len(), 2_000);
    assert!(!value.to_string().contains("Bearer x"));
}

#[test]
fn lists_of_names_and_values_are_understood() {
    check(
        json!([{"name": "Authorization", "value": "abc"}, {"key": "password", "value": {"stringValue": "x"}},
               {"name": "Accept", "value": "abc"}]),
        &json!([{"name": "Authorization", "value": "[REDACTED]"}, {"key": "password", "value": "[REDACTED]"},
                {"name": "Accept", "value": "abc"}]),
    );
}
