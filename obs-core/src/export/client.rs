//! One HTTP request: sends a body and says what the answer means.

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use super::retry::parse_retry_after;
use super::settings::Target;

/// What the answer to a request means.
#[derive(Debug)]
pub(super) enum Answer {
    /// Taken, but for the records that the server rejected.
    Accepted { rejected: u64, message: String },
    /// Refused for good: the same request would be refused again.
    Refused { status: StatusCode, message: String },
    /// Not taken now; the same request may be taken later.
    Unavailable {
        cause: String,
        retry_after: Option<Duration>,
    },
}

/// Keeps connections and sends requests.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// A client, and what is wrong with it if no server can be verified.
    pub(super) fn new(https: bool) -> Result<(Self, Option<String>), rustls::Error> {
        // The provider is named here so that no other crate's choice of features can change it.
        let provider = rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()?;
        let (config, problem) = match https.then(|| config.clone().with_native_roots()) {
            Some(Ok(verified)) => (verified, None),
            Some(Err(error)) => (
                config.with_root_certificates(RootCertStore::empty()),
                Some(error.to_string()),
            ),
            None => (config.with_root_certificates(RootCertStore::empty()), None),
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .build(connector);
        Ok((Self { http }, problem))
    }

    /// Sends one request; takes little longer than the target's timeout.
    pub(super) async fn post(&self, target: &Target, body: Bytes) -> Answer {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.uri.clone();
        *request.headers_mut() = target.headers.clone();
        let unavailable = |cause| Answer::Unavailable {
            cause,
            retry_after: None,
        };
        match timeout(target.timeout, self.http.request(request)).await {
            Ok(Ok(response)) => read_answer(response).await,
            Ok(Err(error)) => unavailable(causes(&error)),
            Err(_) => unavailable(format!("no answer within {:?}", target.timeout)),
        }
    }
}

async fn read_answer(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    if is_temporary(head.status) {
        let retry_after = header(RETRY_AFTER).and_then(parse_retry_after);
        return Answer::Unavailable {
            cause: format!("it answers {}", head.status),
            retry_after,
        };
    }
    // The head decides; a body that is too long, breaks off or does not come takes nothing back.
    let body = timeout(BODY_TIMEOUT, Limited::new(body, MAX_ANSWER).collect())
        .await
        .ok()
        .and_then(Result::ok)
        .map(Collected::to_bytes)
        .unwrap_or_default();
    let is_page = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
    if !head.status.is_success() || is_page {
        let message = if is_page {
            "a web page".to_owned()
        } else {
            String::from_utf8_lossy(&body).into_owned()
        };
        return Answer::Refused {
            status: head.status,
            message,
        };
    }
    // The responses of the three signals have the same form on the wire.
    let partial = ExportMetricsServiceResponse::decode(body)
        .ok()
        .and_then(|response| response.partial_success);
    let (rejected, message) = partial
        .map(|partial| (partial.rejected_data_points, partial.error_message))
        .unwrap_or_default();
    Answer::Accepted {
        rejected: u64::try_from(rejected).unwrap_or(0),
        message,
    }
}

/// The statuses that the OTLP specification names as retryable.
fn is_temporary(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The innermost cause, which is the one that helps.
fn causes(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Connections are kept a little longer than the longest usual pause between two batches.
const KEEP_IDLE: Duration = Duration::from_secs(30);
/// An answer is a few bytes; what is longer is no answer of an OTLP server.
/// What a server says about a batch is small and comes with the head.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);

const MAX_ANSWER: usize = 64 * 1024;
