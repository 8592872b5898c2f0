//! `serve`: the service itself.

use std::{error::Error, net::SocketAddr, process::ExitCode};

use obs_core::{Environment, config::Env};
use obs_tower::Server;

use crate::{app::App, config::Config, telemetry};

use super::{run::Failure, terminal};

/// Serves until the process is asked to stop.
pub(super) async fn serve() -> Result<ExitCode, Failure> {
    let config = Config::from_env(&Env::process())?;
    let telemetry = telemetry::for_service(&config)?;
    let (handle, on) = (telemetry.handle(), telemetry.describe());
    // Before the database is opened: who stops the service while it starts gets a clean end too.
    let server = Server::new(telemetry).shutdown_on_signals();
    let app = App::build(&config, &handle)
        .await
        .inspect_err(|error| tracing::error!(error = error as &dyn Error, "cannot start"))?;
    // In development the terminal shows the log, and with it what is on.
    let on = (handle.environment() != Environment::Development).then_some(on);
    terminal::tell(&greeting(&config, &app, on.as_deref()));
    Ok(app.run(server).await)
}

fn greeting(config: &Config, app: &App, on: Option<&str>) -> String {
    let demo = match app.demo_recipes() {
        0 => String::new(),
        count => format!(", {count} demo recipes loaded"),
    };
    let url = url(app.address());
    let on = on
        .map(|on| on.replace('\n', "\n  ") + "\n  ")
        .unwrap_or_default();
    format!(
        "recipe-api {version} on {url}\n  \
           {on}data: {data}{demo}\n\
         Try\n  \
           curl '{url}/api/v1/recipes?limit=3'\n  \
           curl '{url}/api/v1/recipes?q=lemon+pasta'\n  \
           curl '{url}/health/ready'",
        version = env!("CARGO_PKG_VERSION"),
        data = config.data_dir.display(),
    )
}

/// The URL of this machine, also when it listens on all addresses.
fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    format!("http://{address}")
}
