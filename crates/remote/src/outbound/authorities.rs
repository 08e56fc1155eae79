//! Certificate authorities out of a PEM bundle.

use std::{fmt, path::Path, sync::Arc};

use oauthgate_core::SettingError;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::trust::Trust;

const EXPECTED: &str = "the path of a readable PEM file with your certificate authority, for example /etc/ssl/corp-ca.pem";
/// A bundle of all public authorities is a fifth of this.
const LARGEST_BUNDLE: u64 = 1024 * 1024;

/// Certificate authorities that are trusted in addition to the system's; none by default. Clones share what was
/// read of the system's store.
#[derive(Clone)]
pub struct CertificateAuthorities {
    certificates: Arc<[CertificateDer<'static>]>,
    trust: Arc<Trust>,
}

impl CertificateAuthorities {
    /// The certificates of a PEM file. This reads a file: it belongs into the start of a process.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than 1 MiB, or is wrong as [`Self::from_pem`] says.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SettingError> {
        let unreadable = |error: std::io::Error| {
            SettingError::new(format!("the file cannot be read: {error}"), EXPECTED)
        };
        let path = path.as_ref();
        let about = std::fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            return Err(SettingError::new("this is no file", EXPECTED));
        }
        if about.len() > LARGEST_BUNDLE {
            return Err(SettingError::new("the file is larger than 1 MiB", EXPECTED));
        }
        Self::from_pem(&std::fs::read(path).map_err(unreadable)?)
    }

    /// The certificates of a PEM text. Comments between them are fine, other sections are passed over.
    ///
    /// # Errors
    /// When there is no certificate, or one that cannot be trusted because it cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SettingError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| SettingError::new(format!("not PEM: {error}"), EXPECTED))?;
        if certificates.is_empty() {
            let problem = "there is no certificate in it (`-----BEGIN CERTIFICATE-----`)";
            return Err(SettingError::new(problem, EXPECTED));
        }
        for (position, certificate) in certificates.iter().enumerate() {
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| {
                    let problem =
                        format!("certificate {} in it cannot be used: {error}", position + 1);
                    SettingError::new(problem, EXPECTED)
                })?;
        }
        Ok(Self::of(certificates.into()))
    }

    fn of(certificates: Arc<[CertificateDer<'static>]>) -> Self {
        let trust = Arc::new(Trust::new(Arc::clone(&certificates)));
        Self {
            certificates,
            trust,
        }
    }

    /// TLS as a client that trusts the system's authorities and these. The system's store is read when the
    /// first certificate is judged, or by [`Self::read_system_store`].
    ///
    /// # Errors
    /// When rustls and its cryptography do not fit together.
    pub fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        Arc::clone(&self.trust).client_config()
    }

    /// Whether a certificate can be judged without reading a file.
    #[must_use]
    pub fn is_system_store_read(&self) -> bool {
        self.trust.is_read()
    }

    /// Reads the system's store on a thread where nobody waits for it, unless that is done: before a
    /// handshake would have to. Works inside a Tokio runtime.
    ///
    /// # Errors
    /// When there is none, and no authority was named either.
    pub async fn read_system_store(&self) -> Result<(), SettingError> {
        if self.is_system_store_read() {
            return Ok(());
        }
        let trust = Arc::clone(&self.trust);
        let reading = tokio::task::spawn_blocking(move || trust.read());
        // A runtime that ends runs nothing: then there is no handshake either.
        reading.await.unwrap_or(Ok(())).map_err(|error| {
            SettingError::new(
                format!("no certificates to trust: {error}"),
                "a certificate store, for example the package ca-certificates, or SSL_CERT_FILE",
            )
        })
    }

    /// Whether nothing is trusted beyond what the system trusts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The certificates, in the order of the bundle.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

impl Default for CertificateAuthorities {
    fn default() -> Self {
        Self::of(Arc::default())
    }
}

impl PartialEq for CertificateAuthorities {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Eq for CertificateAuthorities {}

impl fmt::Debug for CertificateAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateAuthorities({})", self.certificates.len())
    }
}
