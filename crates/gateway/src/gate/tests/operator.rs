//! What an operator asks and says on the admin listener, and who may not.

use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::support::{Answer, Running, issuing, resource};
use crate::config::Settings;

const TOKEN: &str = "a-token-of-32-bytes-for-this-test";

fn encoded(issuer: &str) -> String {
    issuer.replace(':', "%3A").replace('/', "%2F")
}

/// The outcome of the only issuer.
fn outcome(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let outcomes = answer.json()["issuers"].clone();
    assert_eq!(outcomes.as_array().unwrap().len(), 1, "{answer:?}");
    outcomes[0].clone()
}

async fn ready(kid: &'static str) -> Running {
    let gate = Running::with(kid, |_| {}).await;
    gate.ready().await;
    gate
}

fn second_resource(settings: &mut Settings) {
    let issuer = settings.resources[0].provider.issuers[0].issuer.to_string();
    let second = resource("https://mcp.example.com/files", &issuer);
    settings.resources.push(second);
}

fn an_issuer_that_is_away(settings: &mut Settings) {
    let provider = &mut settings.resources[0].provider;
    let mut away = provider.issuers[0].clone();
    away.issuer = oauthgate_core::Issuer::new("http://127.0.0.1:9").unwrap();
    away.keys.jwks_url = Some("http://127.0.0.1:9/keys".parse().unwrap());
    provider.issuers.push(away);
}

#[tokio::test]
async fn the_keys_of_each_issuer_are_listed_with_their_names_and_users() {
    let gate = Running::with("test-1", second_resource).await;
    gate.ready().await;
    let answer = gate.call_admin("GET /keys", &[]).await;
    let issuer = outcome(&answer);
    assert_eq!(issuer["issuer"], gate.signer.issuer);
    assert_eq!(issuer["resources"], json!(["mcp", "files"]));
    assert_eq!(issuer["place"], format!("{}/keys", gate.signer.issuer));
    let key = &issuer["held_keys"][0];
    assert_eq!(
        (&key["kid"], &key["algorithms"]),
        (&json!("test-1"), &json!(["ES256"]))
    );
    assert_eq!(key["thumbprint"].as_str().unwrap().len(), 43);
    assert_eq!(issuer["withdrawn"], json!([]));
}

