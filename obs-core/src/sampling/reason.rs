//! Why a trace is exported, and for how many it stands.

/// Why a trace is exported; of several reasons to keep it, the greatest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Head sampling took it.
    Head,
    /// The caller had taken it, and is trusted.
    Parent,
    /// A span failed after its trace was forgotten; it is exported alone.
    LateError,
    /// The program asked for it.
    Forced,
    /// It took too long.
    Slow,
    /// Something in it failed.
    Error,
}

impl Reason {
    /// Those for which something is kept that head sampling refused.
    pub(super) const KEPT: [Self; 4] = [Self::Error, Self::Forced, Self::LateError, Self::Slow];

    /// The value of `sampling.reason`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Parent => "parent",
            Self::LateError => "late_error",
            Self::Forced => "forced",
            Self::Slow => "slow",
            Self::Error => "error",
        }
    }
}

/// What an exported span says about sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) reason: Reason,
    /// How many traces it stands for, on average; none where that is not known.
    pub(crate) weight: Option<f64>,
}

/// What head sampling said of a local trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) sampled: bool,
    /// What the root says if there is no better reason.
    pub(crate) mark: Mark,
}
