//! What the sender tells whoever is on call: what is wrong, what became of the records, and what
//! to do about it.

use std::borrow::Cow;
use std::time::Duration;

use hyper::StatusCode;
use tracing::Level;

use super::sender::Sender;
use super::settings::Target;
use super::transport::Failure;

impl Sender {
    /// Tells that records wait; true if somebody hears it.
    pub(super) fn tell_unavailable(&self, failure: &Failure) -> bool {
        let origin = self.target.origin();
        let kind = format!("unavailable {origin}");
        self.reporter.tell(Level::WARN, &kind, || {
            format!(
                "telemetry cannot be sent to {origin} now: {}{}; what waits {} is tried again; the \
                 service is not affected",
                self.excerpt(&failure.cause),
                self.remedy_of(failure),
                if self.shelf.is_some() {
                    "in memory or on disk"
                } else {
                    "in memory"
                },
            )
        })
    }

    pub(super) fn tell_recovered(&self, after: Duration) {
        let origin = self.target.origin();
        let kind = format!("recovered {origin}");
        self.reporter.tell(Level::INFO, &kind, || {
            let after = Duration::from_millis(u64::try_from(after.as_millis()).unwrap_or(0));
            let report = self.queue.report();
            format!("telemetry is sent to {origin} again after {after:?}; {report}")
        });
    }

    pub(super) fn tell_aside(&self, items: usize, failure: &Failure) {
        let Target { signal, .. } = self.target;
        let kind = format!("aside {}", signal.name());
        self.reporter.tell(Level::WARN, &kind, || {
            format!(
                "{items} {} are set aside: {} takes others, but with these: {}; they are tried \
                 again every {:?}",
                signal.records(),
                self.target.endpoint(),
                self.excerpt(&failure.cause),
                self.retry.longest,
            )
        });
    }

    pub(super) fn tell_refused(&self, status: StatusCode, message: &str, items: usize) {
        let Target { signal, .. } = self.target;
        // By class: a server that answers something else each time is one trouble.
        let kind = format!("refused {} {}", signal.name(), status.as_u16() / 100);
        self.reporter.tell(Level::WARN, &kind, || {
            let message = self.excerpt(message);
            format!(
                "{} refuses {} with {status}{}{message}: {items} {} are lost; {}",
                self.target.endpoint(),
                signal.name(),
                if message.is_empty() { "" } else { ", " },
                signal.records(),
                self.remedy(status),
            )
        });
    }

    pub(super) fn tell_rejected(&self, rejected: u64, message: &str) {
        if rejected == 0 && SAYS_NOTHING.contains(&message.trim()) {
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

    /// Tells of an answer that OpenObserve is known to give when it throws a whole batch away.
    pub(super) fn tell_suspect(&self, items: usize) {
        let Target { signal, .. } = self.target;
        let kind = format!("suspect {}", signal.name());
        self.reporter.tell(Level::WARN, &kind, || {
            format!(
                "{} answered a request of {items} {} with success and an empty partial success: \
                 OpenObserve does so when it drops all of them, mostly because a stream has more \
                 columns than ZO_COLS_PER_RECORD_LIMIT allows",
                self.target.endpoint(),
                signal.records(),
            )
        });
    }

    pub(super) fn tell_drops(&self) {
        if self.queue.untold_drops(false) == 0 {
            return;
        }
        let Target { signal, .. } = self.target;
        let kind = format!("dropped {}", signal.name());
        self.reporter.tell(Level::WARN, &kind, || {
            let dropped = self.queue.untold_drops(true);
            let report = self.queue.report();
            format!(
                "{dropped} {} were dropped since the last report ({report}); where the queue is full, \
                 they come faster than {} takes them, and OBS_QUEUE_SIZE says how much may wait",
                signal.records(),
                self.target.endpoint(),
            )
        });
    }

    fn remedy_of(&self, failure: &Failure) -> String {
        let remedy = failure.remedy.as_deref();
        remedy.map_or_else(String::new, |remedy| format!("; {remedy}"))
    }

    /// What to look at, for a status that says why.
    fn remedy(&self, status: StatusCode) -> String {
        let address = &self.target.address_from;
        match (status, &self.target.credentials_from) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(variable)) => {
                format!("check the credentials in {variable}")
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
                "set the credentials that it wants in OTEL_EXPORTER_OTLP_HEADERS, as name=value"
                    .to_owned()
            }
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, _) if self.target.gzip => {
                "set OTEL_EXPORTER_OTLP_COMPRESSION=none if the server does not know gzip"
                    .to_owned()
            }
            (StatusCode::PAYLOAD_TOO_LARGE, _) => {
                "raise the size of requests that the server, or a proxy before it, accepts"
                    .to_owned()
            }
            (StatusCode::BAD_REQUEST, _) => format!("check that {address} is an OTLP endpoint"),
            (status, _) if status.is_server_error() => "see the log of the server".to_owned(),
            _ => format!("check the path in {address}"),
        }
    }

    /// The beginning of a foreign text, on one line and redacted.
    fn excerpt(&self, text: &str) -> String {
        // A server may tell everybody with which credentials it was asked.
        let mut text = Cow::Borrowed(text);
        for secret in self.target.secrets() {
            if text.contains(&secret) {
                text = Cow::Owned(text.replace(&secret, "[REDACTED]"));
            }
        }
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        // Redacted before it is cut, so that no half of a secret is left.
        let redacted = self.redactor.redact_text(line.trim());
        redacted.chars().take(MAX_EXCERPT).collect()
    }
}

/// Answers of servers that take everything and answer in JSON.
const SAYS_NOTHING: [&str; 4] = [
    "",
    "{}",
    "{\"partialSuccess\":{}}",
    "{\"partialSuccess\":null}",
];
const MAX_EXCERPT: usize = 200;
