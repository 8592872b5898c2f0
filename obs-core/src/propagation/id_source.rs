//! Where a pipeline takes new ids from.

#[cfg(feature = "testing")]
use std::sync::{Mutex, PoisonError};

use super::ids::random_nonzero;
#[cfg(feature = "testing")]
use super::ids::xoshiro256_plus_plus;
use super::{SpanId, TraceId};

/// Where a pipeline takes new ids from.
#[derive(Debug, Default)]
pub(crate) enum IdSource {
    #[default]
    Random,
    /// The state of a generator that a test began.
    #[cfg(feature = "testing")]
    Seeded(Mutex<[u64; 4]>),
}

impl IdSource {
    #[cfg(feature = "testing")]
    pub(crate) fn seeded(seed: u64) -> Self {
        // Any two seeds are far apart after this, and none gives the state of zeros.
        let state = [1, 2, 3, 4].map(|lane: u64| {
            let mixed = seed.wrapping_add(lane).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (mixed ^ (mixed >> 31)) | lane << 60
        });
        Self::Seeded(Mutex::new(state))
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        TraceId::from_numbers(self.number(), self.number())
    }

    pub(crate) fn span_id(&self) -> SpanId {
        SpanId::from_bytes(self.number().to_be_bytes())
    }

    fn number(&self) -> u64 {
        match self {
            Self::Random => random_nonzero(),
            #[cfg(feature = "testing")]
            Self::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                loop {
                    let (next, number) = xoshiro256_plus_plus(*state);
                    *state = next;
                    if number != 0 {
                        return number;
                    }
                }
            }
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_every_id() {
        let ids = |seed| {
            let source = IdSource::seeded(seed);
            [(); 3].map(|()| (source.trace_id(), source.span_id()))
        };
        assert_eq!(ids(42), ids(42));
        assert_ne!(ids(42), ids(43));
        assert_ne!(ids(0)[0], ids(0)[1]);
    }
}
