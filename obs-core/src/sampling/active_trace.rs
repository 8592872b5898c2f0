//! The local trace as a value of the OpenTelemetry API's context, where it follows code to other
//! threads and tasks.

use std::sync::Arc;

use opentelemetry::Context;

use super::local_trace::LocalTrace;

/// The local trace in which code runs.
#[derive(Debug)]
pub(crate) struct ActiveTrace(Arc<LocalTrace>);

impl ActiveTrace {
    /// The context with this trace, where another or none is in it.
    pub(crate) fn put(trace: &Arc<LocalTrace>, context: Context) -> Context {
        let is_there = context
            .get::<Self>()
            .is_some_and(|active| Arc::ptr_eq(&active.0, trace));
        if is_there {
            context
        } else {
            context.with_value(Self(Arc::clone(trace)))
        }
    }

    /// The trace of a context.
    pub(super) fn of(context: &Context) -> Option<&Arc<LocalTrace>> {
        context.get::<Self>().map(|active| &active.0)
    }
}
