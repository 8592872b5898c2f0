//! Sends requests, over connections that are kept.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::header::PROXY_AUTHORIZATION;
use hyper::http::Extensions;
use hyper::{Method, Request};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls_native_certs::CertificateResult;
use tokio::time::timeout;

use super::answer::{self, Answer};
use super::connection::Heard;
use super::connector::{Connector, is_https};
use super::failure::{Attempt, Failure};
use super::payload::Payload;
use super::tls::Tls;
use crate::export::settings::Target;

/// Keeps connections and sends requests. Targets with equal security and proxy share one.
#[derive(Clone, Debug)]
pub(in crate::export) struct Transport {
    http: legacy::Client<Connector, Payload>,
    tls: Option<Arc<Tls>>,
}

impl Transport {
    /// A transport for each target, and what stands in the way of sending at all.
    pub(in crate::export) fn for_targets<'t>(
        targets: impl Iterator<Item = &'t Target>,
    ) -> (Vec<Self>, Vec<String>) {
        let mut problems = Vec::new();
        let system = OnceCell::new();
        let mut made: Vec<(&Target, Self)> = Vec::new();
        for target in targets {
            let alike = made
                .iter()
                .find(|(other, _)| shares_connections(other, target));
            let transport = match alike {
                Some((_, transport)) => transport.clone(),
                None => Self::new(target, &system, &mut problems),
            };
            made.push((target, transport));
        }
        let transports = made.into_iter().map(|(_, transport)| transport).collect();
        (transports, problems)
    }

    fn new(
        target: &Target,
        system: &OnceCell<Arc<RootCertStore>>,
        problems: &mut Vec<String>,
    ) -> Self {
        let mut tls = None;
        if target.uses_tls() {
            let roots = match target.security.roots() {
                Some(_) => Arc::new(RootCertStore::empty()),
                None => Arc::clone(system.get_or_init(|| {
                    let (roots, problem) = roots(rustls_native_certs::load_native_certs());
                    problems.extend(problem);
                    Arc::new(roots)
                })),
            };
            match Tls::new(target.security.clone(), roots) {
                Ok(made) => tls = Some(Arc::new(made)),
                Err(error) => problems.push(format!("TLS cannot be set up: {error}")),
            }
        }
        let connector = Connector::new(
            target.resolver.clone(),
            tls.clone(),
            target.proxy.clone(),
            // The rest is for the request, so that a connection that hangs is known as such.
            target.timeout.mul_f64(CONNECT_SHARE),
        );
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .build(connector);
        Self { http, tls }
    }

    /// Sends one request; takes little longer than the target's timeout.
    pub(in crate::export) async fn post(&self, target: &Target, payload: Payload) -> Answer {
        let sent = payload.sent();
        let mut request = Request::new(payload);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.uri.clone();
        *request.headers_mut() = target.headers.clone();
        let proxy = target.proxy.as_ref().filter(|_| !is_https(&target.uri));
        if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization()) {
            let headers = request.headers_mut();
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let connection = capture_connection(&mut request);
        let answered = timeout(target.timeout, self.http.request(request)).await;
        let attempt = |connection| Attempt {
            target,
            tls: self.tls.as_deref(),
            sent: sent.load(Ordering::Acquire),
            heard: heard(connection),
        };
        let answer = match answered {
            Ok(Ok(response)) => match answer::read(response, target).await {
                // Nobody can take what has not been sent.
                Answer::Taken { .. } if !sent.load(Ordering::Acquire) => Answer::Failed(Failure {
                    cause: "it answered before the request was sent".to_owned(),
                    remedy: None,
                    may_have_arrived: false,
                }),
                answer => answer,
            },
            Ok(Err(error)) => Answer::Failed(Failure::of_error(&error, &attempt(&connection))),
            Err(_) => Answer::Failed(Failure::of_silence(&attempt(&connection))),
        };
        if let (Answer::Failed(_), Some(tls)) = (&answer, &self.tls) {
            tls.refresh();
        }
        answer
    }
}

/// What came on the connection, if there was one.
fn heard(connection: &CaptureConnection) -> Option<Heard> {
    let mut extras = Extensions::new();
    let connected = connection.connection_metadata();
    connected.as_ref()?.get_extras(&mut extras);
    extras.remove()
}

fn shares_connections(one: &Target, other: &Target) -> bool {
    one.security == other.security
        && one.uses_tls() == other.uses_tls()
        && one.proxy == other.proxy
        && one.timeout == other.timeout
}

/// The authorities that the system trusts, and what is wrong if there are none.
fn roots(found: CertificateResult) -> (RootCertStore, Option<String>) {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    let problem = (usable == 0).then(|| {
        let errors: String = found
            .errors
            .iter()
            .map(|error| format!(": {error}"))
            .collect();
        format!(
            "no https server can be verified, for this system has no CA certificates{errors}; \
             install ca-certificates, or set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the \
             server's CA"
        )
    });
    (roots, problem)
}

/// Connections are kept a little longer than the longest usual pause between two batches.
const KEEP_IDLE: Duration = Duration::from_secs(30);
/// The part of a request's time that connecting may take.
const CONNECT_SHARE: f64 = 0.75;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_authorities_is_told_with_the_remedy() {
        let (roots, problem) = roots(CertificateResult::default());
        assert!(roots.is_empty());
        let problem = problem.unwrap();
        assert!(
            problem.contains("no CA certificates; install ca-certificates"),
            "{problem}"
        );
        assert!(
            problem.contains("OTEL_EXPORTER_OTLP_CERTIFICATE"),
            "{problem}"
        );
    }
}
