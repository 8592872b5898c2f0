//! The command line: subcommands and their options.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A book of recipes over HTTP.
#[derive(Debug, Parser)]
#[command(name = "recipe-api", version, about)]
pub struct Cli {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Serve the recipes over HTTP (the default)
    Serve,
    /// Read a folder of Markdown recipes into the database
    Seed {
        /// Folder that is searched for *.md files, subfolders included
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
    /// Say what telemetry is set to, and what waits on disk to be sent
    Doctor {
        /// Delete what waits, but for what a running process uses
        #[arg(long)]
        purge_spool: bool,
    },
    /// Print the version
    Version,
}
