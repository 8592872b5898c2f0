//! A service among dependencies that are not ours: records what it is told to, in every way that
//! there is, and ends.

use std::error::Error;
use std::time::Duration;

use opentelemetry::global;
use opentelemetry::metrics::Counter;
use opentelemetry::trace::{Span as _, Tracer as _};
use opentelemetry_otlp as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let provider = arguments
        .next()
        .ok_or("which provider is to be installed?")?;
    let records: u64 = arguments.next().ok_or("how many records?")?.parse()?;
    // Without one installed, whoever asks for the default finds two to choose from, and panics.
    match provider.as_str() {
        "aws-lc" => rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .map_err(|_| "a provider is installed already")?,
        "none" => {}
        other => return Err(format!("no such provider: {other:?}").into()),
    }
    let telemetry = obs_core::init!()?;
    let recorded = global::meter("neighbours").u64_counter("recorded").build();
    for number in 0..records {
        record(number, &recorded);
    }
    // Some are sent while others are made, on the program's runtime and beside it.
    telemetry.flush(LONG);
    for number in records..2 * records {
        let recorded = recorded.clone();
        tokio::spawn(async move { record(number, &recorded) }).await?;
    }
    let report = telemetry.shutdown_async(LONG).await;
    println!("{report}");
    if report.is_complete() {
        Ok(())
    } else {
        Err("not everything arrived".into())
    }
}

/// One event of `tracing`, one record of the `log` crate, one span of each API, one measurement.
fn record(number: u64, recorded: &Counter<u64>) {
    let _span = tracing::info_span!("of tracing", number).entered();
    tracing::trace!(number, "an event");
    log::trace!("record {number}");
    global::tracer("neighbours").start("of the API").end();
    recorded.add(1, &[]);
}

const LONG: Duration = Duration::from_secs(30);
