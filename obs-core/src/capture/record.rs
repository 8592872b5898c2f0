//! What outputs are given: views of redacted data.
//!
//! Only this folder can make them, and it fills [`Fields`] through a recorder that redacts; so what
//! reaches a file, the terminal or the network has been redacted by construction.

use std::sync::MutexGuard;

use tracing::Level;

use super::ContextKey;
use super::fields::{Fields, SpanKind, Status, Value};
use super::name::NameRules;
use super::span::{Span, State};
use crate::clock::{self, Clock};
use crate::propagation::{SpanId, TraceContext, TraceId};

/// One log record.
#[derive(Debug)]
pub(crate) struct LogRecord<'r> {
    pub(crate) unix_nanos: u64,
    pub(crate) level: Level,
    pub(crate) target: &'r str,
    fields: &'r Fields,
    spans: &'r [MutexGuard<'r, State>],
    context: Context<'r>,
    trace: Option<TraceIds>,
}

/// Name and value of what is known, by [`ContextKey::index`].
pub(crate) type Context<'r> = [Option<(&'static str, Value<'r>)>; ContextKey::COUNT];

fn context_of<'r>(own: &'r Fields, spans: &'r [MutexGuard<'r, State>]) -> Context<'r> {
    let mut known = [const { None }; ContextKey::COUNT];
    let mut offer = |fields: &'r Fields, is_own: bool| {
        for (entry, value) in fields.iter() {
            let Some(key) = entry.context else { continue };
            // The duration of a span that is still open is nobody's.
            if (is_own || key != ContextKey::Duration)
                && let Some(slot @ None) = known.get_mut(key.index())
            {
                *slot = Some((entry.name, value));
            }
        }
    };
    offer(own, true);
    spans.iter().for_each(|span| offer(&span.fields, false));
    known
}

/// The trace that a log record belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceIds {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) sampled: bool,
}

impl<'r> LogRecord<'r> {
    pub(super) fn new(
        unix_nanos: u64,
        level: Level,
        target: &'r str,
        fields: &'r Fields,
        spans: &'r [MutexGuard<'r, State>],
        trace: Option<TraceIds>,
    ) -> Self {
        Self {
            unix_nanos,
            level,
            target,
            fields,
            spans,
            context: context_of(fields, spans),
            trace,
        }
    }

    pub(crate) fn message(&self) -> &'r str {
        self.fields.message()
    }

    /// The record's own fields.
    pub(crate) fn fields(&self) -> &'r Fields {
        self.fields
    }

    /// The fields of the enclosing spans, inner first.
    pub(crate) fn spans(&self) -> impl Iterator<Item = &'r Fields> {
        self.spans.iter().map(|span| &span.fields)
    }

    /// What ties the record to a request: from the record itself, else from the nearest span that
    /// knows it, by [`ContextKey::index`].
    pub(crate) fn context(&self) -> &Context<'r> {
        &self.context
    }

    pub(crate) fn trace(&self) -> Option<TraceIds> {
        self.trace
    }

    /// Whether this is the one line that tells of a finished request.
    pub(crate) fn is_access(&self) -> bool {
        self.target == ACCESS_TARGET
    }
}

/// Makes a record of the pipeline's own, for what it has to say about itself.
pub(crate) fn own_record(
    rules: &NameRules,
    level: Level,
    message: &str,
    emit: impl FnOnce(&LogRecord<'_>),
) {
    let message = opentelemetry::Value::from(message.to_owned());
    record_with(rules, level, OWN_TARGET, &[("message", message)], emit);
}

/// Makes a record of these fields that belongs to no span.
pub(crate) fn record_with(
    rules: &NameRules,
    level: Level,
    target: &str,
    values: &[(&'static str, opentelemetry::Value)],
    emit: impl FnOnce(&LogRecord<'_>),
) {
    let mut fields = Fields::default();
    let mut recorder = fields.recorder(rules);
    for (name, value) in values {
        recorder.attribute(name, value);
    }
    emit(&LogRecord::new(
        clock::unix_nanos(),
        level,
        target,
        &fields,
        &[],
        None,
    ));
}

/// The target of what the pipeline says about itself.
const OWN_TARGET: &str = "obs";

/// The target of access-log events.
pub(crate) const ACCESS_TARGET: &str = "obs::access";

/// One finished span.
#[derive(Debug)]
pub(crate) struct SpanRecord<'r> {
    pub(crate) scope: &'r str,
    pub(crate) name: &'r str,
    pub(crate) kind: SpanKind,
    pub(crate) start_unix_nanos: u64,
    pub(crate) end_unix_nanos: u64,
    pub(crate) status: Status,
    /// Whether something in it failed, also after it was told to end.
    pub(crate) failed: bool,
    pub(crate) status_description: &'r str,
    pub(crate) context: &'r TraceContext,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) parent_is_remote: bool,
    pub(crate) links: &'r [TraceContext],
    fields: &'r Fields,
}

impl<'r> SpanRecord<'r> {
    pub(super) fn of(span: &'r Span, state: &'r State, clock: &Clock) -> Self {
        let status = state.status();
        let (end_unix_nanos, status_then) = match state.end {
            Some(end) => (end.unix_nanos, end.status),
            None => (span.now_unix_nanos(clock), status),
        };
        Self {
            scope: span.target,
            name: state.fields.otel_name().unwrap_or(span.name),
            kind: state.fields.kind(),
            start_unix_nanos: span.start_unix_nanos(),
            end_unix_nanos,
            status: status_then,
            failed: status == Status::Error,
            status_description: state.fields.status_description(),
            context: &state.context,
            parent_id: state.parent_id,
            parent_is_remote: state.parent_is_remote,
            links: &state.links,
            fields: &state.fields,
        }
    }

    pub(crate) fn fields(&self) -> &'r Fields {
        self.fields
    }
}
