//! What a service keeps on disk while its backend is away, and what becomes of it, counted by id.

mod outages;
mod privacy;
mod restarts;
mod support;
mod trouble;
