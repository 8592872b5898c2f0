//! What became of every record: nothing is lost without being counted.

use std::collections::BTreeMap;
use std::fmt;

use super::Signal;
use super::limits::Limits;

/// What became of the records of one signal, on a consistent snapshot.
///
/// `accepted + recovered` is always
/// `exported + rejected + spooled + dropped + queued + in_flight`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalReport {
    /// `traces`, `metrics` or `logs`.
    pub signal: &'static str,
    /// Records handed to the exporter: spans, log records or data points.
    pub accepted: u64,
    /// Records that earlier processes left on disk and that this one took over.
    pub recovered: u64,
    /// Records that the server took.
    pub exported: u64,
    /// Records that the server refused for good.
    pub rejected: u64,
    /// Records given up here, by reason; reasons that did not occur are left out.
    ///
    /// `queue_full`: no room left, or it made room for what matters more; `too_large`: no request
    /// could hold it; `expired`: could not be sent in time; `undeliverable`: the server kept
    /// failing at it while it took others; `superseded`: newer data points of the same metrics
    /// came; `shutdown`: not sent when time was up; `unanswered`: sent, but not answered when time
    /// was up, so that the server may have it; `after_shutdown`: came too late; `spool_full`: the
    /// oldest on disk, where newer ones needed the room; `corrupt`: damaged on disk; `internal`: lost
    /// to a defect of the sender.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Records that wait to be sent.
    pub queued: u64,
    /// Records in requests that are under way or about to be repeated.
    pub in_flight: u64,
    /// Records that wait on disk, and in memory no more.
    pub spooled: u64,
    /// Records sent again although the server may have taken them before: the connection failed,
    /// nobody answered, or a gateway gave up, after the whole request was sent. They are in the
    /// backend this many times too often, at most.
    pub resent_unknown: u64,
    /// Of the exported records, those that the server answered in a way that OpenObserve is known
    /// to use for batches that it threw away.
    pub suspected_lost: u64,
    /// Bytes that wait or are under way, as encoded.
    pub held_bytes: u64,
    /// The most bytes that may wait or be under way.
    pub capacity_bytes: u64,
    /// The most records that may wait or be under way.
    pub capacity: u64,
}

impl SignalReport {
    /// Records given up here for any reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Whether every record reached the server, is still on its way or is safe on disk. Data points
    /// that newer ones of the same metrics replaced are not missed there.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.rejected == 0 && self.dropped_total() == self.superseded()
    }

    /// Whether every record reached the server.
    pub(crate) fn is_complete(&self) -> bool {
        self.exported + self.superseded() == self.accepted + self.recovered
    }

    fn superseded(&self) -> u64 {
        let superseded = self.dropped.get(Reason::Superseded.name());
        superseded.copied().unwrap_or(0)
    }
}

impl fmt::Display for SignalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} of {} exported",
            self.signal,
            self.exported,
            self.accepted + self.recovered
        )?;
        let mut part = |count: u64, what: &str| match count {
            0 => Ok(()),
            _ => write!(f, ", {count} {what}"),
        };
        part(self.recovered, "recovered from disk")?;
        part(self.rejected, "rejected by the server")?;
        for (reason, count) in &self.dropped {
            part(*count, &format!("dropped ({reason})"))?;
        }
        part(self.queued + self.in_flight, "on the way")?;
        part(self.spooled, "on disk")?;
        part(self.resent_unknown, "sent twice perhaps")?;
        part(self.suspected_lost, "of the exported lost perhaps")
    }
}

/// Why a record was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    QueueFull,
    TooLarge,
    Expired,
    Undeliverable,
    Superseded,
    Shutdown,
    Unanswered,
    AfterShutdown,
    SpoolFull,
    Corrupt,
    Internal,
}

