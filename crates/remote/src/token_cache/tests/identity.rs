//! Whose verdict it is: that of one token, at one resource.

use futures_util::future::join_all;
use oauthgate_core::{Reason, Requirement, ScopeSet};
use rstest::rstest;
use serde_json::json;

use super::*;

/// Every combination of two values for each of five claims, and two headers.
fn alike(key: &TestKey) -> Vec<(String, Value)> {
    let choices = [
        ("sub", [json!("ada"), json!("eve")]),
        ("client_id", [json!("app"), json!("ap")]),
        (
            "scope",
            [json!("tools:read"), json!("tools:read tools:write")],
        ),
        ("iat", [json!(NOW), json!(NOW - 1)]),
        ("jti", [json!("1"), json!("2")]),
    ];
    let mut tokens = Vec::new();
    for number in 0..1_usize << choices.len() {
        let mut claims = claims("ada");
        for (bit, (name, values)) in choices.iter().enumerate() {
            claims[*name] = values[number >> bit & 1].clone();
        }
        for header in [json!({}), json!({"cty": "x"})] {
            tokens.push((key.sign_with(&claims, &header), claims.clone()));
        }
    }
    tokens
}

#[tokio::test]
async fn e1_tokens_that_are_alike_in_any_subset_of_claims_have_their_own_callers() {
    let gate = Gate::new();
    let tokens = alike(&gate.key);
    for (token, _) in &tokens {
        gate.learn(token).await;
    }
    for (token, claims) in &tokens {
        let user = gate.recall(token).unwrap();
        assert_eq!(Value::Object(user.claims().clone()), *claims);
        assert_eq!(json!(user.user_id()), claims["sub"]);
        assert_eq!(user, gate.validate(token).await.unwrap());
    }
}

#[tokio::test]
async fn e1_tokens_put_together_from_parts_of_good_ones_are_refused() {
    let gate = Gate::new();
    let good = alike(&gate.key);
    for (token, _) in &good {
        gate.learn(token).await;
    }
    let parts: Vec<Vec<&str>> = good
        .iter()
        .map(|(token, _)| token.split('.').collect())
        .collect();
    let some = &parts[..12];
    for (header, claims, signature) in some.iter().flat_map(|header| {
        some.iter().flat_map(move |claims| {
            some.iter()
                .map(move |signature| (header[0], claims[1], signature[2]))
        })
    }) {
        let token = format!("{header}.{claims}.{signature}");
        let is_good = good.iter().any(|(good, _)| *good == token);
        assert_eq!(gate.recalls(&token), is_good, "{token}");
        if !is_good {
            assert_eq!(gate.reason(&token).await, Some(Reason::BadSignature));
            assert!(!gate.recalls(&token), "{token}");
        }
    }
}

/// Another spelling of the same bytes, or a part of them, is another token.
#[tokio::test]
async fn e1_a_token_that_is_spelled_otherwise_is_no_token_of_the_memory() {
    let (gate, token) = Gate::that_learnt().await;
    let last = token.chars().last().unwrap();
    let other_bits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        .chars()
        .filter(|other| *other != last);
    let cut = |bytes: usize| token[..token.len() - bytes].to_owned();
    let mut spellings = vec![
        format!("{token}="),
        format!("{token}=="),
        format!("{token}."),
    ];
    spellings.extend((1..=token.len() - 1).map(cut));
    spellings.extend(other_bits.map(|other| format!("{}{other}", cut(1))));
    for spelling in spellings {
        assert!(!gate.recalls(&spelling), "{spelling}");
        assert!(gate.validate(&spelling).await.is_err(), "{spelling}");
    }
    assert!(gate.recalls(&token));
}

/// What a request may look like is decided in one place, with memory and without.
#[rstest]
#[case::usual("Bearer ", "", true)]
#[case::small("bearer ", "", true)]
#[case::large("BEARER ", "", true)]
#[case::blanks("Bearer   ", "", true)]
#[case::tab("Bearer\t", "", false)]
#[case::no_blank("Bearer", "", false)]
#[case::no_scheme("", "", false)]
#[case::other_scheme("Basic ", "", false)]
#[case::blank_behind("Bearer ", " ", false)]
#[case::list("Bearer ", ", Bearer x", false)]
#[case::comma("Bearer ", ",", false)]
#[tokio::test]
async fn a_request_is_recalled_when_it_would_be_read(
    #[case] before: &str,
    #[case] behind: &str,
    #[case] is_read: bool,
) {
    let (gate, token) = Gate::that_learnt().await;
    let parts = request(&[&format!("{before}{token}{behind}")], "/mcp");
    let verified = gate.provider.user_context(&parts, None).await;
    assert_eq!(verified.is_ok(), is_read);
    assert_eq!(gate.provider.recall(&parts).is_some(), is_read);
}

