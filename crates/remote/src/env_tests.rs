//! The environment of the seed, right and wrong.

use std::{collections::HashMap, time::Duration};

use rstest::rstest;

use oauthgate_core::SettingError;

use super::{Lookup, SecretFile, Setting, SettingReader, settings_from, values::issuer_template};
use crate::{ConfigurationError, OAuth21Provider, ProviderSettings, TokenCacheSettings};

const GOOD: [(&str, &str); 3] = [
    ("MCP_SERVER_URL", "https://mcp.example.com/mcp"),
    ("OAUTH_ISSUER_URL", "https://auth.example.com/"),
    ("OAUTH_AUDIENCE", "https://mcp.example.com/mcp"),
];
const COGNITO: [(&str, &str); 3] = [
    ("MCP_SERVER_URL", "https://mcp.example.com/mcp"),
    ("USER_POOL_ID", "us-east-1_Ab12Cd34E"),
    ("OAUTH_AUDIENCE", "4client"),
];

fn read(
    base: &[(&str, &str)],
    more: &[(&str, &str)],
) -> Result<ProviderSettings, ConfigurationError> {
    let variables: HashMap<String, String> = base
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    settings_from(|name| variables.get(name).cloned())
}

fn wrong(base: &[(&str, &str)], more: &[(&str, &str)]) -> Vec<String> {
    read(base, more)
        .unwrap_err()
        .mistakes
        .into_iter()
        .map(|mistake| mistake.setting)
        .collect()
}

#[test]
fn the_names_of_the_seed_are_enough() {
    let settings = read(&GOOD, &[]).unwrap();
    let issuer = &settings.issuers[0];
    assert_eq!(settings.resource.as_str(), "https://mcp.example.com/mcp");
    assert_eq!(issuer.issuer.as_str(), "https://auth.example.com/");
    assert_eq!(
        (
            issuer.keys.ttl,
            issuer.keys.ttl_is_explicit,
            issuer.keys.max_prepared
        ),
        (Duration::from_secs(3_600), false, 16)
    );
    assert_eq!(issuer.profile.name(), "generic");
}

#[test]
fn an_explicit_ttl_is_marked_as_explicit_even_when_it_is_the_default() {
    let settings = read(
        &GOOD,
        &[
            ("OAUTH_JWKS_CACHE_TTL", "3600"),
            ("OAUTH_JWKS_MAX_KEYS", "4"),
        ],
    )
    .unwrap();
    assert!(settings.issuers[0].keys.ttl_is_explicit);
    assert_eq!(settings.issuers[0].keys.max_prepared, 4);
}

#[test]
fn the_operators_word_on_keys_is_read() {
    let settings = read(
        &GOOD,
        &[
            ("OAUTHGATE_JWKS_STALE_LIMIT", "0"),
            ("OAUTHGATE_PINNED_KIDS", "a, b/c"),
            ("OAUTHGATE_WITHDRAWN_KIDS", "d"),
        ],
    )
    .unwrap();
    let keys = &settings.issuers[0].keys;
    assert_eq!(keys.stale_limit, Duration::ZERO);
    assert_eq!(
        (&keys.pinned_kids[..], &keys.withdrawn_kids[..]),
        (
            &["a".to_owned(), "b/c".to_owned()][..],
            &["d".to_owned()][..]
        )
    );
    let defaults = &read(&GOOD, &[]).unwrap().issuers[0].keys;
    assert_eq!(defaults.stale_limit, Duration::from_secs(86_400));
    assert!(defaults.pinned_kids.is_empty() && defaults.withdrawn_kids.is_empty());
}

#[rstest]
#[case("OAUTHGATE_JWKS_STALE_LIMIT", "2592001")]
#[case("OAUTHGATE_JWKS_STALE_LIMIT", "-1")]
#[case("OAUTHGATE_JWKS_STALE_LIMIT", "1d")]
#[case("OAUTHGATE_PINNED_KIDS", "")]
#[case("OAUTHGATE_PINNED_KIDS", "a,,b")]
#[case("OAUTHGATE_WITHDRAWN_KIDS", ",a")]
fn a_wrong_word_on_keys_is_a_mistake(#[case] name: &str, #[case] value: &str) {
    assert_eq!(wrong(&GOOD, &[(name, value)]), [name]);
}

