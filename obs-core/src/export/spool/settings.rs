//! What the environment says about the spool.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Reader;

/// Where the spool lies and how much it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Absolute: a program may change its working folder.
    pub(crate) dir: PathBuf,
    /// What the files of one process may take, those that it took over included.
    pub(crate) bytes: u64,
    /// Older records are dropped.
    pub(crate) max_age: Duration,
}

impl Settings {
    /// Reads `OBS_SPOOL_*`; none where nothing is to be spooled. The folder is what the program
    /// wants where the environment says nothing.
    pub(crate) fn read(reader: &Reader<'_>, folder: Option<&Path>) -> Option<Self> {
        // Read in any case: a mistake is told also where it does no harm yet.
        let (bytes, max_age) = (read_bytes(reader), read_max_age(reader));
        let dir = match reader.text(DIR) {
            Some("off") => None,
            Some(dir) => Some(Path::new(dir)),
            None => folder,
        }?;
        Some(Self {
            dir: std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()),
            bytes,
            max_age,
        })
    }
}

/// One line for the start of a program: where, how much, and what outage that survives.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            dir,
            bytes,
            max_age,
        } = self;
        let lasts = Duration::from_secs(bytes / BYTES_PER_RECORD / GIVEN_RATE).min(*max_age);
        write!(
            f,
            "{} (OBS_SPOOL_DIR), {} MiB: enough for an outage of {} min at {GIVEN_RATE} records a second \
             (OBS_SPOOL_SIZE), and for {} min at most (OBS_SPOOL_MAX_AGE)",
            dir.display(),
            bytes / MIB,
            lasts.as_secs() / 60,
            max_age.as_secs() / 60,
        )
    }
}

fn read_bytes(reader: &Reader<'_>) -> u64 {
    let bytes = reader.bytes(SIZE, DEFAULT_BYTES);
    if bytes >= LEAST_BYTES {
        return bytes;
    }
    let least = format!("{}m", LEAST_BYTES / MIB);
    let expected = format!("at least {least}");
    let written = reader.text(SIZE).unwrap_or_default();
    reader.problem(SIZE, written, &expected, &least);
    LEAST_BYTES
}

fn read_max_age(reader: &Reader<'_>) -> Duration {
    let max_age = reader.duration(MAX_AGE, DEFAULT_MAX_AGE);
    if !max_age.is_zero() {
        return max_age;
    }
    let written = reader.text(MAX_AGE).unwrap_or_default();
    reader.problem(MAX_AGE, written, "a duration above 0", "270min");
    DEFAULT_MAX_AGE
}

const DIR: &str = "OBS_SPOOL_DIR";
const SIZE: &str = "OBS_SPOOL_SIZE";
const MAX_AGE: &str = "OBS_SPOOL_MAX_AGE";
const MIB: u64 = 1024 * 1024;
/// What a record of usual size takes on disk, compressed.
const BYTES_PER_RECORD: u64 = 100;
/// The rate for which the start of a program says how long the spool lasts: a busy instance's.
const GIVEN_RATE: u64 = 1_000;
const DEFAULT_BYTES: u64 = 256 * MIB;
/// Less does not hold a single large request beside others.
const LEAST_BYTES: u64 = MIB;
/// `OpenObserve` refuses what is older than 5 h.
const DEFAULT_MAX_AGE: Duration = Duration::from_mins(270);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;

    #[test]
    fn a_mistake_is_shown_as_it_was_written() {
        let env = Env::from_pairs([(SIZE, "1k"), (MAX_AGE, "0min")]);
        let reader = Reader::new(&env);
        assert_eq!(Settings::read(&reader, None), None);
        let problems = reader.into_problems();
        let shown = problems.iter().map(|problem| &*problem.value);
        assert_eq!(shown.collect::<Vec<_>>(), ["1k", "0min"]);
    }

    fn read(pairs: &[(&str, &str)]) -> (Option<Settings>, usize) {
        let env = Env::from_pairs(pairs.iter().copied());
        let reader = Reader::new(&env);
        let settings = Settings::read(&reader, None);
        (settings, reader.into_problems().len())
    }

    #[test]
    fn there_is_no_spool_unless_a_folder_is_named() {
        assert_eq!(read(&[]), (None, 0));
        assert_eq!(read(&[(DIR, "off")]), (None, 0));
        let (settings, problems) = read(&[(DIR, "data/spool")]);
        let settings = settings.unwrap();
        assert_eq!(problems, 0);
        assert!(settings.dir.is_absolute() && settings.dir.ends_with("data/spool"));
        assert_eq!(settings.bytes, 256 << 20);
        assert_eq!(settings.max_age, Duration::from_secs(16_200));
    }

    #[test]
    fn bounds_that_hold_nothing_are_mistakes() {
        let (settings, problems) = read(&[(DIR, "/spool"), (SIZE, "10k"), (MAX_AGE, "0")]);
        let settings = settings.unwrap();
        assert_eq!(problems, 2);
        assert_eq!(settings.bytes, 1 << 20);
        assert_eq!(settings.max_age, DEFAULT_MAX_AGE);
        let (settings, problems) = read(&[(DIR, "/spool"), (SIZE, "1m"), (MAX_AGE, "2h")]);
        let settings = settings.unwrap();
        assert_eq!((problems, settings.bytes), (0, 1 << 20));
        assert_eq!(settings.max_age, Duration::from_hours(2));
    }

    #[test]
    fn the_start_says_how_long_an_outage_it_lasts() {
        let shown = |pairs: &[(&str, &str)]| read(pairs).0.unwrap().to_string();
        // 256 MiB / 100 bytes / 1,000 a second = 44.7 min; ten times as much is more than is sent.
        let usual = shown(&[(DIR, "/spool")]);
        assert!(
            usual.contains("an outage of 44 min at 1000 records a second"),
            "{usual}"
        );
        let large = shown(&[(DIR, "/spool"), (SIZE, "2560m")]);
        assert!(large.contains("an outage of 270 min at"), "{large}");
        let short = shown(&[(DIR, "/spool"), (MAX_AGE, "10min")]);
        assert!(short.contains("an outage of 10 min at"), "{short}");
    }
}
