//! Local traces driven directly: what the whole pipeline is too slow for, or too well-behaved.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::keeper::{Keeper, Outlet};
use super::local_trace::EndedSpan;
use super::member::TraceMember;
use super::open_spans::MAX_OPEN;
use super::policy::Policy;
use super::reason::{Head, Mark, Reason};
use crate::clock::Clock;
use crate::propagation::{SpanId, TraceContext, TraceFlags, TraceId};

/// What was exported: the length of each record, and whether its span failed.
#[derive(Clone, Debug, Default)]
struct Exported(Arc<Mutex<Vec<(usize, bool)>>>);

impl Outlet for Exported {
    fn send(&self, _: &str, failed: bool, span: &[u8]) {
        self.0.lock().unwrap().push((span.len(), failed));
    }

    fn mark(&self, span: &mut Vec<u8>, mark: Mark) {
        span.extend_from_slice(mark.reason.name().as_bytes());
    }
}

fn keeper() -> (Arc<Keeper>, Exported) {
    let policy = Policy {
        errors: true,
        slow: Some(Duration::from_secs(1)),
        rate: 1_000,
        propagates: false,
    };
    let exported = Exported::default();
    let keeper = Keeper::new(policy, Clock::System, Box::new(exported.clone()));
    (Arc::new(keeper), exported)
}

/// A root that the head refused, and its id.
fn root(keeper: &Arc<Keeper>, started: Instant) -> (TraceMember, SpanId) {
    let context = TraceContext::new(TraceId::random(), SpanId::random(), TraceFlags::default());
    let head = Head {
        sampled: false,
        mark: Mark {
            reason: Reason::Head,
            weight: None,
        },
    };
    let id = context.span_id;
    (TraceMember::new(keeper.begin(&context, head, started)), id)
}

fn end(member: &TraceMember, id: SpanId, failed: bool, bytes: usize) {
    let span = EndedSpan {
        id,
        scope: "",
        failed,
        latency: Duration::ZERO,
    };
    member.end(&span, &mut Vec::new(), |wire| wire.resize(bytes, 0));
}

#[test]
fn a_trace_of_one_span_is_not_encoded() {
    let (keeper, _) = keeper();
    let (member, id) = root(&keeper, Instant::now());
    let span = EndedSpan {
        id,
        scope: "",
        failed: false,
        latency: Duration::ZERO,
    };
    member.end(&span, &mut Vec::new(), |_| panic!("encoded for nothing"));
    assert_eq!(keeper.tally().report().forgotten_spans, 1);
}

#[test]
fn old_traces_give_way_when_there_is_little_room() {
    let (keeper, exported) = keeper();
    let now = Instant::now();
    let minute_ago = now.checked_sub(Duration::from_secs(60)).unwrap();
    let old = root(&keeper, minute_ago);
    let young = root(&keeper, now);
    let held = |(member, _): &(TraceMember, SpanId)| {
        let child = TraceMember::new(Arc::clone(member.trace()));
        end(&child, SpanId::random(), false, 200_000);
    };
    held(&old);
    held(&young);
    keeper.settle_due();
    assert_eq!(keeper.tally().report().over_bound["total_bytes"], 0);
    // Others take more than half of the room.
    let others: Vec<_> = (0..50).map(|_| root(&keeper, now)).collect();
    others.iter().for_each(held);
    keeper.settle_due();
    assert_eq!(keeper.tally().report().over_bound["total_bytes"], 1);
    for (member, id) in [&old, &young] {
        end(member, *id, true, 10);
    }
    let exported = exported.0.lock().unwrap().clone();
    let marked = 10 + "error".len();
    assert_eq!(exported, [(marked, true), (200_000, false), (marked, true)]);
}

#[test]
fn a_span_that_does_not_fit_is_over_the_bound_and_roots_and_errors_are_not() {
    const BOUND: usize = 256 * 1024;

    let (keeper, exported) = keeper();
    let (member, id) = root(&keeper, Instant::now());
    let child = |failed, bytes| {
        let child = TraceMember::new(Arc::clone(member.trace()));
        end(&child, SpanId::random(), failed, bytes);
    };
    member.trace().failed();
    child(false, BOUND - 10);
    child(false, 10);
    child(false, 11);
    child(true, 2 * BOUND);
    child(true, 10);
    end(&member, id, true, 3 * BOUND);
    let exported = exported.0.lock().unwrap().clone();
    let expected = [
        (BOUND - 10, false),
        (10, false),
        (2 * BOUND + "late_error".len(), true),
        (3 * BOUND + "error".len(), true),
    ];
    assert_eq!(exported, expected);
    let report = keeper.tally().report();
    assert_eq!(report.over_bound["trace_bytes"], 1);
    assert_eq!(report.forgotten_spans, 2, "one late error a second");
}

#[test]
fn nothing_is_left_of_traces_that_ended() {
    let (keeper, exported) = keeper();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let keeper = &keeper;
            scope.spawn(move || {
                for number in 0..1_000 {
                    let (member, id) = root(keeper, Instant::now());
                    let child = TraceMember::new(Arc::clone(member.trace()));
                    let child_id = SpanId::random();
                    keeper.open_spans().insert(child_id, thread, child);
                    let child = keeper.open_spans().remove(child_id);
                    match number % 4 {
                        // The child outlives the root, and is lost.
                        0 => end(&member, id, false, 100),
                        1 => child.iter().for_each(|child| {
                            end(child, child_id, true, 100);
                            end(child, child_id, true, 100);
                        }),
                        _ => child
                            .iter()
                            .for_each(|child| end(child, child_id, false, 100)),
                    }
                    drop(child);
                    end(&member, id, false, 100);
                }
            });
        }
    });
    let report = keeper.tally().report();
    assert_eq!(report.held_bytes, 0);
    assert_eq!(keeper.open_spans().len(), 0);
    assert!(keeper.buffers().holders().is_empty());
    assert_eq!(report.kept["error"], 1_000);
    assert_eq!(exported.0.lock().unwrap().len(), 2_000);
    assert_eq!(report.forgotten_spans, 6_000);
    assert_eq!(Arc::strong_count(&keeper), 1, "no trace is left");
}

#[test]
fn a_trace_with_a_span_beyond_the_bound_of_open_ones_says_so_once() {
    let (keeper, _) = keeper();
    let (member, _) = root(&keeper, Instant::now());
    let open = |spans: usize| {
        for _ in 0..spans {
            let span = TraceMember::new(Arc::clone(member.trace()));
            keeper.open_spans().insert(SpanId::random(), 1, span);
        }
    };
    open(MAX_OPEN);
    assert_eq!(keeper.tally().report().over_bound["open_spans"], 0);
    open(2);
    let report = keeper.tally().report();
    assert_eq!(
        (report.over_bound["open_spans"], report.forgotten_spans),
        (1, 2)
    );
    keeper.open_spans().give_up(1);
    open(1);
    assert_eq!(keeper.open_spans().len(), 1, "there is room again");
}
