//! Over real HTTP on loopback: from a token to a caller, with authorization servers that misbehave.

use std::{sync::Arc, time::Duration};

use oauthgate_core::{
    Audience, Blame, Denial, Issuer, Reason, ResourceIdentifier, UserContext,
    claims::IssuerTemplate,
};
use rstest::rstest;
use serde_json::json;

use super::Authenticator;
use crate::{
    IssuerSettings, KeyStores, ProviderSettings,
    jwks::schedule::COOLDOWN,
    testing::{AUDIENCE, FakeClock, FakeIssuer, Reply, TestKey, claims, jwks, metadata, token_for},
};

const HOUR: Duration = Duration::from_secs(3_600);

fn issuer(name: &str) -> IssuerSettings {
    IssuerSettings::new(
        Issuer::new(name).unwrap(),
        vec![Audience::new(AUDIENCE).unwrap()],
    )
}

fn settings(issuers: Vec<IssuerSettings>) -> ProviderSettings {
    let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
    let mut issuers = issuers.into_iter();
    let mut settings = ProviderSettings::new(resource, issuers.next().unwrap());
    settings.issuers.extend(issuers);
    settings
}

fn over(clock: Arc<FakeClock>) -> KeyStores {
    KeyStores::builder().clock(clock).build()
}

/// A gate for these issuers, and its clock.
struct Gate {
    authenticator: Authenticator,
    clock: Arc<FakeClock>,
}

impl Gate {
    fn new(issuers: Vec<IssuerSettings>) -> Self {
        let clock = Arc::new(FakeClock::default());
        Self {
            authenticator: Authenticator::new(&settings(issuers), &over(clock.clone())).unwrap(),
            clock,
        }
    }

    fn trusting(issuers: &[&FakeIssuer]) -> Self {
        Self::new(issuers.iter().map(|fake| issuer(fake.name())).collect())
    }

    async fn validate(&self, token: &str) -> Result<UserContext, Denial> {
        self.authenticator.validate(token).await
    }

    async fn admits(&self, token: &str) -> bool {
        self.validate(token).await.is_ok()
    }

    async fn refusal(&self, token: &str) -> Reason {
        self.validate(token).await.unwrap_err().reason()
    }

    /// Lets time pass and renews what is due.
    async fn after(&self, pause: Duration) {
        self.clock.advance(pause);
        for store in self.authenticator.stores() {
            store.upkeep_and_wait().await;
        }
    }
}

async fn one() -> (TestKey, FakeIssuer, Gate) {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[&key]).await;
    let gate = Gate::trusting(&[&issuer]);
    (key, issuer, gate)
}

async fn warm() -> (TestKey, FakeIssuer, Gate) {
    let (key, issuer, gate) = one().await;
    assert!(gate.admits(&key.token(issuer.name())).await);
    (key, issuer, gate)
}

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let (key, issuer, gate) = one().await;
    let caller = gate.validate(&key.token(issuer.name())).await.unwrap();
    assert_eq!((caller.user_id(), caller.client_id()), ("ada", Some("app")));
    assert_eq!(caller.issuer().as_str(), issuer.name());
}

