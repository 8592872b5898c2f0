//! Clean input is borrowed and costs no allocation.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    borrow::Cow,
    cell::Cell,
};

use obs_redact::Redactor;

struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[expect(
    unsafe_code,
    reason = "the trait is unsafe; every call goes to the system's allocator"
)]
// SAFETY: both methods hand their arguments on unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the ones that are needed.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer comes from `alloc`, and so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn check(name: &str, run: impl Fn() -> bool) {
    assert!(run(), "{name} is not borrowed");
    let before = ALLOCATIONS.with(Cell::get);
    run();
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0, "{name} allocates");
}

#[expect(clippy::ptr_arg, reason = "asks which kind of text it is")]
fn is_borrowed(text: &Cow<'_, str>) -> bool {
    matches!(text, Cow::Borrowed(_))
}

#[test]
fn clean_input_is_borrowed_without_allocation() {
    let custom = Redactor::builder()
        .field("nick")
        .allow("pin")
        .pattern("CUST-[0-9]+");
    for redactor in [Redactor::new(), custom.build().unwrap()] {
        for text in TEXTS {
            check(text, || is_borrowed(&redactor.redact_text(text)));
            check(text, || {
                is_borrowed(&redactor.redact_field("message", text))
            });
            check(text, || {
                is_borrowed(&redactor.redact_header("x-note", text))
            });
        }
        for url in [
            "/a?q=chicken%20soup&page=2#x",
            "https://example.com/caf%C3%A9/b",
            "*",
            "/",
        ] {
            check(url, || is_borrowed(&redactor.redact_url(url)));
            check(url, || is_borrowed(&redactor.redact_query(url)));
        }
        for statement in ["SELECT a FROM t1 WHERE b = $1", "PING", ""] {
            check(statement, || {
                is_borrowed(&redactor.redact_sql("postgresql", statement))
            });
        }
        check("a name", || {
            !redactor.is_sensitive_field("some.userName_or-other")
        });
    }
}

#[test]
fn what_was_redacted_is_owned_and_then_borrowed() {
    let redactor = Redactor::new();
    let once = redactor.redact_field("password", "x");
    assert!(!is_borrowed(&once));
    check("the marker", || {
        is_borrowed(&redactor.redact_field("password", &once))
    });
}

const TEXTS: &[&str] = &[
    "",
    "200",
    "GET",
    "Pasta al pesto",
    "550e8400-e29b-41d4-a716-446655440000",
    "2026-08-21T12:00:00.000Z INFO recipe_api::http: finished status=200 duration=12ms id=4bf92f3577b34da6a3ce929d0e0e4736",
    r#"{"level":"info","message":"stored: 12 recipes","url":"https://example.com/a?b=c","key":"4242"}"#,
    "max_tokens=5 the bearer token, basic authentication, sk-learn, eyJ, ://, -----BEGIN, 4242 4242",
    "日本語: テキスト=値 café",
    "password=[REDACTED] {\"pin\":\"[REDACTED]\"}",
];
