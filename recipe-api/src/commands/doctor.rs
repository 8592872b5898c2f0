//! `doctor`: what is in force, and what waits on disk to be sent.

use std::{io, path::Path, process::ExitCode};

use obs_core::{config::Env, spool};

use crate::{config::Config, telemetry};

use super::{run::Failure, terminal};

/// Prints what telemetry would do and what waits in the spool; throws away the latter if asked to.
///
/// It starts nothing and sends nothing, so that it can run beside the service.
pub(super) fn doctor(purges: bool) -> Result<ExitCode, Failure> {
    let env = Env::process();
    let config = Config::from_env(&env)?;
    let found = telemetry::describe(&config)?;
    terminal::print(&format!(
        "recipe-api {version}\n  {in_force}",
        version = env!("CARGO_PKG_VERSION"),
        in_force = found.lines.join("\n  "),
    ));
    match telemetry::spool_dir(&config, &env) {
        Some(dir) => {
            inspect(&dir)?;
            if purges {
                purge(&dir)?;
            }
        }
        None if purges => {
            return Err(Failure::usage(
                "--purge-spool: there is no spool: OBS_SPOOL_DIR is off",
            ));
        }
        None => {}
    }
    if found.problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let problems: Vec<_> = found.problems.iter().map(ToString::to_string).collect();
    Err(Failure::usage(format!(
        "{} setting(s) cannot be used as written\n  {}",
        problems.len(),
        problems.join("\n  ")
    )))
}

fn inspect(dir: &Path) -> Result<(), Failure> {
    let waiting = match spool::inspect(dir) {
        Ok(inspection) => inspection.to_string(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            "nothing: it has not been used yet".to_owned()
        }
        Err(error) => return Err(unusable(dir, &error)),
    };
    terminal::print(&format!(
        "waiting in {}\n  {}",
        dir.display(),
        waiting.trim_end().replace('\n', "\n  ")
    ));
    Ok(())
}

fn purge(dir: &Path) -> Result<(), Failure> {
    let purged = match spool::purge(dir) {
        Ok(purged) => purged,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(dir, &error)),
    };
    terminal::print(&purged.to_string());
    if purged.left.is_empty() {
        Ok(())
    } else {
        Err(Failure::said())
    }
}

fn unusable(dir: &Path, error: &io::Error) -> Failure {
    Failure::work(format!("the spool in {}: {error}", dir.display()))
}
