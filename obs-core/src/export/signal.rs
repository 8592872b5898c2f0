//! The three signals, and how much a record matters when there is no room.

/// What kind of data a queue, a task and an endpoint carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Finished spans.
    Traces,
    /// Collected data points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All signals, in the order of reports.
    pub(crate) const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// The name of the signal in the standard.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// What its records are called in messages.
    pub(super) const fn records(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "data points",
            Self::Logs => "log records",
        }
    }

    /// Whether what cannot be sent waits on disk: data points that could not be sent are made up
    /// for by the next ones.
    pub(super) const fn is_spooled(self) -> bool {
        match self {
            Self::Traces | Self::Logs => true,
            Self::Metrics => false,
        }
    }

    /// The path below a base endpoint.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    /// The variable of this signal that overrides `OTEL_EXPORTER_OTLP_<suffix>`.
    pub(super) fn variable(self, suffix: &str) -> String {
        format!(
            "OTEL_EXPORTER_OTLP_{}_{suffix}",
            self.name().to_ascii_uppercase()
        )
    }
}

/// Which records are refused first when a queue fills up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Records of level TRACE and DEBUG.
    Debug,
    /// Records of level INFO, and spans.
    Info,
    /// Records of level WARN.
    Warn,
    /// Records of level ERROR, and spans that ended in error.
    Error,
}

impl Priority {
    pub(super) const COUNT: usize = 4;
    /// All priorities, the least first.
    pub(super) const ALL: [Self; Self::COUNT] = [Self::Debug, Self::Info, Self::Warn, Self::Error];
}
