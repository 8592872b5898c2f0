//! What the environment says about sending: where to, how, and how much is kept meanwhile.
//!
//! # Source
//! OpenTelemetry specification 1.x, "OTLP exporter" and "Environment variables"; the variables
//! `OPENOBSERVE_*` are ours.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use flate2::Crc;
use hyper::Uri;
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, USER_AGENT,
};
use obs_redact::Redactor;

use super::endpoint::{Endpoint, without_userinfo};
use super::limits::Limits;
use super::openobserve::OpenObserve;
use super::retry::RetryLimits;
use super::transport::{Proxies, Proxy, Resolver, Security};
use super::{Signal, headers, spool};
use crate::config::Reader;

/// What the environment says about sending.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    targets: Vec<Target>,
    pub(super) metric_interval: Duration,
    pub(super) retry: RetryLimits,
    pub(super) spool: Option<spool::Settings>,
    /// Whether what becomes of the records is a metric itself.
    pub(super) observes_itself: bool,
}

impl Settings {
    /// Reads all settings; mistakes are noted with the reader. The folder is the program's choice
    /// for the spool, which yields to the environment's.
    pub(crate) fn read(reader: &Reader<'_>, spool_dir: Option<&Path>) -> Self {
        let targets = if reader.switch("OTEL_SDK_DISABLED", false) {
            Vec::new()
        } else {
            let shared = Shared::read(reader);
            check_metrics(reader);
            let wanted = Signal::ALL
                .into_iter()
                .filter(|signal| is_wanted(reader, *signal));
            wanted
                .filter_map(|signal| shared.target(reader, signal))
                .collect()
        };
        Self {
            targets,
            metric_interval: metric_interval(reader),
            retry: RetryLimits::default(),
            spool: spool::Settings::read(reader, spool_dir),
            observes_itself: reader.switch("OBS_SDK_METRICS", true),
        }
    }

    /// Where a signal is sent to, if it is sent at all.
    #[cfg(all(test, feature = "testing"))]
    pub(super) fn signal(&self, signal: Signal) -> Option<&Target> {
        self.targets.iter().find(|target| target.signal == signal)
    }

    /// Whether what is sent goes to OpenObserve, which keeps some names for itself.
    pub(crate) fn is_openobserve(&self) -> bool {
        self.targets.iter().any(|target| target.is_openobserve)
    }

    pub(super) fn into_targets(self) -> Vec<Target> {
        self.targets
    }
}

/// Where and how one signal is sent.
#[derive(Clone)]
pub(crate) struct Target {
    pub(super) signal: Signal,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) gzip: bool,
    pub(super) timeout: Duration,
    pub(super) limits: Limits,
    /// The variable that gave the address.
    pub(super) address_from: String,
    /// The variables that gave the credentials, if there are any.
    pub(super) credentials_from: Option<String>,
    pub(super) security: Security,
    pub(super) proxy: Option<Proxy>,
    pub(super) resolver: Resolver,
    is_openobserve: bool,
    shown: String,
    origin: String,
}

impl Target {
    /// The URL without credentials and query, for start-up lines and messages.
    pub(crate) fn endpoint(&self) -> &str {
        &self.shown
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// What tells this destination from every other, for what waits on disk: the address, and a
    /// mark of the headers that choose a tenant or a stream there. Credentials are no part of it:
    /// they change, and must not be written.
    pub(super) fn destination(&self) -> String {
        let redactor = Redactor::new();
        let mut chosen: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !NO_DESTINATION.contains(name))
            .filter(|(name, _)| !redactor.is_sensitive_field(name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        chosen.sort_unstable();
        if chosen.is_empty() {
            return self.shown.clone();
        }
        let mut mark = Crc::new();
        for (name, value) in chosen {
            [name.as_bytes(), b"\0", value, b"\0"]
                .into_iter()
                .for_each(|part| mark.update(part));
        }
        format!("{} ({:08x})", self.shown, mark.sum())
    }

    /// What a server must not make us say: the credentials that it gets.
    pub(super) fn secrets(&self) -> Vec<String> {
        let proxy = self.proxy.as_ref().and_then(Proxy::authorization);
        headers::secrets(self.headers.values().chain(proxy))
    }

    /// Whether success without a word may mean that everything was thrown away.
    pub(super) fn may_lose_silently(&self) -> bool {
        self.is_openobserve && self.signal == Signal::Logs
    }

    /// The most distinct attribute keys that a request should have, if the server counts them, and
    /// the number of the attributes' field in a record.
    pub(super) fn most_keys(&self) -> Option<(u64, usize)> {
        let field = match self.signal {
            Signal::Logs => 6,
            Signal::Traces => 9,
            Signal::Metrics => return None,
        };
        self.is_openobserve.then_some((field, MOST_KEYS))
    }

    /// Whether the server or its proxy is spoken to with TLS.
    pub(super) fn uses_tls(&self) -> bool {
        self.uri.scheme_str() == Some("https") || self.proxy.as_ref().is_some_and(Proxy::is_https)
    }
}

/// One line for the start of a program: the URL, the compression and the proxy.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)?;
        match (self.gzip, &self.proxy) {
            (false, None) => Ok(()),
            (true, None) => f.write_str(" (gzip)"),
            (false, Some(proxy)) => write!(f, " (via {proxy})"),
            (true, Some(proxy)) => write!(f, " (gzip, via {proxy})"),
        }
    }
}

