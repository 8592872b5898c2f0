//! OpenObserve: its address, credentials and streams from variables of their own.

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName};

use super::Signal;
use super::endpoint::{Endpoint, percent_encode};
use super::headers::basic;
use super::settings::{insert_secret, read_endpoint};
use crate::config::Reader;

/// The variables `OPENOBSERVE_*`.
pub(super) struct OpenObserve {
    base: Option<Endpoint>,
    /// The value of the `Authorization` header.
    credentials: Option<String>,
    logs_stream: Option<String>,
    traces_stream: Option<String>,
}

impl OpenObserve {
    pub(super) const URL: &str = "OPENOBSERVE_URL";

    pub(super) fn read(reader: &Reader<'_>) -> Self {
        if let Some(stream) = reader.text("OPENOBSERVE_STREAM_METRICS") {
            let expected = "no value: OpenObserve names the stream of a metric after the metric";
            reader.problem(
                "OPENOBSERVE_STREAM_METRICS",
                stream,
                expected,
                "the names of the metrics",
            );
        }
        let stream = |variable: &str| reader.text(variable).map(str::to_owned);
        Self {
            base: read_base(reader),
            credentials: read_credentials(reader),
            logs_stream: stream("OPENOBSERVE_STREAM_LOGS"),
            traces_stream: stream("OPENOBSERVE_STREAM_TRACES"),
        }
    }

    /// The URL of the organisation.
    pub(super) fn base(&self) -> Option<&Endpoint> {
        self.base.as_ref()
    }

    /// Adds the credentials and says which variables they come from.
    pub(super) fn add_credentials(
        &self,
        endpoint: &Endpoint,
        headers: &mut HeaderMap,
    ) -> Option<String> {
        let credentials = self
            .credentials
            .as_deref()
            .filter(|_| self.is_at(endpoint))?;
        insert_secret(headers, AUTHORIZATION, credentials);
        Some("OPENOBSERVE_USERNAME and OPENOBSERVE_PASSWORD".to_owned())
    }

    /// Adds the name of the stream, unless the headers have one.
    pub(super) fn add_stream(&self, endpoint: &Endpoint, signal: Signal, headers: &mut HeaderMap) {
        let stream = match signal {
            Signal::Logs => self.logs_stream.as_deref(),
            Signal::Traces => self.traces_stream.as_deref(),
            Signal::Metrics => None,
        };
        let name = HeaderName::from_static("stream-name");
        if let Some(stream) =
            stream.filter(|_| self.is_at(endpoint) && !headers.contains_key(&name))
        {
            insert_secret(headers, name, stream);
        }
    }

    /// Whether an endpoint is the OpenObserve that the variables speak of. The credentials of one
    /// server must not reach another that `OTEL_EXPORTER_OTLP_ENDPOINT` names.
    pub(super) fn is_at(&self, endpoint: &Endpoint) -> bool {
        match &self.base {
            Some(base) => base.origin() == endpoint.origin(),
            None => endpoint.has_organisation(),
        }
    }
}

fn read_base(reader: &Reader<'_>) -> Option<Endpoint> {
    let url = read_endpoint(reader, OpenObserve::URL, "nothing is sent there")?;
    if url.has_organisation() {
        return Some(url);
    }
    let organisation = reader.text("OPENOBSERVE_ORG").unwrap_or("default");
    Some(url.join(&format!("/api/{}", percent_encode(organisation))))
}

fn read_credentials(reader: &Reader<'_>) -> Option<String> {
    const USERNAME: &str = "OPENOBSERVE_USERNAME";
    const PASSWORD: &str = "OPENOBSERVE_PASSWORD";
    match (reader.text(USERNAME), reader.text(PASSWORD)) {
        (Some(user), Some(password)) => Some(basic(user.as_bytes(), password.as_bytes())),
        (Some(_), None) => {
            reader.problem(
                PASSWORD,
                "",
                "the password or token of OPENOBSERVE_USERNAME",
                "no credentials",
            );
            None
        }
        (None, Some(_)) => {
            reader.problem(
                USERNAME,
                "",
                "the e-mail address that OPENOBSERVE_PASSWORD is for",
                "no credentials",
            );
            None
        }
        (None, None) => None,
    }
}