#[tokio::test]
async fn a_new_key_is_accepted_while_metadata_hangs() {
    let (_, issuer, gate) = warm().await;
    gate.clock.advance(HOUR + Duration::from_secs(1));
    issuer.set_metadata(Reply::Hang);
    let next = TestKey::new("2");
    issuer.rotate_to(&[&next]);
    let token = next.token(issuer.name());
    let admitted = async {
        while !gate.admits(&token).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let hangs_until = crate::http::TIME_LIMIT;
    let meanwhile = tokio::time::timeout(hangs_until, admitted).await;
    assert!(meanwhile.is_ok());
}

#[tokio::test]
async fn claims_are_checked_on_the_time_of_day() {
    let (key, issuer, gate) = one().await;
    gate.clock.shift_time_of_day(7_200);
    assert_eq!(
        gate.refusal(&key.token(issuer.name())).await,
        Reason::Expired
    );
}

#[tokio::test]
async fn metadata_and_keys_are_fetched_once_for_many_tokens() {
    let (key, issuer, gate) = warm().await;
    for _ in 0..100 {
        assert!(gate.admits(&key.token(issuer.name())).await);
    }
    assert_eq!((issuer.metadata_requests(), issuer.jwks_requests()), (1, 1));
}

#[rstest]
#[case("", "/.well-known/openid-configuration")]
#[case("", "/.well-known/oauth-authorization-server")]
#[case("/realms/a", "/realms/a/.well-known/openid-configuration")]
#[case("/realms/a", "/.well-known/oauth-authorization-server/realms/a")]
#[case("/realms/a/", "/realms/a/.well-known/oauth-authorization-server")]
#[case("/realms/a", "/.well-known/openid-configuration/realms/a")]
#[tokio::test]
async fn finds_metadata_wherever_rule_r3_looks(#[case] path: &str, #[case] place: &str) {
    let key = TestKey::new("1");
    let fake = FakeIssuer::serving(&[&key]).await;
    let name = format!("{}{path}", fake.name());
    fake.set_metadata_path(place);
    fake.set_metadata(Reply::Json(metadata(
        &name,
        &format!("{}/keys", fake.name()),
    )));
    assert!(
        Gate::new(vec![issuer(&name)])
            .admits(&key.token(&name))
            .await
    );
}

#[tokio::test]
async fn an_invalid_document_does_not_stop_the_search() {
    let key = TestKey::new("1");
    let fake = FakeIssuer::serving(&[&key]).await;
    let name = format!("{}/realms/a", fake.name());
    fake.set_metadata_path("/.well-known/oauth-authorization-server/realms/a");
    fake.set_metadata(Reply::Json(metadata(
        &name,
        &format!("{}/keys", fake.name()),
    )));
    let gate = Gate::new(vec![issuer(&name)]);
    assert!(gate.admits(&key.token(&name)).await);
    let paths: Vec<String> = fake.seen().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "/realms/a/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/realms/a",
            "/keys",
        ]
    );
}

#[tokio::test]
async fn an_issuer_that_is_no_url_works_with_an_explicit_key_set() {
    let key = TestKey::new("1");
    let fake = FakeIssuer::serving(&[&key]).await;
    let mut stytch = issuer("stytch.com/project-test");
    stytch.keys.jwks_url = Some(format!("{}/keys", fake.name()).parse().unwrap());
    assert!(
        Gate::new(vec![stytch])
            .admits(&key.token("stytch.com/project-test"))
            .await
    );
    assert_eq!(fake.metadata_requests(), 0);
}

#[tokio::test]
async fn trap_03_a_named_metadata_issuer_is_compared_instead() {
    let key = TestKey::new("1");
    let fake = FakeIssuer::serving(&[&key]).await;
    fake.set_metadata(Reply::Json(metadata(
        "https://template/{tid}",
        &format!("{}/keys", fake.name()),
    )));
    let mut entra = issuer("https://sts.example.com/t/");
    entra.keys.metadata_url = Some(
        format!("{}/.well-known/openid-configuration", fake.name())
            .parse()
            .unwrap(),
    );
    entra.keys.metadata_issuer = Some(Issuer::new("https://template/{tid}").unwrap());
    assert!(
        Gate::new(vec![entra])
            .admits(&key.token("https://sts.example.com/t/"))
            .await
    );
}

/// The server answers with the name by which it was called, and tokens carry the public one.
#[tokio::test]
async fn trap_04_metadata_may_be_fetched_from_an_internal_name() {
    const PUBLIC: &str = "https://auth.example.com/application/o/mcp/";
    let key = TestKey::new("1");
    let internal = FakeIssuer::serving(&[&key]).await;
    let called = || {
        let mut settings = issuer(PUBLIC);
        let place = format!("{}/.well-known/openid-configuration", internal.name());
        settings.keys.metadata_url = Some(place.parse().unwrap());
        settings
    };
    let denial = Gate::new(vec![called()]).validate(&key.token(PUBLIC)).await;
    let denial = denial.unwrap_err();
    assert_eq!(denial.reason(), Reason::MetadataIssuerMismatch);
    let detail = denial.detail().unwrap();
    assert!(
        detail.contains(internal.name()) && detail.contains(PUBLIC),
        "{detail}"
    );

    let mut named = called();
    named.keys.metadata_issuer = Some(Issuer::new(internal.name()).unwrap());
    let mut keys_only = issuer(PUBLIC);
    keys_only.keys.jwks_url = Some(format!("{}/keys", internal.name()).parse().unwrap());
    for settings in [named, keys_only] {
        let gate = Gate::new(vec![settings]);
        assert!(gate.admits(&key.token(PUBLIC)).await);
        assert_eq!(
            gate.refusal(&key.token(internal.name())).await,
            Reason::UnknownIssuer
        );
    }
}

