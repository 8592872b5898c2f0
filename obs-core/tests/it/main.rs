//! The public promises of obs-core.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod composing;
mod configuration;
#[cfg(feature = "testing")]
mod endings;
#[cfg(feature = "testing")]
mod export;
#[cfg(feature = "testing")]
mod hostile_values;
#[cfg(feature = "testing")]
mod keeping;
mod log_lines;
mod propagation;
#[cfg(feature = "testing")]
mod redaction;
#[cfg(feature = "testing")]
mod settings;
#[cfg(feature = "testing")]
mod shutdown;
mod support;
#[cfg(feature = "testing")]
mod traces;
#[cfg(feature = "testing")]
mod weights;
