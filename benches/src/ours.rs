//! The SDK, set up as its users set it up.

use std::{error::Error, path::Path, time::Duration};

use axum::Router;
use obs_core::{Telemetry, config::Env};
use tracing::Dispatch;
use tracing_subscriber::{layer::SubscriberExt as _, registry};

/// What must live until the measurement is over, and be shut down after it.
#[derive(Debug)]
pub(crate) struct Guard(Telemetry);

impl Guard {
    /// Flushes and stops the pipeline; what became of the records.
    pub(crate) fn end(self) -> String {
        self.0.shutdown(Duration::from_secs(30)).to_string()
    }

    /// Flushes and stops the pipeline.
    pub(crate) fn shutdown(self) -> Result<(), Box<dyn Error>> {
        let report = self.0.shutdown(Duration::from_secs(30));
        if report.is_complete() {
            Ok(())
        } else {
            Err(report.to_string().into())
        }
    }
}

/// Installs the pipeline globally, at the sampling ratio of the main figure; these variables win.
pub(crate) fn install(
    log_dir: &Path,
    endpoint: &str,
    vars: &[(&str, &str)],
) -> Result<Guard, Box<dyn Error>> {
    let env = settings(log_dir, endpoint, vars)?;
    Ok(Guard(obs_core::builder("ours").env(env).quiet().init()?))
}

/// The same for code that runs in this subscriber only.
pub(crate) fn build(
    log_dir: &Path,
    endpoint: &str,
    vars: &[(&str, &str)],
) -> Result<(Telemetry, Dispatch), Box<dyn Error>> {
    let env = settings(log_dir, endpoint, vars)?;
    let (telemetry, layer) = obs_core::builder("ours").env(env).quiet().build()?;
    Ok((telemetry, Dispatch::new(registry().with(layer))))
}

fn settings(log_dir: &Path, endpoint: &str, vars: &[(&str, &str)]) -> Result<Env, Box<dyn Error>> {
    let log_dir = log_dir
        .to_str()
        .ok_or("the log folder's name is not UTF-8")?;
    let spool = format!("{log_dir}/spool");
    let usual = [
        ("APP_ENV", "production"),
        ("OBS_SPOOL_DIR", &spool),
        ("LOG_FILE_PATH", log_dir),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
    ];
    Ok(Env::from_pairs(
        usual.into_iter().chain(vars.iter().copied()),
    ))
}

/// The routes with everything that one `observe` layer does around them.
pub(crate) fn observed(routes: Router, guard: &Guard) -> Router {
    routes.layer(obs_tower::observe(&guard.0))
}
