//! The spool with real files.

mod adoption;
mod bounds;
mod crafted;
mod damage;
mod gathering;
mod inspection;
mod ownership;
mod roundtrip;
mod sequences;
mod support;
mod trouble;
