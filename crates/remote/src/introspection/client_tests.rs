use std::time::Duration;

use axum::{body::Body, http::Response};
use oauthgate_core::{Audience, Profile, ResourceIdentifier, context::TokenMode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    IntrospectionCredentials, IntrospectionSettings, IssuerSettings, KeyStores, ProviderSettings,
    authenticator::Authenticator,
    introspection::{
        AssertionKey, Secret,
        testing::{Asked, Server, good, inactive, json_reply, reply},
    },
    testing::{AUDIENCE, TestKey, unix_now},
};
use oauthgate_core::{Issuer, Reason, UserContext, context::IntrospectionForm};

const TOKEN: &str = "opaque-token+/=";

fn basic() -> IntrospectionCredentials {
    IntrospectionCredentials::Basic {
        client_id: "gate".to_owned(),
        secret: Secret::new("s3cret"),
    }
}

/// An issuer whose name is the server's origin.
fn issuer(server: &Server, credentials: IntrospectionCredentials) -> IssuerSettings {
    let name = Issuer::new(&*server.origin).unwrap();
    let mut issuer = IssuerSettings::new(name, vec![Audience::new(AUDIENCE).unwrap()]);
    issuer.profile = Profile::generic();
    issuer.profile.token_mode = TokenMode::Auto;
    let settings = IntrospectionSettings::new(credentials).at(server.url("/introspect"));
    issuer.introspection = Some(settings.with_cache_ttl(Duration::ZERO));
    issuer
}

fn gate(issuer: IssuerSettings) -> Authenticator {
    let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
    let settings = ProviderSettings::new(resource, issuer);
    let keys = KeyStores::builder().build();
    Authenticator::new(&settings, &keys).unwrap()
}

async fn verdict(gate: &Authenticator) -> Result<UserContext, Reason> {
    gate.validate(TOKEN).await.map_err(|denial| denial.reason())
}

async fn answering(answer: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static) -> Server {
    Server::start(answer).await
}

/// What a form that asks with these credentials looks like to the server.
async fn asked_with(credentials: IntrospectionCredentials) -> Asked {
    let server = answering(|_| json_reply(&good("ana"))).await;
    let gate = gate(issuer(&server, credentials));
    assert_eq!(verdict(&gate).await.unwrap().user_id(), "ana");
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].method.as_str(), &*asked[0].path),
        ("POST", "/introspect")
    );
    asked[0].clone()
}

