//! The program: reads the command line and hands over to the command.

use std::process::ExitCode;

use clap::Parser;
use recipe_api::{cli::Cli, commands};

#[tokio::main]
async fn main() -> ExitCode {
    commands::run(Cli::parse()).await
}
