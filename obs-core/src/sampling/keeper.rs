//! Keeps traces that head sampling refused, for what happened in them; shared by all local traces.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::Context;

use super::active_trace::ActiveTrace;
use super::buffers::{Buffers, TOTAL_BYTES};
use super::limiter::{Answer, Claim, Limiter};
use super::local_trace::{LocalTrace, Settle};
use super::open_spans::OpenSpans;
use super::policy::Policy;
use super::reason::{Head, Mark};
use super::tally::Tally;
use crate::clock::Clock;
use crate::propagation::TraceContext;

/// Where spans that are exported go. Called with a trace locked: must not wait.
pub(crate) trait Outlet: fmt::Debug + Send + Sync {
    /// Exports an encoded span.
    fn send(&self, scope: &str, failed: bool, span: &[u8]);

    /// Appends to an encoded span what it says about sampling.
    fn mark(&self, span: &mut Vec<u8>, mark: Mark);
}

/// What all local traces of a pipeline share.
#[derive(Debug)]
pub(crate) struct Keeper {
    policy: Policy,
    clock: Clock,
    limiter: Limiter,
    buffers: Arc<Buffers>,
    tally: Arc<Tally>,
    outlet: Box<dyn Outlet>,
    open_spans: OpenSpans,
}

impl Keeper {
    pub(crate) fn new(policy: Policy, clock: Clock, outlet: Box<dyn Outlet>) -> Self {
        let tally = Arc::new(Tally::default());
        Self {
            limiter: Limiter::new(policy.rate, clock.now()),
            buffers: Arc::new(Buffers::new(Arc::clone(&tally))),
            open_spans: OpenSpans::default(),
            policy,
            clock,
            tally,
            outlet,
        }
    }

    /// A local trace that begins with the root of this identity.
    pub(crate) fn begin(
        self: &Arc<Self>,
        root: &TraceContext,
        head: Head,
        started: Instant,
    ) -> Arc<LocalTrace> {
        self.open(root, head, false, started)
    }

    /// The same below a span of this process whose local trace is not known, because it has ended
    /// or is none of ours: what is counted is that one.
    pub(crate) fn begin_part(
        self: &Arc<Self>,
        top: &TraceContext,
        head: Head,
        started: Instant,
    ) -> Arc<LocalTrace> {
        self.open(top, head, true, started)
    }

    fn open(
        self: &Arc<Self>,
        root: &TraceContext,
        head: Head,
        is_part: bool,
        started: Instant,
    ) -> Arc<LocalTrace> {
        let (trace, root) = (root.trace_id, root.span_id);
        let keeper = Arc::clone(self);
        Arc::new(LocalTrace::new(keeper, trace, root, head, is_part, started))
    }

    /// Whether a trace is one of this pipeline's.
    pub(crate) fn owns(self: &Arc<Self>, trace: &LocalTrace) -> bool {
        Arc::ptr_eq(self, trace.keeper())
    }

    /// Lets go of what has waited long enough.
    pub(crate) fn settle_due(&self) {
        let is_crowded = self.tally.held() > TOTAL_BYTES / 2;
        self.settle(if is_crowded {
            Settle::Crowded
        } else {
            Settle::Due
        });
    }

    /// What to say, at most once a minute, if errors are missing because of the rate.
    pub(crate) fn rate_warning(&self) -> Option<String> {
        let rate = self.policy.rate;
        // Whoever set it to zero wants none.
        let count = (rate > 0).then(|| self.limiter.refused_errors(self.now()))??;
        Some(format!(
            "{count} more local traces that failed were not exported: more failed than \
             OBS_KEEP_RATE={rate} a second allows; raise it if the backend has room for more"
        ))
    }

    /// Exports what waits only to say its weight.
    pub(crate) fn flush(&self) {
        self.settle(Settle::Due);
        self.settle(Settle::Sampled);
    }

    /// Exports or forgets everything that waits, and holds nothing from now on.
    pub(crate) fn shutdown(&self) {
        self.limiter.close();
        self.buffers.close();
        self.settle(Settle::All);
        self.open_spans.close();
    }

    fn settle(&self, which: Settle) {
        for trace in self.buffers.holders() {
            trace.settle(which);
        }
    }

    /// The local trace of an open or ended span of this process, as seen from a context in which it
    /// is active. Not by the trace's id alone: a caller may have two requests under way in one trace.
    /// Nor is a trace of another pipeline ours, though its context may be the one in which we are.
    pub(crate) fn find(
        self: &Arc<Self>,
        parent: &TraceContext,
        active: &Context,
    ) -> Option<Arc<LocalTrace>> {
        self.open_spans.trace_of(parent.span_id).or_else(|| {
            ActiveTrace::of(active)
                .filter(|trace| trace.trace_id() == parent.trace_id && self.owns(trace))
                .cloned()
        })
    }

    /// Spans that are found by their id.
    pub(crate) fn open_spans(&self) -> &OpenSpans {
        &self.open_spans
    }

    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn buffers(&self) -> &Arc<Buffers> {
        &self.buffers
    }

    pub(super) fn outlet(&self) -> &dyn Outlet {
        &*self.outlet
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether the rate allows one more.
    pub(super) fn grants(&self, claim: Claim) -> Answer {
        self.limiter.take(claim, self.now())
    }
}
