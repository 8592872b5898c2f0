//! The parent for spans that begin on this thread without one.

use std::cell::RefCell;

use super::TraceContext;

/// The context whose [`TraceContext::as_parent`] is running on this thread.
pub(crate) fn remote_parent() -> Option<TraceContext> {
    // During the destruction of a thread's locals there is no parent any more.
    REMOTE_PARENT
        .try_with(|slot| slot.borrow().clone())
        .ok()
        .flatten()
}

pub(super) fn with<R>(context: TraceContext, f: impl FnOnce() -> R) -> R {
    let _restore = Restore(swap(Some(context)));
    f()
}

/// Puts the outer context back, also when the closure panics.
struct Restore(Option<TraceContext>);

impl Drop for Restore {
    fn drop(&mut self) {
        swap(self.0.take());
    }
}

fn swap(context: Option<TraceContext>) -> Option<TraceContext> {
    REMOTE_PARENT
        .try_with(|slot| slot.replace(context))
        .ok()
        .flatten()
}

thread_local! {
    static REMOTE_PARENT: RefCell<Option<TraceContext>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::propagation::{SpanId, TraceFlags, TraceId};

    fn context() -> TraceContext {
        TraceContext::new(TraceId::random(), SpanId::random(), TraceFlags::SAMPLED)
    }

    #[test]
    fn contexts_nest_and_are_restored() {
        let (outer, inner) = (context(), context());
        outer.as_parent(|| {
            inner.as_parent(|| assert_eq!(remote_parent().as_ref(), Some(&inner)));
            assert_eq!(remote_parent().as_ref(), Some(&outer));
        });
        assert_eq!(remote_parent(), None);
    }

    #[test]
    fn context_is_restored_after_a_panic() {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            context().as_parent(|| panic!("on purpose"))
        }));
        assert!(outcome.is_err());
        assert_eq!(remote_parent(), None);
    }

    #[test]
    fn contexts_do_not_reach_other_threads() {
        context().as_parent(|| {
            std::thread::spawn(|| assert_eq!(remote_parent(), None))
                .join()
                .unwrap();
        });
    }
}
