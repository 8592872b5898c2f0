//! TLS before a receiver: an authority of the test's own, its certificates, and what terminates.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{folder::Folder, front::Front};

/// A certificate authority that nobody knows but this test.
#[derive(Debug)]
pub struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority with a new key.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("the system gives random bytes");
        let mut about = CertificateParams::default();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        about
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        let certificate = about.self_signed(&key).expect("a key can sign itself");
        let issuer = Issuer::new(about, key);
        Self {
            certificate,
            issuer,
        }
    }

    /// Writes the certificate of the authority to a file; returns its path.
    #[must_use]
    pub fn write(&self, folder: &Folder, name: &str) -> String {
        write(folder, name, &self.certificate.pem())
    }

    /// A certificate for a server with these names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Identity {
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client.
    #[must_use]
    pub fn client(&self) -> Identity {
        self.issue(&["a-client"], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, names: &[&str], usage: ExtendedKeyUsagePurpose) -> Identity {
        let key = KeyPair::generate().expect("the system gives random bytes");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut about = CertificateParams::new(names).expect("names of servers");
        about.extended_key_usages = vec![usage];
        let certificate = about
            .signed_by(&key, &self.issuer)
            .expect("an authority signs");
        Identity { certificate, key }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.der().clone())
            .expect("a certificate of an authority");
        roots.into()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    /// Writes the certificate to a file; returns its path.
    #[must_use]
    pub fn write_certificate(&self, folder: &Folder, name: &str) -> String {
        write(folder, name, &self.certificate.pem())
    }

    /// Writes the key to a file; returns its path.
    #[must_use]
    pub fn write_key(&self, folder: &Folder, name: &str) -> String {
        write(folder, name, &self.key.serialize_pem())
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

/// Ends TLS and hands on to a plain server.
#[derive(Debug)]
pub struct TlsFront {
    front: Front,
    handshakes: Arc<AtomicUsize>,
}

impl TlsFront {
    /// Starts it before a server; with `clients` only who has a certificate of that authority gets
    /// through.
    ///
    /// # Panics
    /// If no port or thread can be had.
    #[must_use]
    pub fn start(behind: SocketAddr, identity: &Identity, clients: Option<&Authority>) -> Self {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has the usual versions");
        let config = match clients {
            Some(authority) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(authority.roots(), provider)
                        .build();
                config.with_client_cert_verifier(verifier.expect("an authority is there"))
            }
            None => config.with_no_client_auth(),
        };
        let config = config.with_single_cert(identity.chain(), identity.private_key());
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("the key is the certificate's")));
        let handshakes = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&handshakes);
        let front = Front::start(move |stream| {
            let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
            async move {
                let mut secure = acceptor.accept(stream).await?;
                counted.fetch_add(1, Ordering::Relaxed);
                let mut plain = TcpStream::connect(behind).await?;
                copy_bidirectional(&mut secure, &mut plain).await?;
                Ok(())
            }
        });
        Self { front, handshakes }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// How many clients were content with the server, and the server with them.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }
}

fn write(folder: &Folder, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file can be written");
    path
}
