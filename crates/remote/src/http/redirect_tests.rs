//! Row D13: where redirects lead, on the way to the metadata and on the way to the keys.

use std::sync::Arc;

use oauthgate_core::{Issuer, Reason, UnixTime};
use rstest::rstest;
use url::Url;

use super::{FetchError, HttpAnswer, HttpFetcher};
use crate::{
    address::AddressRule,
    clock::SystemClock,
    discovery::{self, Wanted},
    jwks::{Ask, Fetched, HttpJwksSource, JwksSource, KeySourceError, Location, Validator},
    outbound::{Outbound, RedirectHost},
    testing::{FakeIssuer, Reply, metadata},
};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
const OPENID: &str = "/.well-known/openid-configuration";

fn to(status: u16, location: &str) -> Reply {
    Reply::Status(status, vec![("location", location.to_owned())])
}

fn fetcher(named: &str, redirect_hosts: &[&str]) -> HttpFetcher {
    let mut outbound = Outbound::default();
    let hosts = redirect_hosts
        .iter()
        .map(|host| host.trim_start_matches("http://"));
    let hosts = hosts.map(|host| RedirectHost::parse(host).unwrap());
    outbound.redirect_hosts = hosts.collect();
    let named = Url::parse(named).unwrap();
    HttpFetcher::new(AddressRule::new([&named]), &outbound).unwrap()
}

async fn keys_of(server: &FakeIssuer, hosts: &[&str]) -> Result<HttpAnswer, FetchError> {
    let url = Url::parse(&format!("{}/keys", server.name())).unwrap();
    fetcher(server.name(), hosts).get(&url, None).await
}

async fn discovered(server: &FakeIssuer, hosts: &[&str]) -> Result<Url, KeySourceError> {
    let issuer = Issuer::new(server.name()).unwrap();
    let wanted = Wanted {
        member: "jwks_uri",
        candidates: discovery::candidates(&issuer, None).unwrap(),
        issuer,
        site: None,
    };
    let http = fetcher(server.name(), hosts);
    discovery::discover(&http, &wanted, None, UnixTime::from_secs(0))
        .await
        .map(|discovered| discovered.place)
}

#[tokio::test]
async fn d13_within_its_origin_a_redirect_is_followed() {
    for status in STATUSES {
        let server = FakeIssuer::serving(&[]).await;
        server.set_path("/moved", Reply::Json(b"{}".to_vec()));
        for location in ["/moved", "moved", &format!("{}/moved", server.name())] {
            server.set_jwks(to(status, location));
            let followed = keys_of(&server, &[]).await;
            assert!(
                matches!(followed, Ok(HttpAnswer::Document { .. })),
                "{followed:?}"
            );
        }
        server.set_path(
            "/moved",
            Reply::Json(metadata(server.name(), "https://k.example/")),
        );
        server.set_metadata(to(status, "/moved"));
        assert_eq!(
            discovered(&server, &[]).await.unwrap().as_str(),
            "https://k.example/"
        );
    }
}

#[tokio::test]
async fn d13_keys_behind_a_redirect_to_another_host_are_refused() {
    let foreign = FakeIssuer::serving(&[]).await;
    for status in STATUSES {
        let server = FakeIssuer::serving(&[]).await;
        let location = format!("{}/keys", foreign.name());
        server.set_jwks(to(status, &location));
        let refused = keys_of(&server, &[]).await.unwrap_err().to_string();
        assert!(refused.contains(&location), "{refused}");
        assert!(refused.contains("OAUTHGATE_REDIRECT_HOSTS"), "{refused}");
    }
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn d13_metadata_behind_a_redirect_to_another_host_is_refused() {
    let foreign = FakeIssuer::serving(&[]).await;
    for status in STATUSES {
        let server = FakeIssuer::serving(&[]).await;
        // The foreign host even speaks for the issuer.
        foreign.set_metadata(Reply::Json(metadata(server.name(), "https://k.example/")));
        server.set_metadata(to(status, &format!("{}{OPENID}", foreign.name())));
        let refused = discovered(&server, &[]).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::MetadataUnavailable);
        assert!(refused.detail().contains(foreign.name()), "{refused}");
    }
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn d13_a_host_that_the_operator_listed_may_hold_the_document() {
    let listed = FakeIssuer::serving(&[]).await;
    let server = FakeIssuer::serving(&[]).await;
    server.set_jwks(to(302, &format!("{}/keys", listed.name())));
    let followed = keys_of(&server, &[listed.name()]).await;
    assert!(
        matches!(followed, Ok(HttpAnswer::Document { .. })),
        "{followed:?}"
    );

    server.set_metadata(to(302, &format!("{}{OPENID}", listed.name())));
    listed.set_metadata(Reply::Json(metadata(server.name(), "https://k.example/")));
    let found = discovered(&server, &[listed.name()]).await.unwrap();
    assert_eq!(found.as_str(), "https://k.example/");
}

#[tokio::test]
async fn d14_metadata_of_another_issuer_is_refused_behind_a_redirect_too() {
    let listed = FakeIssuer::serving(&[]).await;
    let server = FakeIssuer::serving(&[]).await;
    server.set_metadata(to(302, &format!("{}{OPENID}", listed.name())));
    let refused = discovered(&server, &[listed.name()]).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::MetadataIssuerMismatch);
}

