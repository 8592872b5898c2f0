//! Routes, limits, and what a problem looks like on the wire.
//!
//! Reading order: the [`router`] with all routes and layers in one place, one file per resource,
//! the [`query`] parameters they take, the [`ids`] of a request, and [`problem`], which writes
//! every error body.

pub mod ids;
mod limits;
mod pagination;
pub mod problem;
pub mod query;
mod recipes;
mod router;

pub use self::router::router;
