use oauthgate_core::{
    Audience, Issuer, Profile, SigningAlgorithm,
    claims::IssuerTemplate,
    context::{IntrospectionForm, TokenMode},
};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    introspection::{IntrospectionCredentials, IntrospectionSettings, Secret},
    testing::{AUDIENCE, TestKey},
};

const LIMIT: usize = 16 * 1024;

fn credentials() -> IntrospectionCredentials {
    IntrospectionCredentials::Basic {
        client_id: "gate".to_owned(),
        secret: Secret::new("secret"),
    }
}

fn issuer(name: &str, mode: TokenMode, prefixes: &[&str]) -> IssuerSettings {
    let audience = Audience::new(AUDIENCE).unwrap();
    let mut issuer = IssuerSettings::new(Issuer::new(name).unwrap(), vec![audience]);
    issuer.profile = Profile::generic();
    issuer.profile.token_mode = mode;
    issuer.profile.opaque_prefixes = prefixes.iter().map(|text| (*text).to_owned()).collect();
    issuer.algorithms = SigningAlgorithm::ALL.to_vec();
    if mode != TokenMode::Jwt {
        issuer.introspection = Some(IntrospectionSettings::new(credentials()));
    }
    issuer
}

fn jws(issuer: &str) -> String {
    TestKey::new("1").sign(&json!({"iss": issuer, "sub": "ana"}))
}

#[track_caller]
fn taker(issuers: &[IssuerSettings], token: &str) -> Option<usize> {
    Routing::new(issuers).taker_of(token, LIMIT).unwrap()
}

const A: &str = "https://a.example";
const B: &str = "https://b.example";
const JWE: &str = "eyJhbGciOiJkaXIifQ..a.b.c";

#[test]
fn a_resource_without_opaque_tokens_asks_nobody() {
    let issuers = [
        issuer(A, TokenMode::Jwt, &[]),
        issuer(B, TokenMode::Jwt, &[]),
    ];
    for token in ["opaque", JWE, "a.b.c", &jws(A), ""] {
        assert_eq!(taker(&issuers, token), None, "{token}");
    }
}

#[test]
fn the_only_issuer_with_opaque_tokens_is_asked_about_what_is_no_jws() {
    let issuers = [
        issuer(A, TokenMode::Jwt, &[]),
        issuer(B, TokenMode::Auto, &[]),
    ];
    for token in ["opaque", "a.b", "a.b.c.d", "a.b.c.d.e.f", JWE, "ya29.x"] {
        assert_eq!(taker(&issuers, token), Some(1), "{token}");
    }
}

#[test]
fn e14_e15_a_jws_of_an_issuer_that_is_verified_here_is_never_shown_to_anybody() {
    let issuers = [issuer(A, TokenMode::Auto, &[])];
    let good = jws(A);
    let broken = format!("{}x", &good[..good.len() - 4]);
    for token in [
        &good,
        &broken,
        "a.b.c",
        "..",
        "eyJ.eyJ.",
        &jws(B),
        "ory.at.x",
    ] {
        assert_eq!(taker(&issuers, token), None, "{token}");
    }
}

#[test]
fn a_jws_of_an_issuer_whose_tokens_are_all_asked_about_is_shown_to_it_alone() {
    let issuers = [
        issuer(A, TokenMode::Jwt, &[]),
        issuer(B, TokenMode::Opaque, &[]),
    ];
    assert_eq!(taker(&issuers, &jws(B)), Some(1));
    for foreign in [
        A,
        "https://b.example/",
        "https://B.example",
        "https://c.example",
        "",
    ] {
        assert_eq!(taker(&issuers, &jws(foreign)), None, "{foreign}");
    }
    // Whatever its header says: nothing here is going to verify it.
    let of_another_kind = jws(B).split_once('.').unwrap().1.to_owned();
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"ES256K","crit":["x"]}"#,
    ] {
        use base64::Engine;
        let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(header);
        assert_eq!(
            taker(&issuers, &format!("{header}.{of_another_kind}")),
            Some(1)
        );
    }
    // A payload that two readers could read differently has no issuer.
    use base64::Engine;
    let twice =
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"iss":"{A}","iss":"{B}"}}"#));
    assert_eq!(taker(&issuers, &format!("eyJhIjoxfQ.{twice}.c2ln")), None);
}

