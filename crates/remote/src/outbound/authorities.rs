//! Certificate authorities out of a PEM bundle.

use std::{fmt, path::Path, sync::Arc};

use oauthgate_core::SettingError;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

const EXPECTED: &str = "the path of a readable PEM file with your certificate authority, for example /etc/ssl/corp-ca.pem";
/// A bundle of all public authorities is a fifth of this.
const LARGEST_BUNDLE: u64 = 1024 * 1024;

/// Certificate authorities that are trusted in addition to the system's; none by default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CertificateAuthorities(Arc<[CertificateDer<'static>]>);

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
        Ok(Self(certificates.into()))
    }

    /// Whether nothing is trusted beyond what the system trusts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The certificates, in the order of the bundle.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }
}

impl fmt::Debug for CertificateAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateAuthorities({})", self.0.len())
    }
}
