//! Database statements: literals become `?`, structure and placeholders stay.

mod command;
mod dialect;
mod literal;

pub(crate) use self::dialect::redact_literals;
