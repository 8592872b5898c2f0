//! Records of the `log` crate become events of the same subscriber.

use crate::error::Error;

use super::CaptureFilter;

/// Installs the process-wide bridge; it costs nothing for levels that nobody captures.
pub(crate) fn install_log_bridge(filter: &CaptureFilter) -> Result<(), Error> {
    use tracing_log::AsLog as _;

    tracing_log::LogTracer::builder()
        .with_max_level(filter.max_level().as_log())
        .init()
        .map_err(|_| Error::already_installed("a logger of the `log` crate"))
}
