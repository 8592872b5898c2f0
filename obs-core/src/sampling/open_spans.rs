//! Open spans that nothing but their id leads to: those of the OpenTelemetry API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::local_trace::LocalTrace;
use super::member::TraceMember;
use crate::propagation::SpanId;

/// Open spans by their id; a bounded number of them.
#[derive(Debug, Default)]
pub(crate) struct OpenSpans {
    spans: Mutex<Spans>,
}

#[derive(Debug, Default)]
struct Spans {
    by_id: HashMap<SpanId, Entry>,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    member: TraceMember,
    /// The provider that made the span.
    provider: u64,
}

impl OpenSpans {
    /// Remembers a span until it ends, if there is room.
    pub(crate) fn insert(&self, id: SpanId, provider: u64, member: TraceMember) {
        let mut spans = self.lock();
        if spans.closed {
            drop(spans);
        } else if spans.by_id.len() >= MAX_OPEN {
            drop(spans);
            member.trace().loses_sight();
        } else {
            let replaced = spans.by_id.insert(id, Entry { member, provider });
            drop(spans);
            drop(replaced);
        }
    }

    /// The local trace of an open span.
    pub(crate) fn trace_of(&self, id: SpanId) -> Option<Arc<LocalTrace>> {
        let spans = self.lock();
        spans
            .by_id
            .get(&id)
            .map(|entry| Arc::clone(entry.member.trace()))
    }

    /// A span ends.
    pub(crate) fn remove(&self, id: SpanId) -> Option<TraceMember> {
        self.lock().by_id.remove(&id).map(|entry| entry.member)
    }

    /// Gives up the spans of a provider that tells of no more ends.
    pub(crate) fn give_up(&self, provider: u64) {
        let mut spans = self.lock();
        let lost: Vec<Entry> = spans
            .by_id
            .extract_if(|_, entry| entry.provider == provider)
            .map(|(_, entry)| entry)
            .collect();
        drop(spans);
        drop(lost);
    }

    /// Gives up all and remembers nothing from now on.
    pub(super) fn close(&self) {
        let mut spans = self.lock();
        spans.closed = true;
        let lost = std::mem::take(&mut spans.by_id);
        drop(spans);
        drop(lost);
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    fn lock(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More spans of the API than this are not open at once, unless something forgets to end them.
pub(super) const MAX_OPEN: usize = 65_536;
