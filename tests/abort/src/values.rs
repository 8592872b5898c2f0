//! Values whose own code does what no `Debug` implementation should.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use obs_core::Telemetry;

/// A value that acts when it is formatted.
pub(crate) struct Value(pub(crate) Act);

/// What it does.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    Panic,
    Log,
    LogAndPanic,
    Flush,
    ShutDown,
}

/// Where a value finds the telemetry that it ends.
static TELEMETRY: Mutex<Option<Telemetry>> = Mutex::new(None);

/// Records such values, in fields of events and of spans.
pub(crate) fn run(telemetry: Telemetry) {
    *TELEMETRY.lock().unwrap_or_else(PoisonError::into_inner) = Some(telemetry);
    for act in [
        Act::Panic,
        Act::Log,
        Act::LogAndPanic,
        Act::Flush,
        Act::ShutDown,
    ] {
        let span =
            tracing::info_span!("acting", field = ?Value(act), later = tracing::field::Empty);
        span.record("later", tracing::field::debug(Value(act)));
        let _entered = span.entered();
        tracing::info!(field = ?Value(act), "acted");
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("formatted")?;
        if let Act::Log | Act::LogAndPanic = self.0 {
            let _span = tracing::info_span!("inside a value").entered();
            tracing::info!(inner = ?Self(Act::Panic), "logged by a value");
        }
        let mut telemetry = TELEMETRY.lock().unwrap_or_else(PoisonError::into_inner);
        match self.0 {
            Act::Panic | Act::LogAndPanic => panic!("a value's own code"),
            Act::Flush => {
                if let Some(telemetry) = &*telemetry {
                    telemetry.flush(Duration::from_secs(30));
                }
            }
            Act::ShutDown => {
                if let Some(telemetry) = telemetry.take() {
                    telemetry.shutdown(Duration::from_secs(30));
                }
            }
            Act::Log => {}
        }
        Ok(())
    }
}
