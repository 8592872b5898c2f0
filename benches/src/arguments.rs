//! The command line: what to measure, and the two inner commands that the driver runs itself.

use std::{path::PathBuf, str::FromStr};

use crate::{
    side::{Job, Side},
    spool, sustained,
};

/// One invocation of the program.
#[derive(Debug)]
pub(crate) enum Command {
    /// Measures every side and prints the table.
    Overhead(Options),
    /// Measures what keeping errors and slow traces costs.
    Keeping(Options),
    /// Sends a steady stream of log records through some sides.
    Sustained(sustained::Options),
    /// Measures how fast records reach the disk in an outage.
    Spool(spool::Options),
    /// The same for one signal, in this process.
    Spooling(spool::Job),
    /// The stream for one side, in this process.
    Pace(sustained::Job),
    /// Measures one side once, in this process.
    Side(Job),
    /// Answers 200 to everything on this core and reports at the end what came.
    Receiver(usize),
}

/// How to measure.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) requests: u64,
    pub(crate) sides: Vec<Side>,
    pub(crate) json: bool,
}

const USAGE: &str = "usage: obs-benches overhead [--rounds N] [--requests N] \
                     [--sides bare,standard,tuned,ours] [--json], or \
                     obs-benches keeping [--rounds N] [--requests N], or \
                     obs-benches sustained [--rate N] [--seconds N] [--sides standard,tuned,ours], or \
                     obs-benches spool [--requests N]";

impl Command {
    /// Reads the arguments that follow the program's name.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        match arguments.next().as_deref() {
            Some("overhead") => Options::parse(arguments, &Side::MAIN).map(Self::Overhead),
            Some("keeping") => {
                Options::parse(arguments, &[Side::Ours, Side::KeepOff]).map(Self::Keeping)
            }
            Some("sustained") => parse_sustained(arguments).map(Self::Sustained),
            Some("spool") => parse_spool(arguments).map(Self::Spool),
            Some("spooling") => parse_spooling(arguments).map(Self::Spooling),
            Some("pace") => parse_pace(arguments).map(Self::Pace),
            Some("side") => parse_job(arguments).map(Self::Side),
            Some("receiver") => number("the core", arguments.next()).map(Self::Receiver),
            _ => Err(USAGE.to_owned()),
        }
    }
}

impl Options {
    fn parse(
        mut arguments: impl Iterator<Item = String>,
        sides_by_default: &[Side],
    ) -> Result<Self, String> {
        let mut options = Self {
            rounds: 5,
            requests: 100_000,
            sides: sides_by_default.to_vec(),
            json: false,
        };
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--rounds" => options.rounds = at_least_one(&name, arguments.next())?,
                "--requests" => options.requests = at_least_one(&name, arguments.next())?,
                "--sides" => options.sides = sides(&value(&name, arguments.next())?)?,
                "--json" => options.json = true,
                other => return Err(format!("unknown argument {other:?}; {USAGE}")),
            }
        }
        Ok(options)
    }
}

fn sides(list: &str) -> Result<Vec<Side>, String> {
    list.split(',').map(Side::from_str).collect()
}

fn parse_job(mut arguments: impl Iterator<Item = String>) -> Result<Job, String> {
    Ok(Job {
        side: value("the side", arguments.next())?.parse()?,
        queries: number("the queries", arguments.next())?,
        requests: number("the requests", arguments.next())?,
        core: number("the core", arguments.next())?,
        count_allocations: value("counting", arguments.next())? == "count",
        log_dir: PathBuf::from(value("the log folder", arguments.next())?),
        endpoint: value("the endpoint", arguments.next())?,
    })
}

fn parse_sustained(
    mut arguments: impl Iterator<Item = String>,
) -> Result<sustained::Options, String> {
    let mut options = sustained::Options {
        rate: 20_000,
        seconds: 60,
        sides: vec![Side::Standard, Side::Ours],
    };
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--rate" => options.rate = at_least_one(&name, arguments.next())?,
            "--seconds" => options.seconds = at_least_one(&name, arguments.next())?,
            "--sides" => options.sides = sides(&value(&name, arguments.next())?)?,
            other => return Err(format!("unknown argument {other:?}; {USAGE}")),
        }
    }
    Ok(options)
}

fn parse_pace(mut arguments: impl Iterator<Item = String>) -> Result<sustained::Job, String> {
    Ok(sustained::Job {
        side: value("the side", arguments.next())?.parse()?,
        rate: number("the rate", arguments.next())?,
        seconds: number("the seconds", arguments.next())?,
        log_dir: PathBuf::from(value("the log folder", arguments.next())?),
        endpoint: value("the endpoint", arguments.next())?,
    })
}

fn parse_spool(mut arguments: impl Iterator<Item = String>) -> Result<spool::Options, String> {
    let mut options = spool::Options { requests: 300_000 };
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--requests" => options.requests = at_least_one(&name, arguments.next())?,
            other => return Err(format!("unknown argument {other:?}; {USAGE}")),
        }
    }
    Ok(options)
}

fn parse_spooling(mut arguments: impl Iterator<Item = String>) -> Result<spool::Job, String> {
    Ok(spool::Job {
        signal: value("the signal", arguments.next())?.parse()?,
        requests: number("the requests", arguments.next())?,
        folder: PathBuf::from(value("the folder", arguments.next())?),
        endpoint: value("the endpoint", arguments.next())?,
    })
}

fn at_least_one<T: FromStr + Default + PartialEq>(
    name: &str,
    value: Option<String>,
) -> Result<T, String> {
    match number(name, value)? {
        zero if zero == T::default() => Err(format!("{name} is at least 1")),
        positive => Ok(positive),
    }
}

fn number<T: FromStr>(name: &str, text: Option<String>) -> Result<T, String> {
    let text = value(name, text)?;
    text.parse()
        .map_err(|_| format!("{name} is a whole number, not {text:?}"))
}

fn value(name: &str, text: Option<String>) -> Result<String, String> {
    text.ok_or_else(|| format!("{name} has no value; {USAGE}"))
}
