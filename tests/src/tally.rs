//! Counts by id what a receiver took.

use std::collections::{BTreeMap, BTreeSet};

use obs_core::testing::Receiver;

/// The ids in every request that was taken, in the order of arrival.
#[derive(Clone, Debug)]
pub struct Tally {
    batches: Vec<Vec<i64>>,
}

impl Tally {
    /// Of log records.
    #[must_use]
    pub fn of_logs(receiver: &Receiver) -> Self {
        Self {
            batches: receiver.log_batches("id"),
        }
    }

    /// Of spans.
    #[must_use]
    pub fn of_spans(receiver: &Receiver) -> Self {
        Self {
            batches: receiver.span_batches("id"),
        }
    }

    /// How many records came, with those that came again.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.batches.iter().map(|batch| batch.len() as u64).sum()
    }

    /// The ids below `emitted` that never came.
    ///
    /// # Panics
    /// If one came that was not emitted.
    #[must_use]
    pub fn missing(&self, emitted: u64) -> Vec<i64> {
        let came: BTreeSet<i64> = self.batches.iter().flatten().copied().collect();
        let emitted = i64::try_from(emitted).expect("less than a computer can emit");
        assert!(came.range(emitted..).next().is_none(), "not emitted");
        (0..emitted).filter(|id| !came.contains(id)).collect()
    }

    /// How many records came again: all of a request that had come before, or none.
    ///
    /// # Panics
    /// If a record came again without those that it came with.
    #[must_use]
    pub fn doubled(&self) -> u64 {
        let mut times: BTreeMap<&[i64], u64> = BTreeMap::new();
        for batch in &self.batches {
            *times.entry(batch).or_default() += 1;
        }
        let mut seen = BTreeSet::new();
        for id in times.keys().copied().flatten() {
            assert!(seen.insert(id), "{id} came in two different requests");
        }
        times
            .iter()
            .map(|(batch, times)| batch.len() as u64 * (times - 1))
            .sum()
    }

    /// Fails unless each of the first `emitted` ids came, and came once.
    ///
    /// # Panics
    /// As it says.
    pub fn assert_each_once(&self, emitted: u64) {
        assert_eq!(self.missing(emitted), [0; 0], "lost");
        assert_eq!(self.doubled(), 0, "doubled");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(batches: &[&[i64]]) -> Tally {
        Tally {
            batches: batches.iter().map(|batch| batch.to_vec()).collect(),
        }
    }

    #[test]
    fn whole_batches_may_come_again() {
        let tally = tally(&[&[0, 1], &[2], &[0, 1], &[0, 1], &[4]]);
        assert_eq!((tally.total(), tally.doubled()), (8, 4));
        assert_eq!(tally.missing(6), [3, 5]);
    }

    #[test]
    #[should_panic(expected = "1 came in two different requests")]
    fn parts_of_batches_may_not() {
        let _doubled = tally(&[&[0, 1], &[1]]).doubled();
    }

    #[test]
    #[should_panic(expected = "not emitted")]
    fn what_was_not_emitted_cannot_come() {
        let _missing = tally(&[&[0, 7]]).missing(7);
    }
}
