//! Whom TLS believes: what the system trusts, and the operator's authorities beside it.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use rustls_platform_verifier::Verifier;

/// The judge of servers' certificates, one for all connections of a process that share it.
///
/// The system's store is some hundred files, and reading them takes longer than all else that a process does
/// before it serves: so they are read when the first certificate is to be judged, or before by [`Self::read`]
/// where nobody waits for it. A store that cannot be read fails that handshake, and is tried again at the next.
#[derive(Debug)]
pub(super) struct Trust {
    authorities: Arc<[CertificateDer<'static>]>,
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Verifier>,
}

impl Trust {
    pub(super) fn new(authorities: Arc<[CertificateDer<'static>]>) -> Self {
        Self {
            authorities,
            provider: Arc::new(aws_lc_rs::default_provider()),
            verifier: OnceLock::new(),
        }
    }

    /// Reads the system's store, unless that is done.
    pub(super) fn read(&self) -> Result<(), Error> {
        self.verifier().map(|_| ())
    }

    pub(super) fn is_read(&self) -> bool {
        self.verifier.get().is_some()
    }

    /// What rustls holds safe, with this judge.
    pub(super) fn client_config(self: Arc<Self>) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?;
        // It vouches for the same as rustls' own, with what the system trusts: nothing is loosened.
        let builder = builder.dangerous().with_custom_certificate_verifier(self);
        Ok(builder.with_no_client_auth())
    }

    /// Two that come at the same time both read; the first one's is kept.
    fn verifier(&self) -> Result<&Verifier, Error> {
        if let Some(verifier) = self.verifier.get() {
            return Ok(verifier);
        }
        let authorities = self.authorities.iter().cloned();
        let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&self.provider))?;
        Ok(self.verifier.get_or_init(|| verifier))
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier()?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
