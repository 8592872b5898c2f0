//! Settings: where they come from, how they are checked, and how mistakes are told.
//!
//! Every setting is read through a [`Reader`], which keeps going after a mistake: a service learns
//! of all of them at once, each with its value, the expected form and the default that is used.

mod env;
mod reader;
mod units;
mod variables;

pub use self::env::Env;
pub use self::reader::{Problem, Reader};
pub use self::variables::{NOT_HONOURED, VARIABLES, Variable};
