//! What the subcommands do.

mod doctor;
mod run;
mod seed;
mod serve;
mod terminal;

pub use self::run::run;
