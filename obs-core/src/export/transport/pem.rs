//! Reads certificates and keys from PEM files, and says what is wrong with those that cannot be used.
//!
//! # Source
//! RFC 7468.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The content of a file, if it is a file of a sensible size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this process may not read it".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    // Not opened before it is known to be a file: opening a pipe waits for its other end.
    if !std::fs::metadata(path).map_err(explain)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(explain)?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut content)
        .map_err(explain)?;
    match content.len() as u64 {
        0 => Err("it is empty".to_owned()),
        1..=MAX_FILE => Ok(content),
        _ => Err("it is larger than 4 MiB".to_owned()),
    }
}

/// The certificates in a file, at least one.
pub(super) fn certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    let found = found.map_err(|error| explain(&error))?;
    if !found.is_empty() {
        return Ok(found);
    }
    Err(if PrivateKeyDer::from_pem_slice(content).is_ok() {
        "it holds a private key and no certificate".to_owned()
    } else {
        "it has no line BEGIN CERTIFICATE".to_owned()
    })
}

/// The certificates in a file, as authorities that are trusted.
pub(super) fn roots(content: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates(content)?);
    if usable == 0 {
        return Err("none of its certificates is valid X.509".to_owned());
    }
    Ok(roots)
}

/// The private key in a file: PKCS#8, PKCS#1 or SEC1.
pub(super) fn private_key(content: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(content).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(content, b"BEGIN ENCRYPTED PRIVATE KEY") => {
            "it is encrypted: decrypt it, for example with openssl pkey".to_owned()
        }
        pem::Error::NoItemsFound => "it has no line BEGIN PRIVATE KEY".to_owned(),
        error => explain(&error),
    })
}

/// What is wrong, without any of the content.
fn explain(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "it breaks off before a line END",
        pem::Error::IllegalSectionStart { .. } => "one of its lines BEGIN is malformed",
        pem::Error::Base64Decode(_) => "it is no valid Base64",
        _ => "it is no valid PEM",
    }
    .to_owned()
}

fn contains(content: &[u8], text: &[u8]) -> bool {
    content.windows(text.len()).any(|window| window == text)
}

/// The bundle of a whole operating system is a quarter of a megabyte.
const MAX_FILE: u64 = 4 * 1024 * 1024;
