//! Mistaken settings are told together and stop nothing, but where ignoring them could leak.

use obs_core::config::Env;
use obs_core::testing;
use tracing_subscriber::Registry;

#[test]
fn all_mistakes_are_one_warning() {
    let t = testing::pipeline_with(&[
        ("OTEL_TRACES_SAMPLER_ARG", "abc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-equals-sign"),
        ("LOG_LEVEL", "loud"),
    ]);
    let lines = t.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains(r#""level":"warn","message":"3 setting(s)"#),
        "{lines:?}"
    );
    for name in [
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "LOG_LEVEL",
    ] {
        assert_eq!(lines[0].matches(name).count(), 1, "{name} in {lines:?}");
    }
}

#[test]
fn strict_makes_mistakes_an_error_that_lists_them() {
    let env = Env::from_pairs([
        ("OBS_CONFIG", "strict"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("LOG_FILE_PATH", "off"),
    ]);
    let error = obs_core::builder("shop")
        .env(env)
        .build::<Registry>()
        .map(|_| ())
        .unwrap_err();
    assert!(error.is_settings());
    assert_eq!(error.problems().len(), 2);
    let shown = format!("{error:?}");
    assert!(
        shown.contains("LOG_LEVEL=\"loud\"") && shown.contains("LOG_FORMAT=\"xml\""),
        "{shown}"
    );
}

#[test]
fn mistakes_in_redaction_are_always_errors() {
    for (name, value) in [("REDACT_PATTERNS", "("), ("REDACT_MODE", "hash")] {
        let env = Env::from_pairs([
            (name, value),
            ("LOG_FORMAT", "off"),
            ("LOG_FILE_PATH", "off"),
        ]);
        let error = obs_core::builder("shop")
            .env(env)
            .build::<Registry>()
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn the_value_of_a_sensitive_variable_is_masked() {
    let t = testing::pipeline_with(&[("OTEL_EXPORTER_OTLP_HEADERS", "Authorization hunter2")]);
    assert!(t.lines().concat().contains("OTEL_EXPORTER_OTLP_HEADERS"));
    t.assert_absent("hunter2");
}

#[test]
fn reserved_names_are_renamed_for_openobserve_only() {
    for (variables, expected) in [
        (vec![], "body"),
        (
            vec![
                ("OPENOBSERVE_USERNAME", "a@b.c"),
                ("OPENOBSERVE_PASSWORD", "x"),
            ],
            "attr_body",
        ),
    ] {
        let receiver = testing::Receiver::start();
        let endpoint = receiver.endpoint();
        let address = if expected == "body" {
            "OTEL_EXPORTER_OTLP_ENDPOINT"
        } else {
            "OPENOBSERVE_URL"
        };
        let mut pairs = variables;
        pairs.extend([
            (address, endpoint.as_str()),
            ("LOG_FORMAT", "off"),
            ("LOG_FILE_PATH", "off"),
        ]);
        let (telemetry, layer) = obs_core::builder("shop")
            .env(Env::from_pairs(pairs))
            .quiet()
            .build()
            .unwrap();
        let subscriber =
            tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), layer);
        tracing::subscriber::with_default(subscriber, || tracing::info!(body = "mine", "x"));
        telemetry.shutdown(std::time::Duration::from_secs(10));
        assert_eq!(
            receiver.logs()[0].attribute(expected).as_deref(),
            Some("mine"),
            "{expected}"
        );
    }
}
