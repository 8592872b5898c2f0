//! What a record passes through between capture and the outputs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(feature = "otlp")]
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::metrics::{InstrumentProvider, Meter};
use tracing::Level;

use crate::capture::{CaptureFilter, Fields, LogRecord, NameRules, SpanRecord, own_record};
use crate::clock::Clock;
use crate::config::Env;
#[cfg(feature = "otlp")]
use crate::export::{Exporter, Priority, Reserved, Signal, encode};
use crate::log::LogOutputs;
use crate::propagation::IdSource;
use crate::resource::{Environment, Identity};
use crate::sampling::{EndedSpan, Keeper, Mark, Outlet, Sampler, TraceMember};

/// One assembled pipeline. Everything in it is fixed at start but the end.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) env: Env,
    pub(crate) environment: Environment,
    pub(crate) identity: Identity,
    pub(crate) rules: Arc<NameRules>,
    pub(crate) clock: Clock,
    pub(crate) ids: IdSource,
    pub(crate) sampler: Sampler,
    /// None where spans are not sent, or what the head refuses is not to be kept.
    pub(crate) keeper: Option<Arc<Keeper>>,
    pub(crate) filter: CaptureFilter,
    pub(crate) outputs: LogOutputs,
    #[cfg(feature = "otlp")]
    pub(crate) exporter: Option<Exporter>,
    #[cfg(feature = "otlp")]
    pub(crate) reserved: Reserved,
    /// Whether start and end are told when all is well.
    pub(crate) announces: bool,
    pub(crate) ended: AtomicBool,
}

/// Buffers that one thread uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) fields: Fields,
    pub(crate) outputs: OutputBuffers,
}

/// Where records are rendered before they are handed over.
#[derive(Debug, Default)]
pub(crate) struct OutputBuffers {
    line: Vec<u8>,
    #[cfg(feature = "otlp")]
    wire: Vec<u8>,
}

impl Scratch {
    /// Gives back what one huge record took.
    pub(crate) fn shrink(&mut self) {
        self.fields.shrink(KEPT_BYTES);
        self.outputs.line.clear();
        self.outputs.line.shrink_to(KEPT_BYTES);
        #[cfg(feature = "otlp")]
        {
            self.outputs.wire.clear();
            self.outputs.wire.shrink_to(KEPT_BYTES);
        }
    }
}

impl Pipeline {
    pub(crate) fn rules(&self) -> &NameRules {
        &self.rules
    }

    pub(crate) fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Writes a log record to every output.
    pub(crate) fn log(&self, record: &LogRecord<'_>, buffers: &mut OutputBuffers) {
        self.outputs.write(record, &mut buffers.line);
        #[cfg(feature = "otlp")]
        if let Some(exporter) = self
            .exporter
            .as_ref()
            .filter(|exporter| exporter.sends_logs())
        {
            buffers.wire.clear();
            encode::log_record(&mut buffers.wire, record, self.reserved);
            exporter.log(record.target, priority(record.level), &buffers.wire);
        }
    }

    /// Exports a span that has ended, now, later or never.
    pub(crate) fn span(
        &self,
        record: &SpanRecord<'_>,
        member: Option<&TraceMember>,
        ending: Ending,
        buffers: &mut OutputBuffers,
    ) {
        #[cfg(feature = "otlp")]
        {
            let latency = record
                .end_unix_nanos
                .saturating_sub(record.start_unix_nanos);
            let ended = EndedSpan {
                id: record.context.span_id,
                scope: record.scope,
                failed: record.failed,
                latency: Duration::from_nanos(latency),
            };
            let head = record
                .context
                .is_sampled()
                .then_some(match record.parent_id {
                    None => Place::Root,
                    Some(_) if record.parent_is_remote => Place::BelowRemote,
                    Some(_) => Place::Below,
                });
            let encode = |wire: &mut Vec<u8>| {
                encode::span(wire, record, self.rules.redactor(), self.reserved);
            };
            self.ended_span(&ended, member, ending, head, &mut buffers.wire, encode);
        }
        #[cfg(not(feature = "otlp"))]
        let _unused = (record, member, ending, buffers);
    }

    /// Says something about the pipeline itself, through its own outputs.
    pub(crate) fn say(&self, level: Level, message: &str) {
        if self.filter.captures_event("obs", level) {
            self.say_always(level, message);
        }
    }

    /// As [`say`](Self::say), whatever the log level is. Once the end has begun, what the pipeline
    /// says of it would only be one more record that is not sent.
    pub(crate) fn say_always(&self, level: Level, message: &str) {
        own_record(&self.rules, level, message, |record| {
            if self.ended.load(Ordering::Acquire) {
                self.outputs.write(record, &mut Vec::new());
            } else {
                self.log(record, &mut OutputBuffers::default());
            }
        });
    }

    /// Says something to the outputs of this process only.
    pub(crate) fn say_here(&self, level: Level, message: &str) {
        if self.filter.captures_event("obs", level) {
            own_record(&self.rules, level, message, |record| {
                self.outputs.write(record, &mut Vec::new());
            });
        }
    }

    /// Marks the end; true the first time.
    pub(crate) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }
}

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The program said so; the span may still be held.
    Told,
    /// Nobody holds it any more.
    Closed,
    /// Nobody holds it any more, and this pipeline was told of its end.
    ClosedAfter,
}

/// Where in a trace a span is that the head took.
#[cfg(feature = "otlp")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    BelowRemote,
    Below,
}

