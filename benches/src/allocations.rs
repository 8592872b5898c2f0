//! Counts allocations, but only in the processes that are not timed.
//!
//! A counter that always runs costs some nanoseconds per allocation,
//! which would flatter the side that allocates less.
//! Switched off, this allocator is the system's plus one relaxed load.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// The system's allocator, with a counter that can be switched on.
#[derive(Debug)]
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Starts to count the allocations and reallocations of all threads.
pub(crate) fn switch_on() {
    ON.store(true, Relaxed);
}

/// How many allocations there were since counting began.
pub(crate) fn count() -> u64 {
    COUNT.load(Relaxed)
}

fn note() {
    if ON.load(Relaxed) {
        COUNT.fetch_add(1, Relaxed);
    }
}

#[expect(
    unsafe_code,
    reason = "a global allocator cannot be written without; every call goes to `System` unchanged"
)]
// SAFETY: `System` upholds the contract, and nothing is done to its arguments or results.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller upholds the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller upholds the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