/// B2C has one issuer and other keys for each policy, Entra other keys for an application (`?appid=`).
#[tokio::test]
async fn trap_31_each_policy_and_application_has_keys_of_its_own() {
    const TENANT: &str = "https://acme.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/";
    let (sign_in, sign_up) = (TestKey::new("in"), TestKey::new("up"));
    let server = FakeIssuer::serving(&[]).await;
    for (policy, key) in [("b2c_1_in", &sign_in), ("b2c_1_up", &sign_up)] {
        let keys = format!("/{policy}/discovery/v2.0/keys");
        let place = format!("/{policy}/v2.0/.well-known/openid-configuration");
        let document = metadata(TENANT, &format!("{}{keys}?appid=1", server.name()));
        server.set_path(&place, Reply::Json(document));
        server.set_path(&keys, Reply::Json(jwks(&[key])));
    }
    for (policy, own, other) in [
        ("b2c_1_in", &sign_in, &sign_up),
        ("b2c_1_up", &sign_up, &sign_in),
    ] {
        let mut settings = issuer(TENANT);
        let place = format!(
            "{}/{policy}/v2.0/.well-known/openid-configuration?appid=1",
            server.name()
        );
        settings.keys.metadata_url = Some(place.parse().unwrap());
        let gate = Gate::new(vec![settings]);
        assert!(gate.admits(&own.token(TENANT)).await, "{policy}");
        assert_eq!(
            gate.refusal(&other.token(TENANT)).await,
            Reason::UnknownKeyId
        );
    }
    let asked_for_the_application = |(uri, _): &(String, _)| uri.ends_with("?appid=1");
    assert!(server.seen().iter().all(asked_for_the_application));
}

#[tokio::test]
async fn d14_metadata_of_another_issuer_is_503_with_both_names_in_the_detail() {
    let (key, fake, gate) = one().await;
    let other = format!("{}/", fake.name());
    fake.set_metadata(Reply::Json(metadata(
        &other,
        &format!("{}/keys", fake.name()),
    )));
    let denial = gate.validate(&key.token(fake.name())).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::MetadataIssuerMismatch);
    let detail = denial.detail().unwrap();
    assert!(
        detail.contains(&other) && detail.contains("trailing slash"),
        "{detail}"
    );
    assert_eq!(fake.jwks_requests(), 0);
}

#[tokio::test]
async fn b3_urls_in_a_token_are_never_fetched() {
    let (key, issuer, gate) = warm().await;
    let recorder = FakeIssuer::serving(&[]).await;
    let url = format!("{}/keys", recorder.name());
    for name in ["jku", "x5u"] {
        let genuine = key.sign_with(&claims(issuer.name()), &json!({ name: url }));
        assert!(gate.admits(&genuine).await);
        let forged =
            TestKey::new("forged").sign_with(&claims(issuer.name()), &json!({ name: url }));
        assert_eq!(gate.refusal(&forged).await, Reason::UnknownKeyId);
    }
    assert!(recorder.seen().is_empty());
}

#[tokio::test]
async fn b2_keys_in_a_token_are_never_used() {
    let (_, issuer, gate) = warm().await;
    let forger = TestKey::new("1");
    let forged = forger.sign_with(&claims(issuer.name()), &json!({ "jwk": forger.jwk() }));
    assert_eq!(gate.refusal(&forged).await, Reason::BadSignature);
}

