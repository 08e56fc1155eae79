//! Row D16: what the operator gave us for one origin is shown to no other.

use oauthgate_core::{Audience, Issuer, ResourceIdentifier};
use rstest::rstest;
use url::Url;

use super::*;
use crate::{
    IssuerSettings, KeyStores, OAuth21Provider, Outbound, ProviderSettings,
    outbound::RedirectHost,
    testing::{AUDIENCE, FakeIssuer, Reply, TestKey},
};

const SECRET: &str = "s3cret-of-the-documents";
const NAME: &str = "x-documents-key";

fn settings(issuer: &FakeIssuer) -> ProviderSettings {
    let audience = Audience::new(AUDIENCE).unwrap();
    let mut settings = IssuerSettings::new(Issuer::new(issuer.name()).unwrap(), vec![audience]);
    settings.keys.fetch_headers = FetchHeaders::parse(&format!("{NAME}: {SECRET}")).unwrap();
    ProviderSettings::new(ResourceIdentifier::parse(AUDIENCE).unwrap(), settings)
}

fn gate(settings: ProviderSettings) -> OAuth21Provider {
    gate_with(settings, Outbound::default())
}

fn gate_with(settings: ProviderSettings, outbound: Outbound) -> OAuth21Provider {
    let keys = KeyStores::builder().outbound(outbound).build();
    OAuth21Provider::with_key_stores(settings, &keys).unwrap()
}

/// The paths that were asked, and whether the header came along.
fn asked(server: &FakeIssuer) -> Vec<(String, bool)> {
    let seen = server.seen().into_iter();
    seen.map(|(path, headers)| (path, headers.get(NAME).is_some_and(|value| value == SECRET)))
        .collect()
}

fn all_with_it(server: &FakeIssuer) -> bool {
    let asked = asked(server);
    !asked.is_empty() && asked.iter().all(|(_, with)| *with)
}

fn none_with_it(server: &FakeIssuer) -> bool {
    let asked = asked(server);
    !asked.is_empty() && asked.iter().all(|(_, with)| !*with)
}

#[tokio::test]
async fn trap_26_headers_open_the_metadata_and_the_keys_of_their_issuer() {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[&key]).await;
    let gate = gate(settings(&issuer));
    assert!(gate.validate(&key.token(issuer.name())).await.is_ok());
    assert_eq!(asked(&issuer).len(), 2);
    assert!(all_with_it(&issuer), "{:?}", asked(&issuer));
}

#[tokio::test]
async fn d16_a_key_set_on_another_origin_gets_no_header_unless_it_was_named() {
    let key = TestKey::new("1");
    let (issuer, other) = (
        FakeIssuer::serving(&[]).await,
        FakeIssuer::serving(&[&key]).await,
    );
    let keys = format!("{}/keys", other.name());
    issuer.point_to(&keys);
    assert!(
        gate(settings(&issuer))
            .validate(&key.token(issuer.name()))
            .await
            .is_ok()
    );
    assert!(
        all_with_it(&issuer) && none_with_it(&other),
        "{:?}",
        asked(&other)
    );

    let named = FakeIssuer::serving(&[&key]).await;
    let mut settings = settings(&issuer);
    settings.issuers[0].keys.jwks_url =
        Some(Url::parse(&format!("{}/keys", named.name())).unwrap());
    assert!(
        gate(settings)
            .validate(&key.token(issuer.name()))
            .await
            .is_ok()
    );
    assert!(all_with_it(&named));
}

#[tokio::test]
async fn d16_with_a_named_metadata_document_the_issuers_own_origin_gets_no_header() {
    let key = TestKey::new("1");
    let (issuer, inside) = (
        FakeIssuer::serving(&[&key]).await,
        FakeIssuer::serving(&[]).await,
    );
    inside.set_metadata(Reply::Status(404, Vec::new()));
    let mut settings = settings(&issuer);
    settings.issuers[0].keys.metadata_url = Some(
        Url::parse(&format!(
            "{}/.well-known/openid-configuration",
            inside.name()
        ))
        .unwrap(),
    );
    assert!(
        gate(settings)
            .validate(&key.token(issuer.name()))
            .await
            .is_ok()
    );
    assert!(
        all_with_it(&inside) && none_with_it(&issuer),
        "{:?}",
        asked(&issuer)
    );
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn d16_no_header_follows_a_redirect_to_another_origin(#[case] status: u16) {
    let key = TestKey::new("1");
    let (issuer, other) = (
        FakeIssuer::serving(&[]).await,
        FakeIssuer::serving(&[&key]).await,
    );
    let keys = format!("{}/keys", other.name());
    issuer.set_jwks(Reply::Status(status, vec![("location", keys)]));
    let mut outbound = Outbound::default();
    let host = other.name().trim_start_matches("http://");
    outbound.redirect_hosts = vec![RedirectHost::parse(host).unwrap()];
    let gate = gate_with(settings(&issuer), outbound);
    assert!(gate.validate(&key.token(issuer.name())).await.is_ok());
    assert!(
        all_with_it(&issuer) && none_with_it(&other),
        "{:?}",
        asked(&other)
    );
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_headers() {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[&key]).await;
    issuer.set_path(
        "/old",
        Reply::Status(302, vec![("location", "/keys".to_owned())]),
    );
    issuer.point_to(&format!("{}/old", issuer.name()));
    assert!(
        gate(settings(&issuer))
            .validate(&key.token(issuer.name()))
            .await
            .is_ok()
    );
    assert!(all_with_it(&issuer));
}

#[tokio::test]
async fn h2_the_value_is_in_no_error_no_status_no_snapshot_and_no_debug() {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[&key]).await;
    issuer.set_jwks(Reply::Status(401, Vec::new()));
    let settings = settings(&issuer);
    let shown = format!("{settings:?}");
    let gate = gate(settings);
    let denial = gate.validate(&key.token(issuer.name())).await.unwrap_err();
    assert!(
        denial
            .detail()
            .unwrap_or_default()
            .contains("OAUTHGATE_FETCH_HEADERS")
    );
    issuer.rotate_to(&[&key]);
    gate.key_stores().refresh(None).await;
    let snapshots = gate.key_stores().snapshots();
    let all = format!(
        "{shown} {gate:?} {denial:?} {:?} {snapshots:?}",
        gate.key_status()
    );
    assert!(all.contains(NAME) && !all.contains(SECRET), "{all}");
}