#[test]
fn no_key_has_a_name_longer_than_a_kid_may_be() {
    let long = "k".repeat(10_000);
    assert_eq!(
        wrong(&GOOD, &[("OAUTHGATE_WITHDRAWN_KIDS", &long)]),
        ["OAUTHGATE_WITHDRAWN_KIDS"]
    );
}

#[rstest]
#[case("https://login.microsoftonline.com/{tid}/v2.0", true)]
#[case("https://login.microsoftonline.com/common/v2.0", false)]
#[case("http://login.microsoftonline.com/{tid}/v2.0", false)]
#[case("https://user:pass@login.microsoftonline.com/{tid}", false)]
#[case("login/{tid}/v2.0", false)]
#[case("", false)]
fn c11_a_template_of_issuers_is_an_https_url_with_one_claim(
    #[case] text: &str,
    #[case] is_one: bool,
) {
    assert_eq!(issuer_template(text).is_ok(), is_one, "{text}");
}

#[rstest]
#[case("a b", &["a", "b"])]
#[case("a,b", &["a", "b"])]
#[case("a, b", &["a", "b"])]
#[case("api://x", &["api://x"])]
fn audiences_are_separated_by_blanks_or_commas(#[case] text: &str, #[case] expected: &[&str]) {
    let settings = read(&GOOD, &[("OAUTH_AUDIENCE", text)]).unwrap();
    let found: Vec<&str> = settings.issuers[0]
        .audiences
        .iter()
        .map(oauthgate_core::Audience::as_str)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn r18_the_audience_is_the_resource_where_tokens_are_issued_for_it() {
    let settings = read(&GOOD[..2], &[]).unwrap();
    let audiences = &settings.issuers[0].audiences;
    assert_eq!(audiences[0].as_str(), "https://mcp.example.com/mcp");
    assert_eq!(wrong(&COGNITO[..2], &[]), ["OAUTH_AUDIENCE"]);
    let error = read(&COGNITO[..2], &[]).unwrap_err().to_string();
    assert!(error.contains("app client"), "{error}");
}

#[test]
fn a_secret_may_lie_in_a_file_but_not_in_two_places() {
    static SECRET: Setting = Setting::new(
        ("PIN", "pin"),
        None,
        "a number",
        "",
        Some(SecretFile::new("PIN_FILE", "pin_file")),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "1234\n").unwrap();
    let path = file.path().to_str().unwrap();
    let read = |variables: &[(&str, &str)]| {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        let mut reader = Lookup::new(|name| variables.get(name).map(|text| (*text).to_owned()));
        let value = reader.value(&SECRET, |text| {
            let number: Result<u32, _> = text.parse();
            number.map_err(|_| SettingError::new("no number", "a number"))
        });
        let error = ConfigurationError {
            mistakes: reader.mistakes,
        };
        (value, error.to_string())
    };
    assert_eq!(read(&[("PIN_FILE", path)]).0, Some(1234));
    assert_eq!(read(&[("PIN", "5")]).0, Some(5));
    let (none, report) = read(&[("PIN", "5"), ("PIN_FILE", path)]);
    assert!(
        none.is_none() && report.contains("PIN is set as well"),
        "{report}"
    );
    let (none, report) = read(&[("PIN_FILE", "/nowhere/pin")]);
    assert!(none.is_none() && report.contains("PIN_FILE"), "{report}");
    let (none, report) = read(&[("PIN", "s3cret")]);
    assert!(none.is_none() && !report.contains("s3cret"), "{report}");
}

#[test]
fn a_user_pool_switches_the_cognito_preset_on() {
    let settings = read(&COGNITO, &[]).unwrap();
    let issuer = &settings.issuers[0];
    assert_eq!(
        issuer.issuer.as_str(),
        "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E"
    );
    assert_eq!(issuer.profile.name(), "cognito");
}

#[rstest]
#[case("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E")]
#[case("https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E")]
fn an_issuer_at_cognito_switches_the_cognito_preset_on(#[case] issuer: &str) {
    let settings = read(&GOOD, &[("OAUTH_ISSUER_URL", issuer)]).unwrap();
    assert_eq!(settings.issuers[0].profile.name(), "cognito");
}

#[test]
fn a_preset_that_is_named_comes_before_the_issuers_own() {
    let preset = |base: &[(&str, &str)], name| {
        let settings = read(base, &[("OAUTHGATE_PRESET", name)]).unwrap();
        settings.issuers[0].profile.name()
    };
    assert_eq!(preset(&GOOD, "keycloak"), "keycloak");
    assert_eq!(preset(&COGNITO, "generic"), "generic");
}

#[test]
fn a_preset_that_nobody_knows_is_a_mistake_that_lists_the_known_ones() {
    let error = read(&GOOD, &[("OAUTHGATE_PRESET", "keyclock")]).unwrap_err();
    let [mistake] = error.mistakes.as_slice() else {
        panic!("{error}")
    };
    assert_eq!(mistake.setting, "OAUTHGATE_PRESET");
    for name in oauthgate_core::context::providers::names() {
        assert!(mistake.expected.contains(name), "{error}");
    }
}

#[test]
fn the_region_is_the_pools_own_unless_it_is_set() {
    let of = |more: &[(&str, &str)]| {
        read(&COGNITO, more).unwrap().issuers[0]
            .issuer
            .as_str()
            .to_owned()
    };
    let ireland = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
    assert_eq!(of(&[("USER_POOL_ID", "eu-west-1_Ab12Cd34E")]), ireland);
    assert_eq!(
        of(&[
            ("USER_POOL_ID", "eu-west-1_Ab12Cd34E"),
            ("AWS_REGION", "eu-west-1")
        ]),
        ireland
    );
    let china = of(&[("USER_POOL_ID", "cn-north-1_Ab12Cd34E")]);
    assert_eq!(
        china,
        "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Ab12Cd34E"
    );
}

#[test]
fn a_pool_of_another_region_is_a_mistake() {
    assert_eq!(
        wrong(&COGNITO, &[("AWS_REGION", "eu-west-1")]),
        ["USER_POOL_ID"]
    );
}

#[test]
fn a_pool_and_an_issuer_may_agree_but_not_differ() {
    for kind in ["", "issuer-"] {
        let same = format!("https://{kind}cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E");
        let settings = read(&COGNITO, &[("OAUTH_ISSUER_URL", &same)]).unwrap();
        assert_eq!(
            (
                settings.issuers[0].issuer.as_str(),
                settings.issuers[0].profile.name()
            ),
            (same.as_str(), "cognito")
        );
    }
    assert_eq!(
        wrong(
            &COGNITO,
            &[("OAUTH_ISSUER_URL", "https://auth.example.com")]
        ),
        ["OAUTH_ISSUER_URL"]
    );
}

#[rstest]
fn h7_no_variable_may_be_empty_blank_or_quoted(
    #[values(
        "MCP_SERVER_URL",
        "OAUTH_ISSUER_URL",
        "OAUTH_AUDIENCE",
        "OAUTHGATE_PRESET",
        "OAUTH_JWKS_CACHE_TTL",
        "OAUTH_JWKS_MAX_KEYS"
    )]
    name: &str,
    #[values("", " ", "\n", "\"x\"", "'x'", "\"x", " 16", "16\n", "x\u{fffd}")] value: &str,
) {
    assert_eq!(wrong(&GOOD, &[(name, value)]), [name], "{value:?}");
}

