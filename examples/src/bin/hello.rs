//! The smallest observed service.
fn main() {}
