//! Behind a proxy: who is asked through it, who sees its password, and what is still judged.

use std::sync::Arc;

use rstest::rstest;
use url::Url;

use super::{FetchError, HttpAnswer, HttpFetcher};
use crate::{
    address::{AddressRule, Refused},
    outbound::{ForwardProxy, Outbound, RedirectHost},
    testing::{FakeIssuer, FakeProxy, Manner, Reply, ScriptedNames, TestAuthority, trusting},
};

const NAME: &str = "auth.corp.test";

/// An authorization server that only the proxy can find, and its authority.
async fn hidden_server() -> (FakeIssuer, TestAuthority) {
    let authority = TestAuthority::new("corp");
    let server = FakeIssuer::serving_over_tls(NAME, authority.acceptor(&[NAME])).await;
    (server, authority)
}

fn through(mut outbound: Outbound, proxy: &str, no_proxy: &str) -> Outbound {
    let proxy = ForwardProxy::parse(proxy).unwrap();
    outbound.proxy = Some(proxy.with_exceptions(no_proxy));
    outbound
}

fn fetcher(named: &str, outbound: &Outbound, names: &ScriptedNames) -> HttpFetcher {
    let rule = AddressRule::new([&Url::parse(named).unwrap()]);
    HttpFetcher::assemble(rule, outbound, Arc::new(names.clone())).unwrap()
}

fn keys(server: &FakeIssuer) -> Url {
    Url::parse(&format!("{}/keys", server.name())).unwrap()
}

#[tokio::test]
async fn d16_the_proxy_alone_sees_its_password() {
    let (server, authority) = hidden_server().await;
    let outbound = authority.trusted();
    let proxy = FakeProxy::start(Manner::Connects).await;
    let url = format!("http://user:p%40ss@{}", proxy.authority);
    let outbound = through(outbound, &url, "");
    let names = ScriptedNames::default();
    let http = fetcher(server.name(), &outbound, &names);
    let answer = http.get(&keys(&server), None).await;
    assert!(
        matches!(answer, Ok(HttpAnswer::Document { .. })),
        "{answer:?}"
    );

    let heads = proxy.seen();
    let [head] = heads.as_slice() else {
        panic!("{heads:?}")
    };
    let port = keys(&server).port().unwrap();
    assert!(
        head.starts_with(&format!("CONNECT {NAME}:{port} HTTP/1.1\r\n")),
        "{head}"
    );
    let password = "proxy-authorization: basic dxnlcjpwqhnz"; // user:p@ss
    assert!(head.to_ascii_lowercase().contains(password), "{head}");
    let (_, headers) = server.seen().pop().unwrap();
    assert!(!headers.contains_key("proxy-authorization"), "{headers:?}");
    assert!(!headers.contains_key("authorization"), "{headers:?}");
    assert!(names.asked().is_empty(), "the proxy resolves: {names:?}");
}

/// A URL that the client could not read would mean no proxy at all.
#[tokio::test]
async fn a_password_of_odd_letters_is_a_mistake_or_reaches_the_proxy() {
    let proxy = FakeProxy::start(Manner::Refuses("407 Proxy Authentication Required")).await;
    let asked = Url::parse("https://auth.example.com/keys").unwrap();
    let mut expected = 0;
    for letter in (' '..='~')
        .map(String::from)
        .chain(["ü".to_owned(), "%zz".to_owned()])
    {
        let url = format!("http://user:a{letter}b@{}", proxy.authority);
        let Ok(parsed) = ForwardProxy::parse(&url) else {
            continue;
        };
        let outbound = Outbound {
            proxy: Some(parsed),
            ..Outbound::default()
        };
        let http = fetcher(
            "https://auth.example.com",
            &outbound,
            &ScriptedNames::default(),
        );
        let refused = http.get(&asked, None).await;
        assert!(
            matches!(refused, Err(FetchError::Proxy { .. })),
            "{letter}: {refused:?}"
        );
        expected += 1;
        assert_eq!(proxy.seen().len(), expected, "{letter}");
    }
    assert!(expected > 60);
}