#[tokio::test]
async fn d13_from_a_listed_host_no_redirect_leads_to_an_unlisted_one() {
    let foreign = FakeIssuer::serving(&[]).await;
    let listed = FakeIssuer::serving(&[]).await;
    let server = FakeIssuer::serving(&[]).await;
    server.set_jwks(to(302, &format!("{}/keys", listed.name())));
    listed.set_jwks(to(302, &format!("{}/keys", foreign.name())));
    let refused = keys_of(&server, &[listed.name()]).await.unwrap_err();
    assert!(refused.to_string().contains(foreign.name()), "{refused}");
    assert!(foreign.seen().is_empty());
}

/// A server on which a document lies behind so many redirects.
async fn chain(hops: usize) -> FakeIssuer {
    let server = FakeIssuer::serving(&[]).await;
    for hop in 1..hops {
        server.set_path(&format!("/hop{hop}"), to(302, &format!("/hop{}", hop + 1)));
    }
    server.set_path(&format!("/hop{hops}"), Reply::Json(b"{}".to_vec()));
    server.set_jwks(to(302, "/hop1"));
    server
}

#[tokio::test]
async fn d13_three_redirects_are_followed_and_no_fourth() {
    let server = chain(3).await;
    assert!(keys_of(&server, &[]).await.is_ok());
    for hops in [4, 20] {
        let server = chain(hops).await;
        let refused = keys_of(&server, &[]).await.unwrap_err();
        assert!(refused.to_string().contains("than 3 times"), "{refused}");
        assert_eq!(server.seen().len(), 4);
    }
}

#[tokio::test]
async fn d13_a_loop_ends() {
    let (one, other) = (
        FakeIssuer::serving(&[]).await,
        FakeIssuer::serving(&[]).await,
    );
    for target in ["/keys".to_owned(), format!("{}/keys", other.name())] {
        one.set_jwks(to(302, &target));
        other.set_jwks(to(302, &format!("{}/keys", one.name())));
        let hosts = [one.name(), other.name()];
        let refused = keys_of(&one, &hosts).await.unwrap_err();
        assert!(refused.to_string().contains("than 3 times"), "{refused}");
    }
    one.set_metadata(to(302, OPENID));
    let refused = discovered(&one, &[]).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::MetadataUnavailable);
}