impl Reason {
    const ALL: [Self; 11] = [
        Self::QueueFull,
        Self::TooLarge,
        Self::Expired,
        Self::Undeliverable,
        Self::Superseded,
        Self::Shutdown,
        Self::Unanswered,
        Self::AfterShutdown,
        Self::SpoolFull,
        Self::Corrupt,
        Self::Internal,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Expired => "expired",
            Self::Undeliverable => "undeliverable",
            Self::Superseded => "superseded",
            Self::Shutdown => "shutdown",
            Self::Unanswered => "unanswered",
            Self::AfterShutdown => "after_shutdown",
            Self::SpoolFull => "spool_full",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

/// The counters of one signal; kept under the lock of its queue, so that they always add up.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) accepted: u64,
    pub(super) recovered: u64,
    /// What waits on disk.
    pub(super) spooled: u64,
    pub(super) exported: u64,
    pub(super) rejected: u64,
    pub(super) resent_unknown: u64,
    pub(super) suspected_lost: u64,
    dropped: [u64; Reason::ALL.len()],
    /// Dropped while running, and not yet told to anybody.
    untold: u64,
}

impl Ledger {
    pub(super) fn drop_records(&mut self, reason: Reason, count: u64) {
        if let Some(total) = self.dropped.get_mut(reason as usize) {
            *total += count;
        }
        if matches!(
            reason,
            Reason::QueueFull
                | Reason::TooLarge
                | Reason::Expired
                | Reason::Undeliverable
                | Reason::SpoolFull
                | Reason::Corrupt
                | Reason::Internal
        ) {
            self.untold += count;
        }
    }

    /// Takes back what was counted as dropped and is here after all.
    pub(super) fn undrop(&mut self, reason: Reason, count: u64) {
        if let Some(total) = self.dropped.get_mut(reason as usize) {
            *total = total.saturating_sub(count);
        }
    }

    /// How many records were dropped while running since this was last asked with `take`.
    pub(super) fn untold(&mut self, take: bool) -> u64 {
        if take {
            std::mem::take(&mut self.untold)
        } else {
            self.untold
        }
    }

    /// The counters with what is held now; the limits are those of the queue.
    pub(super) fn report(&self, signal: Signal, held: Held, limits: &Limits) -> SignalReport {
        let dropped = Reason::ALL
            .iter()
            .zip(self.dropped)
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| (reason.name(), count))
            .collect();
        SignalReport {
            signal: signal.name(),
            accepted: self.accepted,
            recovered: self.recovered,
            exported: self.exported,
            rejected: self.rejected,
            dropped,
            queued: held.queued as u64,
            in_flight: held.in_flight as u64,
            spooled: self.spooled,
            resent_unknown: self.resent_unknown,
            suspected_lost: self.suspected_lost,
            held_bytes: held.bytes as u64,
            capacity_bytes: limits.bytes as u64,
            capacity: limits.items as u64,
        }
    }
}

/// What a queue holds at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Records that wait.
    pub(super) queued: usize,
    /// Records that are under way.
    pub(super) in_flight: usize,
    /// The bytes of both.
    pub(super) bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, Reader};

    #[test]
    fn report_reads_as_one_line() {
        let mut ledger = Ledger {
            accepted: 10,
            exported: 5,
            rejected: 1,
            ..Ledger::default()
        };
        ledger.drop_records(Reason::QueueFull, 2);
        let held = |queued, in_flight| Held {
            queued,
            in_flight,
            bytes: 0,
        };
        let limits = Limits::read(&Reader::new(&Env::default()), Signal::Logs);
        let report = ledger.report(Signal::Logs, held(1, 1), &limits);
        assert_eq!(
            report.to_string(),
            "logs: 5 of 10 exported, 1 rejected by the server, 2 dropped (queue_full), 2 on the way"
        );
        assert!(!report.is_lossless());
        assert_eq!(
            ledger.report(Signal::Logs, held(0, 0), &limits).dropped,
            BTreeMap::from([("queue_full", 2)])
        );
    }
}
