//! The trace context and its `traceparent` form.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::ids::parse_hex;
use super::{Extract, Inject, SpanId, TraceFlags, TraceId, TraceState, remote_parent};

/// A position in a trace: which trace, below which span, and what was decided about it.
///
/// Cheap to clone: the trace state is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that new spans become children of.
    pub span_id: SpanId,
    /// Whether the trace is sampled, and whether its id is random.
    pub flags: TraceFlags,
    state: TraceState,
}

impl TraceContext {
    /// A context without trace state.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self {
            trace_id,
            span_id,
            flags,
            state: TraceState::empty(),
        }
    }

    /// The same context with this trace state.
    #[must_use]
    pub fn with_state(self, state: TraceState) -> Self {
        Self { state, ..self }
    }

    /// What tracing systems on the way have noted for themselves.
    #[must_use]
    pub const fn state(&self) -> &TraceState {
        &self.state
    }

    /// Whether the caller may have recorded the trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// Reads the context of a caller from a carrier such as request headers.
    ///
    /// None when there is no valid `traceparent`, or more than one. A `tracestate` that is not
    /// valid is left out, and so is one that comes without a valid `traceparent`.
    #[must_use]
    pub fn extract(carrier: &impl Extract) -> Option<Self> {
        let mut lines = carrier.values(TRACEPARENT);
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return None;
        };
        let context = Self::parse(line).ok()?;
        Some(context.with_state(TraceState::parse(carrier.values(TRACESTATE)).unwrap_or_default()))
    }

    /// Writes the context to a carrier such as the headers of an outgoing request.
    ///
    /// A trace state of more than 512 characters is shortened by whole entries: those of more than
    /// 128 characters go first, then the last ones.
    pub fn inject(&self, carrier: &mut impl Inject) {
        carrier.set(TRACEPARENT, self.traceparent());
        if !self.state.is_empty() {
            carrier.set(TRACESTATE, self.state.shortened());
        }
    }

    /// The value of the `traceparent` header.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let Self {
            trace_id,
            span_id,
            flags,
            ..
        } = self;
        format!("00-{trace_id}-{span_id}-{:02x}", flags.to_bits())
    }

    /// Runs `f`; spans that it begins without a parent become children of this context.
    ///
    /// For code that hands a context over by itself, such as the consumer of a queue. It holds for
    /// this thread while `f` runs: in async code wrap the creation of the span, not the future.
    pub fn as_parent<R>(&self, f: impl FnOnce() -> R) -> R {
        remote_parent::with(self.clone(), f)
    }

    /// Reads the value of one `traceparent` header.
    ///
    /// # Errors
    /// [`ParseTraceparentError`] if it does not follow the standard to the letter.
    pub fn parse(value: &[u8]) -> Result<Self, ParseTraceparentError> {
        let Some((fields, rest)) = value.split_first_chunk::<TRACEPARENT_LEN>() else {
            return Err(ParseTraceparentError(Kind::Length));
        };
        let (version, [b'-', trace_id @ .., b'-'], span_id, [b'-', flags @ ..]) = split(fields)
        else {
            return Err(ParseTraceparentError(Kind::Form));
        };
        let form = || ParseTraceparentError(Kind::Form);
        let [version] = parse_hex(version).ok_or_else(form)?;
        let trace_id = TraceId::from_bytes(parse_hex(trace_id).ok_or_else(form)?);
        let span_id = SpanId::from_bytes(parse_hex(span_id).ok_or_else(form)?);
        let [flags] = parse_hex(flags).ok_or_else(form)?;
        match (version, rest.first()) {
            (0xff, _) => return Err(ParseTraceparentError(Kind::Version)),
            (0, Some(_)) => return Err(ParseTraceparentError(Kind::Length)),
            (_, None | Some(b'-')) => {}
            _ => return Err(ParseTraceparentError(Kind::Form)),
        }
        if !trace_id.is_valid() || !span_id.is_valid() {
            return Err(ParseTraceparentError(Kind::ZeroId));
        }
        Ok(Self::new(trace_id, span_id, TraceFlags::from_bits(flags)))
    }
}

impl FromStr for TraceContext {
    type Err = ParseTraceparentError;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        Self::parse(value.as_bytes())
    }
}

/// A `traceparent` that does not follow the standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTraceparentError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Length,
    Form,
    Version,
    ZeroId,
}

impl fmt::Display for ParseTraceparentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Length => "traceparent is not 55 characters long",
            Kind::Form => {
                "traceparent is not version-traceid-spanid-flags in lower-case hexadecimal"
            }
            Kind::Version => "traceparent has the forbidden version ff",
            Kind::ZeroId => "traceparent has an id of zeros",
        })
    }
}

impl Error for ParseTraceparentError {}

/// Version; dash, trace id, dash; span id; dash, flags.
fn split(fields: &[u8; TRACEPARENT_LEN]) -> (&[u8], &[u8], &[u8], &[u8]) {
    let (version, rest) = fields.split_at(2);
    let (trace_id, rest) = rest.split_at(34);
    let (span_id, flags) = rest.split_at(16);
    (version, trace_id, span_id, flags)
}

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const TRACEPARENT_LEN: usize = 55;