#[test]
fn a_prefix_says_whose_a_token_is() {
    let issuers = [
        issuer(A, TokenMode::Auto, &["ory_at_", "ory_x_"]),
        issuer(B, TokenMode::Opaque, &["ya29."]),
    ];
    for (token, expected) in [
        ("ory_at_abc", Some(0)),
        ("ory_x_abc", Some(0)),
        ("ya29.abc", Some(1)),
        // Google's tokens of service accounts have three parts.
        ("ya29.c.abc", Some(1)),
        ("ya29.a.b.c.d", Some(1)),
        ("Ory_at_abc", None),
        ("xory_at_abc", None),
        ("opaque", None),
        (JWE, None),
    ] {
        assert_eq!(taker(&issuers, token), expected, "{token}");
    }
    assert_eq!(taker(&issuers, &jws(B)), Some(1));
    // One issuer with a prefix is not shown what does not start with it.
    let one = [issuer(A, TokenMode::Auto, &["ory_at_"])];
    assert_eq!(taker(&one, "opaque"), None);
}

#[test]
fn what_can_be_no_token_is_shown_to_nobody() {
    let issuers = [issuer(A, TokenMode::Opaque, &[])];
    for token in ["a b", "a\nb", "a\u{0}b", "tökén", "\u{7f}"] {
        let refused = Routing::new(&issuers).taker_of(token, LIMIT).unwrap_err();
        assert_eq!(refused.code(), "malformed_token", "{token:?}");
    }
    assert_eq!(taker(&issuers, ""), None);
    assert_eq!(taker(&issuers, &"x".repeat(LIMIT + 1)), None);
    assert_eq!(taker(&issuers, &"x".repeat(LIMIT)), Some(0));
}

fn mistake(issuer: &IssuerSettings) -> Option<String> {
    mistakes_of(issuer)
        .first()
        .map(|mistake| mistake.setting.clone())
}

#[test]
fn settings_that_fit_are_taken() {
    for issuer in [
        issuer(A, TokenMode::Jwt, &[]),
        issuer(A, TokenMode::Auto, &[]),
        issuer(A, TokenMode::Opaque, &["ory_at_"]),
    ] {
        assert_eq!(mistakes_of(&issuer), [], "{issuer:?}");
    }
}

#[test]
fn settings_that_would_ask_nobody_or_in_vain_are_refused() {
    for mode in [TokenMode::Auto, TokenMode::Opaque] {
        let mut nobody = issuer(A, mode, &[]);
        nobody.introspection = None;
        assert_eq!(mistake(&nobody).as_deref(), Some("token_mode"));
    }
    let mut in_vain = issuer(A, TokenMode::Jwt, &[]);
    in_vain.introspection = Some(IntrospectionSettings::new(credentials()));
    assert_eq!(mistake(&in_vain).as_deref(), Some("token_mode"));
    let mut template = issuer(A, TokenMode::Auto, &[]);
    template.issuer_template = IssuerTemplate::parse("https://a.example/{tid}/v2.0").ok();
    assert_eq!(mistake(&template).as_deref(), Some("issuer_template"));
}

#[rstest]
#[case("")]
#[case("e")]
#[case("ey")]
#[case("eyJhbGciOi")]
#[case("ew")]
#[case("ory at")]
#[case("öry")]
fn a_prefix_that_a_jwt_could_have_is_refused(#[case] prefix: &str) {
    let issuer = issuer(A, TokenMode::Auto, &["ory_at_", prefix]);
    assert_eq!(mistake(&issuer).as_deref(), Some("opaque_prefixes"));
}

#[rstest]
#[case::http_off_this_machine("http://auth.example.com/introspect", false)]
#[case::credentials("https://user:pw@auth.example.com/introspect", false)]
#[case::another_scheme("ftp://auth.example.com/introspect", false)]
#[case::loopback("http://127.0.0.1:4445/admin/oauth2/introspect", true)]
#[case::https("https://hydra.internal:4445/admin/oauth2/introspect", true)]
fn d11_an_endpoint_is_https_or_on_this_machine(#[case] url: &str, #[case] is_good: bool) {
    let settings = IntrospectionSettings::new(credentials()).at(url::Url::parse(url).unwrap());
    let mistakes = settings.mistakes(IntrospectionForm::Rfc7662);
    assert_eq!(mistakes.is_empty(), is_good, "{mistakes:?}");
    if !is_good {
        assert_eq!(mistakes[0].setting, "introspection_url");
    }
}

#[rstest]
#[case(IntrospectionForm::GoogleTokeninfo)]
#[case(IntrospectionForm::GitHubApplication)]
fn b6_no_jwt_is_verified_for_who_has_opaque_tokens_only(#[case] form: IntrospectionForm) {
    for (mode, expected) in [
        (TokenMode::Jwt, Some("token_mode")),
        (TokenMode::Auto, Some("token_mode")),
        (TokenMode::Opaque, None),
    ] {
        let mut issuer = issuer(A, mode, &[]);
        issuer.profile.introspection_form = form;
        if form == IntrospectionForm::GoogleTokeninfo && mode != TokenMode::Jwt {
            let nothing = IntrospectionCredentials::Nothing;
            issuer.introspection = Some(IntrospectionSettings::new(nothing));
        }
        assert_eq!(mistake(&issuer).as_deref(), expected, "{mode}");
    }
}

