//! The settings that the server reads from the environment.

use std::time::Duration;

use obs_core::config::Reader;
use obs_core::{Environment, TelemetryHandle};

/// Times of shutdown and health, after the environment was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// `None` where the default applies, which depends on the signal.
    pub(super) shutdown_delay: Option<Duration>,
    pub(super) shutdown_timeout: Duration,
    pub(super) check_timeout: Duration,
}

impl Settings {
    /// Reads `SHUTDOWN_DELAY`, `SHUTDOWN_TIMEOUT` and `HEALTH_CHECK_TIMEOUT`.
    ///
    /// Mistakes were told with all others when telemetry started, or have stopped the program there.
    pub(super) fn read(handle: &TelemetryHandle) -> Self {
        let reader = Reader::new(handle.env());
        Self {
            shutdown_delay: reader
                .text("SHUTDOWN_DELAY")
                .map(|_| reader.duration("SHUTDOWN_DELAY", default_delay(handle))),
            shutdown_timeout: reader.duration("SHUTDOWN_TIMEOUT", Duration::from_secs(30)),
            check_timeout: reader.duration("HEALTH_CHECK_TIMEOUT", Duration::from_secs(5)),
        }
    }
}

/// Long enough for a Kubernetes endpoint to be taken out of every proxy; nobody waits at a desk.
pub(super) fn default_delay(handle: &TelemetryHandle) -> Duration {
    if handle.environment() == Environment::Production {
        Duration::from_secs(5)
    } else {
        Duration::ZERO
    }
}
