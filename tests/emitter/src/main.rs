//! A service reduced to its telemetry: emits what it is told to and says what became of it.
//!
//! Telemetry is set up from the environment, as a service does it. Then each line of the standard
//! input is a [command], and each is answered with a line of JSON on the standard output. The end of
//! the input ends the program the way `main` ends.
//!
//! `--runtime none|current|one|multi` says where the commands run: on a thread without a runtime
//! (the default), in a current-thread runtime, or on a worker of a runtime that has one or several.

mod command;
mod emission;
mod load;
mod session;

use std::{env, process::ExitCode};

use tokio::runtime;

use crate::session::Session;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let flavour = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "none",
        ["--runtime", flavour] => flavour,
        _ => return session::refuse("the only argument is --runtime none|current|one|multi"),
    };
    // Quiet, so that what was emitted and what was recorded is the same number.
    let builder = obs_core::Builder::from_package("emitter", env!("CARGO_PKG_VERSION")).quiet();
    let telemetry = match builder.init() {
        Ok(telemetry) => telemetry,
        Err(error) => return session::refuse(&error.to_string()),
    };
    let session = Session::new(telemetry);
    let runtime = match flavour {
        "none" => return session.run(),
        "current" => runtime::Builder::new_current_thread().enable_all().build(),
        "one" => runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build(),
        "multi" => runtime::Builder::new_multi_thread().enable_all().build(),
        _ => return session::refuse("a runtime is none, current, one or multi"),
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return session::refuse(&error.to_string()),
    };
    if flavour == "current" {
        return runtime.block_on(session.run_async());
    }
    // On a worker, where blocking takes the worker away from everything else.
    let ended = runtime.block_on(runtime.spawn(session.run_async()));
    ended.unwrap_or_else(|error| session::refuse(&error.to_string()))
}