#[tokio::test]
async fn d16_a_redirect_takes_no_password_along() {
    let (server, authority) = hidden_server().await;
    let other = TestAuthority::new("other");
    let direct = FakeIssuer::serving_over_tls("localhost", other.acceptor(&["localhost"])).await;
    let mut outbound = trusting(&[&authority, &other]);
    let host = direct.name().trim_start_matches("https://");
    outbound.redirect_hosts = vec![RedirectHost::parse(host).unwrap()];
    let proxy = FakeProxy::start(Manner::Connects).await;
    let url = format!("http://user:secret@{}", proxy.authority);
    let outbound = through(outbound, &url, "");
    let target = format!("{}/keys", direct.name());
    server.set_jwks(Reply::Status(302, vec![("location", target)]));
    let names = ScriptedNames::default().with("localhost", &[&["127.0.0.1"]]);
    let http = fetcher(server.name(), &outbound, &names);

    let answer = http.get(&keys(&server), None).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!((server.seen().len(), direct.seen().len()), (1, 1));
    for (_, headers) in server.seen().into_iter().chain(direct.seen()) {
        assert!(!headers.contains_key("proxy-authorization"), "{headers:?}");
    }
}

#[tokio::test]
async fn d15_a_proxy_may_be_spoken_to_over_tls() {
    let (server, authority) = hidden_server().await;
    let corp = TestAuthority::new("proxy");
    let proxy =
        FakeProxy::start_over_tls("proxy.corp.test", corp.acceptor(&["proxy.corp.test"])).await;
    let url = format!("https://user:secret@{}", proxy.authority);
    let names = ScriptedNames::default().with("proxy.corp.test", &[&["127.0.0.1"]]);

    let stranger = through(authority.trusted(), &url, "");
    let refused = fetcher(server.name(), &stranger, &names)
        .get(&keys(&server), None)
        .await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, FetchError::Proxy { error, .. } if matches!(**error, FetchError::Tls(_))),
        "{refused:?}"
    );
    assert!(proxy.seen().is_empty(), "the password went to a stranger");

    let trusted = through(trusting(&[&authority, &corp]), &url, "");
    let answer = fetcher(server.name(), &trusted, &names)
        .get(&keys(&server), None)
        .await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn a_host_of_no_proxy_is_asked_directly() {
    let (server, authority) = hidden_server().await;
    let outbound = authority.trusted();
    let proxy = FakeProxy::start(Manner::Connects).await;
    let names = ScriptedNames::default().with(NAME, &[&["127.0.0.1"]]);
    for no_proxy in ["corp.test", ".corp.test, 10.0.0.0/8", "auth.corp.test", "*"] {
        let outbound = through(outbound.clone(), &proxy.authority, no_proxy);
        let http = fetcher(server.name(), &outbound, &names);
        assert!(http.get(&keys(&server), None).await.is_ok(), "{no_proxy}");
    }
    assert!(proxy.seen().is_empty());
}