#[tokio::test]
async fn resources_with_other_headers_have_a_store_of_their_own() {
    let issuer = FakeIssuer::serving(&[&TestKey::new("1")]).await;
    let keys = KeyStores::builder().build();
    for (value, stores) in [("a", 1), ("a", 1), ("b", 2)] {
        let mut settings = settings(&issuer);
        settings.issuers[0].keys.fetch_headers =
            FetchHeaders::parse(&format!("x: {value}")).unwrap();
        OAuth21Provider::with_key_stores(settings, &keys).unwrap();
        assert_eq!(keys.status().len(), stores, "{value}");
    }
}

#[test]
fn several_headers_stand_on_lines_of_their_own() {
    for text in ["A: 1\nB: 2", "A: 1\\nB: 2", "A:1\r\nB:\t2 "] {
        let headers = FetchHeaders::parse(text).unwrap().to_map();
        assert_eq!(
            (&headers["a"], &headers["b"]),
            (
                &HeaderValue::from_static("1"),
                &HeaderValue::from_static("2")
            )
        );
        assert!(headers.values().all(HeaderValue::is_sensitive));
    }
}

#[rstest]
#[case::empty("", "there are 0")]
#[case::no_colon("Bearer s3cret", "line 1 has no colon")]
#[case::second_line("A: 1\ns3cret", "line 2 has no colon")]
#[case::no_name(": s3cret", "line 1 begins with no header name")]
#[case::bad_name("A b: s3cret", "line 1 begins with no header name")]
#[case::no_value("Authorization:", "line 1 has no value")]
#[case::control("A: s3cret\u{1}", "no visible ASCII")]
#[case::not_ascii("A: s3crét", "no visible ASCII")]
#[case::twice("A: s3cret\na: s3cret", "line 2 names `a` again")]
#[case::blank_line("A: s3cret\n\nB: 2", "line 2 has no colon")]
fn h2_what_is_wrong_with_a_line_is_said_without_the_line(#[case] text: &str, #[case] why: &str) {
    let error = FetchHeaders::parse(text).unwrap_err();
    assert!(error.problem.contains(why), "{error}");
    assert!(!error.to_string().contains("s3cr"), "{error}");
}

#[test]
fn headers_of_the_connection_and_of_the_fetcher_are_refused_in_any_spelling() {
    for name in [
        "Host",
        "HOST",
        "Content-Length",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Accept-Encoding",
        "Accept",
        "If-None-Match",
        "Expect",
        "Range",
        "Trailer",
        "Sec-Fetch-Mode",
    ] {
        let error = FetchHeaders::parse(&format!("{name}: x")).unwrap_err();
        assert!(
            error.problem.contains("belongs to the connection"),
            "{name}: {error}"
        );
    }
    for name in [
        "Authorization",
        "X-Api-Key",
        "Cookie",
        "User-Agent",
        "CF-Access-Client-Secret",
    ] {
        assert!(FetchHeaders::parse(&format!("{name}: x")).is_ok(), "{name}");
    }
}

#[test]
fn the_number_and_the_length_of_headers_are_bounded() {
    let lines = |count: usize| {
        (0..count)
            .map(|number| format!("x-{number}: 1\n"))
            .collect::<String>()
    };
    assert!(FetchHeaders::parse(&lines(MOST)).is_ok());
    assert!(FetchHeaders::parse(&lines(MOST + 1)).is_err());
    assert!(FetchHeaders::parse(&format!("a: {}", "x".repeat(LONGEST))).is_err());
}