#[tokio::test]
async fn a_withdrawn_key_opens_nothing_until_it_is_given_back() {
    let gate = ready("test-1").await;
    assert_eq!(gate.status().await, 200);
    let answer = gate.call_admin("DELETE /keys/test-1", &[]).await;
    let told = outcome(&answer);
    assert_eq!(
        (&told["issuer"], &told["held"], &told["saved"]),
        (&json!(gate.signer.issuer), &json!(true), &json!("nowhere"))
    );
    assert_eq!(
        answer.json()["to_keep"],
        json!({"variable": "OAUTHGATE_WITHDRAWN_KIDS", "key": "withdrawn_kids", "add": "test-1"})
    );
    assert_eq!(gate.status().await, 401, "at once");
    gate.call_admin("POST /keys/refresh", &[]).await;
    assert_eq!(gate.status().await, 401, "whatever the issuer publishes");
    let text = gate.ask_admin("/metrics").await.body;
    assert!(text.contains("reason=\"key_withdrawn\"} 2"), "{text}");
    let given_back = outcome(&gate.call_admin("PUT /keys/test-1", &[]).await);
    assert_eq!(
        (&given_back["held"], &given_back["used"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(gate.status().await, 200);
}

#[rstest]
#[case::slash("a/b", "a%2Fb", "a/b")]
#[case::slash_as_it_is("a/b", "a/b", "a/b")]
#[case::reserved("a?b#c%", "a%3Fb%23c%25", "a?b#c%")]
#[case::letters("größe", "gr%C3%B6%C3%9Fe", "größe")]
#[case::a_call("refresh", "refresh", "refresh")]
#[case::another_call("suspend", "suspend", "suspend")]
#[tokio::test]
async fn any_kid_can_be_withdrawn_and_given_back(
    #[case] kid: &'static str,
    #[case] path: &str,
    #[case] name: &str,
) {
    let gate = ready(kid).await;
    let answer = gate.call_admin(&format!("DELETE /keys/{path}"), &[]).await;
    assert_eq!(outcome(&answer)["held"], true);
    assert_eq!(answer.json()["kid"], name);
    assert_eq!(gate.status().await, 401);
    gate.call_admin(&format!("PUT /keys/{path}"), &[]).await;
    assert_eq!(gate.status().await, 200);
}

#[tokio::test]
async fn a_kid_that_no_list_can_hold_is_kept_by_its_thumbprint() {
    let gate = ready("a, b").await;
    let listed = outcome(&gate.call_admin("GET /keys", &[]).await);
    let thumbprint = listed["held_keys"][0]["thumbprint"].clone();
    let answer = gate.call_admin("DELETE /keys/a%2C%20b", &[]).await;
    assert_eq!(answer.json()["to_keep"]["add"], thumbprint);
    let unknown = gate.call_admin("DELETE /keys/unknown", &[]).await;
    assert_eq!(outcome(&unknown)["held"], false);
}

#[tokio::test]
async fn withdrawn_keys_are_listed_under_the_names_that_give_them_back() {
    let gate = ready("test-1").await;
    for kid in ["%C3%B6", "a%0Ab", &"k".repeat(512)] {
        gate.call_admin(&format!("DELETE /keys/{kid}"), &[]).await;
    }
    let suspend = format!("POST /keys/suspend?issuer={}", encoded(&gate.signer.issuer));
    gate.call_admin(&suspend, &[]).await;
    let issuer = outcome(&gate.call_admin("GET /keys", &[]).await);
    let names = json!(["a\nb", "k".repeat(512), "\u{f6}"]);
    assert_eq!(
        (&issuer["withdrawn"], &issuer["suspended"]),
        (&names, &json!(true))
    );
}

#[tokio::test]
async fn a_thumbprint_names_a_key_as_well() {
    let gate = ready("test-1").await;
    let listed = outcome(&gate.call_admin("GET /keys", &[]).await);
    let thumbprint = listed["held_keys"][0]["thumbprint"].as_str().unwrap();
    let call = format!("DELETE /keys/{thumbprint}");
    assert_eq!(outcome(&gate.call_admin(&call, &[]).await)["held"], true);
    assert_eq!(gate.status().await, 401);
}

#[tokio::test]
async fn what_the_settings_withdraw_only_the_settings_give_back() {
    let withdrawn = |settings: &mut Settings| {
        let keys = &mut settings.resources[0].provider.issuers[0].keys;
        keys.withdrawn_kids = vec!["test-1".to_owned()];
    };
    let gate = Running::with("test-1", withdrawn).await;
    gate.ready().await;
    let told = outcome(&gate.call_admin("PUT /keys/test-1", &[]).await);
    assert_eq!(
        (&told["held"], &told["used"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(gate.status().await, 401);
}

#[tokio::test]
async fn a_suspended_issuer_is_answered_503_until_it_is_resumed() {
    let gate = ready("test-1").await;
    let issuer = encoded(&gate.signer.issuer);
    let call = format!("POST /keys/suspend?issuer={issuer}");
    let answer = gate.call_admin(&call, &[]).await;
    assert_eq!(outcome(&answer)["saved"], "nowhere");
    assert_eq!(gate.status().await, 503);
    let page = gate.ask_admin("/readyz").await;
    assert_eq!(
        (page.status, &page.json()["warnings"][0]["warning"]),
        (503, &json!("suspended"))
    );
    assert_eq!(page.json()["issuers"][0]["withdrawn"], json!([]));
    let text = gate.ask_admin("/metrics").await.body;
    for line in [
        "reason=\"issuer_suspended\"} 1".to_owned(),
        series("keys_suspended", &gate.signer.issuer, 1, "1.0"),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    let call = format!("POST /keys/resume?issuer={issuer}");
    outcome(&gate.call_admin(&call, &[]).await);
    assert_eq!(gate.status().await, 200);
}

fn series(name: &str, issuer: &str, store: usize, value: &str) -> String {
    format!("oauthgate_{name}{{issuer=\"{issuer}\",store=\"{store}\"}} {value}")
}

#[tokio::test]
async fn a_refresh_fetches_and_says_how_it_went() {
    let gate = Running::with("test-1", an_issuer_that_is_away).await;
    gate.ready().await;
    let call = format!("POST /keys/refresh?issuer={}", encoded(&gate.signer.issuer));
    let fetches = outcome(&gate.call_admin(&call, &[]).await)["fetches"].clone();
    let again = gate.call_admin(&call, &[]).await;
    assert_eq!(again.json()["ok"], true);
    assert_eq!(
        outcome(&again)["fetches"].as_u64(),
        fetches.as_u64().map(|before| before + 1)
    );
    let all = gate.call_admin("POST /keys/refresh", &[]).await;
    assert_eq!((all.status, &all.json()["ok"]), (502, &json!(false)));
    let failed = &all.json()["issuers"][1];
    assert_eq!(failed["last_failure"], "jwks_unavailable", "{all:?}");
    assert_eq!(gate.status().await, 200, "held keys stay in use");
}

#[rstest]
#[case("GET /keys?issuer=https%3A%2F%2Fother.example", 404, "unknown_issuer")]
#[case("POST /keys/refresh?issuer=", 404, "unknown_issuer")]
#[case("DELETE /keys/test-1?issuer=a%20b", 404, "unknown_issuer")]
#[case("DELETE /keys/test-1?isuer=x", 400, "bad_query")]
#[case("DELETE /keys/test-1?issuer=x&issuer=y", 400, "bad_query")]
#[case("DELETE /keys/%FF", 400, "bad_kid")]
#[case("POST /keys/suspend", 400, "issuer_required")]
#[case("POST /keys/resume", 400, "issuer_required")]
#[tokio::test]
async fn a_call_about_nobody_is_told_whom_there_is(
    #[case] call: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let gate = ready("test-1").await;
    let answer = gate.call_admin(call, &[]).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (status, &json!(code)),
        "{answer:?}"
    );
    let names = code == "unknown_issuer" || code == "issuer_required";
    let expected = if names {
        json!([gate.signer.issuer])
    } else {
        Value::Null
    };
    assert_eq!(answer.json()["issuers"], expected);
    assert_eq!(gate.status().await, 200, "nothing changed");
}

#[rstest]
#[case::too_long(&"k".repeat(513))]
#[case::null("a%00b")]
#[case::no_text("%FF")]
#[tokio::test]
async fn a_name_that_no_kid_can_have_is_refused(#[case] kid: &str) {
    let gate = ready("test-1").await;
    let answer = gate.call_admin(&format!("DELETE /keys/{kid}"), &[]).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &json!("bad_kid"))
    );
}

#[rstest]
#[case::foreign_page("Origin: https://evil.test")]
#[case::rebound_page("Origin: http://localhost:9090")]
#[case::opaque_page("Origin: null")]
#[case::fetch_metadata("Sec-Fetch-Site: cross-site")]
#[case::same_site("Sec-Fetch-Site: same-origin")]
#[case::form("Sec-Fetch-Mode: navigate")]
#[tokio::test]
async fn f26_a_web_page_can_change_nothing(#[case] line: &str) {
    let gate = ready("test-1").await;
    let suspend = format!("POST /keys/suspend?issuer={}", encoded(&gate.signer.issuer));
    for call in [
        "DELETE /keys/test-1",
        "PUT /keys/test-1",
        "POST /keys/refresh",
        "OPTIONS /keys/test-1",
        &suspend,
    ] {
        let answer = gate.call_admin(call, &[line]).await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (403, ""),
            "{call}"
        );
    }
    assert_eq!(gate.status().await, 200);
}

#[rstest]
#[case::none(&[], 401)]
#[case::wrong(&["Authorization: Bearer a-token-of-32-bytes-for-this-tesT"], 401)]
#[case::shorter(&["Authorization: Bearer a-token"], 401)]
#[case::longer(&["Authorization: Bearer a-token-of-32-bytes-for-this-test-"], 401)]
#[case::empty(&["Authorization: Bearer "], 401)]
#[case::other_scheme(&["Authorization: Basic a-token-of-32-bytes-for-this-test"], 401)]
#[case::twice(
    &["Authorization: Bearer a-token-of-32-bytes-for-this-test", "Authorization: Bearer x"],
    401
)]
#[case::from_a_page(
    &["Authorization: Bearer a-token-of-32-bytes-for-this-test", "Origin: https://evil.test"],
    403
)]
#[case::good(&["Authorization: Bearer a-token-of-32-bytes-for-this-test"], 200)]
#[case::good_in_lower_case(&["authorization: bearer a-token-of-32-bytes-for-this-test"], 200)]
#[tokio::test]
async fn f28_a_token_that_is_set_is_demanded_of_every_change(
    #[case] lines: &[&str],
    #[case] expected: u16,
) {
    let gate = Running::with("test-1", |settings| {
        settings.admin_token = Some(SecretString::from(TOKEN));
    })
    .await;
    gate.ready().await;
    let answer = gate.call_admin("DELETE /keys/test-1", lines).await;
    assert_eq!(answer.status, expected, "{answer:?}");
    let changed = expected == 200;
    assert_eq!(gate.status().await, if changed { 401 } else { 200 });
    assert_eq!(gate.call_admin("GET /keys", &[]).await.status, 200);
    assert_eq!(
        answer.header("www-authenticate").starts_with("Bearer"),
        expected == 401
    );
}

