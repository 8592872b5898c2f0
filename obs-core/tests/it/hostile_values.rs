//! Values whose own code panics or gives up: the caller goes on, and the record is written.

#![expect(clippy::panic, reason = "values that panic are what is tested")]

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use obs_core::SpanExt as _;
use obs_core::testing;
use serde_json::Value;

#[test]
fn a_panic_while_a_field_is_formatted_is_the_field_s_alone() {
    let pipeline = testing::pipeline();
    pipeline.run_sync(|| {
        let span = tracing::info_span!("cook", made = ?Hostile, later = tracing::field::Empty);
        span.in_scope(|| {
            tracing::info!(debug = ?Hostile, display = %Hostile, before = 1, "fields");
            tracing::info!("message of {Hostile}");
            let error: &(dyn Error + 'static) = &Hostile;
            tracing::error!(error, "error");
        });
        span.record("later", tracing::field::debug(Hostile));
        span.set_attribute("after", 2_i64);
        span.in_scope(|| tracing::info!("all is well"));
    });
    let lines: Vec<Value> = pipeline
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["fields", MARK, "error", "all is well"]);
    assert_eq!(lines[0]["debug"], MARK);
    assert_eq!(lines[0]["display"], MARK);
    assert_eq!(lines[0]["before"], 1);
    assert_eq!(lines[2]["error"], format!("{MARK}: {MARK}"));
    assert_eq!(lines[3]["later"], MARK);
    assert!(lines.iter().all(|line| line["made"] == MARK), "{lines:#?}");

    let sent = pipeline.logs();
    sent.one("fields").has("debug", MARK).has("before", 1);
    assert_eq!(sent.one("all is well").level(), "info");
    let span = pipeline.spans();
    let span = span.one("cook");
    span.has("made", MARK).has("later", MARK).has("after", 2);
    pipeline.assert_absent("half a secret");
}

#[test]
fn a_panic_while_a_field_is_formatted_during_another_panic_is_contained_too() {
    /// Logs while the stack is unwound.
    struct Logs;

    impl Drop for Logs {
        fn drop(&mut self) {
            tracing::info!(field = ?Hostile, "unwinding");
        }
    }

    let pipeline = testing::pipeline();
    let unwound = pipeline.run_sync(|| {
        catch_unwind(AssertUnwindSafe(|| {
            let _logs = Logs;
            panic!("of the program");
        }))
    });
    let payload = unwound.unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"of the program"));
    pipeline.logs().one("unwinding").has("field", MARK);
}

#[test]
fn a_task_whose_field_panics_goes_on_with_its_work() {
    let pipeline = testing::pipeline();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let answer = runtime.block_on(pipeline.run(async {
        let span = tracing::info_span!("request", user = ?Hostile).entered();
        tracing::warn!(cause = ?Hostile, "refused");
        drop(span);
        tokio::task::yield_now().await;
        tracing::info!("answered");
        200
    }));
    assert_eq!(answer, 200);
    pipeline.spans().one("request").has("user", MARK);
    pipeline.logs().one("refused").has("cause", MARK);
    assert_eq!(pipeline.logs().one("answered").level(), "info");
}

/// Writes a little of itself, then panics, in whatever form it is asked for.
struct Hostile;

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a secret")?;
        panic!("in a value's own code");
    }
}

impl fmt::Debug for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Hostile {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        panic!("in a value's own code");
    }
}

const MARK: &str = "<panicked while formatting>";