/// Without header values: they may be secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("signal", &self.signal)
            .field("endpoint", &self.shown)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("gzip", &self.gzip)
            .field("timeout", &self.timeout)
            .field("limits", &self.limits)
            .field("security", &self.security)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

/// What holds for every signal that has no setting of its own, read once.
struct Shared {
    endpoint: Option<Endpoint>,
    /// The base endpoint is set but cannot be used: nothing else may take its place.
    endpoint_is_bad: bool,
    headers: HeaderMap,
    timeout: Duration,
    gzip: Option<bool>,
    openobserve: OpenObserve,
    proxies: Proxies,
}

impl Shared {
    fn read(reader: &Reader<'_>) -> Self {
        let endpoint = read_endpoint(reader, ENDPOINT, "nothing is sent there");
        check_protocol(reader, PROTOCOL, endpoint.as_ref());
        Self {
            endpoint_is_bad: endpoint.is_none() && reader.text(ENDPOINT).is_some(),
            endpoint,
            headers: read_headers(reader, HEADERS),
            timeout: positive(
                reader,
                "OTEL_EXPORTER_OTLP_TIMEOUT",
                Duration::from_secs(10),
            ),
            gzip: read_compression(reader, "OTEL_EXPORTER_OTLP_COMPRESSION", None),
            openobserve: OpenObserve::read(reader),
            proxies: Proxies::read(reader),
        }
    }

    fn target(&self, reader: &Reader<'_>, signal: Signal) -> Option<Target> {
        let (endpoint, address_from) = self.address(reader, signal)?;
        let uri = endpoint.uri()?;
        let own_headers = signal.variable("HEADERS");
        let (mut headers, headers_from) = match reader.text(&own_headers) {
            Some(_) => (read_headers(reader, &own_headers), own_headers),
            None => (self.headers.clone(), HEADERS.to_owned()),
        };
        let credentials_from = if headers.contains_key(AUTHORIZATION) {
            Some(headers_from)
        } else if let Some(value) = endpoint.authorization.as_deref() {
            insert_secret(&mut headers, AUTHORIZATION, value);
            Some(address_from.clone())
        } else {
            self.openobserve.add_credentials(&endpoint, &mut headers)
        };
        self.openobserve.add_stream(&endpoint, signal, &mut headers);
        let gzip = read_compression(reader, &signal.variable("COMPRESSION"), self.gzip);
        let gzip = gzip.unwrap_or_else(|| !endpoint.is_loopback());
        add_message_headers(&mut headers, gzip);
        let mut target = Target {
            signal,
            uri,
            headers,
            gzip,
            timeout: positive(reader, &signal.variable("TIMEOUT"), self.timeout),
            limits: Limits::read(reader, signal),
            is_openobserve: endpoint.has_organisation() || self.openobserve.is_at(&endpoint),
            shown: endpoint.shown(),
            origin: endpoint.origin().to_owned(),
            address_from,
            credentials_from,
            security: Security::default(),
            proxy: self.proxies.choose(reader, &endpoint),
            resolver: Resolver::default(),
        };
        if target.uses_tls() {
            target.security = Security::read(reader, signal);
        }
        Some(target)
    }

    /// The URL of a signal, and the variable that it comes from.
    fn address(&self, reader: &Reader<'_>, signal: Signal) -> Option<(Endpoint, String)> {
        let own = signal.variable("ENDPOINT");
        if reader.text(&own).is_some() {
            let endpoint = read_endpoint(reader, &own, &format!("{} are not sent", signal.name()));
            check_protocol(reader, &signal.variable("PROTOCOL"), endpoint.as_ref());
            return Some((endpoint?, own));
        }
        if let Some(endpoint) = &self.endpoint {
            check_protocol(reader, &signal.variable("PROTOCOL"), Some(endpoint));
            return Some((endpoint.join(signal.path()), ENDPOINT.to_owned()));
        }
        let base = self.openobserve.base().filter(|_| !self.endpoint_is_bad)?;
        Some((base.join(signal.path()), OpenObserve::URL.to_owned()))
    }
}

/// Whether `OTEL_<SIGNAL>_EXPORTER` leaves the signal on.
fn is_wanted(reader: &Reader<'_>, signal: Signal) -> bool {
    let variable = format!("OTEL_{}_EXPORTER", signal.name().to_ascii_uppercase());
    let exporter = reader.parse(&variable, "otlp or none", "otlp", |text| match text {
        "otlp" => Some("otlp"),
        "none" => Some("none"),
        _ => None,
    });
    exporter == "otlp"
}

