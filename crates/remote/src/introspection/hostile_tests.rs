//! Introspection as a whole, from a token to the caller, against hostile tokens and answers.

use oauthgate_core::{Audience, Issuer, Profile, Reason, ResourceIdentifier, context::TokenMode};
use serde_json::json;

use super::{
    IntrospectionCredentials, IntrospectionSettings, Secret,
    testing::{Asked, Server, good, inactive, json_reply},
};
use crate::{
    IssuerSettings, KeyStores, ProviderSettings,
    authenticator::Authenticator,
    jwks::WithdrawnName,
    testing::{AUDIENCE, TestKey, claims, jwks},
};

const OTHER: &str = "https://mcp.example.com/other";

/// Knows tokens by their own words: `user-…` is a token of that user.
fn about(asked: &Asked) -> axum::http::Response<axum::body::Body> {
    let token = asked.fields().remove("token").unwrap_or_default();
    match token.strip_prefix("user-") {
        Some(user) => json_reply(&good(user)),
        None => json_reply(&inactive()),
    }
}

fn issuer(name: &str, endpoint: &Server, mode: TokenMode) -> IssuerSettings {
    let audience = Audience::new(AUDIENCE).unwrap();
    let mut issuer = IssuerSettings::new(Issuer::new(name).unwrap(), vec![audience]);
    issuer.profile = Profile::generic();
    issuer.profile.token_mode = mode;
    issuer.keys.jwks_url = Some(endpoint.url("/keys"));
    let credentials = IntrospectionCredentials::Basic {
        client_id: "gate".to_owned(),
        secret: Secret::new("secret"),
    };
    let settings = IntrospectionSettings::new(credentials).at(endpoint.url("/introspect"));
    issuer.introspection = Some(settings);
    issuer
}

fn gate(resource: &str, issuers: Vec<IssuerSettings>, keys: &KeyStores) -> Authenticator {
    let resource = ResourceIdentifier::parse(resource).unwrap();
    let mut settings = ProviderSettings::new(resource, issuers[0].clone());
    settings.issuers = issuers;
    Authenticator::new(&settings, keys).unwrap()
}

async fn reason(gate: &Authenticator, token: &str) -> Option<Reason> {
    gate.validate(token)
        .await
        .err()
        .map(|denial| denial.reason())
}

const A: &str = "https://a.example";
const B: &str = "https://b.example";

#[tokio::test]
async fn e2_one_answer_is_judged_by_the_rules_of_each_resource() {
    let server = Server::start(about).await;
    let keys = KeyStores::builder().build();
    let here = gate(AUDIENCE, vec![issuer(A, &server, TokenMode::Auto)], &keys);
    let mut elsewhere = issuer(A, &server, TokenMode::Auto);
    elsewhere.audiences = vec![Audience::new(OTHER).unwrap()];
    let elsewhere = gate(OTHER, vec![elsewhere], &keys);
    assert_eq!(reason(&here, "user-ana").await, None);
    assert_eq!(
        reason(&elsewhere, "user-ana").await,
        Some(Reason::WrongAudience)
    );
    assert_eq!(reason(&here, "user-ana").await, None);
    assert_eq!(server.asked().len(), 1);
    assert_eq!(keys.introspection_status().len(), 1);
}

#[tokio::test]
async fn e3_one_servers_answer_counts_for_no_other_server() {
    let knows = Server::start(about).await;
    let knows_not = Server::start(|_: &Asked| json_reply(&inactive())).await;
    for first_knows in [true, false] {
        let keys = KeyStores::builder().build();
        let good = gate(AUDIENCE, vec![issuer(A, &knows, TokenMode::Auto)], &keys);
        let bad = gate(
            AUDIENCE,
            vec![issuer(B, &knows_not, TokenMode::Auto)],
            &keys,
        );
        for _ in 0..2 {
            if first_knows {
                assert_eq!(reason(&good, "user-ana").await, None);
                assert_eq!(reason(&bad, "user-ana").await, Some(Reason::InactiveToken));
            } else {
                assert_eq!(reason(&bad, "user-ana").await, Some(Reason::InactiveToken));
                assert_eq!(reason(&good, "user-ana").await, None);
            }
        }
    }
}

#[tokio::test]
async fn e14_e15_no_broken_jwt_is_tried_as_an_opaque_token() {
    let key = TestKey::new("1");
    let set = jwks(&[&key]);
    let server = Server::start(move |asked| match &*asked.path {
        "/keys" => super::testing::reply(200, "application/json", set.clone()),
        _ => json_reply(&good("mallory")),
    })
    .await;
    let keys = KeyStores::builder().build();
    let gate = gate(AUDIENCE, vec![issuer(A, &server, TokenMode::Auto)], &keys);
    let good = key.sign(&claims(A));
    assert_eq!(reason(&gate, &good).await, None);
    let (start, _) = good.rsplit_once('.').unwrap();
    let forged = TestKey::new("1").sign(&claims(A));
    for token in [
        format!("{start}.c2lnbmF0dXJl"),
        format!("{start}."),
        forged,
        TestKey::new("1").sign(&claims("https://evil.test")),
        "a.b.c".to_owned(),
        "..".to_owned(),
        format!(" {good}"),
    ] {
        assert!(reason(&gate, &token).await.is_some(), "{token}");
    }
    let questions = server
        .asked()
        .iter()
        .filter(|asked| asked.path == "/introspect")
        .count();
    assert_eq!(questions, 0);
}

