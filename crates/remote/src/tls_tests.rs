//! TLS is verified on every path, and there is no switch for it: only another authority can be named.

use std::{io::Write, sync::Arc};

use oauthgate_core::{Issuer, Reason};
use rstest::rstest;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{FetchError, HttpFetcher};
use crate::{
    address::AddressRule,
    clock::SystemClock,
    discovery::{self, Wanted},
    jwks::{Ask, HttpJwksSource, JwksSource, Location},
    outbound::{CertificateAuthorities, Outbound},
    testing::{FakeIssuer, Reply, TestAuthority, self_signed},
};

const LOCALHOST: &[&str] = &["localhost", "127.0.0.1"];

/// An authorization server behind this acceptor, and a fetcher that may ask it.
async fn server(acceptor: TlsAcceptor, outbound: &Outbound) -> (FakeIssuer, HttpFetcher) {
    let server = FakeIssuer::serving_over_tls("localhost", acceptor).await;
    let url = Url::parse(server.name()).unwrap();
    let fetcher = HttpFetcher::new(AddressRule::new([&url]), outbound).unwrap();
    (server, fetcher)
}

/// What goes wrong on the way to the metadata, and on the way to the keys.
async fn refusals(acceptor: TlsAcceptor, outbound: &Outbound) -> [String; 2] {
    let (server, fetcher) = server(acceptor, outbound).await;
    let issuer = Issuer::new(server.name()).unwrap();
    let wanted = Wanted {
        member: "jwks_uri",
        candidates: discovery::candidates(&issuer, None).unwrap(),
        issuer,
        site: None,
    };
    let metadata = discovery::discover(
        &fetcher,
        &wanted,
        None,
        oauthgate_core::UnixTime::from_secs(0),
    );
    let metadata = metadata.await.unwrap_err();
    assert_eq!(metadata.reason(), Reason::MetadataUnavailable);
    let keys = Url::parse(&format!("{}/keys", server.name())).unwrap();
    let clock = Arc::new(SystemClock::new());
    let source = HttpJwksSource::new(fetcher, Location::Explicit(keys), clock, true);
    let keys = source.fetch(Ask::first()).await.unwrap_err();
    assert_eq!(keys.reason(), Reason::JwksUnavailable);
    assert!(server.seen().is_empty(), "a request was sent");
    [metadata.detail().to_owned(), keys.detail().to_owned()]
}

/// Which server, whether its authority is trusted, and what the operator reads.
#[rstest]
#[case::self_signed(self_signed(LOCALHOST), Outbound::default(), "OAUTHGATE_CA_FILE")]
#[case::self_signed_beside_another_authority(
    self_signed(LOCALHOST),
    TestAuthority::new("other").trusted(),
    "OAUTHGATE_CA_FILE"
)]
#[case::of_an_unknown_authority(
    TestAuthority::new("unknown").acceptor(LOCALHOST),
    Outbound::default(),
    "OAUTHGATE_CA_FILE"
)]
#[case::of_a_namesake_of_the_authority(
    TestAuthority::new("corp").acceptor(LOCALHOST),
    TestAuthority::new("corp").trusted(),
    "OAUTHGATE_CA_FILE"
)]
#[tokio::test]
async fn d15_a_certificate_that_nobody_vouches_for_is_refused(
    #[case] acceptor: TlsAcceptor,
    #[case] outbound: Outbound,
    #[case] advice: &str,
) {
    for detail in refusals(acceptor, &outbound).await {
        assert!(detail.contains(advice), "{detail}");
    }
}

#[rstest]
#[case::for_another_name(|authority: &TestAuthority| authority.acceptor(&["auth.example.com"]), "not valid for name")]
#[case::for_the_address_only(|authority: &TestAuthority| authority.acceptor(&["127.0.0.1"]), "not valid for name")]
#[case::for_a_name_below(|authority: &TestAuthority| authority.acceptor(&["*.localhost"]), "not valid for name")]
#[case::expired(|authority: &TestAuthority| authority.acceptor_of_the_past(LOCALHOST), "expired")]
#[case::not_valid_yet(|authority: &TestAuthority| authority.acceptor_of_the_future(LOCALHOST), "not valid yet")]
#[tokio::test]
async fn d15_a_trusted_authority_does_not_make_a_wrong_certificate_right(
    #[case] acceptor: fn(&TestAuthority) -> TlsAcceptor,
    #[case] why: &str,
) {
    let authority = TestAuthority::new("corp");
    for detail in refusals(acceptor(&authority), &authority.trusted()).await {
        assert!(detail.contains(why), "{detail}");
    }
}

