//! What can go wrong while the pipeline is built; at run time nothing fails, it is counted.

use std::fmt;

use crate::config::Problem;

/// Why telemetry could not be started.
///
/// `Display` and `Debug` both print the full list of problems, so that `fn main() -> Result<(), Error>`
/// tells everything at once.
pub struct Error {
    kind: Kind,
}

enum Kind {
    AlreadyInstalled(&'static str),
    Settings(Vec<Problem>),
    Start(String),
}

impl Error {
    #[cold]
    pub(crate) fn already_installed(what: &'static str) -> Self {
        Self {
            kind: Kind::AlreadyInstalled(what),
        }
    }

    /// Settings that are mistaken, told together.
    #[must_use]
    #[cold]
    pub fn settings(problems: Vec<Problem>) -> Self {
        Self {
            kind: Kind::Settings(problems),
        }
    }

    /// A resource that the service cannot do without could not be had.
    #[must_use]
    #[cold]
    pub fn start(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Start(message.into()),
        }
    }

    /// Whether settings are the cause: a program exits with 2 then, by convention.
    #[must_use]
    pub fn is_settings(&self) -> bool {
        matches!(self.kind, Kind::Settings(_))
    }

    /// Whether a subscriber was installed before.
    #[must_use]
    pub fn is_already_installed(&self) -> bool {
        matches!(self.kind, Kind::AlreadyInstalled(_))
    }

    /// The mistaken settings, if settings are the cause.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match &self.kind {
            Kind::Settings(problems) => problems,
            Kind::AlreadyInstalled(_) | Kind::Start(_) => &[],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::AlreadyInstalled(what) => write!(
                f,
                "{what} is installed already: call `init` once, in `main`, or compose the layer of \
                 `builder(..).build()` into your own subscriber"
            ),
            Kind::Settings(problems) => {
                write!(f, "{} setting(s) cannot be used", problems.len())?;
                problems.iter().try_for_each(|problem| {
                    write!(
                        f,
                        "\n  {}={:?}: expected {}",
                        problem.name, problem.value, problem.expected
                    )
                })
            }
            Kind::Start(message) => f.write_str(message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
