//! The command line.

use std::{fmt, str::FromStr, time::Duration};

use obs_tests::fault::Fault;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long the backend is away.
    pub(crate) outage: Duration,
    /// How long it is well before each outage.
    pub(crate) health: Duration,
    /// How often it goes away.
    pub(crate) times: u32,
    /// So many log records a second, and as many spans.
    pub(crate) rate: u64,
    /// Memory for each signal, as `OBS_QUEUE_SIZE` has it.
    pub(crate) queue: String,
    /// In which ways it goes away.
    pub(crate) kinds: Vec<Fault>,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            outage: Duration::from_secs(60),
            health: Duration::from_secs(20),
            times: 3,
            rate: 1_000,
            queue: "1m".to_owned(),
            kinds: KINDS.iter().map(|(_, fault)| *fault).collect(),
        };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            let missing = || format!("{name} has no value");
            let value = arguments.next().ok_or_else(missing)?;
            match &*name {
                "--outage" => options.outage = seconds(&value)?,
                "--health" => options.health = seconds(&value)?,
                "--times" => options.times = parse(&value)?,
                "--rate" => options.rate = parse(&value)?,
                "--queue" => options.queue = value,
                "--kinds" => {
                    options.kinds = value.split(',').map(kind).collect::<Result<_, _>>()?;
                }
                _ => return Err(format!("no such option: {name}")),
            }
        }
        Ok(options)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} outages of {:?} each, {:?} of health before each; \
             {rate} log records and {rate} spans a second; {} of memory for each signal",
            self.times,
            self.outage,
            self.health,
            self.queue,
            rate = self.rate,
        )
    }
}

/// The name of a kind of outage.
pub(crate) fn name(fault: Fault) -> &'static str {
    let known = KINDS.iter().find(|(_, known)| *known == fault);
    known.map_or("?", |(name, _)| name)
}

fn kind(name: &str) -> Result<Fault, String> {
    let known = KINDS.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, fault)| *fault)
        .ok_or_else(|| format!("no such kind: {name}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    parse(text).map(Duration::from_secs)
}

fn parse<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("cannot be used: {text}"))
}

pub(crate) const USAGE: &str = "\
soak [--outage SECONDS] [--health SECONDS] [--times COUNT] [--rate PER_SECOND] [--queue SIZE]
     [--kinds refused,503,hang,reset]";

const KINDS: [(&str, Fault); 4] = [
    ("refused", Fault::Refused),
    ("503", Fault::Unavailable),
    ("hang", Fault::Hang),
    ("reset", Fault::ResetUntaken),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let options = read("--outage 5 --kinds hang,503").unwrap();
        assert_eq!(options.outage, Duration::from_secs(5));
        assert_eq!(options.kinds, [Fault::Hang, Fault::Unavailable]);
        assert_eq!((options.times, options.rate), (3, 1_000));
        assert_eq!(read("").unwrap().kinds.len(), 4);
    }

    #[test]
    fn mistakes_are_told() {
        for (line, problem) in [
            ("--outage", "--outage has no value"),
            ("--outage x", "cannot be used: x"),
            ("--kinds flood", "no such kind: flood"),
            ("--speed 3", "no such option: --speed"),
        ] {
            assert_eq!(read(line), Err(problem.to_owned()));
        }
    }
}