#[rstest]
fn h7_no_cognito_variable_may_be_empty_blank_or_quoted(
    #[values("USER_POOL_ID", "AWS_REGION")] name: &str,
    #[values("", " ", "\"us-east-1\"", "us-east-1 ")] value: &str,
) {
    assert_eq!(wrong(&COGNITO, &[(name, value)]), [name], "{value:?}");
}

#[rstest]
#[case("MCP_SERVER_URL", "mcp.example.com")]
#[case("MCP_SERVER_URL", "http://mcp.example.com")]
#[case("MCP_SERVER_URL", "https://mcp.example.com/#x")]
#[case("OAUTH_ISSUER_URL", "http://auth.example.com")]
#[case("OAUTH_ISSUER_URL", "http://10.0.0.1")]
#[case("OAUTH_ISSUER_URL", "file:///etc/passwd")]
#[case("OAUTH_ISSUER_URL", "ftp://auth.example.com")]
#[case("OAUTH_ISSUER_URL", "data:application/json,{}")]
#[case("OAUTH_ISSUER_URL", "https://auth.example.com https://b.example")]
#[case("OAUTH_AUDIENCE", "*")]
#[case("OAUTH_AUDIENCE", "a,")]
#[case("OAUTH_AUDIENCE", ",a")]
#[case("OAUTH_AUDIENCE", "a,,b")]
#[case("OAUTH_JWKS_CACHE_TTL", "0")]
#[case("OAUTH_JWKS_CACHE_TTL", "-1")]
#[case("OAUTH_JWKS_CACHE_TTL", "+5")]
#[case("OAUTH_JWKS_CACHE_TTL", "1h")]
#[case("OAUTH_JWKS_CACHE_TTL", "1.5")]
#[case("OAUTH_JWKS_CACHE_TTL", "86401")]
#[case("OAUTH_JWKS_CACHE_TTL", "99999999999999999999")]
#[case("OAUTH_JWKS_MAX_KEYS", "0")]
#[case("OAUTH_JWKS_MAX_KEYS", "many")]
#[case("OAUTH_JWKS_MAX_KEYS", "1001")]
fn row_11_c4_d11_values_that_cannot_be_used_are_mistakes(#[case] name: &str, #[case] value: &str) {
    let error = read(&GOOD, &[(name, value)]).unwrap_err();
    let [mistake] = error.mistakes.as_slice() else {
        panic!("{error}")
    };
    assert_eq!(
        (mistake.setting.as_str(), mistake.value.as_deref()),
        (name, Some(value))
    );
    assert!(!mistake.problem.is_empty() && !mistake.expected.is_empty());
}