#[tokio::test]
async fn the_question_is_that_of_rfc_7662() {
    let asked = asked_with(basic()).await;
    assert_eq!(
        asked.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(asked.header("accept"), "application/json");
    assert_eq!(
        asked.body,
        "token=opaque-token%2B%2F%3D&token_type_hint=access_token"
    );
    assert_eq!(asked.header("authorization"), "Basic Z2F0ZTpzM2NyZXQ=");
}

#[tokio::test]
async fn basic_credentials_are_form_encoded_before_they_are_joined() {
    let asked = asked_with(IntrospectionCredentials::Basic {
        client_id: "gate:1".to_owned(),
        secret: Secret::new("a b+c%ö"),
    })
    .await;
    let encoded = asked
        .header("authorization")
        .strip_prefix("Basic ")
        .unwrap();
    use base64::Engine;
    let pair = base64::prelude::BASE64_STANDARD.decode(encoded).unwrap();
    assert_eq!(pair, b"gate%3A1:a+b%2Bc%25%C3%B6");
}

#[tokio::test]
async fn posted_credentials_are_in_the_form_and_nowhere_else() {
    let asked = asked_with(IntrospectionCredentials::Post {
        client_id: "gate".to_owned(),
        secret: Secret::new("s3&cret"),
    })
    .await;
    let fields = asked.fields();
    assert_eq!(
        (&*fields["client_id"], &*fields["client_secret"]),
        ("gate", "s3&cret")
    );
    assert_eq!(fields["token"], TOKEN);
    assert_eq!(asked.header("authorization"), "");
}

#[tokio::test]
async fn a_bearer_token_is_in_the_header() {
    let asked = asked_with(IntrospectionCredentials::Bearer {
        token: Secret::new("ours"),
        client_id: None,
    })
    .await;
    assert_eq!(asked.header("authorization"), "Bearer ours");
    assert_eq!(asked.fields().len(), 2);
}

async fn claims_for(server: &Server, audience: Option<&str>) -> [Value; 2] {
    let key = r#"{"kty":"EC","crv":"P-256","kid":"1",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#;
    let gate = gate(issuer(
        server,
        IntrospectionCredentials::PrivateKeyJwt {
            client_id: "gate".to_owned(),
            key: AssertionKey::parse(key).unwrap(),
            audience: audience.map(str::to_owned),
        },
    ));
    verdict(&gate).await.unwrap();
    verdict(&gate).await.unwrap();
    let claims: Vec<Value> = server.asked().iter().map(assertion).collect();
    claims.try_into().unwrap()
}

#[tokio::test]
async fn a_signed_assertion_names_the_issuer_that_is_asked() {
    let server = answering(|_| json_reply(&good("ana"))).await;
    let claims = claims_for(&server, None).await;
    assert_eq!(claims[0]["aud"], *server.origin);
    assert_eq!(claims[0]["sub"], "gate");
    assert_ne!(claims[0]["jti"], claims[1]["jti"]);
}

#[tokio::test]
async fn a_signed_assertion_names_only_the_audience_that_the_operator_set() {
    let server = answering(|_| json_reply(&good("ana"))).await;
    let wanted = "https://acme.okta.com/oauth2/v1/introspect";
    for claims in claims_for(&server, Some(wanted)).await {
        assert_eq!(claims["aud"], wanted);
        assert_eq!(claims["iss"], "gate");
    }
}

fn assertion(asked: &Asked) -> Value {
    use base64::Engine;
    let fields = asked.fields();
    assert_eq!(
        fields["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let claims = fields["client_assertion"]
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let claims = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[rstest]
#[case::our_credentials(401, Reason::IntrospectionRefused)]
#[case::forbidden(403, Reason::IntrospectionRefused)]
#[case::bad_request(400, Reason::IntrospectionRefused)]
#[case::nothing_there(404, Reason::IntrospectionRefused)]
#[case::created(201, Reason::IntrospectionRefused)]
#[case::no_content(204, Reason::IntrospectionRefused)]
#[case::partial(206, Reason::IntrospectionRefused)]
#[case::in_trouble(500, Reason::IntrospectionUnavailable)]
#[case::gateway(502, Reason::IntrospectionUnavailable)]
#[case::unavailable(503, Reason::IntrospectionUnavailable)]
#[case::too_often(429, Reason::IntrospectionUnavailable)]
#[tokio::test]
async fn e16_any_status_but_200_is_trouble_whatever_the_body_says(
    #[case] status: u16,
    #[case] expected: Reason,
) {
    let server = answering(move |_| {
        reply(
            status,
            "application/json",
            match status {
                204 => String::new(),
                _ => good("ana").to_string(),
            },
        )
    })
    .await;
    let gate = gate(issuer(&server, basic()));
    assert_eq!(verdict(&gate).await.unwrap_err(), expected);
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(303)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn d16_no_redirect_gets_the_token_or_our_credentials(#[case] status: u16) {
    let server = answering(move |asked| match &*asked.path {
        "/introspect" => Response::builder()
            .status(status)
            .header("location", "/elsewhere")
            .body(Body::empty())
            .unwrap(),
        _ => json_reply(&good("ana")),
    })
    .await;
    let gate = gate(issuer(&server, basic()));
    assert_eq!(
        verdict(&gate).await.unwrap_err(),
        Reason::IntrospectionRefused
    );
    assert_eq!(server.asked().len(), 1);
}

#[rstest]
#[case::json("application/json", true)]
#[case::with_charset("application/json;charset=UTF-8", true)]
#[case::upper_case("Application/JSON", true)]
#[case::page("text/html", false)]
#[case::text("text/plain", false)]
#[case::jwt("application/jwt", false)]
#[case::signed("application/token-introspection+jwt", false)]
#[case::longer("application/jsonx", false)]
#[case::none("", false)]
#[tokio::test]
async fn an_answer_is_json_and_says_so(#[case] media_type: &'static str, #[case] is_good: bool) {
    let server = answering(move |_| reply(200, media_type, good("ana").to_string())).await;
    let verdict = verdict(&gate(issuer(&server, basic()))).await;
    match is_good {
        true => assert!(verdict.is_ok()),
        false => assert_eq!(verdict.unwrap_err(), Reason::IntrospectionRefused),
    }
}

#[tokio::test]
async fn d17_two_content_types_are_none() {
    let server = answering(|_| {
        let mut answer = json_reply(&good("ana"));
        let other = "text/html".parse().unwrap();
        answer.headers_mut().append("content-type", other);
        answer
    })
    .await;
    let refused = verdict(&gate(issuer(&server, basic()))).await.unwrap_err();
    assert_eq!(refused, Reason::IntrospectionRefused);
}

#[tokio::test]
async fn e19_answers_that_are_huge_compressed_or_endless_are_none() {
    for (body, encoding) in [
        (
            format!("{}{}", good("ana"), " ".repeat(70 * 1024)),
            "identity",
        ),
        (" ".repeat(600 * 1024), "identity"),
        (good("ana").to_string(), "gzip"),
    ] {
        let server = answering(move |_| {
            let mut answer = reply(200, "application/json", body.clone());
            let encoding = encoding.parse().unwrap();
            answer.headers_mut().insert("content-encoding", encoding);
            answer
        })
        .await;
        let refused = verdict(&gate(issuer(&server, basic()))).await.unwrap_err();
        assert_eq!(refused, Reason::IntrospectionRefused);
    }
    let endless = answering(|_| {
        let piece = || Some((Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]), ()));
        let pieces = futures_util::stream::unfold((), move |()| async move { piece() });
        reply(200, "application/json", Body::from_stream(pieces))
    })
    .await;
    let refused = verdict(&gate(issuer(&endless, basic()))).await.unwrap_err();
    assert_eq!(refused, Reason::IntrospectionRefused);
}

#[tokio::test]
async fn the_server_may_say_when_to_come_back() {
    for (header, expected) in [("7", 7), ("0", 1), ("100000", 300)] {
        let server = answering(move |_| {
            let mut answer = reply(503, "text/plain", "");
            let header = header.parse().unwrap();
            answer.headers_mut().insert("retry-after", header);
            answer
        })
        .await;
        let denial = gate(issuer(&server, basic()))
            .validate(TOKEN)
            .await
            .unwrap_err();
        assert_eq!(denial.retry_after(), Some(Duration::from_secs(expected)));
    }
}

#[tokio::test]
async fn nobody_listening_is_trouble_and_no_verdict() {
    let server = answering(|_| json_reply(&good("ana"))).await;
    let mut issuer = issuer(&server, basic());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/introspect", closed.local_addr().unwrap());
    drop(closed);
    issuer.introspection = Some(IntrospectionSettings::new(basic()).at(url.parse().unwrap()));
    let denial = gate(issuer).validate(TOKEN).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::IntrospectionUnavailable);
    assert!(!denial.detail().unwrap().contains(TOKEN));
}

#[tokio::test]
async fn a_token_that_is_not_active_is_401() {
    let server = answering(|_| json_reply(&inactive())).await;
    let refused = verdict(&gate(issuer(&server, basic()))).await.unwrap_err();
    assert_eq!(refused, Reason::InactiveToken);
}

fn discovering(server: &Server) -> IssuerSettings {
    let mut issuer = issuer(server, basic());
    issuer.introspection = Some(IntrospectionSettings::new(basic()));
    issuer
}

#[tokio::test]
async fn metadata_names_the_endpoint() {
    let server = answering(|asked| {
        let origin = format!("http://{}", asked.header("host"));
        match &*asked.path {
            "/.well-known/openid-configuration" => json_reply(
                &json!({"issuer": origin, "introspection_endpoint": format!("{origin}/ask")}),
            ),
            "/ask" => json_reply(&good("ana")),
            _ => reply(404, "text/plain", ""),
        }
    })
    .await;
    let gate = gate(discovering(&server));
    assert!(verdict(&gate).await.is_ok());
    let status = gate.introspectors().next().unwrap().status();
    assert_eq!(status.endpoint, Some(server.url("/ask").to_string()));
    assert_eq!((status.asked, status.active, status.failed), (1, 1, 0));
}

#[tokio::test]
async fn d16_metadata_cannot_send_our_credentials_to_another_origin() {
    let thief = answering(|_| json_reply(&good("ana"))).await;
    let place = thief.url("/ask").to_string();
    let server = answering(move |asked| {
        let origin = format!("http://{}", asked.header("host"));
        json_reply(&json!({"issuer": origin, "introspection_endpoint": place}))
    })
    .await;
    let denial = gate(discovering(&server))
        .validate(TOKEN)
        .await
        .unwrap_err();
    assert_eq!(denial.reason(), Reason::IntrospectionRefused);
    assert!(denial.detail().unwrap().contains("introspection_url"));
    assert_eq!(thief.asked().len(), 0);
}

#[tokio::test]
async fn metadata_of_another_issuer_or_without_an_endpoint_asks_nobody() {
    for metadata in [
        json!({"issuer": "https://evil.test", "introspection_endpoint": "/ask"}),
        json!({"introspection_endpoint": "https://evil.test/ask"}),
        json!({"issuer": "ours"}),
        json!({"issuer": "ours", "introspection_endpoint": 1}),
        json!({"issuer": "ours", "introspection_endpoint": "ask"}),
    ] {
        let server = answering(move |asked| {
            let mut metadata = metadata.clone();
            if metadata["issuer"] == "ours" {
                metadata["issuer"] = format!("http://{}", asked.header("host")).into();
            }
            json_reply(&metadata)
        })
        .await;
        let refused = verdict(&gate(discovering(&server))).await.unwrap_err();
        assert_eq!(refused, Reason::IntrospectionUnavailable);
        assert!(server.asked().iter().all(|asked| asked.method == "GET"));
    }
}

fn signed_gate(server: &Server) -> Authenticator {
    let mut issuer = issuer(server, basic());
    issuer.profile.introspection_form = IntrospectionForm::Rfc9701;
    issuer.keys.jwks_url = Some(server.url("/keys"));
    gate(issuer)
}

fn envelope(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "gate", "iat": unix_now(), "token_introspection": good("ana")})
}

