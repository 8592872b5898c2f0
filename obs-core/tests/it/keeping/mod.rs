//! Traces that head sampling refused and that are exported all the same, with everything in them.

mod api;
mod bounds;
mod endings;
mod late;
mod rate;
mod reasons;
mod support;
mod told_to_end;