/// Reads a URL; one with the port of OTLP over gRPC is noted, and used as it is.
pub(super) fn read_endpoint(
    reader: &Reader<'_>,
    variable: &str,
    without: &str,
) -> Option<Endpoint> {
    let text = reader.text(variable)?;
    let Some(endpoint) = Endpoint::parse(text) else {
        let expected = "a URL such as http://127.0.0.1:4318";
        reader.problem(variable, &without_userinfo(text), expected, without);
        return None;
    };
    if let Some(instead) = endpoint.instead_of_grpc() {
        let expected = format!("the port of OTLP over HTTP, {instead}; 4317 is that of gRPC");
        reader.problem(
            variable,
            &endpoint.shown(),
            &expected,
            "the address as given",
        );
    }
    Some(endpoint)
}

/// Notes a protocol that is not spoken here, with the address that speaks ours.
fn check_protocol(reader: &Reader<'_>, variable: &str, endpoint: Option<&Endpoint>) {
    let Some(protocol) = reader
        .text(variable)
        .filter(|text| *text != "http/protobuf")
    else {
        return;
    };
    // A port of gRPC was noted with the address already.
    if endpoint.is_some_and(|endpoint| endpoint.instead_of_grpc().is_some()) {
        return;
    }
    let address = endpoint.map_or_else(|| "http://127.0.0.1:4318".to_owned(), Endpoint::shown);
    let expected = format!("http/protobuf, spoken with an address such as {address}");
    reader.problem(variable, protocol, &expected, "http/protobuf");
}

/// Notes forms of metrics that are not made here.
fn check_metrics(reader: &Reader<'_>) {
    let temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    if let Some(text) = reader.text(temporality)
        && !text.eq_ignore_ascii_case("cumulative")
    {
        let expected =
            "cumulative, which every backend takes and which makes up for what an outage lost";
        reader.problem(temporality, text, expected, "cumulative");
    }
    let aggregation = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    if let Some(text) = reader.text(aggregation)
        && !text.eq_ignore_ascii_case("explicit_bucket_histogram")
    {
        let used = "explicit_bucket_histogram";
        reader.problem(aggregation, text, used, used);
    }
}

fn read_headers(reader: &Reader<'_>, variable: &str) -> HeaderMap {
    let Some(text) = reader.text(variable) else {
        return HeaderMap::new();
    };
    let (headers, problems) = headers::parse(text);
    if !problems.is_empty() {
        let expected = format!(
            "name=value pairs, values percent-encoded: {}",
            problems.join(", ")
        );
        reader.problem(
            variable,
            "[REDACTED]",
            &expected,
            "the entries that are right",
        );
    }
    headers
}

fn read_compression(reader: &Reader<'_>, variable: &str, default: Option<bool>) -> Option<bool> {
    match reader.text(variable) {
        Some("gzip") => Some(true),
        Some("none") => Some(false),
        Some(other) => {
            reader.problem(
                variable,
                other,
                "gzip or none",
                "gzip, or none to this machine",
            );
            default
        }
        None => default,
    }
}

fn positive(reader: &Reader<'_>, variable: &str, default: Duration) -> Duration {
    let duration = reader.duration(variable, default);
    if !duration.is_zero() {
        return duration;
    }
    reader.problem(variable, "0", "a duration above 0", &format!("{default:?}"));
    default
}

fn metric_interval(reader: &Reader<'_>) -> Duration {
    const NAME: &str = "OTEL_METRIC_EXPORT_INTERVAL";
    let interval = positive(reader, NAME, Duration::from_secs(60));
    if interval >= LEAST_INTERVAL {
        return interval;
    }
    let expected = format!("at least {LEAST_INTERVAL:?}");
    reader.problem(NAME, &format!("{interval:?}"), &expected, &expected);
    LEAST_INTERVAL
}

fn add_message_headers(headers: &mut HeaderMap, gzip: bool) {
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    );
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let agent = concat!(
        "OTel-OTLP-Exporter-Rust/",
        env!("CARGO_PKG_VERSION"),
        " obs-core"
    );
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(agent));
}

pub(super) fn insert_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Some(value) = headers::secret(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// Headers that say nothing about where records end up.
const NO_DESTINATION: [HeaderName; 6] = [
    AUTHORIZATION,
    COOKIE,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    PROXY_AUTHORIZATION,
    USER_AGENT,
];
/// Collecting more often would keep a processor busy with nothing else.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);
/// OpenObserve throws a batch away whose records have more columns together than a limit: 1000 by
/// default, 200 in its cloud. Resource and core columns count as well.
const MOST_KEYS: usize = 160;
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