const SIGNED: &str = "application/token-introspection+jwt";

async fn signing(make: impl Fn(&str) -> (&'static str, String) + Send + Sync + 'static) -> Server {
    let key = TestKey::new("1");
    let keys = String::from_utf8(crate::testing::jwks(&[&key])).unwrap();
    answering(move |asked| match &*asked.path {
        "/keys" => reply(200, "application/json", keys.clone()),
        _ => {
            let origin = format!("http://{}", asked.header("host"));
            let (media_type, body) = make(&origin);
            let body = match body.strip_prefix("sign ") {
                Some(claims) => {
                    let typ = json!({"typ": "token-introspection+jwt"});
                    key.sign_with(&serde_json::from_str(claims).unwrap(), &typ)
                }
                None => body,
            };
            reply(200, media_type, body)
        }
    })
    .await
}

#[tokio::test]
async fn a_signed_answer_is_asked_for_and_verified_with_the_issuers_keys() {
    let server = signing(|origin| (SIGNED, format!("sign {}", envelope(origin)))).await;
    let gate = signed_gate(&server);
    assert_eq!(verdict(&gate).await.unwrap().user_id(), "ana");
    let asked = server.asked();
    let question = asked
        .iter()
        .find(|asked| asked.path == "/introspect")
        .unwrap();
    assert_eq!(question.header("accept"), SIGNED);
}

#[tokio::test]
async fn where_a_signed_answer_is_demanded_nothing_else_is_taken() {
    let foreign = TestKey::new("1");
    let unknown = TestKey::new("2");
    let typ = json!({"typ": "token-introspection+jwt"});
    let with_iss = |key: &TestKey| key.sign_with(&envelope("placeholder"), &typ);
    let rows: Vec<(&'static str, String)> = vec![
        ("application/json", good("ana").to_string()),
        (SIGNED, good("ana").to_string()),
        ("application/jwt", "sign placeholder".to_owned()),
        (SIGNED, with_iss(&foreign)),
        (SIGNED, with_iss(&unknown)),
        (SIGNED, String::new()),
    ];
    for (media_type, body) in rows {
        let shown = body.clone();
        let server = signing(move |origin| {
            let body = match &*body {
                "sign placeholder" => format!("sign {}", envelope(origin)),
                body => body.to_owned(),
            };
            (media_type, body)
        })
        .await;
        let refused = verdict(&signed_gate(&server)).await.unwrap_err();
        assert_eq!(
            refused,
            Reason::IntrospectionRefused,
            "{media_type} {shown}"
        );
    }
}

#[tokio::test]
async fn e13_google_is_asked_in_the_body_and_vouches_for_our_client_only() {
    for (client, expected) in [("app-1", None), ("app-2", Some(Reason::WrongAudience))] {
        let server = answering(move |_| {
            json_reply(&json!({
                "aud": client, "azp": client, "sub": "1077", "scope": "openid",
                "exp": (unix_now() + 3599).to_string(),
            }))
        })
        .await;
        let mut issuer = issuer(&server, IntrospectionCredentials::Nothing);
        issuer.profile.introspection_form = IntrospectionForm::GoogleTokeninfo;
        issuer.profile.token_mode = TokenMode::Opaque;
        issuer.audiences = vec![Audience::new("app-1").unwrap()];
        let gate = gate(issuer);
        assert_eq!(verdict(&gate).await.err(), expected);
        let asked = server.asked();
        assert_eq!(
            (asked[0].method.as_str(), &*asked[0].path),
            ("POST", "/introspect")
        );
        assert_eq!(asked[0].body, "access_token=opaque-token%2B%2F%3D");
        server.answers(|_| {
            let error = json!({"error": "invalid_token", "error_description": "Invalid Value"});
            reply(400, "application/json", error.to_string())
        });
        assert_eq!(verdict(&gate).await.unwrap_err(), Reason::InactiveToken);
        server.answers(|_| reply(400, "application/json", r#"{"error":"invalid_request"}"#));
        assert_eq!(
            verdict(&gate).await.unwrap_err(),
            Reason::IntrospectionRefused
        );
    }
}

#[tokio::test]
async fn e13_github_is_asked_about_tokens_of_our_app() {
    let server = answering(|_| {
        json_reply(&json!({
            "scopes": ["repo"], "token": "gho_x", "app": {"client_id": "app-1"},
            "expires_at": null, "user": {"login": "octocat", "id": 1},
        }))
    })
    .await;
    let mut issuer = issuer(
        &server,
        IntrospectionCredentials::Basic {
            client_id: "app-1".to_owned(),
            secret: Secret::new("s3cret"),
        },
    );
    issuer.profile.introspection_form = IntrospectionForm::GitHubApplication;
    issuer.profile.token_mode = TokenMode::Opaque;
    issuer.audiences = vec![Audience::new("app-1").unwrap()];
    let settings = issuer.introspection.take().unwrap();
    issuer.introspection = Some(settings.at(server.url("/api/v3/")));
    let gate = gate(issuer);
    let user = verdict(&gate).await.unwrap();
    assert_eq!((user.user_id(), user.client_id()), ("1", Some("app-1")));
    let asked = server.asked();
    assert_eq!(asked[0].path, "/api/v3/applications/app-1/token");
    assert_eq!(asked[0].body, format!(r#"{{"access_token":"{TOKEN}"}}"#));
    assert_eq!(asked[0].header("accept"), "application/vnd.github+json");
    assert!(asked[0].header("authorization").starts_with("Basic "));
    server.answers(|_| reply(404, "application/json", r#"{"message":"Not Found"}"#));
    assert_eq!(verdict(&gate).await.unwrap_err(), Reason::InactiveToken);
}

#[tokio::test]
async fn a16_a_throw_away_server_is_believed_only_where_it_is_meant() {
    let server = answering(|_| {
        let mut reply = json_reply(&good("ana"));
        let mark = axum::http::HeaderValue::from_static("true");
        reply.headers_mut().insert("x-oauthgate-dev-issuer", mark);
        reply
    })
    .await;
    let mut strict = issuer(&server, basic());
    strict.keys.refuses_dev_keys = true;
    let refused = verdict(&gate(strict)).await.unwrap_err();
    assert_eq!(refused, Reason::IntrospectionRefused);
    let meant = issuer(&server, basic());
    assert_eq!(verdict(&gate(meant)).await.unwrap().user_id(), "ana");
}