#[rstest]
#[case("http://auth.example.com/keys")]
#[case("https://169.254.169.254/latest/meta-data")]
#[case("https://[::ffff:169.254.169.254]/")]
#[case("https://[64:ff9b::a9fe:a9fe]/")]
#[case("https://[2002:7f00:1::]/")]
#[case("https://0.0.0.0/")]
#[case("https://user:secret@auth.example.com/keys")]
#[case("ftp://auth.example.com/keys")]
#[case("file:///etc/passwd")]
#[case("data:application/json,{}")]
#[case("//")]
#[case("https://")]
#[case("")]
#[tokio::test]
async fn d12_every_hop_is_judged_like_the_first(#[case] target: &str) {
    let server = FakeIssuer::serving(&[]).await;
    server.set_jwks(to(302, target));
    let hosts = ["auth.example.com", "169.254.169.254", "0.0.0.0"];
    let refused = keys_of(&server, &hosts).await.unwrap_err();
    if target.is_empty() {
        // An empty reference is the document itself: a loop.
        assert!(refused.to_string().contains("than 3 times"), "{refused}");
    } else {
        assert!(
            matches!(refused, FetchError::Redirected { .. }),
            "{refused:?}"
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn d12_a_private_hop_is_refused_to_a_public_issuer() {
    let inside = FakeIssuer::serving(&[]).await;
    let rule = AddressRule::new([&Url::parse("https://auth.example.com").unwrap()]);
    let fetcher = HttpFetcher::new(rule, &Outbound::default()).unwrap();
    let url = Url::parse(inside.name()).unwrap();
    let refused = fetcher.get(&url, None).await.unwrap_err();
    assert!(matches!(refused, FetchError::Refused(_)), "{refused:?}");
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn d17_two_places_are_none() {
    let server = FakeIssuer::serving(&[]).await;
    server.set_path("/a", Reply::Json(b"{}".to_vec()));
    server.set_path("/b", Reply::Json(b"{}".to_vec()));
    let places = ["/a", "/b"].map(|place| ("location", place.to_owned()));
    server.set_jwks(Reply::Status(302, places.to_vec()));
    let refused = keys_of(&server, &[]).await.unwrap_err();
    assert!(
        matches!(refused, FetchError::Redirected { .. }),
        "{refused:?}"
    );
    server.set_jwks(Reply::Status(302, Vec::new()));
    assert!(keys_of(&server, &[]).await.is_err());
}

#[tokio::test]
async fn only_five_statuses_redirect() {
    let server = FakeIssuer::serving(&[]).await;
    for status in [300, 304, 305, 306] {
        server.set_jwks(to(status, "/elsewhere"));
        let refused = keys_of(&server, &[]).await;
        assert!(
            matches!(refused, Err(FetchError::Status { status: found, .. }) if found == status),
            "{refused:?}"
        );
    }
}

fn tagged(tag: &str) -> Reply {
    Reply::With(b"{}".to_vec(), vec![("etag", tag.to_owned())])
}

#[tokio::test]
async fn d16_the_tag_of_a_document_is_told_to_its_own_origin_only() {
    let listed = FakeIssuer::serving(&[]).await;
    let server = FakeIssuer::serving(&[]).await;
    let http = fetcher(server.name(), &[listed.name()]);
    let url = Url::parse(&format!("{}/keys", server.name())).unwrap();

    server.set_jwks(to(302, &format!("{}/keys", listed.name())));
    listed.set_jwks(tagged("\"secret\""));
    let answer = http.get(&url, Some("\"secret\"")).await.unwrap();
    assert!(
        matches!(
            answer,
            HttpAnswer::Document {
                entity_tag: None,
                ..
            }
        ),
        "{answer:?}"
    );
    let told = |server: &FakeIssuer| {
        let asked = server.seen();
        asked
            .iter()
            .any(|(_, headers)| headers.contains_key("if-none-match"))
    };
    assert!(told(&server) && !told(&listed));

    server.set_path("/moved", tagged("\"own\""));
    server.set_jwks(to(302, "/moved"));
    let answer = http.get(&url, Some("\"own\"")).await;
    assert_eq!(answer, Ok(HttpAnswer::NotModified { max_age: None }));
}

#[tokio::test]
async fn keys_that_moved_within_their_origin_are_confirmed_with_304() {
    let server = FakeIssuer::serving(&[]).await;
    server.set_path("/moved", tagged("\"own\""));
    server.set_jwks(to(307, "/moved"));
    let url = Url::parse(&format!("{}/keys", server.name())).unwrap();
    let clock = Arc::new(SystemClock::new());
    let source = HttpJwksSource::new(
        fetcher(server.name(), &[]),
        Location::Explicit(url.clone()),
        clock,
        true,
    );
    let validator = Validator {
        location: url.as_str().to_owned(),
        entity_tag: "\"own\"".to_owned(),
    };
    let confirmed: Fetched = source
        .fetch(Ask {
            known: Some(validator),
            ..Ask::first()
        })
        .await
        .unwrap();
    assert_eq!(confirmed.set, crate::jwks::FetchedSet::NotModified);
}
