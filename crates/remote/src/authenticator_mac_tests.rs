//! Tokens with a code of the shared secret, on the way that every token takes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier, SharedSecret};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    IssuerSettings, KeyStores, OAuth21Provider, ProviderSettings,
    jwks::{JwksSource, KeySnapshot, SnapshotError, SnapshotKeeper, WithdrawnName},
    testing::{AUDIENCE, FakeIssuer, Reply, ScriptedSource, TestKey, claims, jwks},
};

const SECRET: &[u8] = b"1qJ8zvR0x5YtW3uNfH7mKcB2dLgE9sPaVo4iTjXyQwZrMlCkUhSbDnGeFpIaOA6_";
const ISSUER: &str = "https://auth.example.com";

fn with_mac(issuer: &str, header: &Value) -> String {
    let mut all = json!({"alg": "HS256", "typ": "at+jwt"});
    for (name, value) in header.as_object().unwrap() {
        all[name] = value.clone();
    }
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&all), encode(&claims(issuer)));
    let code = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, SECRET),
        message.as_bytes(),
    );
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(code.as_ref()))
}

fn issuer(name: &str, secret: Option<&[u8]>) -> IssuerSettings {
    let audience = Audience::new(AUDIENCE).unwrap();
    let mut settings = IssuerSettings::new(Issuer::new(name).unwrap(), vec![audience]);
    settings.hs_secret = secret.map(|secret| SharedSecret::new(secret).unwrap());
    settings
}

fn settings(issuer: IssuerSettings) -> ProviderSettings {
    ProviderSettings::new(ResourceIdentifier::parse(AUDIENCE).unwrap(), issuer)
}

fn gate(issuer: IssuerSettings) -> OAuth21Provider {
    OAuth21Provider::new(settings(issuer)).unwrap()
}

async fn refusal(gate: &OAuth21Provider, token: &str) -> Option<Reason> {
    gate.validate(token)
        .await
        .err()
        .map(|denial| denial.reason())
}

#[tokio::test]
async fn trap_23_an_issuer_that_signs_with_a_secret_and_publishes_nothing_works() {
    for document in ["{}", r#"{"keys":[]}"#] {
        let server = FakeIssuer::serving(&[]).await;
        server.set_jwks(Reply::Json(document.into()));
        let gate = gate(issuer(server.name(), Some(SECRET)));
        assert_eq!(
            refusal(&gate, &with_mac(server.name(), &json!({}))).await,
            None
        );
        // It counts as ready, although no key set is ever loaded.
        let status = gate.warm_up().await.remove(0);
        assert_eq!(
            (status.keys, status.servable, status.optional),
            (0, true, true)
        );
    }
}