#[tokio::test]
async fn a_request_with_two_credentials_is_never_recalled() {
    let (gate, token) = Gate::that_learnt().await;
    let line = format!("Bearer {token}");
    let in_query = format!("/mcp?access_token={token}");
    let spelled = format!("/mcp?x=1&access%5Ftoken={token}");
    for parts in [
        request(&[&line, &line], "/mcp"),
        request(&[&line, "Basic eDp5"], "/mcp"),
        request(&[&line], &in_query),
        request(&[&line], &spelled),
        request(&[], &in_query),
        request(&[], "/mcp"),
    ] {
        assert_eq!(gate.provider.recall(&parts), None, "{parts:?}");
        assert!(gate.provider.user_context(&parts, None).await.is_err());
    }
}

#[tokio::test]
async fn e2_a_remembered_caller_has_the_scopes_of_its_token_at_each_route() {
    let (gate, token) = Gate::that_learnt().await;
    let route = |scope: &str| Requirement::scopes(ScopeSet::parse(scope).unwrap());
    for _ in 0..2 {
        let user = gate.recall(&token).unwrap();
        assert!(route("tools:read").decide(&user).is_ok());
        let denial = route("tools:write").decide(&user).unwrap_err();
        assert_eq!(denial.reason(), Reason::InsufficientScope);
    }
}

#[rstest]
#[case::its_own_first(true)]
#[case::the_other_first(false)]
#[tokio::test]
async fn e3_a_token_is_judged_by_each_resource_for_itself(#[case] own_first: bool) {
    let gate = Gate::new();
    let other = gate.other(settings("https://mcp.example.com/other"));
    let token = gate.token(&claims("ada"));
    let own = async || {
        gate.learn(&token).await;
    };
    let elsewhere = async || {
        let denial = other.validate(&token).await.unwrap_err();
        assert_eq!(denial.reason(), Reason::WrongAudience);
        assert_eq!(other.recall(&bearing(&token)), None);
    };
    if own_first {
        own().await;
        elsewhere().await;
    } else {
        elsewhere().await;
        own().await;
    }
    elsewhere().await;
    own().await;
}

/// New settings are a new provider.
#[tokio::test]
async fn a_provider_of_other_settings_remembers_nothing() {
    let (gate, token) = Gate::that_learnt().await;
    let mut stricter = settings(AUDIENCE);
    stricter.issuers[0].allowed_clients = Some(vec!["another".into()]);
    let reloaded = gate.other(stricter);
    assert_eq!(reloaded.recall(&bearing(&token)), None);
    let denial = reloaded.validate(&token).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::ClientNotAllowed);
}

#[tokio::test]
async fn h2_debug_shows_no_token_and_no_caller() {
    let (gate, _) = Gate::that_learnt().await;
    let token = gate.token(&claims("quetzalcoatl"));
    gate.learn(&token).await;
    let bad = TestKey::new("1").sign(&claims("huitzilopochtli"));
    assert!(gate.validate(&bad).await.is_err());
    let shown = format!("{:?}", gate.provider);
    for part in token
        .split('.')
        .chain(bad.split('.'))
        .chain(["quetz", "huitz"])
    {
        assert!(!shown.contains(part), "{part}: {shown}");
    }
}

#[tokio::test]
async fn e7_a_thousand_pairs_at_once_have_their_own_callers() {
    let (gate, _) = Gate::that_learnt().await;
    let before = gate.status();
    let pairs: Vec<(String, String)> = (0..1_000)
        .flat_map(|number| {
            // What ends in the one field begins in the other.
            let fields = format!("u{number}|app");
            [1, 2].map(|cut| {
                let (subject, client) = fields.split_at(cut);
                let claims = claims_with(&json!({"sub": subject, "client_id": client}));
                (gate.token(&claims), format!("{subject}\n{client}"))
            })
        })
        .collect();
    for _ in 0..2 {
        let asked = pairs.iter().map(|(token, _)| gate.validate(token));
        for (answer, (_, expected)) in join_all(asked).await.into_iter().zip(&pairs) {
            let user = answer.unwrap();
            let found = format!("{}\n{}", user.user_id(), user.client_id().unwrap());
            assert_eq!(found, *expected);
        }
    }
    assert_eq!(gate.status().misses, before.misses + 2_000);
    assert_eq!(gate.status().hits, before.hits + 2_000);
}
