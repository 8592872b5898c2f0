//! Which authorities are trusted and which client certificate is shown: files that variables name.
//!
//! # Source
//! OpenTelemetry specification 1.x, "OTLP exporter", Certificate File, Client key file and Client
//! certificate file.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use super::pem;
use crate::config::Reader;
use crate::export::Signal;

/// Whom one signal trusts, and who it says it is.
#[derive(Clone, Default, PartialEq)]
pub(in crate::export) struct Security {
    trust: Option<Trust>,
    identity: Option<Identity>,
}

impl Security {
    /// The files for one signal; what is wrong with them is noted with the reader.
    pub(in crate::export) fn read(reader: &Reader<'_>, signal: Signal) -> Self {
        let variable = |suffix: &str, general: &str| {
            let own = signal.variable(suffix);
            reader
                .text(&own)
                .map_or(general.to_owned(), |_| own.clone())
        };
        Self {
            trust: Trust::read(reader, &variable("CERTIFICATE", CERTIFICATE)),
            identity: Identity::read(
                reader,
                &variable("CLIENT_CERTIFICATE", CLIENT_CERTIFICATE),
                &variable("CLIENT_KEY", CLIENT_KEY),
            ),
        }
    }

    /// The variable that names the trusted authorities, if one does.
    pub(super) fn trust_from(&self) -> Option<&str> {
        self.trust.as_ref().map(|trust| &*trust.file.variable)
    }

    /// The variables that name the client certificate and its key, if they do.
    pub(super) fn identity_from(&self) -> Option<(&str, &str)> {
        let identity = self.identity.as_ref()?;
        Some((&identity.certificate.variable, &identity.key.variable))
    }

    /// The trusted authorities; `None`: those of the system.
    pub(super) fn roots(&self) -> Option<Arc<RootCertStore>> {
        self.trust.as_ref()?.roots.clone()
    }

    /// The client certificate with its key.
    pub(super) fn certified(&self) -> Option<Arc<CertifiedKey>> {
        self.identity.as_ref()?.certified.clone()
    }

    /// This with the files as they are now, if any has changed and can be used.
    pub(super) fn read_again(&self) -> Option<Self> {
        let trust = self.trust.as_ref().and_then(Trust::read_again);
        let identity = self.identity.as_ref().and_then(Identity::read_again);
        if trust.is_none() && identity.is_none() {
            return None;
        }
        Some(Self {
            trust: trust.or_else(|| self.trust.clone()),
            identity: identity.or_else(|| self.identity.clone()),
        })
    }
}

/// Names of files only.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("trust", &self.trust_from())
            .field("identity", &self.identity_from())
            .finish()
    }
}

/// A file, the variable that names it, and what was in it when it was last used.
#[derive(Clone)]
struct PemFile {
    variable: String,
    path: PathBuf,
    /// Empty as long as it could not be used.
    content: Vec<u8>,
}

impl PemFile {
    fn new(variable: &str, path: &str) -> Self {
        Self {
            variable: variable.to_owned(),
            path: path.into(),
            content: Vec::new(),
        }
    }
}

/// The same file, whatever is in it.
impl PartialEq for PemFile {
    fn eq(&self, other: &Self) -> bool {
        (&self.variable, &self.path) == (&other.variable, &other.path)
    }
}

/// Authorities that take the place of the system's.
#[derive(Clone)]
struct Trust {
    file: PemFile,
    /// `None` as long as the file cannot be used.
    roots: Option<Arc<RootCertStore>>,
}

impl Trust {
    fn read(reader: &Reader<'_>, variable: &str) -> Option<Self> {
        let path = reader.text(variable)?;
        let file = PemFile::new(variable, path);
        let this = Self { file, roots: None };
        Some(this.load().unwrap_or_else(|problem| {
            let expected = "the path of a PEM file with CA certificates";
            let used = "the authorities that the system trusts";
            tell(reader, variable, path, expected, &problem, used);
            this
        }))
    }

    fn read_again(&self) -> Option<Self> {
        let new = self.load().ok()?;
        (new.file.content != self.file.content).then_some(new)
    }

