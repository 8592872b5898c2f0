//! The task of one signal: takes batches from its queue and sends them until they are settled.

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use hyper::body::Bytes;
use obs_redact::Redactor;
use tracing::Level;

use super::Signal;
use super::account::Reason;
use super::body::{Envelope, gzip};
use super::client::{Answer, Client};
use super::queue::{Batch, Outcome, Queue};
use super::reporter::Reporter;
use super::retry::{Backoff, RetryLimits};
use super::settings::Target;

/// Sends what one queue holds.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) target: Target,
    pub(super) queue: Arc<Queue>,
    pub(super) envelope: Envelope,
    pub(super) retry: RetryLimits,
    pub(super) reporter: Arc<Reporter>,
    pub(super) redactor: Redactor,
}

impl Sender {
    /// Sends batch after batch, one at a time, until it is dropped.
    pub(super) async fn run(self, client: Client) {
        let mut backoff = Backoff::new(self.retry);
        loop {
            self.queue.ready().await;
            let Some(batch) = self.queue.take() else {
                continue;
            };
            let items = batch.items;
            let body = self.encode(batch);
            let outcome = self.deliver(&client, body, items, &mut backoff).await;
            self.queue.settle(outcome);
            self.tell_drops();
        }
    }

    fn encode(&self, mut batch: Batch) -> Bytes {
        let body = if self.target.signal == Signal::Metrics {
            // Already a request; messages that follow each other are one.
            batch
                .segments
                .iter_mut()
                .flat_map(|segment| std::mem::take(&mut segment.bytes))
                .collect()
        } else {
            self.envelope.wrap(&mut batch.segments)
        };
        self.queue.recycle(batch);
        if !self.target.gzip {
            return Bytes::from(body);
        }
        // Writing to memory does not fail.
        Bytes::from(gzip(&body).unwrap_or_default())
    }

    /// Sends a body until it is taken, refused for good, or too old.
    async fn deliver(
        &self,
        client: &Client,
        body: Bytes,
        items: usize,
        backoff: &mut Backoff,
    ) -> Outcome {
        let mut hurries = self.queue.hurries();
        let mut failing_since = None;
        loop {
            let (cause, retry_after) = match client.post(&self.target, body.clone()).await {
                Answer::Accepted { rejected, message } => {
                    backoff.reset();
                    self.tell_rejected(rejected, &message);
                    return Outcome::Exported { rejected };
                }
                Answer::Refused { status, message } => {
                    backoff.reset();
                    self.tell_refused(status, &message, items);
                    return Outcome::Rejected;
                }
                Answer::Unavailable { cause, retry_after } => (cause, retry_after),
            };
            self.tell_unavailable(&cause);
            self.tell_drops();
            let since = *failing_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.retry.max_age {
                return Outcome::Dropped(Reason::Expired);
            }
            self.queue
                .wait_to_retry(backoff.pause(retry_after), &mut hurries)
                .await;
            if self.target.signal == Signal::Metrics && self.queue.has_waiting() {
                return Outcome::Dropped(Reason::Superseded);
            }
        }
    }

    fn tell_unavailable(&self, cause: &str) {
        let origin = self.target.origin();
        self.reporter.tell(Level::WARN, &format!("unavailable {origin}"), || {
            format!(
                "telemetry cannot be sent to {origin} now: {}; it waits in memory and is tried again \
                 for {:?}; the service is not affected",
                self.excerpt(cause),
                self.retry.max_age,
            )
        });
    }

    fn tell_refused(&self, status: StatusCode, message: &str, items: usize) {
        let Target { signal, .. } = self.target;
        self.reporter.tell(
            Level::WARN,
            &format!("refused {} {status}", signal.name()),
            || {
                let message = self.excerpt(message);
                format!(
                    "{} refuses {} with {status}{}{message}: {items} {} are lost; {}",
                    self.target.endpoint(),
                    signal.name(),
                    if message.is_empty() { "" } else { ", " },
                    signal.records(),
                    self.remedy(status),
                )
            },
        );
    }

    fn tell_rejected(&self, rejected: u64, message: &str) {
        if rejected == 0 && message.is_empty() {
            return;
        }
        let Target { signal, .. } = self.target;
        let kind = format!("rejected {} {}", signal.name(), rejected == 0);
        self.reporter.tell(Level::WARN, &kind, || {
            let (endpoint, message) = (self.target.endpoint(), self.excerpt(message));
            match rejected {
                0 => format!(
                    "{endpoint} took all {} and says: {message}",
                    signal.records()
                ),
                _ => format!(
                    "{endpoint} rejected {rejected} {}: {message}",
                    signal.records()
                ),
            }
        });
    }

    fn tell_drops(&self) {
        if self.queue.untold_drops(false) == 0 {
            return;
        }
        let Target { signal, .. } = self.target;
        self.reporter.tell(Level::WARN, &format!("dropped {}", signal.name()), || {
            let dropped = self.queue.untold_drops(true);
            let report = self.queue.report();
            format!(
                "{dropped} {} were dropped since the last report ({report}): they came faster than \
                 {} took them",
                signal.records(),
                self.target.endpoint(),
            )
        });
    }

    /// What to look at, for a status that says why.
    fn remedy(&self, status: StatusCode) -> String {
        let address = &self.target.address_from;
        match (status, &self.target.credentials_from) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(variable)) => {
                format!("check the credentials in {variable}")
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
                "set credentials, for example OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20...".to_owned()
            }
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, _) if self.target.gzip => {
                "set OTEL_EXPORTER_OTLP_COMPRESSION=none if the server does not know gzip".to_owned()
            }
            (StatusCode::PAYLOAD_TOO_LARGE, _) => {
                "set OTEL_BLRP_MAX_EXPORT_BATCH_SIZE and OTEL_BSP_MAX_EXPORT_BATCH_SIZE, for example to 512".to_owned()
            }
            (StatusCode::BAD_REQUEST, _) => format!("check that {address} is an OTLP endpoint"),
            (status, _) if status.is_server_error() => "see the log of the server".to_owned(),
            _ => format!("check the path in {address}"),
        }
    }

    /// The beginning of a foreign text, on one line and redacted.
    fn excerpt(&self, text: &str) -> String {
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        // Redacted before it is cut, so that no half of a secret is left.
        let redacted = self.redactor.redact_text(line.trim());
        redacted.chars().take(MAX_EXCERPT).collect()
    }
}

const MAX_EXCERPT: usize = 200;
