//! Emitters with a spool, and waiting for what they keep there.

use std::cell::RefCell;

use obs_core::testing::Receiver;
use obs_tests::{
    emitter::{self, Account, Accounts, Emitter},
    service::Setup,
    spool::SpoolFolder,
    tally::Tally,
    wait,
};

/// A program that has a spool and sends soon, but no metrics.
pub(super) fn spools(spool: &SpoolFolder, receiver: &Receiver) -> Setup {
    spools_to(spool, &receiver.endpoint())
}

/// The same for any address.
pub(super) fn spools_to(spool: &SpoolFolder, url: &str) -> Setup {
    spool
        .used_by(emitter::sends_to_url(url))
        .var("OTEL_BSP_SCHEDULE_DELAY", "100")
        .var("OTEL_BLRP_SCHEDULE_DELAY", "100")
        .var("OTEL_METRICS_EXPORTER", "none")
}

/// A number of log records and of spans.
pub(super) fn emit(emitter: &mut Emitter, count: u64) {
    emitter.tell(&format!("logs {count} info 100"));
    emitter.tell(&format!("spans {count}"));
}

/// Waits until so many log records and so many spans are on disk.
pub(super) fn until_on_disk(spool: &SpoolFolder, count: u64) {
    let counts = || SIGNALS.map(|signal| spool.records(signal));
    wait::until_or(
        &format!("{count} of each are on disk"),
        || (counts() == [count; 2]).then_some(()),
        || format!("{:?}", counts()),
    );
}

/// Waits until nothing of what was found or recorded is left.
pub(super) fn until_sent(emitter: &mut Emitter) -> Accounts {
    until(emitter, "everything is sent", |account| {
        account.exported == account.accepted + account.recovered
    })
}

/// Waits until log records and spans have come to something.
pub(super) fn until(
    emitter: &mut Emitter,
    what: &str,
    is_so: impl Fn(&Account) -> bool,
) -> Accounts {
    let last = RefCell::default();
    wait::until_or(
        what,
        || {
            let status = emitter.status();
            let both = SIGNALS.iter().all(|signal| is_so(&status.of(signal)));
            *last.borrow_mut() = Some(status.clone());
            both.then_some(status)
        },
        || format!("{:#?}", last.borrow()),
    )
}

/// Waits until a program warns with such words, and returns the whole warning.
pub(super) fn until_warned(emitter: &Emitter, words: &str) -> String {
    wait::until(&format!("a warning with `{words}`"), || {
        let warnings = emitter.warnings();
        warnings.into_iter().find(|warning| warning.contains(words))
    })
}

/// Each of these ids is at the backend, and is there once.
pub(super) fn assert_each_once(receiver: &Receiver, emitted: u64) {
    Tally::of_logs(receiver).assert_each_once(emitted);
    Tally::of_spans(receiver).assert_each_once(emitted);
}

pub(super) const SIGNALS: [&str; 2] = ["logs", "traces"];
