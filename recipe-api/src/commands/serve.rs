//! `serve`: the service itself.

use std::{net::SocketAddr, process::ExitCode};

use obs_core::{Environment, Telemetry, config::Env};

use crate::{app::App, config::Config, telemetry};

use super::{run::Failure, terminal};

/// Serves until the process is asked to stop.
pub(super) async fn serve() -> Result<ExitCode, Failure> {
    let config = Config::from_env(&Env::process())?;
    let telemetry = telemetry::for_service()?;
    let app = App::build(&config, &telemetry).await?;
    terminal::tell(&greeting(&config, &app, &telemetry));
    Ok(app.run(telemetry).await)
}

fn greeting(config: &Config, app: &App, telemetry: &Telemetry) -> String {
    let demo = match app.demo_recipes() {
        0 => String::new(),
        count => format!(", {count} demo recipes loaded"),
    };
    let url = url(app.address());
    // In development the terminal shows the log, and with it what is on.
    let on = match telemetry.handle().environment() {
        Environment::Development => String::new(),
        _ => telemetry.describe().replace('\n', "\n  ") + "\n  ",
    };
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