#[tokio::test]
async fn a2_a_token_with_a_mac_causes_no_fetch_with_a_secret_or_without() {
    let server = FakeIssuer::serving(&[&TestKey::new("1")]).await;
    for (secret, expected) in [
        (Some(SECRET), None),
        (
            Some(&b"another secret that is long enough for it"[..]),
            Some(Reason::BadSignature),
        ),
        (None, Some(Reason::AlgorithmNotAllowed)),
    ] {
        let gate = gate(issuer(server.name(), secret));
        for header in [json!({}), json!({"kid": "1"}), json!({"kid": "unknown"})] {
            assert_eq!(
                refusal(&gate, &with_mac(server.name(), &header)).await,
                expected
            );
        }
        assert_eq!(gate.key_status()[0].fetches, 0);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn signatures_of_the_same_issuer_work_beside_the_secret() {
    let key = TestKey::new("1");
    let server = FakeIssuer::serving(&[&key]).await;
    let gate = gate(issuer(server.name(), Some(SECRET)));
    assert_eq!(
        refusal(&gate, &with_mac(server.name(), &json!({}))).await,
        None
    );
    assert_eq!(refusal(&gate, &key.token(server.name())).await, None);
    let forged = TestKey::new("1").token(server.name());
    assert_eq!(refusal(&gate, &forged).await, Some(Reason::BadSignature));
    // No keys of the issuer: 503 as ever, the secret stands in for none.
    server.set_jwks(Reply::Json(b"{}".to_vec()));
    let cold = OAuth21Provider::new(settings(issuer(server.name(), Some(SECRET)))).unwrap();
    assert_eq!(
        refusal(&cold, &key.token(server.name())).await,
        Some(Reason::NoUsableKeys)
    );
}

#[tokio::test]
async fn an_issuer_that_is_no_url_may_share_a_secret_and_have_no_keys_at_all() {
    let gate = gate(issuer("acme.com", Some(SECRET)));
    assert_eq!(
        refusal(&gate, &with_mac("acme.com", &json!({}))).await,
        None
    );
    let signed = TestKey::new("1").token("acme.com");
    assert_eq!(
        refusal(&gate, &signed).await,
        Some(Reason::MetadataUnavailable)
    );
    assert!(OAuth21Provider::new(settings(issuer("acme.com", None))).is_err());
}

#[tokio::test]
async fn c9_the_secret_of_one_issuer_is_none_of_another() {
    let mut both = settings(issuer(ISSUER, Some(SECRET)));
    both.issuers.push(issuer("https://other.example.com", None));
    let gate = OAuth21Provider::new(both).unwrap();
    assert_eq!(refusal(&gate, &with_mac(ISSUER, &json!({}))).await, None);
    let other = with_mac("https://other.example.com", &json!({}));
    assert_eq!(
        refusal(&gate, &other).await,
        Some(Reason::AlgorithmNotAllowed)
    );
}

#[tokio::test]
async fn a_withdrawn_kid_and_a_suspended_issuer_hold_for_macs_too() {
    let source = Arc::new(ScriptedSource::serving(jwks(&[&TestKey::new("1")])));
    let stores = KeyStores::builder()
        .source(Issuer::new(ISSUER).unwrap(), source as Arc<dyn JwksSource>)
        .build();
    let gate =
        OAuth21Provider::with_key_stores(settings(issuer(ISSUER, Some(SECRET))), &stores).unwrap();
    let named = with_mac(ISSUER, &json!({"kid": "hs"}));
    assert_eq!(refusal(&gate, &named).await, None);
    let name = WithdrawnName::Key(oauthgate_core::KeyId::new("hs").unwrap());
    stores.withdraw(None, &name).await.unwrap();
    assert_eq!(refusal(&gate, &named).await, Some(Reason::KeyWithdrawn));
    let unnamed = with_mac(ISSUER, &json!({}));
    assert_eq!(refusal(&gate, &unnamed).await, None);
    stores.withdraw(None, &WithdrawnName::Issuer).await.unwrap();
    for token in [&named, &unnamed] {
        assert_eq!(refusal(&gate, token).await, Some(Reason::IssuerSuspended));
    }
    assert!(!gate.key_status()[0].servable);
    stores.restore(None, &WithdrawnName::Issuer).await.unwrap();
    assert_eq!(refusal(&gate, &unnamed).await, None);
}

#[tokio::test]
async fn a_kid_that_the_settings_withdraw_is_refused_and_pins_speak_of_keys_only() {
    let mut strict = issuer(ISSUER, Some(SECRET));
    strict.keys.withdrawn_kids = vec!["old".to_owned()];
    strict.keys.pinned_kids = vec!["1".to_owned()];
    let gate = gate(strict);
    let old = with_mac(ISSUER, &json!({"kid": "old"}));
    assert_eq!(refusal(&gate, &old).await, Some(Reason::KeyWithdrawn));
    assert_eq!(
        refusal(&gate, &with_mac(ISSUER, &json!({"kid": "hs"}))).await,
        None
    );
}

/// Remembers in memory, as a disk would.
#[derive(Debug, Default)]
struct Shelf(Mutex<HashMap<Issuer, KeySnapshot>>);

impl SnapshotKeeper for Shelf {
    fn load<'a>(
        &'a self,
        issuer: &'a Issuer,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>> {
        let found = self.0.lock().unwrap().get(issuer).cloned();
        async move { Ok(found) }.boxed()
    }

    fn save(&self, snapshot: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>> {
        self.0
            .lock()
            .unwrap()
            .insert(snapshot.issuer.clone(), snapshot);
        async move { Ok(()) }.boxed()
    }
}

#[rstest]
#[case::with_keys(false)]
#[case::without_keys(true)]
#[tokio::test(start_paused = true)]
async fn a_suspension_outlives_the_process_for_macs_too(#[case] is_away: bool) {
    let shelf = Arc::new(Shelf::default());
    let run = || {
        let source = Arc::new(ScriptedSource::serving(jwks(&[&TestKey::new("1")])));
        if is_away {
            source.now_hanging();
        }
        let stores = KeyStores::builder()
            .source(Issuer::new(ISSUER).unwrap(), source as Arc<dyn JwksSource>)
            .keeper(Arc::clone(&shelf) as Arc<dyn SnapshotKeeper>)
            .build();
        OAuth21Provider::with_key_stores(settings(issuer(ISSUER, Some(SECRET))), &stores).unwrap()
    };
    let token = with_mac(ISSUER, &json!({}));
    let first = run();
    assert_eq!(refusal(&first, &token).await, None);
    first
        .key_stores()
        .withdraw(None, &WithdrawnName::Issuer)
        .await
        .unwrap();
    let second = run();
    assert_eq!(
        refusal(&second, &token).await,
        Some(Reason::IssuerSuspended)
    );
}

/// What another replica took away, and keys that never come.
#[derive(Debug)]
struct Neighbour(crate::jwks::Withdrawals);

impl JwksSource for Neighbour {
    fn fetch(
        &self,
        _: crate::jwks::Ask,
    ) -> BoxFuture<'_, Result<crate::jwks::Fetched, crate::jwks::KeySourceError>> {
        let error = crate::jwks::KeySourceError::jwks_unavailable("scripted");
        async move { Err(error) }.boxed()
    }

    fn withdrawals(&self) -> BoxFuture<'_, crate::jwks::Withdrawals> {
        let theirs = self.0.clone();
        async move { theirs }.boxed()
    }

    fn shares_withdrawals(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspension_by_another_replica_holds_from_the_first_token_on() {
    for is_suspended in [true, false] {
        let mut theirs = crate::jwks::Withdrawals::new();
        if is_suspended {
            theirs.withdraw(&WithdrawnName::Issuer, 1).unwrap();
        }
        let source = Arc::new(Neighbour(theirs)) as Arc<dyn JwksSource>;
        let stores = KeyStores::builder()
            .source(Issuer::new(ISSUER).unwrap(), source)
            .build();
        let gate =
            OAuth21Provider::with_key_stores(settings(issuer(ISSUER, Some(SECRET))), &stores)
                .unwrap();
        let expected = is_suspended.then_some(Reason::IssuerSuspended);
        assert_eq!(
            refusal(&gate, &with_mac(ISSUER, &json!({}))).await,
            expected
        );
    }
}
