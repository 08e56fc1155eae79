//! The provider as its users hold it.

use std::{sync::Arc, time::Duration};

use http::Request;
use oauthgate_core::{Audience, Issuer, ProtectedResource, Reason, ResourceIdentifier};

use super::{AuthProvider, OAuth21Provider};
use crate::{
    IssuerSettings, KeyStores, ProviderSettings,
    danger::NoAuth,
    testing::{AUDIENCE, FakeIssuer, ScriptedSource, TestKey, jwks},
};

fn settings(issuer: &str) -> ProviderSettings {
    let issuer = IssuerSettings::new(
        Issuer::new(issuer).unwrap(),
        vec![Audience::new(AUDIENCE).unwrap()],
    );
    ProviderSettings::new(ResourceIdentifier::parse(AUDIENCE).unwrap(), issuer)
}

fn request(authorization: Option<&str>) -> http::request::Parts {
    let mut request = Request::get("/mcp");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(()).unwrap().into_parts().0
}

const SCRIPTED: &str = "https://auth.example.com";

fn scripted() -> (Arc<ScriptedSource>, OAuth21Provider) {
    scripted_with(&TestKey::new("1"))
}

fn scripted_with(key: &TestKey) -> (Arc<ScriptedSource>, OAuth21Provider) {
    let source = Arc::new(ScriptedSource::serving(jwks(&[key])));
    let keys = KeyStores::builder()
        .source(Issuer::new(SCRIPTED).unwrap(), source.clone())
        .build();
    let provider = OAuth21Provider::with_key_stores(settings(SCRIPTED), &keys).unwrap();
    (source, provider)
}

#[tokio::test]
async fn a_request_with_a_good_token_has_a_caller() {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[&key]).await;
    let provider = OAuth21Provider::new(settings(issuer.name())).unwrap();
    let parts = request(Some(&format!("bearer {}", key.token(issuer.name()))));
    let caller = provider
        .user_context(&parts, "192.0.2.1".parse().ok())
        .await
        .unwrap();
    assert_eq!(caller.user_id(), "ada");
}

#[tokio::test]
async fn a_request_without_a_token_says_so_and_fetches_nothing() {
    let issuer = FakeIssuer::serving(&[]).await;
    let provider = OAuth21Provider::new(settings(issuer.name())).unwrap();
    let denial = provider
        .user_context(&request(None), None)
        .await
        .unwrap_err();
    assert_eq!(denial.reason(), Reason::NoCredentials);
    let opaque = provider
        .user_context(&request(Some("Bearer opaque")), None)
        .await
        .unwrap_err();
    assert_eq!(opaque.reason(), Reason::OpaqueToken);
    assert!(issuer.seen().is_empty());
}

#[tokio::test]
async fn nothing_is_fetched_before_it_is_needed() {
    let issuer = FakeIssuer::serving(&[]).await;
    let provider = OAuth21Provider::new(settings(issuer.name())).unwrap();
    let status = &provider.key_status()[0];
    assert_eq!(
        (status.fetches, status.keys, status.age, status.is_ready()),
        (0, 0, None, false)
    );
    assert!(issuer.seen().is_empty());
}

#[tokio::test]
async fn warming_up_loads_the_keys_and_reports_failures() {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[&key]).await;
    let provider = OAuth21Provider::new(settings(issuer.name())).unwrap();
    let status = provider.warm_up().await;
    assert!(status[0].is_ready() && status[0].keys == 1, "{status:?}");
    let gone = OAuth21Provider::new(settings("http://127.0.0.1:1")).unwrap();
    let status = gone.warm_up().await;
    assert_eq!(status[0].last_failure, Some("metadata_unavailable"));
}

#[tokio::test(start_paused = true)]
async fn upkeep_lives_as_long_as_the_last_clone() {
    let (source, provider) = scripted();
    let clone = provider.clone();
    provider.warm_up().await;
    clone.warm_up().await;
    drop(provider);
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    let fetches = source.fetches();
    assert!(fetches >= 3, "{fetches}");
    drop(clone);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(source.fetches(), fetches);
    assert_eq!(Arc::strong_count(&source), 1);
}

#[tokio::test(start_paused = true)]
async fn upkeep_starts_with_the_first_token_and_lives_as_long_as_the_last_clone() {
    let key = TestKey::new("1");
    let (source, provider) = scripted_with(&key);
    let clone = provider.clone();
    for _ in 0..3 {
        assert!(provider.validate(&key.token(SCRIPTED)).await.is_ok());
    }
    assert_eq!(provider.key_stores().upkeep_tasks(), [true]);
    drop(provider);
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    let fetches = source.fetches();
    assert!((27..=31).contains(&fetches), "{fetches}");
    drop(clone);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(source.fetches(), fetches);
    assert_eq!(Arc::strong_count(&source), 1);
}

#[tokio::test(start_paused = true)]
async fn upkeep_starts_with_a_first_token_that_found_no_keys() {
    let key = TestKey::new("1");
    let (source, provider) = scripted_with(&key);
    source.now_failing();
    assert!(provider.validate(&key.token(SCRIPTED)).await.is_err());
    source.now(jwks(&[&key]));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(provider.key_status()[0].is_ready());
}

#[tokio::test(start_paused = true)]
async fn c10_junk_starts_no_upkeep() {
    let key = TestKey::new("1");
    let (source, provider) = scripted_with(&key);
    for junk in ["opaque", &key.token("https://other.example.com")] {
        assert!(provider.validate(junk).await.is_err());
    }
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    assert_eq!(source.fetches(), 0);
}

#[test]
fn without_a_runtime_no_upkeep_starts_and_nothing_panics() {
    let (_, provider) = scripted();
    provider.key_stores().start_upkeep();
    assert!(provider.key_stores().upkeep_tasks().is_empty());
}

#[tokio::test]
async fn no_auth_lets_everybody_in_as_nobody() {
    let open = NoAuth::new(ProtectedResource::new(
        ResourceIdentifier::parse(AUDIENCE).unwrap(),
        Vec::new(),
    ));
    assert!(!open.is_enabled());
    let caller = open
        .user_context(&request(Some("Bearer forged")), None)
        .await
        .unwrap();
    assert_eq!(caller.user_id(), "anonymous");
    assert!(caller.scopes().is_empty());
    assert!(scripted().1.is_enabled());
}

#[tokio::test]
async fn h2_no_token_reaches_an_error_or_a_debug_text() {
    let (_, provider) = scripted();
    let token = TestKey::new("other").token("https://auth.example.com");
    let denial = provider.validate(&token).await.unwrap_err();
    let shown = format!("{denial:?} {provider:?}");
    for part in token.split('.') {
        assert!(!shown.contains(part));
    }
}

#[test]
fn upkeep_starts_again_after_its_runtime_is_gone() {
    let (_, provider) = scripted();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    runtime().block_on(provider.warm_up());
    let is_running = || provider.key_stores().upkeep_tasks() == [true];
    assert!(!is_running());
    let second = runtime();
    second.block_on(provider.warm_up());
    assert!(is_running());
}