#[tokio::test]
async fn this_machine_is_never_asked_through_the_proxy() {
    let server = FakeIssuer::serving(&[]).await;
    let proxy = FakeProxy::start(Manner::Connects).await;
    let outbound = through(Outbound::default(), &proxy.authority, "");
    let names = ScriptedNames::default().with("localhost", &[&["127.0.0.1"]]);
    let by_name = server.name().replace("127.0.0.1", "localhost");
    for origin in [server.name(), &by_name] {
        let url = Url::parse(&format!("{origin}/keys")).unwrap();
        let answer = fetcher(origin, &outbound, &names).get(&url, None).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    assert!(proxy.seen().is_empty());
}

#[rstest]
#[case("https://10.0.0.1/keys")]
#[case("https://127.0.0.1/keys")]
#[case("https://169.254.169.254/latest/meta-data")]
#[case("https://[::ffff:169.254.169.254]/")]
#[case("https://[64:ff9b::a9fe:a9fe]/")]
#[case("https://2852039166/")]
#[tokio::test]
async fn d12_addresses_are_judged_behind_a_proxy_too(#[case] target: &str) {
    let proxy = FakeProxy::start(Manner::Connects).await;
    let outbound = through(Outbound::default(), &proxy.authority, "");
    let http = fetcher(
        "https://auth.example.com",
        &outbound,
        &ScriptedNames::default(),
    );
    let refused = http.get(&Url::parse(target).unwrap(), None).await;
    assert!(
        matches!(refused, Err(FetchError::Refused(_))),
        "{refused:?}"
    );
    assert!(proxy.seen().is_empty());
}

#[tokio::test]
async fn d12_the_proxys_own_private_host_opens_nothing_to_documents() {
    let proxy = FakeProxy::start(Manner::Connects).await;
    let inside = FakeIssuer::serving_over_tls(
        "proxy.corp.test",
        TestAuthority::new("corp").acceptor(&["proxy.corp.test"]),
    )
    .await;
    let port = proxy.authority.rsplit_once(':').unwrap().1;
    let url = format!("http://proxy.corp.test:{port}");
    let outbound = through(Outbound::default(), &url, "proxy.corp.test neighbour.test");
    let names = ScriptedNames::default()
        .with("proxy.corp.test", &[&["127.0.0.1"]])
        .with("neighbour.test", &[&["127.0.0.1"]]);
    let http = fetcher("https://auth.example.com", &outbound, &names);

    let asked = Url::parse("https://auth.example.com/keys").unwrap();
    let through_it = http.get(&asked, None).await.unwrap_err();
    assert!(
        matches!(through_it, FetchError::Proxy { .. }),
        "{through_it:?}"
    );
    assert_eq!(proxy.seen().len(), 1, "the operator's proxy may be private");

    for host in ["proxy.corp.test", "neighbour.test"] {
        let mut url = keys(&inside);
        url.set_host(Some(host)).unwrap();
        let refused = http.get(&url, None).await;
        assert!(
            matches!(refused, Err(FetchError::Refused(Refused::Private { .. }))),
            "{refused:?}"
        );
    }
    assert!(inside.seen().is_empty());
}

#[rstest]
#[case(
    Manner::Refuses("407 Proxy Authentication Required"),
    "authorization required"
)]
#[case(Manner::Refuses("403 Forbidden"), "unsuccessful")]
#[case(Manner::Refuses("502 Bad Gateway"), "unsuccessful")]
#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password(
    #[case] manner: Manner,
    #[case] why: &str,
) {
    let proxy = FakeProxy::start(manner).await;
    let url = format!("http://user:s3cret@{}", proxy.authority);
    let outbound = through(Outbound::default(), &url, "");
    let http = fetcher(
        "https://auth.example.com",
        &outbound,
        &ScriptedNames::default(),
    );
    let asked = Url::parse("https://auth.example.com/keys").unwrap();
    let refused = http.get(&asked, None).await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains(&format!("http://{}", proxy.authority)),
        "{text}"
    );
    assert!(text.contains(why), "{text}");
    assert!(!format!("{text} {refused:?} {http:?} {outbound:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_proxy_that_is_away_or_hangs_is_named() {
    let names = ScriptedNames::default();
    let asked = Url::parse("https://auth.example.com/keys").unwrap();
    let away = through(Outbound::default(), "http://127.0.0.1:1", "");
    let away = fetcher("https://auth.example.com", &away, &names)
        .get(&asked, None)
        .await;
    let away = away.unwrap_err().to_string();
    assert!(
        away.contains("http://127.0.0.1:1: cannot connect: nobody listens"),
        "{away}"
    );

    let unknown = through(Outbound::default(), "http://proxy.corp.test:3128", "");
    let unknown = fetcher("https://auth.example.com", &unknown, &names)
        .get(&asked, None)
        .await;
    let unknown = unknown.unwrap_err().to_string();
    assert!(
        unknown.contains("the name proxy.corp.test cannot be resolved"),
        "{unknown}"
    );

    let proxy = FakeProxy::start(Manner::Hangs).await;
    let hangs = through(Outbound::default(), &proxy.authority, "");
    let http = fetcher("https://auth.example.com", &hangs, &names);
    let http = http.with_time_limit(std::time::Duration::from_millis(300));
    let hangs = http.get(&asked, None).await.unwrap_err();
    assert!(matches!(hangs, FetchError::Timeout(_)), "{hangs:?}");
}

#[tokio::test]
async fn d12_an_answer_through_a_proxy_says_nothing_about_the_issuers_own_reach() {
    let (server, authority) = hidden_server().await;
    let outbound = authority.trusted();
    let proxy = FakeProxy::start(Manner::Connects).await;
    let outbound = through(outbound, &proxy.authority, "neighbour.test");
    let names = ScriptedNames::default().with("neighbour.test", &[&["127.0.0.1"]]);
    let http = fetcher(server.name(), &outbound, &names);
    assert!(http.get(&keys(&server), None).await.is_ok());
    let mut neighbour = keys(&server);
    neighbour.set_host(Some("neighbour.test")).unwrap();
    let refused = http.get(&neighbour, None).await;
    assert!(
        matches!(refused, Err(FetchError::Refused(Refused::Private { .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn h2_whoever_prints_a_fetcher_sees_no_password_of_the_proxy() {
    for proxy in [
        "http://me:s3cret@127.0.0.1:9",
        "https://s3cret:s3cret@proxy.test",
    ] {
        let outbound = through(Outbound::default(), proxy, "");
        let http = fetcher("https://auth.test", &outbound, &ScriptedNames::default());
        let shown = format!("{http:?} {outbound:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        // `me:s3cret` and `s3cret:s3cret` as `Basic` writes them.
        assert!(
            !shown.contains("bWU6czNjcmV0") && !shown.contains("czNjcmV0"),
            "{shown}"
        );
    }
}
