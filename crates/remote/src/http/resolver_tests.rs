//! Row D12: a name is what it resolves to, at the moment of the connection.

use std::sync::Arc;

use rstest::rstest;
use tokio::net::TcpListener;
use url::Url;

use super::{FetchError, HttpFetcher};
use crate::{
    address::{AddressRule, Refused},
    outbound::{Outbound, private_network},
    testing::{FakeIssuer, Reply, ScriptedNames, TestAuthority},
};

const NAME: &str = "keys.example.test";

fn fetcher(outbound: &Outbound, names: &ScriptedNames) -> HttpFetcher {
    let rule = AddressRule::new([&Url::parse("https://auth.example.com").unwrap()]);
    HttpFetcher::assemble(rule, outbound, Arc::new(names.clone())).unwrap()
}

#[rstest]
#[case::private(&["10.0.0.1"])]
#[case::this_machine(&["127.0.0.1"])]
#[case::this_machine_v6(&["::1"])]
#[case::cloud_metadata(&["169.254.169.254"])]
#[case::mapped(&["::ffff:10.0.0.1"])]
#[case::mapped_cloud_metadata(&["::ffff:169.254.169.254"])]
#[case::nat64(&["64:ff9b::a00:1"])]
#[case::six_to_four(&["2002:a00:1::"])]
#[case::unique_local(&["fd00::1"])]
#[case::unspecified(&["0.0.0.0"])]
#[case::public_and_private(&["8.8.8.8", "10.0.0.1"])]
#[case::private_and_public(&["10.0.0.1", "8.8.8.8"])]
#[case::public_and_mapped(&["2606:4700::1", "::ffff:127.0.0.1"])]
#[tokio::test]
async fn d12_a_name_that_leads_inside_is_refused_before_any_connection(#[case] addresses: &[&str]) {
    let names = ScriptedNames::default().with(NAME, &[addresses]);
    let url = Url::parse(&format!("https://{NAME}/keys")).unwrap();
    let refused = fetcher(&Outbound::default(), &names).get(&url, None).await;
    assert!(
        matches!(
            refused,
            Err(FetchError::Refused(
                Refused::Private { .. } | Refused::Forbidden { .. }
            ))
        ),
        "{refused:?}"
    );
}

/// A name that is at 127.0.0.2, which is open, when it is judged, and at 127.0.0.1 ever after.
#[tokio::test]
async fn d12_a_name_that_changes_between_check_and_connection_gains_nothing() {
    let authority = TestAuthority::new("corp");
    let tcp = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let open = FakeIssuer::serving_on_tls(tcp, NAME, authority.acceptor(&[NAME]));
    let tcp = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let inside = FakeIssuer::serving_on_tls(tcp, NAME, authority.acceptor(&[NAME]));
    let mut outbound = authority.trusted();
    outbound.private_networks = vec![private_network("127.0.0.2").unwrap()];
    let names = ScriptedNames::default().with(NAME, &[&["127.0.0.2"], &["127.0.0.1"]]);

    let url = Url::parse(&format!("{}/keys", open.name())).unwrap();
    let first = fetcher(&outbound, &names).get(&url, None).await;
    assert!(first.is_ok(), "{first:?}");
    assert_eq!(
        names.asked(),
        [NAME],
        "asked once: what was judged was connected to"
    );
    let second = fetcher(&outbound, &names).get(&url, None).await;
    assert!(
        matches!(second, Err(FetchError::Refused(Refused::Private { .. }))),
        "{second:?}"
    );
    assert_eq!((open.seen().len(), inside.seen().len()), (1, 0));
}

#[tokio::test]
async fn d12_a_name_behind_a_redirect_is_judged_too() {
    let authority = TestAuthority::new("corp");
    let tcp = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let open = FakeIssuer::serving_on_tls(tcp, NAME, authority.acceptor(&[NAME]));
    let mut outbound = authority.trusted();
    outbound.private_networks = vec![private_network("127.0.0.2").unwrap()];
    let inside = format!("https://inside.test:{port}/keys");
    let names = ScriptedNames::default()
        .with(NAME, &[&["127.0.0.2"]])
        .with("inside.test", &[&["169.254.169.254"]]);
    let host = format!("inside.test:{port}");
    outbound.redirect_hosts = vec![crate::outbound::RedirectHost::parse(&host).unwrap()];
    open.set_jwks(Reply::Status(302, vec![("location", inside)]));
    let url = Url::parse(&format!("{}/keys", open.name())).unwrap();
    let refused = fetcher(&outbound, &names)
        .get(&url, None)
        .await
        .unwrap_err();
    let FetchError::Behind { error, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert!(
        matches!(**error, FetchError::Refused(Refused::Forbidden { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_as_such() {
    let names = ScriptedNames::default().with("empty.test", &[&[]]);
    for host in ["nowhere.test", "empty.test"] {
        let url = Url::parse(&format!("https://{host}/keys")).unwrap();
        let refused = fetcher(&Outbound::default(), &names).get(&url, None).await;
        let refused = refused.unwrap_err();
        assert!(refused.concerns_the_host());
        let text = refused.to_string();
        assert!(
            text.contains(&format!("the name {host} cannot be resolved")),
            "{text}"
        );
    }
}

/// The issuer's own name may lead inside, and then its documents may: but not before somebody inside
/// has shown the certificate of that name.
#[tokio::test]
async fn d12_a_name_pointed_inside_opens_nothing_without_its_certificate() {
    const ISSUER: &str = "auth.example.test";
    let corp = TestAuthority::new("corp");
    let issuer = FakeIssuer::serving_over_tls(ISSUER, corp.acceptor(&[ISSUER])).await;
    let inside = FakeIssuer::serving_over_tls(NAME, corp.acceptor(&[NAME])).await;
    let names = ScriptedNames::default()
        .with(ISSUER, &[&["127.0.0.1"]])
        .with(NAME, &[&["127.0.0.1"]]);
    let [at_issuer, at_inside] =
        [&issuer, &inside].map(|server| Url::parse(&format!("{}/keys", server.name())).unwrap());
    for (outbound, opens) in [(Outbound::default(), false), (corp.trusted(), true)] {
        let rule = AddressRule::new([&at_issuer]);
        let http = HttpFetcher::assemble(rule, &outbound, Arc::new(names.clone())).unwrap();
        assert_eq!(http.get(&at_issuer, None).await.is_ok(), opens);
        let document = http.get(&at_inside, None).await;
        assert_eq!(document.is_ok(), opens, "{document:?}");
        if !opens {
            assert!(
                matches!(document, Err(FetchError::Refused(_))),
                "{document:?}"
            );
        }
    }
}