#[rstest]
#[case(None, &[], 403)]
#[case(None, &["Authorization: Bearer a-token-of-32-bytes-for-this-test"], 403)]
#[case(Some(TOKEN), &[], 401)]
#[case(Some(TOKEN), &["Authorization: Bearer a-token-of-32-bytes-for-this-test"], 200)]
#[tokio::test]
async fn f28_the_network_changes_nothing_without_a_token(
    #[case] token: Option<&str>,
    #[case] lines: &[&str],
    #[case] expected: u16,
) {
    let signer = issuing("test-1").await;
    let mut settings = Settings::new(vec![resource(
        "https://mcp.example.com/mcp",
        &signer.issuer,
    )]);
    settings.admin_token = token.map(SecretString::from);
    let admin = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let mut gate = Running::over_admin(settings, signer, admin).await;
    gate.admin.set_ip([127, 0, 0, 1].into());
    gate.ready().await;
    for call in ["DELETE /keys/test-1", "POST /keys/refresh"] {
        let answer = gate.call_admin(call, lines).await;
        assert_eq!(answer.status, expected, "{call}: {answer:?}");
    }
    for page in ["/readyz", "/metrics", "/keys"] {
        assert_eq!(gate.ask_admin(page).await.status, 200, "{page}");
    }
}

