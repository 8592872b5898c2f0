//! Why TLS failed, in words, and what to change.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::connector::find;
use super::failure::innermost;
use super::security::{CLIENT_CERTIFICATE, CLIENT_KEY, Security};

/// The other end of a handshake, as the variables describe it.
pub(super) struct Peer<'a> {
    /// The variable that gave its address.
    pub(super) variable: &'a str,
    pub(super) security: &'a Security,
    /// It wants a client certificate, and there is none.
    pub(super) is_asked_in_vain: bool,
    /// The remedy for a port that speaks gRPC only.
    pub(super) use_http_port: String,
}

impl Peer<'_> {
    /// The remedy for a server that wants a certificate, or another one.
    pub(super) fn show_certificate(&self) -> String {
        match self.security.identity_from() {
            Some((certificate, key)) => format!("check the files in {certificate} and {key}"),
            None => format!(
                "set {CLIENT_CERTIFICATE} and {CLIENT_KEY} to the PEM files of a client \
                 certificate and its key"
            ),
        }
    }

    /// The remedy for an authority that is not known.
    fn trust_issuer(&self) -> String {
        match self.security.trust_from() {
            Some(variable) => format!(
                "check that the PEM file in {variable} has the CA that issued it, and all between"
            ),
            None => "set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the CA that issued it"
                .to_owned(),
        }
    }
}

/// The cause and the remedy of a handshake that failed.
pub(super) fn explain_io(error: &io::Error, peer: &Peer<'_>) -> (String, Option<String>) {
    if let Some(error) = find::<rustls::Error>(error) {
        return explain(error, peer);
    }
    if peer.is_asked_in_vain {
        return (WANTS_CERTIFICATE.to_owned(), Some(peer.show_certificate()));
    }
    let remedy = format!(
        "if the server does not speak TLS, use http:// in {}",
        peer.variable
    );
    let cause = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was closed in the TLS handshake".to_owned(),
        _ => format!("the TLS handshake failed: {}", innermost(error)),
    };
    (cause, Some(remedy))
}

/// The cause and the remedy of a TLS error.
pub(super) fn explain(error: &rustls::Error, peer: &Peer<'_>) -> (String, Option<String>) {
    match error {
        rustls::Error::InvalidCertificate(error) => {
            let (cause, remedy) = certificate(error, peer);
            (cause, Some(remedy))
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => (
            "it does not speak TLS".to_owned(),
            Some(format!("use http:// in {}", peer.variable)),
        ),
        rustls::Error::AlertReceived(alert) => {
            (alert_cause(*alert, peer), alert_remedy(*alert, peer))
        }
        error => (format!("the TLS handshake failed: {error}"), None),
    }
}

fn certificate(error: &CertificateError, peer: &Peer<'_>) -> (String, String) {
    let clock = "renew it, or set the clock of this machine right".to_owned();
    match error {
        CertificateError::UnknownIssuer => (
            "its certificate is issued by an authority that is not trusted".to_owned(),
            peer.trust_issuer(),
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("its certificate has expired".to_owned(), clock)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("its certificate is not valid yet".to_owned(), clock)
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => (
            wrong_name(expected, presented),
            format!("use a name of the certificate in {}", peer.variable),
        ),
        error if error_name(error).contains("CaUsedAsEndEntity") => (
            "its certificate is that of an authority, not one that an authority issued".to_owned(),
            "give the server a certificate that is not marked as that of a CA".to_owned(),
        ),
        error => (
            format!("its certificate is not accepted: {error}"),
            "replace the certificate of the server".to_owned(),
        ),
    }
}

fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let presented: Vec<&str> = presented
        .iter()
        .map(|name| readable_name(name))
        .take(MAX_NAMES)
        .collect();
    let presented = match presented.is_empty() {
        true => "no name".to_owned(),
        false => presented.join(", "),
    };
    format!(
        "its certificate is for {presented}, not for {}",
        expected.to_str()
    )
}

/// `DnsName("collector")` as `collector`.
fn readable_name(name: &str) -> &str {
    let quoted = name.split('"').nth(1);
    quoted.unwrap_or(name)
}

fn error_name(error: &CertificateError) -> String {
    match error {
        CertificateError::Other(other) => format!("{other:?}"),
        _ => String::new(),
    }
}

fn alert_cause(alert: AlertDescription, peer: &Peer<'_>) -> String {
    if peer.is_asked_in_vain || alert == AlertDescription::CertificateRequired {
        return WANTS_CERTIFICATE.to_owned();
    }
    match alert {
        AlertDescription::NoApplicationProtocol => "it does not speak HTTP/1.1".to_owned(),
        AlertDescription::ProtocolVersion => "it speaks neither TLS 1.2 nor TLS 1.3".to_owned(),
        _ if is_about_certificate(alert) && peer.security.identity_from().is_some() => {
            format!("it refuses the client certificate ({alert:?})")
        }
        alert => format!("it refuses the TLS handshake ({alert:?})"),
    }
}

fn alert_remedy(alert: AlertDescription, peer: &Peer<'_>) -> Option<String> {
    let has_identity = peer.security.identity_from().is_some();
    match alert {
        _ if peer.is_asked_in_vain => Some(peer.show_certificate()),
        AlertDescription::NoApplicationProtocol => Some(peer.use_http_port.clone()),
        AlertDescription::UnrecognisedName => Some(format!(
            "use a name that the server knows in {}",
            peer.variable
        )),
        AlertDescription::CertificateRequired => Some(peer.show_certificate()),
        alert if is_about_certificate(alert) && has_identity => Some(peer.show_certificate()),
        _ => None,
    }
}

/// What servers send when they do not like the certificate of a client.
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::HandshakeFailure
    )
}

const WANTS_CERTIFICATE: &str = "it wants a client certificate";
/// A certificate can have thousands of names.
const MAX_NAMES: usize = 3;