    fn load(&self) -> Result<Self, String> {
        let content = pem::read(&self.file.path)?;
        let roots = Some(Arc::new(pem::roots(&content)?));
        let file = PemFile {
            content,
            ..self.file.clone()
        };
        Ok(Self { file, roots })
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

/// A client certificate with its key.
#[derive(Clone)]
struct Identity {
    certificate: PemFile,
    key: PemFile,
    /// `None` as long as the files cannot be used.
    certified: Option<Arc<CertifiedKey>>,
}

/// What is wrong with an identity, and whether the key is to blame.
struct IdentityProblem {
    is_key: bool,
    text: String,
}

impl Identity {
    fn read(reader: &Reader<'_>, certificate: &str, key: &str) -> Option<Self> {
        let used = "no client certificate";
        let (certificate_path, key_path) = match (reader.text(certificate), reader.text(key)) {
            (Some(certificate_path), Some(key_path)) => (certificate_path, key_path),
            (None, None) => return None,
            (Some(_), None) => {
                let expected = format!("the path of the PEM file with the key of {certificate}");
                reader.problem(key, "", &expected, used);
                return None;
            }
            (None, Some(_)) => {
                let expected = format!("the path of the PEM file with the certificate of {key}");
                reader.problem(certificate, "", &expected, used);
                return None;
            }
        };
        let this = Self {
            certificate: PemFile::new(certificate, certificate_path),
            key: PemFile::new(key, key_path),
            certified: None,
        };
        Some(this.load().unwrap_or_else(|problem| {
            let (variable, path, expected) = if problem.is_key {
                let expected =
                    "the path of a PEM file with a private key in PKCS#8, PKCS#1 or SEC1";
                (key, key_path, expected)
            } else {
                let expected = "the path of a PEM file with the client certificate and its chain";
                (certificate, certificate_path, expected)
            };
            tell(reader, variable, path, expected, &problem.text, used);
            this
        }))
    }

    fn read_again(&self) -> Option<Self> {
        let new = self.load().ok()?;
        let contents = |identity: &Self| {
            let (certificate, key) = (&identity.certificate, &identity.key);
            (certificate.content.clone(), key.content.clone())
        };
        (contents(&new) != contents(self)).then_some(new)
    }

    fn load(&self) -> Result<Self, IdentityProblem> {
        let of_certificate = |text| IdentityProblem {
            is_key: false,
            text,
        };
        let of_key = |text| IdentityProblem { is_key: true, text };
        let certificate = pem::read(&self.certificate.path).map_err(of_certificate)?;
        let chain = pem::certificates(&certificate).map_err(of_certificate)?;
        let key = pem::read(&self.key.path).map_err(of_key)?;
        let private = pem::private_key(&key).map_err(of_key)?;
        let certified = CertifiedKey::from_der(chain, private, &ring::default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let certificate = &self.certificate.variable;
                of_key(format!(
                    "it is not the key of the certificate in {certificate}"
                ))
            }
            rustls::Error::InvalidCertificate(_) => {
                of_certificate("its first certificate is not valid X.509".to_owned())
            }
            error => of_key(format!("it cannot be used: {error}")),
        })?;
        let with = |file: &PemFile, content| PemFile {
            content,
            ..file.clone()
        };
        Ok(Self {
            certificate: with(&self.certificate, certificate),
            key: with(&self.key, key),
            certified: Some(Arc::new(certified)),
        })
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        (&self.certificate, &self.key) == (&other.certificate, &other.key)
    }
}

/// Notes a file that cannot be used.
fn tell(
    reader: &Reader<'_>,
    variable: &str,
    path: &str,
    expected: &str,
    problem: &str,
    used: &str,
) {
    // Who puts the PEM text itself into the variable must not find a key in the log.
    if path.contains("-----") || path.contains('\n') {
        let expected = format!("{expected}, not its content");
        reader.problem(variable, "[REDACTED]", &expected, used);
    } else {
        reader.problem(variable, path, &format!("{expected}; {problem}"), used);
    }
}

const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
pub(super) const CLIENT_CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
pub(super) const CLIENT_KEY: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";
