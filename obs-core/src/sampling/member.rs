//! A span as a part of its local trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::local_trace::{EndedSpan, LocalTrace};

/// A span as a part of its local trace: the trace does not end before it. One that is dropped
/// without having ended is given up.
#[derive(Debug)]
pub(crate) struct TraceMember {
    trace: Arc<LocalTrace>,
    /// Its record is where it belongs, or is not needed; it may still be a part of the trace.
    is_done: AtomicBool,
    has_left: AtomicBool,
}

impl TraceMember {
    pub(crate) fn new(trace: Arc<LocalTrace>) -> Self {
        trace.enter();
        Self {
            trace,
            is_done: AtomicBool::new(false),
            has_left: AtomicBool::new(false),
        }
    }

    pub(crate) fn trace(&self) -> &Arc<LocalTrace> {
        &self.trace
    }

    /// The span has ended, but somebody holds it: what comes of that is still part of the trace.
    /// `encode` is asked for its record if that is needed by now.
    pub(crate) fn end_early(
        &self,
        span: &EndedSpan<'_>,
        wire: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.is_done.load(Ordering::Relaxed) && self.trace.end_early(span, wire, encode) {
            self.is_done.store(true, Ordering::Relaxed);
        }
    }

    /// The span has ended and is gone; `encode` is asked for its record if that is needed.
    pub(crate) fn end(
        &self,
        span: &EndedSpan<'_>,
        wire: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.has_left.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.is_done.load(Ordering::Relaxed) {
            self.trace.leave(false);
        } else {
            self.trace.end(span, wire, encode);
        }
    }

    /// The span goes on in another trace.
    pub(crate) fn leave(self) {
        if !self.has_left.swap(true, Ordering::Relaxed) {
            self.trace.leave(false);
        }
    }
}

impl Drop for TraceMember {
    fn drop(&mut self) {
        if !*self.has_left.get_mut() {
            self.trace.leave(!*self.is_done.get_mut());
        }
    }
}
