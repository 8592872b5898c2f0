//! Metrics against an in-process receiver.

mod callbacks;
mod collection;
mod self_observation;
