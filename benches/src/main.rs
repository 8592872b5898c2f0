//! Side-by-side measurements: one command per figure, each side in processes of its own.

mod allocations;
mod arguments;
mod cpu;
mod figures;
mod keeping;
mod ours;
mod overhead;
mod processes;
mod receiver;
mod side;
mod spool;
mod standard;
mod sustained;
mod table;
mod work;

use std::{error::Error, io::Write as _, process::ExitCode};

use arguments::Command;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do when even standard error is gone.
            let _ = writeln!(std::io::stderr(), "obs-benches: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    match Command::parse(std::env::args().skip(1))? {
        Command::Overhead(options) => overhead::run(&options),
        Command::Keeping(options) => keeping::run(&options),
        Command::Sustained(options) => sustained::run(&options),
        Command::Spool(options) => spool::run(&options),
        Command::Spooling(job) => spool::spooling(&job).map(|()| ExitCode::SUCCESS),
        Command::Pace(job) => sustained::pace(&job).map(|()| ExitCode::SUCCESS),
        Command::Side(job) => side::run(&job).map(|()| ExitCode::SUCCESS),
        Command::Receiver(core) => receiver::run(core).map(|()| ExitCode::SUCCESS),
    }
}
