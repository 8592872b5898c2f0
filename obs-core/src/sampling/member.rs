//! A span as a part of its local trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::local_trace::{EndedSpan, LocalTrace};

/// A span as a part of its local trace: the trace does not end before it. One that is dropped
/// without having ended is given up.
#[derive(Debug)]
pub(crate) struct TraceMember {
    trace: Arc<LocalTrace>,
    has_ended: AtomicBool,
}

impl TraceMember {
    pub(crate) fn new(trace: Arc<LocalTrace>) -> Self {
        trace.enter();
        Self {
            trace,
            has_ended: AtomicBool::new(false),
        }
    }

    pub(crate) fn trace(&self) -> &Arc<LocalTrace> {
        &self.trace
    }

    /// The span has ended; `encode` is asked for its record if that is needed.
    pub(crate) fn end(
        &self,
        span: &EndedSpan<'_>,
        wire: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.has_ended.swap(true, Ordering::Relaxed) {
            self.trace.end(span, wire, encode);
        }
    }

    /// The span goes on in another trace.
    pub(crate) fn leave(self) {
        if !self.has_ended.swap(true, Ordering::Relaxed) {
            self.trace.leave(false);
        }
    }
}

impl Drop for TraceMember {
    fn drop(&mut self) {
        if !*self.has_ended.get_mut() {
            self.trace.leave(true);
        }
    }
}
