//! Which records somebody waits for: those that came before a flush, and have not left.

use std::collections::BTreeMap;

use super::segment::Segment;

/// Records that have not left yet, by the flush that they came before.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// What comes now belongs to this one.
    current: u64,
    /// Records of earlier generations; none is zero.
    earlier: BTreeMap<u64, u64>,
    /// Records of the current one.
    now: u64,
}

impl Generations {
    pub(super) fn current(&self) -> u64 {
        self.current
    }

    pub(super) fn enter(&mut self, items: u64) {
        self.now += items;
    }

    /// Notes records that belong to an earlier generation.
    pub(super) fn enter_at(&mut self, generation: u64, items: u64) {
        if generation == self.current {
            self.now += items;
        } else if items > 0 {
            *self.earlier.entry(generation).or_default() += items;
        }
    }

    /// Notes that the records of a segment have left, one way or another.
    pub(super) fn leave(&mut self, segment: &Segment) {
        let items = segment.items as u64;
        if segment.generation == self.current {
            self.now = self.now.saturating_sub(items);
        } else if let Some(count) = self.earlier.get_mut(&segment.generation) {
            *count = count.saturating_sub(items);
            if *count == 0 {
                self.earlier.remove(&segment.generation);
            }
        }
    }

    /// Begins a new generation and gives the one that ends.
    pub(super) fn end(&mut self) -> u64 {
        let ended = self.current;
        if self.now > 0 {
            self.earlier.insert(ended, std::mem::take(&mut self.now));
        }
        self.current += 1;
        ended
    }

    /// Whether everything of this generation and those before it has left.
    pub(super) fn has_left(&self, generation: u64) -> bool {
        self.earlier
            .first_key_value()
            .is_none_or(|(oldest, _)| *oldest > generation)
    }

    /// Forgets all records but those of these segments.
    pub(super) fn keep_only<'s>(&mut self, segments: impl Iterator<Item = &'s Segment>) {
        self.earlier.clear();
        self.now = 0;
        for segment in segments {
            let items = segment.items as u64;
            if segment.generation == self.current {
                self.now += items;
            } else {
                *self.earlier.entry(segment.generation).or_default() += items;
            }
        }
    }
}
