//! The TLS settings in force: made from certificates, and made anew when those are replaced.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};

use super::security::Security;

/// The TLS settings of the connections to one server.
pub(super) struct Tls {
    state: Mutex<State>,
    /// The authorities of the system, where they are trusted.
    system: Arc<RootCertStore>,
    /// A server asked for a client certificate, and there is none.
    is_asked_in_vain: Arc<AtomicBool>,
}

struct State {
    security: Security,
    config: Arc<ClientConfig>,
}

impl Tls {
    pub(super) fn new(
        security: Security,
        system: Arc<RootCertStore>,
    ) -> Result<Self, rustls::Error> {
        let is_asked_in_vain = Arc::default();
        let config = config(&security, &system, &is_asked_in_vain)?;
        Ok(Self {
            state: Mutex::new(State { security, config }),
            system,
            is_asked_in_vain,
        })
    }

    /// What the next connection uses.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.lock().config)
    }

    /// Uses the files as they are now, if they have changed and can be used.
    pub(super) fn refresh(&self) {
        let mut state = self.lock();
        let Some(security) = state.security.read_again() else {
            return;
        };
        if let Ok(config) = config(&security, &self.system, &self.is_asked_in_vain) {
            *state = State { security, config };
        }
    }

    /// Whether a server wants a client certificate and there is none.
    pub(super) fn is_asked_in_vain(&self) -> bool {
        self.is_asked_in_vain.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without anything of the keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn config(
    security: &Security,
    system: &Arc<RootCertStore>,
    is_asked_in_vain: &Arc<AtomicBool>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    // The provider is named here so that no other crate's choice of features can change it.
    let provider = Arc::new(ring::default_provider());
    let certificate = ClientCertificate {
        certified: security.certified(),
        is_asked_in_vain: Arc::clone(is_asked_in_vain),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(security.roots().unwrap_or_else(|| Arc::clone(system)))
        .with_client_cert_resolver(Arc::new(certificate));
    // A server that only speaks HTTP/2 says so in the handshake.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The client certificate; notes when one is asked for and there is none.
struct ClientCertificate {
    certified: Option<Arc<CertifiedKey>>,
    is_asked_in_vain: Arc<AtomicBool>,
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(
        &self,
        _authorities: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.is_asked_in_vain
            .store(self.certified.is_none(), Ordering::Relaxed);
        self.certified.clone()
    }

    /// True, so that the question reaches `resolve`.
    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}
