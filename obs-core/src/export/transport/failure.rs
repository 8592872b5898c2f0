//! Why there is no answer, and what to change where the cause says it.

use std::error::Error;
use std::io;

use hyper::StatusCode;
use hyper_util::client::legacy;

use super::connection::Heard;
use super::connector::{Cause, ConnectError, Step, find, is_https};
use super::tls::Tls;
use super::tls_failure::{self, Peer};
use super::tunnel::TunnelError;
use crate::export::settings::Target;

/// A request without an answer of the server.
#[derive(Debug)]
pub(in crate::export) struct Failure {
    pub(in crate::export) cause: String,
    /// What to change, where the cause says it.
    pub(in crate::export) remedy: Option<String>,
    /// The whole body was handed to the connection before it failed or fell silent: the server may
    /// have taken it.
    pub(in crate::export) may_have_arrived: bool,
}

/// A request that failed, and what is known about it.
pub(super) struct Attempt<'a> {
    pub(super) target: &'a Target,
    pub(super) tls: Option<&'a Tls>,
    /// The whole body was handed to the connection.
    pub(super) sent: bool,
    /// What came on the connection; `None` if there was no connection.
    pub(super) heard: Option<Heard>,
}

impl Failure {
    /// The connection could not be made, or it broke.
    pub(super) fn of_error(error: &legacy::Error, attempt: &Attempt<'_>) -> Self {
        if let Some(error) = find::<ConnectError>(error) {
            return Self::of_connect(error, attempt);
        }
        let heard_nothing = attempt.heard.as_ref().is_none_or(Heard::is_empty);
        if let Some(failure) = Self::of_protocol(attempt) {
            return failure;
        }
        if let Some(error) = find::<rustls::Error>(error) {
            let is_alert = matches!(error, rustls::Error::AlertReceived(_));
            let (cause, remedy) = tls_failure::explain(error, &attempt.peer(false));
            return Self {
                cause,
                remedy,
                // An alert in place of the first answer is the end of the handshake.
                may_have_arrived: attempt.sent && !(is_alert && heard_nothing),
            };
        }
        let remedy = heard_nothing.then(|| attempt.remedy_for_close()).flatten();
        let is_closed = find::<hyper::Error>(error).is_some_and(|error| {
            error.is_incomplete_message() || error.is_closed() || error.is_canceled()
        });
        Self {
            cause: attempt.name_proxy(match is_closed && find::<io::Error>(error).is_none() {
                true => "the connection was closed before an answer".to_owned(),
                false => innermost(error),
            }),
            remedy,
            may_have_arrived: attempt.sent,
        }
    }

    /// No answer in time.
    pub(super) fn of_silence(attempt: &Attempt<'_>) -> Self {
        let patience = attempt.target.timeout;
        let cause = match (&attempt.heard, attempt.sent) {
            (None, _) => format!("no connection within {patience:?}"),
            (Some(_), false) => format!("the request was not read within {patience:?}"),
            (Some(_), true) => format!("no answer within {patience:?}"),
        };
        Self {
            cause: attempt.name_proxy(cause),
            remedy: attempt.has_grpc_port().then(|| attempt.use_http_port()),
            may_have_arrived: attempt.sent,
        }
    }

    /// An answer that is not the OTLP server's: that of a proxy, or of the wrong port.
    pub(super) fn of_answer(status: StatusCode, body: &[u8], target: &Target) -> Option<Self> {
        let not_arrived = |cause, remedy| Self {
            cause,
            remedy: Some(remedy),
            may_have_arrived: false,
        };
        let attempt = Attempt {
            target,
            tls: None,
            sent: true,
            heard: None,
        };
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED && target.proxy.is_some() {
            let (cause, remedy) = attempt.wants_credentials();
            return Some(not_arrived(cause, remedy));
        }
        let text = String::from_utf8_lossy(body).to_ascii_lowercase();
        let is_tls = status == StatusCode::BAD_REQUEST
            && !is_https(&target.uri)
            && PLAIN_TO_TLS.iter().any(|phrase| text.contains(phrase));
        is_tls.then(|| {
            not_arrived(
                attempt.name_proxy(SPEAKS_TLS.to_owned()),
                attempt.use_https(),
            )
        })
    }

    fn of_connect(error: &ConnectError, attempt: &Attempt<'_>) -> Self {
        let at = error.at;
        let address = attempt.variable(at.is_proxy);
        let (cause, remedy) = match (&error.cause, at.step) {
            (Cause::Lookup(cause), _) => (
                cause.clone(),
                Some(format!("check the host name in {address}")),
            ),
            (Cause::Tcp(error), _) => tcp(&**error, address),
            (Cause::Tls(error), _) => tls_failure::explain_io(error, &attempt.peer(at.is_proxy)),
            (Cause::Tunnel(TunnelError::Refused(status)), _) => attempt.tunnel_refused(*status),
            (Cause::Tunnel(TunnelError::NotHttp), _) => (
                "it does not speak HTTP".to_owned(),
                Some(format!("check {address}")),
            ),
            (Cause::Tunnel(TunnelError::Broken(error)), _) => (
                format!("no tunnel: {error}"),
                Some(format!("check {address}")),
            ),
            (Cause::TimedOut(patience), Step::Connect) => (
                format!("no connection within {patience:?}"),
                Some(format!(
                    "check the host and port in {address} and the network between"
                )),
            ),
            (Cause::TimedOut(patience), Step::Tls) => (
                format!("no TLS handshake within {patience:?}"),
                Some(format!(
                    "if the server does not speak TLS, use http:// in {address}"
                )),
            ),
            (Cause::TimedOut(patience), Step::Tunnel) => (
                format!("no answer to CONNECT within {patience:?}"),
                Some(format!("check {address}")),
            ),
        };
        let proxy = attempt.target.proxy.as_ref().filter(|_| at.is_proxy);
        let host = attempt.target.uri.host().unwrap_or_default();
        Self {
            cause: match proxy {
                Some(proxy) => format!("proxy {proxy}: {cause}"),
                None => cause,
            },
            remedy: remedy.map(|remedy| match proxy {
                Some(_) => format!("{remedy}, or add {host} to NO_PROXY"),
                None => remedy,
            }),
            may_have_arrived: false,
        }
    }