#[rstest]
#[case("us-east-1")]
#[case("Ab12Cd34E")]
#[case("us-east-1_")]
#[case("_Ab12")]
#[case("us-east-1_Ab/../x")]
#[case("evil.test/us-east-1_Ab12")]
#[case("us_east_1_Ab12")]
#[case("us-east-1_Ab12@evil.test")]
fn c10_a_pool_id_that_is_none_is_a_mistake(#[case] id: &str) {
    assert_eq!(wrong(&COGNITO, &[("USER_POOL_ID", id)]), ["USER_POOL_ID"]);
}

#[test]
fn c4_h2_credentials_in_an_issuer_are_a_mistake_and_are_not_repeated() {
    let issuer = ("OAUTH_ISSUER_URL", "https://user:s3cret@auth.example.com");
    let error = read(&GOOD, &[issuer]).unwrap_err();
    assert_eq!(error.mistakes[0].setting, "OAUTH_ISSUER_URL");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn nothing_set_names_everything_that_is_needed() {
    assert_eq!(wrong(&[], &[]), ["MCP_SERVER_URL", "OAUTH_ISSUER_URL"]);
}

#[test]
fn all_mistakes_are_reported_at_once_with_what_to_write_instead() {
    let error = read(
        &[
            ("MCP_SERVER_URL", "nonsense"),
            ("OAUTH_ISSUER_URL", "http://auth.example.com"),
            ("OAUTH_JWKS_CACHE_TTL", "soon"),
        ],
        &[],
    )
    .unwrap_err();
    let report = error.to_string();
    assert_eq!(error.mistakes.len(), 3);
    for part in [
        "MCP_SERVER_URL = \"nonsense\"",
        "OAUTH_ISSUER_URL",
        "OAUTH_JWKS_CACHE_TTL = \"soon\"",
        "write: ",
    ] {
        assert!(report.contains(part), "{report}");
    }
}

#[test]
fn an_issuer_that_is_no_url_has_no_key_set_to_be_found() {
    for issuer in [
        "stytch.com/project-test",
        "P2abc",
        "https://auth.example.com/?tenant=a",
    ] {
        let error = read(&GOOD, &[("OAUTH_ISSUER_URL", issuer)]).unwrap_err();
        assert_eq!(error.mistakes[0].setting, "OAUTH_ISSUER_URL");
        assert!(error.to_string().contains("cannot be found"), "{error}");
    }
}

#[test]
fn keys_must_lie_on_the_issuers_site_where_that_is_said() {
    let same_site = |value| read(&GOOD, &[("OAUTHGATE_JWKS_SAME_SITE", value)]);
    for (value, expected) in [("true", true), ("false", false)] {
        let settings = same_site(value).unwrap();
        assert_eq!(settings.issuers[0].keys.jwks_same_site, expected);
    }
    assert!(!read(&GOOD, &[]).unwrap().issuers[0].keys.jwks_same_site);
    for odd in ["yes", "1", "TRUE", "", " true"] {
        let error = same_site(odd).unwrap_err();
        assert_eq!(error.mistakes[0].setting, "OAUTHGATE_JWKS_SAME_SITE");
    }
}

#[test]
fn a_provider_comes_out_of_any_lookup() {
    let good = |name: &str| {
        let found = GOOD.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let provider = OAuth21Provider::from_lookup(good).unwrap();
    assert_eq!(
        provider.resource().identifier().as_str(),
        "https://mcp.example.com/mcp"
    );
    assert!(OAuth21Provider::from_lookup(|_| None).is_err());
}

#[test]
fn row_11_http_on_loopback_is_fine_for_a_developer() {
    for issuer in [
        "http://localhost:8080",
        "http://127.0.0.1:8080/realms/a",
        "http://[::1]:8080",
    ] {
        assert!(
            read(&GOOD, &[("OAUTH_ISSUER_URL", issuer)]).is_ok(),
            "{issuer}"
        );
    }
}

#[test]
fn trap_26_the_environment_of_a_program_says_where_keys_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let key = crate::testing::TestKey::new("1");
    let keys = write(
        "keys.json",
        &String::from_utf8(crate::testing::jwks(&[&key])).unwrap(),
    );
    let headers = write("headers", "Authorization: Bearer s3cret\n");
    let secret = write("secret", "1qJ8zvR0x5YtW3uNfH7mKcB2dLgE9sPaVo4iTjXyQwZ\n");
    let settings = read(&GOOD, &[("OAUTHGATE_JWKS_FILE", &keys)]).unwrap();
    assert_eq!(settings.issuers[0].keys.place(), format!("file {keys}"));
    let settings = read(
        &GOOD,
        &[
            ("OAUTHGATE_FETCH_HEADERS_FILE", &headers),
            ("OAUTHGATE_HS_SECRET_FILE", &secret),
            (
                "OAUTHGATE_AUTHORIZATION_SERVERS",
                "https://a.example/1 https://b.example",
            ),
        ],
    )
    .unwrap();
    assert!(!settings.issuers[0].keys.fetch_headers.is_empty());
    assert!(settings.issuers[0].hs_secret.is_some());
    assert_eq!(
        settings.authorization_servers()[0].as_str(),
        "https://a.example/1"
    );
    assert!(!format!("{settings:?}").contains("s3cret"));
    let provider = OAuth21Provider::new(settings).unwrap();
    let metadata = format!("{:?}", provider.resource().metadata());
    assert!(metadata.contains("https://a.example/1") && !metadata.contains("auth.example.com"));
}

#[test]
fn h2_secrets_of_the_environment_are_in_no_mistake() {
    for (name, value) in [
        ("OAUTHGATE_HS_SECRET", "s3cret"),
        ("OAUTHGATE_FETCH_HEADERS", "s3cret"),
        ("OAUTHGATE_FETCH_HEADERS", "Host: s3cret"),
        ("OAUTHGATE_FETCH_HEADERS", " A: s3cret"),
    ] {
        let error = read(&GOOD, &[(name, value)]).unwrap_err();
        assert_eq!(error.mistakes[0].setting, name);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn verified_tokens_are_remembered_as_the_environment_says() {
    let unset = read(&GOOD, &[]).unwrap().token_cache;
    assert_eq!(unset, TokenCacheSettings::default());
    let settings = [
        ("OAUTHGATE_TOKEN_CACHE_TTL", "0"),
        ("OAUTHGATE_TOKEN_CACHE_MAX_TOKENS", "1000000"),
        ("OAUTHGATE_TOKEN_CACHE_MAX_BYTES", "1048576"),
    ];
    let expected = TokenCacheSettings {
        ttl: Duration::ZERO,
        max_tokens: 1_000_000,
        max_bytes: 1 << 20,
    };
    assert_eq!(read(&GOOD, &settings).unwrap().token_cache, expected);
    let mistaken = [
        ("OAUTHGATE_TOKEN_CACHE_TTL", "901"),
        ("OAUTHGATE_TOKEN_CACHE_MAX_TOKENS", "0"),
        ("OAUTHGATE_TOKEN_CACHE_MAX_BYTES", "64MiB"),
    ];
    assert_eq!(wrong(&GOOD, &mistaken), mistaken.map(|(name, _)| name));
}

/// A program may write what the environment may not.
#[test]
fn a_memory_out_of_range_is_refused() {
    for adjust in [
        (|cache| cache.max_tokens = 0) as fn(&mut TokenCacheSettings),
        |cache| cache.max_bytes = 0,
        |cache| cache.ttl = Duration::from_secs(901),
    ] {
        let mut settings = read(&GOOD, &[]).unwrap();
        adjust(&mut settings.token_cache);
        assert_eq!(settings.mistakes().len(), 1);
        assert!(OAuth21Provider::new(settings).is_err());
    }
}
