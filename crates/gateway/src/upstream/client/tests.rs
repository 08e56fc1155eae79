//! Against servers with TLS on loopback.

use std::{convert::Infallible, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Response, Version};
use http_body_util::{Empty, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use oauthgate_core::Blame;
use rstest::rstest;
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::*;
use crate::gate::boxed;

/// A certificate for localhost and its key, made for this test and trusted by nobody else.
const CERTIFICATE: &[&str] = &[
    "MIIBrzCCAVSgAwIBAgIUeLJqQWr7GicfLqdYLzbhSueXdA0wCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAX",
    "DTI2MTEyMzEzMDI0MFoYDzIxMjYxMDMwMTMwMjQwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO",
    "PQMBBwNCAAT1sSe9YvqmdhnQH8VBI0ei75Af0/KTaQAO9kvEKx8CQk53mlJfnixyK9f1AyVzLcPewM+aPay+BS7RMuj1qZiV",
    "o4GBMH8wHQYDVR0OBBYEFI5c4qXVKp20yvh95viCbCCaVZN2MB8GA1UdIwQYMBaAFI5c4qXVKp20yvh95viCbCCaVZN2MBoG",
    "A1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAMBgNVHRMBAf8EAjAAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMAoGCCqGSM49BAMC",
    "A0kAMEYCIQCtChzDtsXPs6pLHzrww95wH4otpLAi7cdbsf6SfginygIhAKiPC2van/LDTOO2NXWEUPDcUKfXq1TbbKfIeeiH",
    "sDsk",
];
const KEY: &[&str] = &[
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUK4z5tKtB04ztVUHK234a67ptEscsy7lVRBrfXjL+/2hRANC",
    "AAT1sSe9YvqmdhnQH8VBI0ei75Af0/KTaQAO9kvEKx8CQk53mlJfnixyK9f1AyVzLcPewM+aPay+BS7RMuj1qZiV",
];

fn der(text: &[&str]) -> Vec<u8> {
    BASE64_STANDARD.decode(text.concat()).unwrap()
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from(der(CERTIFICATE))
}

/// More than all callers together have read when the last one asks.
const LONG: usize = 1024 * 1024;

/// Says in its body which protocol it was asked in, and whether a `Host` header came along; below `/long` a lot.
async fn serve(protocols: &[&str]) -> Url {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der(KEY)));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| async move {
                    let host = request.headers().contains_key("host");
                    let text = match request.uri().path() {
                        "/long" => "x".repeat(LONG),
                        _ => format!("{:?} {host}", request.version()),
                    };
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
                });
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    format!("https://localhost:{port}/").parse().unwrap()
}

/// What an operator names who has the test's certificate in a file.
fn authorities() -> CertificateAuthorities {
    let lines = CERTIFICATE.join("\n");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n");
    CertificateAuthorities::from_pem(pem.as_bytes()).unwrap()
}

fn new(upstream: &Url, authorities: &CertificateAuthorities) -> UpstreamClient {
    let patient = UpstreamTimeouts {
        connect: Duration::from_secs(30),
        ..UpstreamTimeouts::default()
    };
    UpstreamClient::new(upstream, patient, 64 * 1024, authorities).unwrap()
}

/// A client that trusts the test's certificate.
fn client() -> UpstreamClient {
    let any: Url = "https://localhost/".parse().unwrap();
    new(&any, &authorities())
}

fn request(url: &Url) -> Request<GateBody> {
    Request::get(url.as_str())
        .version(Version::HTTP_11)
        .body(boxed(Empty::new()))
        .unwrap()
}

#[rstest]
#[case::both(&["h2", "http/1.1"], false, Version::HTTP_2)]
#[case::http1_only(&["http/1.1"], false, Version::HTTP_11)]
#[case::no_alpn(&[], false, Version::HTTP_11)]
#[case::upgrade(&["h2", "http/1.1"], true, Version::HTTP_11)]
#[tokio::test]
async fn speaks_what_the_upstream_offers_and_http1_for_upgrades(
    #[case] offered: &[&str],
    #[case] upgrades: bool,
    #[case] spoken: Version,
) {
    let url = serve(offered).await;
    let response = client().send(request(&url), upgrades).await.unwrap();
    assert_eq!(response.version(), spoken);
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    let host = spoken == Version::HTTP_11;
    assert_eq!(body.unwrap().to_bytes(), format!("{spoken:?} {host}"));
}

/// All share one connection, and what it has room for.
#[tokio::test]
async fn f20_callers_who_do_not_read_leave_room_for_those_who_do() {
    let url = serve(&["h2"]).await;
    let client = client();
    let long = url.join("/long").unwrap();
    let mut held = Vec::new();
    for _ in 0..32 {
        let response = client.send(request(&long), false).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        held.push(response);
    }
    let whole = async {
        let response = client.send(request(&long), false).await.unwrap();
        http_body_util::BodyExt::collect(response.into_body()).await
    };
    let whole = tokio::time::timeout(Duration::from_secs(30), whole).await;
    let whole = whole.expect("others are in the way").unwrap();
    assert_eq!(whole.to_bytes().len(), LONG);
    drop(held);
}

#[tokio::test]
async fn a_head_that_is_the_last_on_its_connection_passes_over_http2_too() {
    let url = serve(&["h2"]).await;
    let client = client();
    for method in [http::Method::HEAD, http::Method::GET] {
        let mut request = request(&url);
        *request.method_mut() = method;
        let response = client.send(request, false).await.unwrap();
        assert_eq!(
            (response.status(), response.version()),
            (StatusCode::OK, Version::HTTP_2)
        );
    }
}

#[tokio::test]
async fn d15_a_certificate_that_the_system_does_not_trust_ends_it() {
    let url = serve(&["h2", "http/1.1"]).await;
    let nobody = CertificateAuthorities::default();
    let client = new(&url, &nobody);
    for upgrades in [false, true] {
        let error = client.send(request(&url), upgrades).await.unwrap_err();
        let denial = unanswered(&error);
        assert_eq!(denial.reason().blame(), Blame::UpstreamUnreachable);
        let detail = denial.detail().unwrap();
        assert!(detail.contains("certificate"), "{detail}");
        assert!(detail.contains("OAUTHGATE_CA_FILE"), "{detail}");
    }
}

#[tokio::test]
async fn d15_a_certificate_for_another_name_ends_it() {
    let mut url = serve(&["h2", "http/1.1"]).await;
    url.set_host(Some("other.localhost")).unwrap();
    let error = client().send(request(&url), false).await.unwrap_err();
    let reason = unanswered(&error).reason();
    assert_eq!(reason, Reason::UpstreamUnreachable);
}

#[tokio::test]
async fn an_https_upstream_is_never_asked_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        let mut first = [0];
        stream.try_read(&mut first).unwrap();
        first[0]
    });
    let url: Url = format!("https://localhost:{port}/").parse().unwrap();
    let client = client();
    let sent = client.send(request(&url), false);
    let (first, error) = tokio::join!(served, sent);
    // A handshake record, not the G of GET.
    assert_eq!(first.unwrap(), 22);
    assert!(error.is_err());
    let plain: Url = format!("http://localhost:{port}/").parse().unwrap();
    assert!(client.send(request(&plain), false).await.is_err());
}
