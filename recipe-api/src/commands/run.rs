//! Runs the command that the command line names, and turns its end into an exit code.

use std::{error::Error, process::ExitCode};

use crate::{
    app::StartError,
    cli::{Cli, Command},
    store::StoreError,
};

use super::{doctor, seed, serve, terminal};

/// Runs the command.
///
/// Ends with 0 if all went well, 1 if the work could not be done, and 2 if a setting or an
/// argument is wrong.
pub async fn run(cli: Cli) -> ExitCode {
    let ended = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve().await,
        Command::Seed { from } => seed::seed(&from).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor { purge_spool } => doctor::doctor(purge_spool),
        Command::Version => {
            terminal::print(concat!("recipe-api ", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
    };
    ended.unwrap_or_else(|failure| {
        if let Some(message) = &failure.message {
            terminal::print_error(message);
        }
        ExitCode::from(failure.code)
    })
}

/// Why a command did not do its work.
pub(super) struct Failure {
    code: u8,
    message: Option<String>,
}

impl Failure {
    /// A setting or an argument is wrong.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: Some(message.into()),
        }
    }

    /// The work could not be done.
    pub(super) fn work(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: Some(message.into()),
        }
    }

    /// The work could not be done, and why has been said.
    pub(super) fn said() -> Self {
        Self {
            code: 1,
            message: None,
        }
    }

    fn caused_by(error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::work(message)
    }
}

impl From<obs_core::Error> for Failure {
    fn from(error: obs_core::Error) -> Self {
        if error.is_settings() {
            Self::usage(error.to_string())
        } else {
            Self::work(error.to_string())
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::caused_by(&error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::caused_by(&error)
    }
}
