//! Log records made with the OpenTelemetry API, on their way to the exporter.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1 as proto;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use prost::Message as _;

use super::{redact, span_bridge};
use crate::export::Priority;
use crate::pipeline::Pipeline;

/// Redacts log records and hands them to the same exporter that ours go to.
#[derive(Debug)]
pub(super) struct LogBridge {
    pub(super) pipeline: Arc<Pipeline>,
}

impl LogProcessor for LogBridge {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        let Some(exporter) = self
            .pipeline
            .exporter
            .as_ref()
            .filter(|exporter| exporter.sends_logs())
        else {
            return;
        };
        let mut record = proto::LogRecord::from(&*record);
        redact::log_record(self.pipeline.rules.redactor(), &mut record);
        let priority = match record.severity_number {
            17.. => Priority::Error,
            13..17 => Priority::Warn,
            9..13 => Priority::Info,
            _ => Priority::Debug,
        };
        exporter.log(scope.name(), priority, &record.encode_to_vec());
    }

    fn force_flush(&self) -> OTelSdkResult {
        span_bridge::flush(&self.pipeline)
    }

    /// The pipeline's own shutdown sends what is left.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