#[tokio::test]
async fn b4_a_kid_is_never_a_path_a_query_or_a_file() {
    let (_, issuer, gate) = warm().await;
    let hostile = [
        "../../etc/passwd",
        "%2e%2e%2f",
        "..\\..\\",
        "/keys?x=",
        "?kid=1",
        "#",
        "' OR 1=1--",
        "a\r\nHost: evil",
        "a\u{0}b",
        "\u{2028}",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "http://evil.test/",
        "file:///etc/passwd",
        "",
    ];
    for kid in hostile {
        assert_eq!(
            gate.refusal(&token_for(issuer.name(), kid)).await.blame(),
            Blame::Token,
            "{kid:?}"
        );
        gate.clock.advance(COOLDOWN);
    }
    let long = "k".repeat(10_000);
    assert_eq!(
        gate.refusal(&token_for(issuer.name(), &long)).await.blame(),
        Blame::Token
    );
    for (path, _) in issuer.seen() {
        assert!(
            ["/keys", "/.well-known/openid-configuration"].contains(&path.as_str()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn c10_an_unlisted_issuer_causes_no_request() {
    let (key, issuer, gate) = warm().await;
    let before = issuer.seen().len();
    let recorder = FakeIssuer::serving(&[&key]).await;
    let recorders = [
        recorder.name().to_owned(),
        format!("{}/", recorder.name()),
        format!(
            "{}@{}",
            issuer.name(),
            recorder.name().trim_start_matches("http://")
        ),
        format!("{}/{{tenant}}", recorder.name()),
        format!("{}/", issuer.name()),
        issuer.name().to_uppercase(),
    ];
    for name in recorders {
        assert_eq!(
            gate.refusal(&key.token(&name)).await,
            Reason::UnknownIssuer,
            "{name}"
        );
    }
    let mut without = claims(issuer.name());
    without.as_object_mut().unwrap().remove("iss");
    assert_eq!(
        gate.refusal(&key.sign(&without)).await.blame(),
        Blame::Token
    );
    assert!(recorder.seen().is_empty());
    assert_eq!(issuer.seen().len(), before);
}

#[rstest]
#[case(true)]
#[case(false)]
#[tokio::test]
async fn c9_d2_two_issuers_with_the_same_kid_never_share_keys(#[case] a_first: bool) {
    let (key_a, key_b) = (TestKey::new("same"), TestKey::new("same"));
    let (a, b) = (
        FakeIssuer::serving(&[&key_a]).await,
        FakeIssuer::serving(&[&key_b]).await,
    );
    let gate = Gate::trusting(&[&a, &b]);
    let good = [key_a.token(a.name()), key_b.token(b.name())];
    let order = if a_first { [0, 1] } else { [1, 0] };
    for place in order {
        assert!(gate.admits(&good[place]).await);
    }
    assert_eq!(
        gate.refusal(&key_a.token(b.name())).await,
        Reason::BadSignature
    );
    assert_eq!(
        gate.refusal(&key_b.token(a.name())).await,
        Reason::BadSignature
    );
}

#[tokio::test]
async fn an_unknown_kid_of_one_issuer_costs_the_other_nothing() {
    let (key_a, key_b) = (TestKey::new("a"), TestKey::new("b"));
    let (a, b) = (
        FakeIssuer::serving(&[&key_a]).await,
        FakeIssuer::serving(&[&key_b]).await,
    );
    let gate = Gate::trusting(&[&a, &b]);
    assert!(gate.admits(&key_a.token(a.name())).await);
    assert_eq!(
        gate.refusal(&token_for(a.name(), "b")).await,
        Reason::UnknownKeyId
    );
    assert!(b.seen().is_empty());
}

#[rstest]
#[case(Reply::Status(500, vec![]))]
#[case(Reply::Status(403, vec![]))]
#[case(Reply::Status(429, vec![("retry-after", "120".to_owned())]))]
#[case(Reply::Status(204, vec![]))]
#[case(Reply::Json(b"<!doctype html><title>Maintenance</title>".to_vec()))]
#[case(Reply::Json(br#"{"keys":[]}"#.to_vec()))]
#[case(Reply::Json(br#"{"keys":[{"kty":"RSA"}],"keys":[]}"#.to_vec()))]
#[case(Reply::Endless)]
#[case::a_hundred_thousand_keys(Reply::Json(format!(r#"{{"keys":[{{}}{}]}}"#, ",{}".repeat(99_999)).into_bytes()))]
#[case::compressed(Reply::With(vec![0x1f, 0x8b, 8, 0], vec![("content-encoding", "gzip".to_owned())]))]
#[case::d13_elsewhere(Reply::Status(302, vec![("location", "https://auth.example.com/keys".to_owned())]))]
#[case::d13_in_circles(Reply::Status(302, vec![("location", "/keys".to_owned())]))]
#[case::d12_at_the_cloud(Reply::Status(302, vec![("location", "https://169.254.169.254/".to_owned())]))]
#[tokio::test]
async fn d4_d9_bad_answers_never_replace_good_keys(#[case] reply: Reply) {
    let (key, issuer, gate) = warm().await;
    issuer.set_jwks(reply);
    for _ in 0..3 {
        gate.after(HOUR).await;
        assert!(gate.admits(&key.token(issuer.name())).await);
        assert_eq!(
            gate.refusal(&token_for(issuer.name(), "junk")).await,
            Reason::UnknownKeyId
        );
    }
    assert!(issuer.jwks_requests() > 1);
    gate.clock.advance(24 * HOUR);
    assert_eq!(
        gate.refusal(&key.token(issuer.name())).await.blame(),
        Blame::Surroundings
    );
}

/// FusionAuth and Supabase publish the first where they sign with a secret, authentik the second.
#[rstest]
#[case(br#"{"keys":[]}"#)]
#[case(b"{}")]
#[tokio::test]
async fn trap_23_a_set_without_keys_is_told_and_replaces_nothing(#[case] body: &[u8]) {
    let (key, issuer, gate) = warm().await;
    issuer.set_jwks(Reply::Json(body.to_vec()));
    gate.after(HOUR).await;
    assert!(gate.admits(&key.token(issuer.name())).await);
    let [store] = gate.authenticator.stores() else {
        panic!("one issuer, one store")
    };
    let status = store.status();
    assert_eq!((status.keys, status.servable), (1, true));
    assert!(status.last_failure.is_some());
    let told = status.failure_detail.unwrap();
    assert!(
        told.contains("OAUTHGATE_HS_SECRET"),
        "the likely cause: {told}"
    );
}

#[rstest]
#[case(Reply::Status(500, vec![]), Reason::JwksUnavailable)]
#[case(Reply::Json(b"<html>".to_vec()), Reason::JwksUnavailable)]
#[case(Reply::Json(br#"{"keys":[]}"#.to_vec()), Reason::NoUsableKeys)]
#[case(Reply::Endless, Reason::JwksUnavailable)]
#[tokio::test]
async fn d5_keys_that_never_loaded_are_503_with_a_time_to_come_back(
    #[case] reply: Reply,
    #[case] reason: Reason,
) {
    let (key, issuer, gate) = one().await;
    issuer.set_jwks(reply);
    let denial = gate.validate(&key.token(issuer.name())).await.unwrap_err();
    assert_eq!(denial.reason(), reason);
    assert!(denial.retry_after().is_some());
}

#[tokio::test]
async fn metadata_that_never_loaded_is_503() {
    let (key, issuer, gate) = one().await;
    issuer.set_metadata(Reply::Status(500, Vec::new()));
    assert_eq!(
        gate.refusal(&key.token(issuer.name())).await,
        Reason::MetadataUnavailable
    );
    // A port where nobody listens: one address, asked once, not once per candidate.
    let gate = Gate::new(vec![super::tests::issuer("http://127.0.0.1:1")]);
    assert_eq!(
        gate.refusal(&key.token("http://127.0.0.1:1")).await,
        Reason::MetadataUnavailable
    );
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(303)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn d13_no_redirect_leads_to_another_host_for_metadata_or_keys(#[case] status: u16) {
    let (key, issuer, gate) = one().await;
    let foreign = FakeIssuer::serving(&[&key]).await;
    let to = |place: String| Reply::Status(status, vec![("location", place)]);
    issuer.set_jwks(to(format!("{}/keys", foreign.name())));
    let denial = gate.validate(&key.token(issuer.name())).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::JwksUnavailable);
    assert!(
        denial.detail().unwrap().contains(foreign.name()),
        "{denial:?}"
    );
    issuer.set_metadata(to(format!(
        "{}/.well-known/openid-configuration",
        foreign.name()
    )));
    gate.clock.advance(COOLDOWN);
    assert_eq!(
        gate.refusal(&key.token(issuer.name())).await.blame(),
        Blame::Surroundings
    );
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn d12_a_document_cannot_point_the_fetcher_at_the_cloud() {
    let (key, issuer, gate) = one().await;
    for target in [
        "https://169.254.169.254/keys",
        "https://[::ffff:169.254.169.254]/",
        "http://10.0.0.1/keys",
        "file:///etc/passwd",
    ] {
        issuer.point_to(target);
        let denial = gate.validate(&key.token(issuer.name())).await.unwrap_err();
        assert_eq!(denial.reason(), Reason::JwksUnavailable, "{target}");
        assert!(
            denial.detail().unwrap().contains("not fetched"),
            "{denial:?}"
        );
        gate.clock.advance(COOLDOWN);
    }
    assert_eq!(issuer.jwks_requests(), 0);
}

#[tokio::test]
async fn the_key_set_is_asked_conditionally() {
    let (key, issuer, gate) = one().await;
    let body = crate::testing::jwks(&[&key]);
    issuer.set_jwks(Reply::With(body, vec![("etag", "\"v1\"".to_owned())]));
    assert!(gate.admits(&key.token(issuer.name())).await);
    gate.after(HOUR).await;
    let conditions: Vec<bool> = issuer
        .seen()
        .iter()
        .filter(|(path, _)| path == "/keys")
        .map(|(_, headers)| headers.contains_key("if-none-match"))
        .collect();
    assert_eq!(conditions, [false, true]);
    let status = &gate.authenticator.key_status()[0];
    assert_eq!(
        (status.age, status.last_failure),
        (Some(Duration::ZERO), None)
    );
    assert!(gate.admits(&key.token(issuer.name())).await);
}

#[tokio::test]
async fn max_age_decides_when_the_set_is_renewed() {
    let (key, issuer, gate) = one().await;
    let fields = vec![
        ("cache-control", "public, max-age=250".to_owned()),
        ("age", "100".to_owned()),
    ];
    issuer.set_jwks(Reply::With(crate::testing::jwks(&[&key]), fields));
    assert!(gate.admits(&key.token(issuer.name())).await);
    gate.after(Duration::from_secs(110)).await;
    assert_eq!(issuer.jwks_requests(), 1);
    gate.after(Duration::from_secs(40)).await;
    assert_eq!(issuer.jwks_requests(), 2);
}

#[tokio::test]
async fn a_key_set_that_moved_is_found_again_through_metadata() {
    let (key, issuer, gate) = warm().await;
    let new_home = FakeIssuer::serving(&[&key]).await;
    issuer.set_jwks(Reply::Status(404, Vec::new()));
    issuer.point_to(&format!("{}/keys", new_home.name()));
    gate.after(HOUR - Duration::from_secs(300)).await;
    assert_eq!(
        (issuer.metadata_requests(), new_home.jwks_requests()),
        (1, 0)
    );
    gate.after(Duration::from_secs(60)).await;
    assert_eq!(
        (issuer.metadata_requests(), new_home.jwks_requests()),
        (2, 1)
    );
}

#[tokio::test]
async fn d1_a_removed_key_is_refused_after_the_next_refresh() {
    let (old, issuer, gate) = warm().await;
    let new = TestKey::new("2");
    issuer.rotate_to(&[&new]);
    assert!(gate.admits(&new.token(issuer.name())).await);
    assert_eq!(
        gate.refusal(&old.token(issuer.name())).await,
        Reason::UnknownKeyId
    );
}

#[tokio::test]
async fn keys_without_kids_rotate_as_well() {
    let (old, new) = (TestKey::without_key_id(), TestKey::without_key_id());
    let issuer = FakeIssuer::serving(&[&old]).await;
    let gate = Gate::trusting(&[&issuer]);
    assert!(gate.admits(&old.token(issuer.name())).await);
    issuer.rotate_to(&[&new]);
    assert!(gate.admits(&new.token(issuer.name())).await);
    assert_eq!(
        gate.refusal(&old.token(issuer.name())).await,
        Reason::BadSignature
    );
}

#[tokio::test]
async fn a_key_replaced_under_its_kid_is_found_without_a_wait() {
    let (old, issuer, gate) = warm().await;
    let new = TestKey::new("1");
    issuer.rotate_to(&[&new]);
    assert_eq!(
        gate.refusal(&new.token(issuer.name())).await,
        Reason::BadSignature
    );
    gate.after(Duration::ZERO).await;
    assert!(gate.admits(&new.token(issuer.name())).await);
    assert_eq!(
        gate.refusal(&old.token(issuer.name())).await,
        Reason::BadSignature
    );
}

#[tokio::test]
async fn d3_forged_signatures_cost_one_fetch_per_cooldown_and_no_wait() {
    let (_, issuer, gate) = warm().await;
    let forged = token_for(issuer.name(), "1");
    issuer.set_jwks(Reply::Hang);
    let started = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(gate.refusal(&forged).await, Reason::BadSignature);
    }
    assert!(
        started.elapsed() < crate::http::TIME_LIMIT,
        "{:?}",
        started.elapsed()
    );
    // The fetch is a task of its own, which nobody has waited for.
    tokio::task::yield_now().await;
    assert_eq!(gate.authenticator.key_status()[0].fetches, 2);
}

#[tokio::test]
async fn known_keys_verify_while_the_endpoint_hangs() {
    let (key, issuer, gate) = warm().await;
    issuer.set_jwks(Reply::Hang);
    gate.clock.advance(2 * HOUR);
    let started = std::time::Instant::now();
    for _ in 0..100 {
        assert!(gate.admits(&key.token(issuer.name())).await);
    }
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

/// An issuer with a path, so with four places for its metadata, and a gate that holds its keys.
async fn warm_realm() -> (TestKey, FakeIssuer, String, Gate) {
    let key = TestKey::new("1");
    let fake = FakeIssuer::serving(&[&key]).await;
    let name = format!("{}/realms/a", fake.name());
    let keys = format!("{}/keys", fake.name());
    fake.set_metadata_path("/.well-known/openid-configuration/realms/a");
    fake.set_metadata(Reply::Json(metadata(&name, &keys)));
    let gate = Gate::new(vec![issuer(&name)]);
    assert!(gate.admits(&key.token(&name)).await);
    (key, fake, name, gate)
}

#[tokio::test]
async fn keys_are_renewed_while_all_metadata_hangs() {
    let (_, fake, name, gate) = warm_realm().await;
    let new = TestKey::new("2");
    fake.set_metadata(Reply::Hang);
    fake.set_elsewhere(Reply::Hang);
    fake.rotate_to(&[&new]);
    gate.after(HOUR).await;
    let status = &gate.authenticator.key_status()[0];
    assert_eq!(
        (status.age, status.last_failure),
        (Some(Duration::ZERO), None)
    );
    assert!(gate.admits(&new.token(&name)).await);
}

#[tokio::test]
async fn requests_name_us_and_carry_no_credentials() {
    let (_, issuer, _gate) = warm().await;
    for (_, headers) in issuer.seen() {
        assert!(
            headers["user-agent"]
                .to_str()
                .unwrap()
                .starts_with("oauthgate/")
        );
        assert!(!headers.contains_key("authorization") && !headers.contains_key("cookie"));
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused_all_at_once() {
    let mut first = issuer("http://auth.example.com");
    first.audiences.clear();
    let second = issuer("not-a-url");
    let error =
        Authenticator::new(&settings(vec![first, second]), &over(Arc::default())).unwrap_err();
    let names: Vec<&str> = error
        .mistakes
        .iter()
        .map(|mistake| mistake.setting.as_str())
        .collect();
    assert_eq!(names, ["issuer", "audiences", "issuer"]);
}

#[test]
fn the_same_issuer_twice_is_refused() {
    let twice = settings(vec![
        issuer("https://a.example"),
        issuer("https://a.example"),
    ]);
    assert!(Authenticator::new(&twice, &over(Arc::default())).is_err());
}

#[tokio::test]
async fn r5_c11_a_template_takes_the_tokens_of_its_tenants_only() {
    let (tenant, other) = (
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "00000000-4f89-41d3-9a0c-0305e82c3301",
    );
    let key = TestKey::new("1");
    let fake = FakeIssuer::serving(&[&key]).await;
    let text = format!("{}/{{tid}}/v2.0", fake.name());
    fake.set_metadata(Reply::Json(metadata(
        &text,
        &format!("{}/keys", fake.name()),
    )));
    let mut entra = issuer(fake.name());
    entra.issuer_template = Some(
        IssuerTemplate::parse(&text)
            .unwrap()
            .for_tenants([tenant.to_owned()]),
    );
    entra.keys.metadata_issuer = Some(Issuer::new(&text).unwrap());
    let gate = Gate::new(vec![entra]);
    let token = |path: &str, tid: &str| {
        let mut claims = claims(&format!("{}/{path}/v2.0", fake.name()));
        claims["tid"] = json!(tid);
        key.sign(&claims)
    };
    assert!(gate.admits(&token(tenant, tenant)).await);
    for (path, tid) in [
        (other, other),
        (tenant, other),
        (other, tenant),
        ("common", "common"),
    ] {
        assert_eq!(
            gate.refusal(&token(path, tid)).await,
            Reason::UnknownIssuer,
            "{path} {tid}"
        );
    }
}

/// Strangers and callers at once, on two threads, while the key set's endpoint hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_a_flood_of_unknown_kids_costs_one_fetch_and_no_caller_anything() {
    let (key, fake, gate) = warm().await;
    fake.set_jwks(Reply::Hang);
    let gate = Arc::new(gate);
    let good = key.token(fake.name());
    let junk: Vec<String> = (0..2_000)
        .map(|kid| token_for(fake.name(), &format!("junk-{kid}")))
        .collect();
    let mut requests = tokio::task::JoinSet::new();
    for token in junk {
        let (gate, good) = (gate.clone(), good.clone());
        requests.spawn(async move { gate.admits(&good).await && !gate.admits(&token).await });
    }
    assert!(
        requests
            .join_all()
            .await
            .into_iter()
            .all(|as_it_should_be| as_it_should_be)
    );
    assert!(fake.jwks_requests() <= 2, "{}", fake.jwks_requests());
}

/// Tokens that a stranger can send, each with its header's temptation.
fn hostile_tokens(issuer: &str) -> Vec<String> {
    let (stranger, claims) = (TestKey::without_key_id(), claims(issuer));
    let trap = format!("{issuer}/trap");
    let embedded = TestKey::new("mine").jwk();
    let headers = [
        json!({}),
        json!({"kid": "1"}),
        json!({"kid": "junk"}),
        json!({"kid": trap}),
        json!({"kid": "../../keys"}),
        json!({"kid": "k".repeat(4_000)}),
        json!({"alg": "none"}),
        json!({"alg": "HS256", "kid": "1"}),
        json!({"jku": trap}),
        json!({"kid": "1", "jku": trap}),
        json!({"kid": "1", "x5u": trap}),
        json!({"jwk": embedded}),
        json!({"crit": ["b64"], "b64": false}),
    ];
    let mut tokens: Vec<_> = headers
        .iter()
        .map(|header| stranger.sign_with(&claims, header))
        .collect();
    tokens.push(stranger.token(&trap));
    tokens.push(stranger.token(&format!("{issuer}/")));
    tokens.extend((0..100).map(|kid| token_for(issuer, &format!("junk-{kid}"))));
    tokens
}

#[tokio::test]
async fn r7_hostile_requests_cause_no_request_beyond_the_one_that_is_budgeted() {
    let (key, issuer, gate) = warm().await;
    let before = issuer.seen().len();
    let tokens = hostile_tokens(issuer.name());
    for token in tokens.iter().cycle().take(1_000) {
        assert!(!gate.admits(token).await, "{token}");
    }
    let asked: Vec<_> = issuer.seen().split_off(before);
    let paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/keys"]);
    assert!(gate.admits(&key.token(issuer.name())).await);
}