#[cfg(feature = "otlp")]
impl Pipeline {
    /// Hands a finished span to its local trace, or to the exporter if the head took it.
    pub(crate) fn ended_span(
        &self,
        ended: &EndedSpan<'_>,
        member: Option<&TraceMember>,
        ending: Ending,
        head: Option<Place>,
        wire: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        if let (Some(keeper), Some(member)) = (&self.keeper, member)
            && keeper.owns(member.trace())
        {
            if ending == Ending::Told {
                member.end_early(ended, wire, encode);
            } else {
                member.end(ended, wire, encode);
            }
            return;
        }
        if ending == Ending::ClosedAfter {
            return;
        }
        let exporter = self.exporter.as_ref();
        if let (Some(exporter), Some(place)) = (exporter.filter(|e| e.sends_traces()), head) {
            wire.clear();
            encode(wire);
            if place != Place::Below {
                mark(
                    wire,
                    self.sampler.head(true, place == Place::BelowRemote).mark,
                );
            }
            send(exporter, ended.scope, ended.failed, wire);
        }
    }

    pub(crate) fn meter(&self, name: &'static str) -> Meter {
        match self.exporter.as_ref().and_then(Exporter::meter_provider) {
            Some(provider) => provider.meter(name),
            None => noop_meter(),
        }
    }

    pub(crate) fn flush_export(&self, timeout: Duration) -> bool {
        if let Some(keeper) = &self.keeper {
            keeper.flush();
        }
        self.exporter
            .as_ref()
            .is_none_or(|exporter| exporter.flush(timeout))
    }

    pub(crate) fn shutdown_export(&self, timeout: Duration) -> Vec<crate::export::SignalReport> {
        if let Some(keeper) = &self.keeper {
            keeper.shutdown();
        }
        self.exporter
            .as_ref()
            .map(|exporter| exporter.shutdown(timeout))
            .unwrap_or_default()
    }

    /// One line per signal for the start-up summary.
    pub(crate) fn signal_lines(&self, local_logs: &str) -> Vec<String> {
        let endpoint = |signal| {
            self.exporter
                .as_ref()
                .and_then(|exporter| exporter.endpoint(signal))
        };
        let logs = match endpoint(Signal::Logs) {
            Some(endpoint) => format!("{local_logs}, and to {endpoint}"),
            None => format!("{local_logs}; not sent"),
        };
        let off =
            "off; set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 or OPENOBSERVE_URL to send";
        let traces = match endpoint(Signal::Traces) {
            Some(endpoint) => {
                let kept = self.keeper.as_ref();
                let kept = kept.map_or_else(String::new, |keeper| format!("; {}", keeper.policy()));
                format!(
                    "to {endpoint}, {} (OTEL_TRACES_SAMPLER){kept}",
                    self.sampler
                )
            }
            None => off.to_owned(),
        };
        let metrics = endpoint(Signal::Metrics)
            .map_or_else(|| off.to_owned(), |endpoint| format!("to {endpoint}"));
        let mut lines = vec![
            format!("logs: {logs}"),
            format!("traces: {traces}"),
            format!("metrics: {metrics}"),
        ];
        let is_spoolable = [Signal::Logs, Signal::Traces].map(endpoint) != [None, None];
        match self.exporter.as_ref().and_then(Exporter::spool) {
            Some(spool) => lines.push(format!("spool: {spool}")),
            None if is_spoolable => lines.push(
                "spool: off; set OBS_SPOOL_DIR to a folder that survives outages and restarts"
                    .to_owned(),
            ),
            None => {}
        }
        lines
    }
}

#[cfg(not(feature = "otlp"))]
impl Pipeline {
    #[expect(
        clippy::unused_self,
        reason = "the same signature as with the `otlp` feature"
    )]
    pub(crate) fn meter(&self, _: &'static str) -> Meter {
        noop_meter()
    }

    #[expect(
        clippy::unused_self,
        reason = "the same signature as with the `otlp` feature"
    )]
    pub(crate) fn flush_export(&self, _: Duration) -> bool {
        true
    }

    /// One line per signal for the start-up summary.
    #[expect(
        clippy::unused_self,
        reason = "the same signature as with the `otlp` feature"
    )]
    pub(crate) fn signal_lines(&self, local_logs: &str) -> Vec<String> {
        let off = "off; built without the `otlp` feature";
        vec![
            format!("logs: {local_logs}"),
            format!("traces: {off}"),
            format!("metrics: {off}"),
        ]
    }
}

/// The exporter, as sampling sees it.
#[cfg(feature = "otlp")]
#[derive(Debug)]
pub(crate) struct SpanOutlet(pub(crate) Exporter);

#[cfg(feature = "otlp")]
impl Outlet for SpanOutlet {
    fn send(&self, scope: &str, failed: bool, span: &[u8]) {
        send(&self.0, scope, failed, span);
    }

    fn mark(&self, span: &mut Vec<u8>, mark: Mark) {
        self::mark(span, mark);
    }
}

#[cfg(feature = "otlp")]
fn send(exporter: &Exporter, scope: &str, failed: bool, span: &[u8]) {
    let priority = if failed {
        Priority::Error
    } else {
        Priority::Info
    };
    exporter.span(scope, priority, span);
}

#[cfg(feature = "otlp")]
fn mark(span: &mut Vec<u8>, mark: Mark) {
    encode::sampling(span, mark.reason.name(), mark.weight);
}

/// A meter whose instruments measure nothing.
fn noop_meter() -> Meter {
    Meter::new(Arc::new(NoInstruments))
}

struct NoInstruments;

impl InstrumentProvider for NoInstruments {}

#[cfg(feature = "otlp")]
fn priority(level: Level) -> Priority {
    match level {
        Level::ERROR => Priority::Error,
        Level::WARN => Priority::Warn,
        Level::INFO => Priority::Info,
        Level::DEBUG | Level::TRACE => Priority::Debug,
    }
}

const KEPT_BYTES: usize = 64 * 1024;
