//! Records that wait on disk: what is there, and how to throw it away.
//!
//! Where `OBS_SPOOL_DIR` is set, spans and log records that cannot be sent are kept there until they
//! can. A program that offers maintenance shows and purges them with this module; both are safe
//! while services run.

pub use crate::export::spool::{Inspection, Purged, SpoolContents, SpoolFolder, inspect, purge};
