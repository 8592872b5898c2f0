//! The commands, a line each.

use std::{str::FromStr, time::Duration};

use tracing::Level;

/// What the program can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `logs COUNT [LEVEL] [BYTES]`: log records, each with an `id` and a text of that length.
    Logs {
        count: u64,
        level: Level,
        bytes: usize,
    },
    /// `spans COUNT`: spans, each with an `id`.
    Spans(u64),
    /// `counter COUNT`: adds that much to a counter, one by one.
    Counter(u64),
    /// `load LOGS [SPANS]`: so many log records and spans a second in the background, in place of
    /// what there was before; 0 ends it.
    Load { logs: u64, spans: u64 },
    /// `ids FROM`: the next log record and the next span have this id, such as in a process that
    /// goes on where another has ended.
    Ids(u64),
    /// `flush MILLISECONDS`
    Flush(Duration),
    /// `status`: what became of what was emitted.
    Status,
    /// `memory`: what of the process is in memory, now and at most so far, in bytes.
    Memory,
    /// `shutdown MILLISECONDS`: without blocking where there is a runtime.
    Shutdown(Duration),
    /// `shutdown_blocking MILLISECONDS`
    ShutdownBlocking(Duration),
    /// `drop`: drops the telemetry.
    Drop,
    /// `exit CODE`: `std::process::exit`.
    Exit(i32),
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["logs", count] => logs(count, "info", "0"),
            ["logs", count, level] => logs(count, level, "0"),
            ["logs", count, level, bytes] => logs(count, level, bytes),
            ["spans", count] => Ok(Self::Spans(parse(count)?)),
            ["counter", count] => Ok(Self::Counter(parse(count)?)),
            ["load", rate] => load(rate, "0"),
            ["load", logs, spans] => load(logs, spans),
            ["ids", from] => Ok(Self::Ids(parse(from)?)),
            ["flush", time] => Ok(Self::Flush(milliseconds(time)?)),
            ["status"] => Ok(Self::Status),
            ["memory"] => Ok(Self::Memory),
            ["shutdown", time] => Ok(Self::Shutdown(milliseconds(time)?)),
            ["shutdown_blocking", time] => Ok(Self::ShutdownBlocking(milliseconds(time)?)),
            ["drop"] => Ok(Self::Drop),
            ["exit", code] => Ok(Self::Exit(parse(code)?)),
            _ => Err(format!("no such command: {}", line.trim())),
        }
    }
}

fn logs(count: &str, level: &str, bytes: &str) -> Result<Command, String> {
    Ok(Command::Logs {
        count: parse(count)?,
        level: parse(level)?,
        bytes: parse(bytes)?,
    })
}

fn load(logs: &str, spans: &str) -> Result<Command, String> {
    Ok(Command::Load {
        logs: parse(logs)?,
        spans: parse(spans)?,
    })
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    parse(text).map(Duration::from_millis)
}

fn parse<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("cannot be used: {text}"))
}