#[test]
fn a_token_without_a_listed_start_says_why_nobody_was_asked() {
    let explained = |issuers: &[IssuerSettings], token: &str| {
        let refused = CompactJws::parse_with_limit(token, LIMIT).unwrap_err();
        let denial = Routing::new(issuers).explained(refused);
        (
            denial.reason(),
            denial.detail().unwrap_or_default().to_owned(),
        )
    };
    let listed = [issuer(A, TokenMode::Opaque, &["ya29."])];
    for (token, reason) in [
        ("1//0abc", Reason::OpaqueToken),
        (JWE, Reason::EncryptedToken),
    ] {
        let (found, detail) = explained(&listed, token);
        assert_eq!(found, reason);
        assert!(detail.starts_with("nobody is asked about it"), "{detail}");
        assert!(detail.contains("OAUTHGATE_OPAQUE_PREFIXES"), "{detail}");
    }
    let jwts = [issuer(A, TokenMode::Jwt, &[])];
    for (issuers, token) in [(&jwts, "1//0abc"), (&listed, "a.b.c")] {
        let (_, detail) = explained(issuers, token);
        assert!(!detail.contains("nobody is asked"), "{token}: {detail}");
    }
}

#[test]
fn credentials_must_fit_the_form() {
    use IntrospectionCredentials as By;
    let secret = || Secret::new("secret");
    let id = |text: &str| text.to_owned();
    let basic = |client, secret| By::Basic {
        client_id: id(client),
        secret: Secret::new(secret),
    };
    let bearer = |client: Option<&str>| By::Bearer {
        token: secret(),
        client_id: client.map(id),
    };
    use IntrospectionForm as Form;
    for (form, by, expected) in [
        (Form::Rfc7662, By::Nothing, Some("introspection_auth")),
        (Form::Rfc7662, basic("gate", "x"), None),
        (
            Form::Rfc7662,
            basic("", "x"),
            Some("introspection_client_id"),
        ),
        (
            Form::Rfc7662,
            basic("gate\n", "x"),
            Some("introspection_client_id"),
        ),
        (
            Form::Rfc7662,
            basic("gate", ""),
            Some("introspection_client_secret"),
        ),
        (
            Form::Rfc7662,
            basic("gate", " \t"),
            Some("introspection_client_secret"),
        ),
        (Form::Rfc7662, bearer(None), None),
        (Form::Rfc9701, bearer(None), Some("introspection_client_id")),
        (Form::Rfc9701, bearer(Some("gate")), None),
        (Form::GoogleTokeninfo, By::Nothing, None),
        (
            Form::GoogleTokeninfo,
            basic("gate", "x"),
            Some("introspection_auth"),
        ),
        (Form::GitHubApplication, basic("gate", "x"), None),
        (
            Form::GitHubApplication,
            bearer(None),
            Some("introspection_auth"),
        ),
        (
            Form::GitHubApplication,
            By::Nothing,
            Some("introspection_auth"),
        ),
    ] {
        let settings = IntrospectionSettings::new(by);
        let mistakes = settings.mistakes(form);
        let found = mistakes.first().map(|mistake| mistake.setting.as_str());
        assert_eq!(found, expected, "{form} {settings:?}");
    }
    let long = IntrospectionSettings::new(basic("gate", "x"))
        .with_cache_ttl(std::time::Duration::from_secs(3601));
    assert_eq!(
        long.mistakes(Form::Rfc7662)[0].setting,
        "introspection_cache_ttl"
    );
}

#[test]
fn two_issuers_that_could_take_the_same_token_do_not_start() {
    let auto = |name, prefixes| issuer(name, TokenMode::Auto, prefixes);
    for (issuers, is_good) in [
        ([auto(A, &[]), issuer(B, TokenMode::Jwt, &[])], true),
        ([auto(A, &[]), auto(B, &[])], false),
        ([auto(A, &["a_"]), auto(B, &[])], false),
        ([auto(A, &["a_"]), auto(B, &["b_"])], true),
        ([auto(A, &["a_"]), auto(B, &["a_"])], false),
        ([auto(A, &["a_", "c_"]), auto(B, &["b_", "c_x"])], false),
        ([auto(A, &["a_b_"]), auto(B, &["a_"])], false),
    ] {
        let found = rivals(&issuers);
        assert_eq!(found.is_none(), is_good, "{found:?}");
    }
}