#[tokio::test]
async fn d15_a_named_authority_is_trusted_for_metadata_and_keys() {
    let authority = TestAuthority::new("corp");
    let (server, fetcher) = server(authority.acceptor(LOCALHOST), &authority.trusted()).await;
    for path in ["/.well-known/openid-configuration", "/keys"] {
        let url = Url::parse(&format!("{}{path}", server.name())).unwrap();
        let answer = fetcher.get(&url, None).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
}

#[tokio::test]
async fn the_systems_certificates_are_read_once_and_only_where_one_is_judged() {
    let authority = TestAuthority::new("corp");
    let outbound = authority.trusted();
    let authorities = &outbound.certificate_authorities;
    let plain = FakeIssuer::serving(&[]).await;
    let url = Url::parse(&format!("{}/keys", plain.name())).unwrap();
    let fetcher = HttpFetcher::new(AddressRule::new([&url]), &outbound).unwrap();
    assert!(fetcher.get(&url, None).await.is_ok());
    assert!(!authorities.is_system_store_read());
    let (server, fetcher) = server(authority.acceptor(LOCALHOST), &outbound).await;
    let url = Url::parse(&format!("{}/keys", server.name())).unwrap();
    assert!(fetcher.get(&url, None).await.is_ok());
    assert!(authorities.is_system_store_read());
}

#[tokio::test]
async fn d15_a_server_without_tls_is_refused() {
    let server = FakeIssuer::serving(&[]).await;
    let url = Url::parse(&server.name().replace("http:", "https:")).unwrap();
    let fetcher = HttpFetcher::new(AddressRule::new([&url]), &Outbound::default()).unwrap();
    let refused = fetcher.get(&url, None).await.unwrap_err();
    assert!(matches!(refused, FetchError::Tls(_)), "{refused:?}");
    assert!(refused.to_string().contains("no TLS"), "{refused}");
}

#[tokio::test]
async fn d13_no_redirect_leads_from_https_to_http() {
    let authority = TestAuthority::new("corp");
    let plain = FakeIssuer::serving(&[]).await;
    let mut outbound = authority.trusted();
    let host = plain.name().trim_start_matches("http://");
    outbound.redirect_hosts = vec![crate::outbound::RedirectHost::parse(host).unwrap()];
    let (server, fetcher) = server(authority.acceptor(LOCALHOST), &outbound).await;
    let target = format!("{}/keys", plain.name());
    for status in [301, 302, 303, 307, 308] {
        let moved = || Reply::Status(status, vec![("location", target.clone())]);
        server.set_jwks(moved());
        server.set_metadata(moved());
        for path in ["/keys", "/.well-known/openid-configuration"] {
            let url = Url::parse(&format!("{}{path}", server.name())).unwrap();
            let refused = fetcher.get(&url, None).await.unwrap_err();
            let text = refused.to_string();
            assert!(text.contains("from https to http"), "{text}");
        }
    }
    assert!(plain.seen().is_empty());
}

fn file(contents: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(contents).unwrap();
    file
}

#[test]
fn d15_a_bundle_without_a_usable_certificate_is_a_mistake() {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let junk = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n";
    let good = TestAuthority::new("corp").pem();
    for (contents, why) in [
        ("", "no certificate"),
        ("corp CA, see the wiki", "no certificate"),
        (key.as_str(), "no certificate"),
        (junk, "certificate 1 in it cannot be used"),
        (
            format!("{good}{junk}").as_str(),
            "certificate 2 in it cannot be used",
        ),
        ("-----BEGIN CERTIFICATE-----\nanVu", "not PEM"),
    ] {
        let error = CertificateAuthorities::from_file(file(contents.as_bytes()).path());
        let error = error.unwrap_err();
        assert!(error.problem.contains(why), "{error}");
    }
    for path in ["/nowhere/ca.pem", "/"] {
        assert!(CertificateAuthorities::from_file(path).is_err(), "{path}");
    }
    let large = file(&vec![b'#'; 1024 * 1024 + 1]);
    assert!(CertificateAuthorities::from_file(large.path()).is_err());
}

#[test]
fn a_bundle_may_hold_several_authorities_and_comments() {
    let bundle = format!(
        "# one\n{}\n# another\n{}",
        TestAuthority::new("one").pem(),
        TestAuthority::new("another").pem()
    );
    let authorities = CertificateAuthorities::from_pem(bundle.as_bytes()).unwrap();
    assert_eq!(authorities.certificates().len(), 2);
    assert_eq!(format!("{authorities:?}"), "CertificateAuthorities(2)");
}
