//! How issuers are asked about tokens: what is read, and what cannot be meant.

use oauthgate_core::context::TokenMode;
use oauthgate_remote::{IntrospectionCredentials, IssuerSettings};
use rstest::rstest;

use super::{
    Setup,
    issuer::{by_gateway, origin},
};

fn asked(more: &[(&str, &str)]) -> Result<IssuerSettings, Vec<(String, String)>> {
    let base = [("OAUTHGATE_TOKEN_MODE", "opaque")];
    by_gateway(&base.iter().chain(more).copied().collect::<Vec<_>>())
}

/// The key of RFC 8037, appendix A.
fn key_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let key = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    std::fs::write(file.path(), key).unwrap();
    file
}

#[test]
fn r31_the_method_follows_from_the_credentials() {
    let file = key_file();
    let client = ("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate");
    let secret = ("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "s3cret");
    let bearer = ("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "t0ken");
    let key = (
        "OAUTHGATE_INTROSPECTION_PRIVATE_KEY_FILE",
        file.path().to_str().unwrap(),
    );
    let post = ("OAUTHGATE_INTROSPECTION_AUTH", "post");
    for (given, method) in [
        (vec![client, secret], "basic"),
        (vec![client, secret, post], "post"),
        (vec![bearer], "bearer"),
        (vec![bearer, client], "bearer"),
        (vec![client, key], "private_key_jwt"),
    ] {
        let settings = asked(&given).unwrap().introspection.unwrap();
        assert_eq!(settings.credentials.method(), method);
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}

#[test]
fn an_assertion_is_for_whom_the_operator_says() {
    let file = key_file();
    let credentials = [
        ("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate"),
        (
            "OAUTHGATE_INTROSPECTION_PRIVATE_KEY_FILE",
            file.path().to_str().unwrap(),
        ),
    ];
    let name = "OAUTHGATE_INTROSPECTION_ASSERTION_AUDIENCE";
    let read = |audience: Option<&'static str>| {
        let more = audience.map(|audience| (name, audience));
        asked(&credentials.into_iter().chain(more).collect::<Vec<_>>())
    };
    for given in [
        None,
        Some("https://acme.okta.com/oauth2/v1/introspect"),
        Some("https://ACME.okta.com"),
    ] {
        let settings = read(given).unwrap().introspection.unwrap();
        let IntrospectionCredentials::PrivateKeyJwt { audience, .. } = settings.credentials else {
            panic!("not by key")
        };
        assert_eq!(audience.as_deref(), given);
    }
    for refused in [
        "acme",
        "http://acme.okta.com/introspect",
        "https://acme.okta.com/ a",
        "https://a:b@acme.okta.com/",
    ] {
        let mistakes = read(Some(refused)).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert_eq!(mistakes[0].0, name, "{refused}");
    }
}

#[rstest]
#[case::nobody(&[], "OAUTHGATE_INTROSPECTION_CLIENT_ID")]
#[case::no_secret(&[("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate")], "OAUTHGATE_INTROSPECTION_CLIENT_SECRET")]
#[case::no_client(&[("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "s")], "OAUTHGATE_INTROSPECTION_CLIENT_ID")]
#[case::two_methods(&[("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "s"), ("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "t")], "OAUTHGATE_INTROSPECTION_CLIENT_SECRET")]
#[case::nothing_to_assert(&[("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "t"), ("OAUTHGATE_INTROSPECTION_ASSERTION_AUDIENCE", "https://a.example.com")], "OAUTHGATE_INTROSPECTION_ASSERTION_AUDIENCE")]
#[case::no_token(&[("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "Bearer t")], "OAUTHGATE_INTROSPECTION_BEARER_TOKEN")]
#[case::no_key(&[("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate"), ("OAUTHGATE_INTROSPECTION_PRIVATE_KEY_FILE", "/nowhere")], "OAUTHGATE_INTROSPECTION_PRIVATE_KEY_FILE")]
#[case::useless(&[("OAUTHGATE_TOKEN_MODE", "jwt"), ("OAUTHGATE_INTROSPECTION_CACHE_TTL", "1")], "OAUTHGATE_INTROSPECTION_CACHE_TTL")]
#[case::useless_secret(&[("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "t"), ("OAUTHGATE_HS_SECRET", "a secret of at least 32 bytes, which is long enough")], "OAUTHGATE_HS_SECRET")]
#[case::useless_types(&[("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "t"), ("OAUTHGATE_TOKEN_TYPES", "at+jwt")], "OAUTHGATE_TOKEN_TYPES")]
#[case::too_long(&[("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "t"), ("OAUTHGATE_INTROSPECTION_CACHE_TTL", "3601")], "OAUTHGATE_INTROSPECTION_CACHE_TTL")]
fn r31_a_question_that_cannot_be_asked_is_a_mistake(
    #[case] given: &[(&str, &str)],
    #[case] setting: &str,
) {
    let mode = ("OAUTHGATE_TOKEN_MODE", "opaque");
    let is_said = given.iter().any(|(name, _)| *name == mode.0);
    let given: Vec<_> = given
        .iter()
        .copied()
        .chain((!is_said).then_some(mode))
        .collect();
    let mistakes = by_gateway(&given).unwrap_err();
    let [(named, _)] = mistakes.as_slice() else {
        panic!("{mistakes:?}")
    };
    assert_eq!(named, setting);
}

#[test]
fn jwts_of_a_provider_of_both_kinds_are_taken_when_nobody_can_be_asked() {
    let hydra = [
        ("OAUTHGATE_PRESET", "hydra"),
        ("OAUTH_AUDIENCE", "https://mcp.example.com/mcp"),
    ];
    let loaded = Setup::new(&hydra).load();
    let issuer = &loaded.settings.resources[0].provider.issuers[0];
    assert_eq!(issuer.profile.token_mode, TokenMode::Jwt);
    assert_eq!(origin(&loaded.effective, "token_mode"), "derived");
    let bearer = ("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "t");
    let asked = by_gateway(&[hydra[0], hydra[1], bearer]).unwrap();
    assert_eq!(asked.profile.token_mode, TokenMode::Auto);
}

#[test]
fn google_is_asked_without_credentials() {
    let google = [
        ("OAUTH_ISSUER_URL", "https://accounts.google.com"),
        ("OAUTH_AUDIENCE", "client.apps.googleusercontent.com"),
    ];
    let issuer = by_gateway(&google).unwrap();
    assert_eq!(issuer.introspection.unwrap().credentials.method(), "none");
}
