//! The only place that assembles telemetry.

use obs_core::{Builder, Error, Telemetry};

/// Telemetry of the service.
///
/// # Errors
/// [`Error`] if a setting that must not be ignored is mistaken.
pub fn for_service() -> Result<Telemetry, Error> {
    builder().init()
}

/// Telemetry of a command that runs and ends: its standard output is for its results.
///
/// # Errors
/// As [`for_service`].
pub fn for_command() -> Result<Telemetry, Error> {
    builder().quiet().log_to_stderr().init()
}

fn builder() -> Builder {
    Builder::from_package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}