    /// What came is no HTTP/1: the first bytes say what it is.
    fn of_protocol(attempt: &Attempt<'_>) -> Option<Self> {
        let heard = attempt.heard.as_ref()?;
        let (cause, remedy) = if heard.is_tls() && !is_https(&attempt.target.uri) {
            (SPEAKS_TLS, attempt.use_https())
        } else if heard.is_http2() {
            (
                "it speaks HTTP/2 only, as gRPC does",
                attempt.use_http_port(),
            )
        } else {
            return None;
        };
        Some(Self {
            cause: attempt.name_proxy(cause.to_owned()),
            remedy: Some(remedy),
            may_have_arrived: false,
        })
    }
}

impl Attempt<'_> {
    /// The variable that gave the address at the other end of the connection.
    fn variable(&self, is_proxy: bool) -> &str {
        match &self.target.proxy {
            Some(proxy) if is_proxy => proxy.variable(),
            _ => &self.target.address_from,
        }
    }

    /// Whether requests go to a proxy that passes them on, so that it is what they speak with.
    fn is_forwarded(&self) -> bool {
        self.target.proxy.is_some() && !is_https(&self.target.uri)
    }

    fn peer(&self, is_proxy: bool) -> Peer<'_> {
        Peer {
            variable: self.variable(is_proxy),
            security: &self.target.security,
            is_asked_in_vain: self.tls.is_some_and(Tls::is_asked_in_vain),
            use_http_port: self.use_http_port(),
        }
    }

    fn name_proxy(&self, cause: String) -> String {
        match &self.target.proxy {
            Some(proxy) if self.is_forwarded() => format!("proxy {proxy}: {cause}"),
            _ => cause,
        }
    }

    fn has_grpc_port(&self) -> bool {
        self.target.uri.port_u16() == Some(4317)
    }

    fn use_http_port(&self) -> String {
        let address = &self.target.address_from;
        format!("this is a gRPC port; use the port of OTLP over HTTP, usually 4318, in {address}")
    }

    fn use_https(&self) -> String {
        format!("use https:// in {}", self.variable(self.is_forwarded()))
    }

    /// What may help when a connection is closed in place of a first answer.
    fn remedy_for_close(&self) -> Option<String> {
        let peer = self.peer(self.is_forwarded());
        if peer.is_asked_in_vain {
            return Some(peer.show_certificate());
        }
        if self.has_grpc_port() {
            return Some(self.use_http_port());
        }
        let is_plain = !is_https(&self.target.uri);
        is_plain.then(|| format!("if the server speaks TLS, {}", self.use_https()))
    }

    fn tunnel_refused(&self, status: StatusCode) -> (String, Option<String>) {
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let credentials = self.credentials_remedy();
            return (format!("it answers {status}"), Some(credentials));
        }
        let remedy = if status.is_server_error() {
            let address = &self.target.address_from;
            format!("check that it can reach the host in {address}")
        } else {
            "allow the connection there".to_owned()
        };
        (format!("it opens no tunnel: {status}"), Some(remedy))
    }

    fn wants_credentials(&self) -> (String, String) {
        let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let cause = self
            .target
            .proxy
            .as_ref()
            .map_or_else(String::new, |proxy| {
                format!("proxy {proxy}: it answers {status}")
            });
        (cause, self.credentials_remedy())
    }

    fn credentials_remedy(&self) -> String {
        let variable = self.variable(true);
        match self
            .target
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.authorization())
        {
            Some(_) => format!("check the user and password in {variable}"),
            None => format!("put user and password into {variable}, as http://user:password@host"),
        }
    }
}

fn tcp(error: &(dyn Error + 'static), address: &str) -> (String, Option<String>) {
    let kind = find::<io::Error>(error).map(io::Error::kind);
    let remedy = match kind {
        Some(io::ErrorKind::ConnectionRefused) => {
            format!("nothing listens there: check the host and port in {address}")
        }
        _ => format!("check the host and port in {address} and the network between"),
    };
    (innermost(error), Some(remedy))
}

/// The innermost cause, which is the one that helps.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

const SPEAKS_TLS: &str = "it speaks TLS";
/// What servers answer to a plain request on a port for TLS, in lower case: Go, nginx, Apache, Envoy.
const PLAIN_TO_TLS: [&str; 4] = [
    "http request to an https server",
    "plain http request was sent to https port",
    "speaking plain http to an ssl-enabled server port",
    "plain http request to a tls port",
];