#[tokio::test]
async fn an_issuer_of_two_resources_is_shown_once() {
    let gate = Running::with("test-1", second_resource).await;
    gate.ready().await;
    let page = gate.ask_admin("/readyz").await.json();
    assert_eq!(page["issuers"].as_array().unwrap().len(), 1);
    assert_eq!(page["issuers"][0]["resources"], json!(["mcp", "files"]));
    assert_eq!(
        page["resources"],
        json!([{"resource": "mcp", "usable": true}, {"resource": "files", "usable": true}])
    );
    assert_eq!(page["warnings"], json!([]));
    let text = gate.ask_admin("/metrics").await.body;
    let fetches = text
        .lines()
        .filter(|line| line.starts_with("oauthgate_key_fetches_total{"));
    assert_eq!(fetches.count(), 1, "{text}");
}

#[tokio::test]
async fn two_stores_of_one_issuer_are_told_apart() {
    let gate = Running::with("test-1", |settings| {
        second_resource(settings);
        settings.resources[1].provider.issuers[0].keys.max_prepared = 1;
    })
    .await;
    gate.ready().await;
    let text = gate.ask_admin("/metrics").await.body;
    for store in [1, 2] {
        let line = series("keys", &gate.signer.issuer, store, "1.0");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    let both = gate.call_admin("DELETE /keys/test-1", &[]).await.json();
    let stores: Vec<_> = both["issuers"].as_array().unwrap().iter().collect();
    assert_eq!(
        stores.iter().map(|one| &one["store"]).collect::<Vec<_>>(),
        [1, 2]
    );
}

#[tokio::test]
async fn an_issuer_that_is_away_is_a_warning_and_no_reason_to_close() {
    let gate = Running::with("test-1", an_issuer_that_is_away).await;
    gate.ready().await;
    gate.call_admin("POST /keys/refresh", &[]).await;
    let page = gate.ask_admin("/readyz").await;
    assert_eq!(page.status, 200);
    let warnings = page.json()["warnings"].clone();
    assert_eq!(
        (&warnings[0]["warning"], &warnings[0]["issuer"]),
        (&json!("no_keys"), &json!("http://127.0.0.1:9"))
    );
    let detail = warnings[0]["detail"].as_str().unwrap();
    assert!(detail.contains("jwks_unavailable"), "{detail}");
}
