//! Which events are captured: a level for all, and directives per target.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

use crate::config::Reader;

/// Decides for this layer alone: what it refuses still reaches the other layers of a subscriber.
///
/// Spans down to INFO are always captured, whatever the log level: they carry the trace that
/// outgoing requests continue, and the request id that the remaining log lines show.
#[derive(Clone, Debug)]
pub(crate) struct CaptureFilter {
    targets: Targets,
}

impl CaptureFilter {
    /// Reads `LOG_LEVEL` and the target directives of `RUST_LOG`.
    pub(crate) fn read(reader: &Reader<'_>, default: LevelFilter) -> Self {
        let level = reader
            .parse("LOG_LEVEL", LEVELS, Shown(default), |text| {
                level(text).map(Shown)
            })
            .0;
        // The OpenTelemetry crates tell that they are set up, and judge settings that are read here.
        let sdk = level.min(LevelFilter::ERROR);
        let mut filter = Self {
            targets: Targets::new()
                .with_target("opentelemetry", sdk)
                .with_default(level),
        };
        let Some(directives) = reader.text("RUST_LOG") else {
            return filter;
        };
        for directive in directives
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            if !filter.add(directive) {
                reader.problem(
                    "RUST_LOG",
                    directive,
                    "directives such as `info` or `my_crate::module=debug` (no span filters)",
                    "the other directives",
                );
            }
        }
        filter
    }

    /// Adds `level` or `target=level`; false if it is neither.
    fn add(&mut self, directive: &str) -> bool {
        if directive.contains(['[', ']', '{', '}', '/']) {
            return false;
        }
        let targets = std::mem::take(&mut self.targets);
        let (targets, understood) = match directive.split_once('=') {
            None => match level(directive) {
                Some(level) => (targets.with_default(level), true),
                None => (
                    targets.with_target(directive, LevelFilter::TRACE),
                    is_target(directive),
                ),
            },
            Some((target, text)) => match level(text) {
                Some(level) if is_target(target.trim()) => {
                    (targets.with_target(target.trim(), level), true)
                }
                _ => (targets, false),
            },
        };
        self.targets = targets;
        understood
    }

    fn captures(&self, metadata: &Metadata<'_>) -> bool {
        let always = metadata.is_span() && *metadata.level() <= Level::INFO;
        always
            || self
                .targets
                .would_enable(metadata.target(), metadata.level())
    }

    /// Whether a record of the `log` crate or of the pipeline itself is captured.
    pub(crate) fn captures_event(&self, target: &str, level: Level) -> bool {
        self.targets.would_enable(target, &level)
    }

    /// The most verbose level that is captured anywhere.
    pub(crate) fn max_level(&self) -> LevelFilter {
        let verbose = self.targets.iter().map(|(_, level)| level);
        verbose
            .chain(self.targets.default_level())
            .max()
            .unwrap_or(LevelFilter::OFF)
    }

    /// The level for targets without a directive.
    pub(crate) fn default_level(&self) -> LevelFilter {
        self.targets.default_level().unwrap_or(LevelFilter::OFF)
    }
}

impl<S: Subscriber> Filter<S> for CaptureFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.captures(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match metadata.target() {
            // Records of the `log` crate share one call site a level; each is asked about by target.
            "log" => Interest::sometimes(),
            _ if self.captures(metadata) => Interest::always(),
            _ => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.max_level().max(LevelFilter::INFO))
    }
}

const LEVELS: &str = "one of off, error, warn, info, http, debug, trace";

/// A level as it is written in settings; `http` is INFO, which is what access-log events are.
fn level(text: &str) -> Option<LevelFilter> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "off" | "none" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" | "warning" => LevelFilter::WARN,
        "info" | "http" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return None,
    })
}

fn is_target(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.'))
}

struct Shown(LevelFilter);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;

    fn read(pairs: &[(&str, &str)]) -> (CaptureFilter, Vec<String>) {
        let env = Env::from_pairs(pairs.iter().copied());
        let reader = Reader::new(&env);
        let filter = CaptureFilter::read(&reader, LevelFilter::INFO);
        (
            filter,
            reader
                .into_problems()
                .iter()
                .map(ToString::to_string)
                .collect(),
        )
    }

    #[test]
    fn directives_name_targets_and_levels() {
        let (filter, problems) = read(&[
            ("LOG_LEVEL", "warn"),
            ("RUST_LOG", "hyper=off, shop::cart=debug"),
        ]);
        assert!(problems.is_empty(), "{problems:?}");
        assert!(filter.captures_event("shop::cart::item", Level::DEBUG));
        assert!(!filter.captures_event("shop", Level::INFO));
        assert!(filter.captures_event("shop", Level::WARN));
        assert!(!filter.captures_event("hyper::client", Level::ERROR));
        assert_eq!(filter.max_level(), LevelFilter::DEBUG);
    }

    #[test]
    fn a_mistaken_directive_is_told_and_the_others_hold() {
        let (filter, problems) = read(&[("RUST_LOG", "shop=debug,[span{id=1}]=trace,cart=loud")]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(filter.captures_event("shop", Level::DEBUG));
    }

    #[test]
    fn the_opentelemetry_crates_are_heard_when_they_fail_or_when_asked_for() {
        let (filter, _) = read(&[]);
        assert!(filter.captures_event("opentelemetry_sdk", Level::ERROR));
        assert!(!filter.captures_event("opentelemetry_sdk", Level::WARN));
        let (filter, _) = read(&[("RUST_LOG", "opentelemetry=debug")]);
        assert!(filter.captures_event("opentelemetry", Level::DEBUG));
    }

    #[test]
    fn http_is_a_name_for_info() {
        let (filter, problems) = read(&[("LOG_LEVEL", "http")]);
        assert!(problems.is_empty());
        assert_eq!(filter.max_level(), LevelFilter::INFO);
        let (_, problems) = read(&[("LOG_LEVEL", "loud")]);
        assert_eq!(
            problems,
            [
                r#"LOG_LEVEL="loud": expected one of off, error, warn, info, http, debug, trace; using info"#
            ]
        );
    }
}