#[tokio::test]
async fn in_opaque_mode_a_jwt_is_shown_to_its_own_issuer_only_and_needs_no_keys() {
    let server = Server::start(|_: &Asked| json_reply(&good("ana"))).await;
    let keys = KeyStores::builder().build();
    let gate = gate(AUDIENCE, vec![issuer(A, &server, TokenMode::Opaque)], &keys);
    let key = TestKey::new("1");
    assert_eq!(reason(&gate, &key.sign(&claims(A))).await, None);
    let foreign = reason(&gate, &key.sign(&claims(B))).await;
    assert_eq!(foreign, Some(Reason::UnknownIssuer));
    assert_eq!(server.asked().len(), 1);
    assert!(gate.key_status()[0].servable);
}

#[tokio::test]
async fn an_operators_suspension_holds_for_tokens_without_a_signature() {
    let server = Server::start(about).await;
    for mode in [TokenMode::Auto, TokenMode::Opaque] {
        let keys = KeyStores::builder().build();
        let gate = gate(AUDIENCE, vec![issuer(A, &server, mode)], &keys);
        assert_eq!(reason(&gate, "user-ana").await, None);
        let asked = server.asked().len();
        keys.withdraw(None, &WithdrawnName::Issuer).await.unwrap();
        assert_eq!(
            reason(&gate, "user-ana").await,
            Some(Reason::IssuerSuspended)
        );
        assert_eq!(server.asked().len(), asked);
        keys.restore(None, &WithdrawnName::Issuer).await.unwrap();
        assert_eq!(reason(&gate, "user-ana").await, None);
    }
}

#[tokio::test]
async fn c9_a_token_is_shown_to_the_issuer_whose_prefix_it_has_and_to_no_other() {
    let [one, other] = [Server::start(about).await, Server::start(about).await];
    let keys = KeyStores::builder().build();
    let mut first = issuer(A, &one, TokenMode::Auto);
    first.profile.opaque_prefixes = vec!["user-a".to_owned()];
    let mut second = issuer(B, &other, TokenMode::Auto);
    second.profile.opaque_prefixes = vec!["user-b".to_owned()];
    let gate = gate(AUDIENCE, vec![first, second], &keys);
    let user = gate.validate("user-bob").await.unwrap();
    assert_eq!((user.user_id(), user.issuer().as_str()), ("bob", B));
    assert_eq!(reason(&gate, "user-carol").await, Some(Reason::OpaqueToken));
    assert_eq!((one.asked().len(), other.asked().len()), (0, 1));
}

#[tokio::test]
async fn e12_an_answer_that_names_another_issuer_is_refused() {
    let server = Server::start(|_: &Asked| {
        let mut answer = good("ana");
        answer["iss"] = json!(B);
        json_reply(&answer)
    })
    .await;
    let keys = KeyStores::builder().build();
    let gate = gate(AUDIENCE, vec![issuer(A, &server, TokenMode::Auto)], &keys);
    assert_eq!(reason(&gate, "token").await, Some(Reason::UnknownIssuer));
}

#[tokio::test]
async fn b12_an_encrypted_token_is_asked_about_where_somebody_can_be() {
    let server = Server::start(|_: &Asked| json_reply(&good("ana"))).await;
    let keys = KeyStores::builder().build();
    let jwe = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d";
    let asked = gate(AUDIENCE, vec![issuer(A, &server, TokenMode::Auto)], &keys);
    assert_eq!(reason(&asked, jwe).await, None);
    let mut local = issuer(A, &server, TokenMode::Jwt);
    local.introspection = None;
    let local = gate(AUDIENCE, vec![local], &keys);
    assert_eq!(reason(&local, jwe).await, Some(Reason::EncryptedToken));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn b17_a_token_over_the_limit_is_shown_to_nobody() {
    let server = Server::start(|_: &Asked| json_reply(&good("ana"))).await;
    let keys = KeyStores::builder().build();
    let gate = gate(AUDIENCE, vec![issuer(A, &server, TokenMode::Opaque)], &keys);
    let refused = reason(&gate, &"x".repeat(16 * 1024 + 1)).await;
    assert_eq!(refused, Some(Reason::TokenTooLarge));
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a18_answering_takes_no_part_of_a_remembered_token() {
    let server = Server::start(about).await;
    let keys = KeyStores::builder().build();
    let gate = gate(AUDIENCE, vec![issuer(A, &server, TokenMode::Auto)], &keys);
    let token = "user-ana-0123456789";
    assert_eq!(reason(&gate, token).await, None);
    server.answers(|_| json_reply(&inactive()));
    for length in 1..token.len() {
        let cut = reason(&gate, &token[..length]).await;
        assert_eq!(cut, Some(Reason::InactiveToken));
    }
    assert_eq!(reason(&gate, token).await, None);
    // Evicting is no oracle either: what was refused once is not asked about again at once.
    let before = server.asked().len();
    assert_eq!(
        reason(&gate, &token[..5]).await,
        Some(Reason::InactiveToken)
    );
    assert_eq!(server.asked().len(), before);
}
