//! TLS is verified, and there is no switch for it.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};
use url::Url;

use super::{FetchError, HttpFetcher};
use crate::{address::AddressRule, outbound::Outbound};

/// A certificate for localhost that nobody signed but its own key; both were made for this test.
const CERTIFICATE: &[&str] = &[
    "MIIBrjCCAVSgAwIBAgIUHsLVmDVwiWJVLHmvTVYHcbK0I8IwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3",
    "N0MCAXDTI2MTEyMzEyNDQ1OVoYDzIxMjYxMDMwMTI0NDU5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjO",
    "PQIBBggqhkjOPQMBBwNCAATmyvgQgBAJnTcMwkzGsYzl0+IB5S68g73R2PjJhGHPZx/0iB9nyJRPB4O6zIRzC3uGhd",
    "zw2oCPScwQGBGjOQyTo4GBMH8wHQYDVR0OBBYEFDNPH+XW6xtO62pPRKBpJlJNZ8JTMB8GA1UdIwQYMBaAFDNPH+XW",
    "6xtO62pPRKBpJlJNZ8JTMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAMBgNVHRMBAf8EAjAAMBMGA1UdJQQMMA",
    "oGCCsGAQUFBwMBMAoGCCqGSM49BAMCA0gAMEUCIQCo8tKyJwdGzp7H+oNkHTOgqoGUYc13WBzaH5BoqcyFhwIgQ/0I",
    "b3rSFAgQAS/hpNZotnJ3oty3os7GedZ0BKTpu4A=",
];
const KEY: &[&str] = &[
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCprECHVnaZY3m6WyrsJqI42oEqhcr6qlA0skUK5nSO",
    "WhRANCAATmyvgQgBAJnTcMwkzGsYzl0+IB5S68g73R2PjJhGHPZx/0iB9nyJRPB4O6zIRzC3uGhdzw2oCPScwQGBGj",
    "OQyT",
];

fn der(text: &[&str]) -> Vec<u8> {
    BASE64_STANDARD.decode(text.concat()).unwrap()
}

fn acceptor() -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der(KEY)));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(der(CERTIFICATE))], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Counts the bytes of a request that came through a finished handshake.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) -> usize {
    let (stream, _) = listener.accept().await.unwrap();
    match acceptor.accept(stream).await {
        Ok(mut stream) => stream.read(&mut [0; 1024]).await.unwrap_or(0),
        Err(_) => 0,
    }
}

#[tokio::test]
async fn d15_a_certificate_that_nobody_vouches_for_is_refused() {
    for host in ["localhost", "127.0.0.1"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(serve(listener, acceptor()));
        let url = Url::parse(&format!("https://{host}:{port}/keys")).unwrap();
        let fetcher = HttpFetcher::new(AddressRule::new([&url]), &Outbound::default()).unwrap();
        let refused = fetcher.get(&url, None).await.unwrap_err();
        let FetchError::Connect(why) = &refused else {
            panic!("{refused:?}")
        };
        assert!(why.contains("certificate"), "{why}");
        assert_eq!(served.await.unwrap(), 0, "a request was sent");
    }
}

#[tokio::test]
async fn d15_a_server_without_tls_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = Url::parse(&format!("https://127.0.0.1:{port}/keys")).unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await });
    let rule = AddressRule::new([&url]);
    let fetcher =
        HttpFetcher::with_time_limit(rule, &Outbound::default(), Duration::from_secs(5)).unwrap();
    let refused = fetcher.get(&url, None).await;
    assert!(
        matches!(refused, Err(FetchError::Connect(_))),
        "{refused:?}"
    );
}
