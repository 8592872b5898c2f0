//! The only place that assembles telemetry.

use std::path::PathBuf;

use obs_core::{Builder, Description, Error, Telemetry, config::Env};

use crate::config::Config;

/// Telemetry of the service.
///
/// # Errors
/// [`Error`] if a setting that must not be ignored is mistaken.
pub fn for_service(config: &Config) -> Result<Telemetry, Error> {
    builder(config).init()
}

/// Telemetry of a command that runs and ends: its standard output is for its results.
///
/// # Errors
/// As [`for_service`].
pub fn for_command(config: &Config) -> Result<Telemetry, Error> {
    builder(config).quiet().log_to_stderr().init()
}

/// What telemetry of the service would do, without any of it being done.
///
/// # Errors
/// As [`for_service`].
pub fn describe(config: &Config) -> Result<Description, Error> {
    builder(config).describe()
}

/// Where records wait on disk that cannot be sent; none if that is turned off.
#[must_use]
pub fn spool_dir(config: &Config, env: &Env) -> Option<PathBuf> {
    match env.var("OBS_SPOOL_DIR") {
        Some("off") => None,
        Some(dir) => Some(dir.into()),
        None => Some(config.data_dir.join("spool")),
    }
}

fn builder(config: &Config) -> Builder {
    Builder::from_package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .spool_dir(config.data_dir.join("spool"))
}
