//! An issuer's settings: each takes effect, both front doors read the same, and the preset says the rest.

use std::collections::{BTreeMap, BTreeSet};

use oauthgate_core::{
    ResourceIdentifier,
    context::{IntrospectionForm, Preset, TokenMode},
};
use oauthgate_remote::{
    IssuerSettings, ProviderSettings,
    env::{settings_from, table},
};
use proptest::prelude::*;
use rstest::rstest;

use super::{GOOD, Setup, TEMPLATE, TENANT, effective};

/// A variable, its value, and the variables beside it.
type Sample = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Each setting of an issuer, with a value that is no default, and what it needs beside it.
const SAMPLES: &[Sample] = &[
    ("OAUTH_ISSUER_URL", "https://other.example/", &[]),
    ("OAUTHGATE_ISSUER_TEMPLATE", TEMPLATE, &[]),
    (
        "OAUTHGATE_ISSUER_TENANTS",
        TENANT,
        &[("OAUTHGATE_ISSUER_TEMPLATE", TEMPLATE)],
    ),
    (
        "USER_POOL_ID",
        "eu-west-1_Ab12",
        &[("-OAUTH_ISSUER_URL", "")],
    ),
    ("OAUTH_AUDIENCE", "one, two", &[]),
    ("OAUTHGATE_PRESET", "keycloak", &[]),
    ("OAUTHGATE_JWKS_URL", "https://auth.example.com/keys", &[]),
    (
        "OAUTHGATE_METADATA_URL",
        "https://auth.example.com/meta",
        &[],
    ),
    (
        "OAUTHGATE_METADATA_ISSUER",
        "https://other.example.com",
        &[],
    ),
    ("OAUTHGATE_JWKS_SAME_SITE", "true", &[]),
    ("OAUTHGATE_MISSING_AUDIENCE_CLIENTS", "one two", &[]),
    ("OAUTHGATE_TOKEN_TYPES", "absent, application/x+jwt", &[]),
    ("OAUTHGATE_REQUIRED_CLAIMS", "/use=a|b /c|/d /e", &[]),
    ("OAUTHGATE_AUDIENCE_CLAIM", "/azp", &[]),
    ("OAUTHGATE_CLIENT_AUDIENCE", "expected", &[]),
    ("OAUTHGATE_ALLOWED_CLIENTS", "one two", &[]),
    ("OAUTHGATE_SCOPE_CLAIMS", "/scp /ext/scope", &[]),
    ("OAUTHGATE_SCOPE_PLACES", "all", &[]),
    ("OAUTHGATE_SCOPE_PREFIX", "tools/", &[]),
    (
        "OAUTHGATE_GROUP_CLAIMS",
        "/https:~1~1a.example~1groups /tenants/{dct}/roles",
        &[],
    ),
    (
        "OAUTHGATE_GROUP_FORM",
        "member-names",
        &[("OAUTHGATE_GROUP_CLAIMS", "/roles")],
    ),
    ("OAUTHGATE_USER_CLAIMS", "/oid /sub", &[]),
    ("OAUTHGATE_CLIENT_CLAIMS", "/azp", &[]),
    ("OAUTHGATE_TENANT_CLAIMS", "/org_id", &[]),
    ("OAUTHGATE_ALLOWED_TENANTS", "org_1 org_2", &[]),
    ("OAUTHGATE_TIER_CLAIMS", "/plan", &[]),
    ("OAUTHGATE_EMAIL_CLAIMS", "/upn", &[]),
    (
        "OAUTHGATE_SERVICE_SIGNS",
        "/gty=client-credentials /sub^=mch_ /sub$=@clients /roles!/scp !/sub",
        &[],
    ),
    ("OAUTHGATE_FETCH_HEADERS", "X-Key: one", &[]),
    (
        "OAUTHGATE_HS_SECRET",
        "a secret of at least 32 bytes, which is long enough",
        &[],
    ),
    ("OAUTHGATE_TOKEN_MODE", "opaque", ASKED_AUTO),
    ("OAUTHGATE_OPAQUE_PREFIXES", "ory_at_", ASKED_AUTO),
    (
        "OAUTHGATE_INTROSPECTION_URL",
        "https://auth.example.com/ask",
        ASKED_AUTO,
    ),
    ("OAUTHGATE_INTROSPECTION_AUTH", "post", ASKED_AUTO),
    ("OAUTHGATE_INTROSPECTION_CLIENT_ID", "other", ASKED_AUTO),
    ("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "other", ASKED_AUTO),
    ("OAUTHGATE_INTROSPECTION_CACHE_TTL", "7", ASKED_AUTO),
    ("OAUTHGATE_INTROSPECTION_FORM", "rfc9701", ASKED_AUTO),
    ("OAUTHGATE_ALGORITHMS", "ES256 RS256", &[]),
    ("OAUTHGATE_CLOCK_SKEW", "9", &[]),
    ("OAUTH_JWKS_CACHE_TTL", "10", &[]),
    ("OAUTH_JWKS_MAX_KEYS", "11", &[]),
    ("OAUTHGATE_JWKS_STALE_LIMIT", "12", &[]),
    ("OAUTHGATE_PINNED_KIDS", "a b/c", &[]),
    ("OAUTHGATE_WITHDRAWN_KIDS", "d", &[]),
];

/// What a setting about introspection needs beside it.
const ASKED_AUTO: &[(&str, &str)] = &[
    ("OAUTHGATE_TOKEN_MODE", "auto"),
    ("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate"),
    ("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "of gate"),
];
/// Settings that have tests of their own, because they need more than words beside them.
const ELSEWHERE: &[&str] = &[
    "AWS_REGION",
    "OAUTHGATE_INTROSPECTION_ASSERTION_AUDIENCE",
    "OAUTHGATE_INTROSPECTION_BEARER_TOKEN",
    "OAUTHGATE_INTROSPECTION_PRIVATE_KEY_FILE",
    "OAUTHGATE_JWKS_FILE",
];

/// What the library reads from the same variables.
fn by_library(changes: &[(&str, &str)]) -> Result<IssuerSettings, Vec<(String, String)>> {
    let mut variables: BTreeMap<&str, &str> = GOOD.iter().copied().collect();
    for (name, value) in changes {
        match name.strip_prefix('-') {
            Some(name) => variables.remove(name),
            None => variables.insert(name, value),
        };
    }
    let settings = settings_from(|name| variables.get(name).map(|value| (*value).to_owned()));
    match settings {
        Ok(mut settings) => Ok(settings.issuers.remove(0)),
        Err(error) => Err(error
            .mistakes
            .into_iter()
            .map(|mistake| (mistake.setting, mistake.problem))
            .collect()),
    }
}

/// What the library refuses once a provider is made of these settings.
fn refused_when_made(issuer: &IssuerSettings) -> Vec<String> {
    let resource = ResourceIdentifier::parse("https://mcp.example.com/mcp").unwrap();
    let provider = ProviderSettings::new(resource, issuer.clone());
    let mistakes = provider.mistakes().into_iter();
    mistakes.map(|mistake| mistake.problem).collect()
}

pub(super) fn by_gateway(
    changes: &[(&str, &str)],
) -> Result<IssuerSettings, Vec<(String, String)>> {
    match Setup::new(changes).sources.load() {
        Ok(mut loaded) => Ok(loaded.settings.resources[0].provider.issuers.remove(0)),
        Err(error) => Err(error
            .mistakes
            .into_iter()
            .map(|mistake| (mistake.setting, mistake.problem))
            .collect()),
    }
}

fn shown<T: std::fmt::Debug>(value: &T) -> String {
    format!("{value:#?}")
}

#[test]
fn every_setting_of_an_issuer_takes_effect_in_both_front_doors() {
    for (name, value, beside) in SAMPLES {
        let others = beside.iter().copied().filter(|(other, _)| other != name);
        let with: Vec<_> = others.chain([(*name, *value)]).collect();
        let without: Vec<_> = beside
            .iter()
            .copied()
            .filter(|(other, _)| !other.starts_with('-'))
            .collect();
        let read = by_gateway(&with).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
        let base = by_gateway(&without).unwrap();
        // Secrets are not shown.
        let is_as_before = shown(&read) == shown(&base) && read.introspection == base.introspection;
        assert!(!is_as_before, "{name} has no effect");
        let library = by_library(&with).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
        assert_eq!(shown(&read), shown(&library), "{name}");
        assert_eq!(read.introspection, library.introspection, "{name}");
    }
}

#[test]
fn every_setting_of_an_issuer_has_a_sample() {
    let tested: BTreeSet<_> = SAMPLES.iter().map(|(name, ..)| *name).collect();
    let all: BTreeSet<_> = table::ISSUER.iter().map(|setting| setting.name).collect();
    let elsewhere = ELSEWHERE.iter().copied().collect();
    assert_eq!(
        all.difference(&tested).copied().collect::<BTreeSet<_>>(),
        elsewhere
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever stands in the variables, the library and the gateway read it alike: the same settings,
    /// or a report in which the gateway names each of the library's mistakes.
    #[test]
    fn both_front_doors_read_alike(
        samples in prop::collection::vec(0..SAMPLES.len(), 0..6),
        noise in prop::collection::vec(
            (0..table::ISSUER.len(), "(.{0,8}|[a-z0-9:/.,|=!$^\"' {}*-]{0,20}|(/[a-z]{1,4}[ ,]){1,3})"),
            0..3,
        ),
    ) {
        let mut changes: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, value, beside) in samples.iter().map(|at| SAMPLES[*at]) {
            changes.extend(beside.iter().copied().chain([(name, value)]));
        }
        for (at, text) in noise.iter().filter(|(_, text)| !text.contains('\0')) {
            changes.insert(table::ISSUER[*at].name, text);
        }
        let changes: Vec<_> = changes.into_iter().collect();
        match (by_library(&changes), by_gateway(&changes)) {
            (Ok(library), Ok(gateway)) => prop_assert_eq!(shown(&library), shown(&gateway)),
            (Err(library), Err(gateway)) => for mistake in library {
                prop_assert!(gateway.contains(&mistake), "{:?} is not in {:?}", mistake, gateway);
            },
            // What only contradicts the rules is refused when the library's provider is made.
            (Ok(library), Err(mistakes)) => prop_assert!(
                mistakes.iter().all(|(_, problem)| refused_when_made(&library).contains(problem)),
                "{:?} {:?}", library, mistakes
            ),
            (Err(mistakes), Ok(_)) => prop_assert!(false, "{:?}", mistakes),
        }
    }
}

#[test]
fn h7_all_mistakes_of_an_issuer_come_in_one_report() {
    let changes = [
        ("OAUTHGATE_PRESET", "keyclock"),
        ("OAUTH_AUDIENCE", "one,,two"),
        ("OAUTHGATE_TOKEN_TYPES", "at+jwt logout+jwt"),
        ("OAUTHGATE_REQUIRED_CLAIMS", "/typ= token_use=access"),
        ("OAUTHGATE_AUDIENCE_CLAIM", "client_id"),
        ("OAUTHGATE_CLIENT_AUDIENCE", "yes"),
        ("OAUTHGATE_ALLOWED_CLIENTS", ""),
        ("OAUTHGATE_SCOPE_CLAIMS", "scope"),
        ("OAUTHGATE_SCOPE_PLACES", "both"),
        ("OAUTHGATE_SCOPE_PREFIX", "a b"),
        ("OAUTHGATE_GROUP_FORM", "object"),
        ("OAUTHGATE_USER_CLAIMS", "/sub,/a~2"),
        ("OAUTHGATE_ALLOWED_TENANTS", "\"org\""),
        ("OAUTHGATE_SERVICE_SIGNS", "/gty= sub^=x"),
        ("OAUTHGATE_TOKEN_MODE", "both"),
        ("OAUTHGATE_OPAQUE_PREFIXES", "ory_at_"),
        ("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "s3cret"),
    ];
    insta::assert_snapshot!(Setup::new(&changes).report());
}

#[rstest]
#[case::r21_keycloak_account(&[("OAUTHGATE_PRESET", "keycloak"), ("OAUTH_AUDIENCE", "account")], "OAUTH_AUDIENCE", "mapper")]
#[case::r19_no_pointer(&[("OAUTHGATE_AUDIENCE_CLAIM", "/azp"), ("-OAUTH_AUDIENCE", "")], "OAUTH_AUDIENCE", "as `/azp` names them")]
#[case::r18_cognito(&[("OAUTHGATE_PRESET", "cognito"), ("-OAUTH_AUDIENCE", "")], "OAUTH_AUDIENCE", "app client")]
#[case::r17_clients(&[("OAUTHGATE_CLIENT_AUDIENCE", "expected"), ("-OAUTH_AUDIENCE", "")], "OAUTH_AUDIENCE", "ids of the clients")]
#[case::r20_nobody_lacks_it(&[("OAUTHGATE_AUDIENCE_CLAIM", "/azp"), ("OAUTHGATE_MISSING_AUDIENCE_CLIENTS", "a")], "OAUTHGATE_MISSING_AUDIENCE_CLIENTS", "OAUTH_AUDIENCE")]
#[case::r28_nobody_has_a_tenant(&[("OAUTHGATE_PRESET", "no-tenant"), ("OAUTHGATE_ALLOWED_TENANTS", "a")], "OAUTHGATE_PRESET", "generic, ")]
#[case::no_opaque_tokens(&[("OAUTHGATE_OPAQUE_PREFIXES", "ory_at_")], "OAUTHGATE_OPAQUE_PREFIXES", "OAUTHGATE_TOKEN_MODE")]
#[case::nobody_is_asked(&[("OAUTHGATE_INTROSPECTION_FORM", "rfc9701")], "OAUTHGATE_INTROSPECTION_FORM", "OAUTHGATE_TOKEN_MODE")]
#[case::r19_supabase(&[("OAUTHGATE_PRESET", "supabase"), ("OAUTH_AUDIENCE", "authenticated")], "OAUTH_AUDIENCE", "OAUTHGATE_ALLOWED_CLIENTS")]
#[case::r18_spring(&[("OAUTHGATE_PRESET", "spring"), ("-OAUTH_AUDIENCE", "")], "OAUTH_AUDIENCE", "ids of the clients")]
#[case::r24_no_groups(&[("OAUTHGATE_GROUP_FORM", "list")], "OAUTHGATE_GROUP_FORM", "OAUTHGATE_GROUP_CLAIMS")]
fn settings_that_open_the_door_or_do_nothing_are_mistakes(
    #[case] changes: &[(&str, &str)],
    #[case] setting: &str,
    #[case] told: &str,
) {
    let report = Setup::new(changes).report();
    assert!(report.starts_with("1 mistake"), "{report}");
    assert!(
        report.contains(&format!("  {setting}")) && report.contains(told),
        "{report}"
    );
}

#[rstest]
fn trap_13_the_clients_are_asked_for_where_their_ids_are_the_audience(
    #[values("spring", "fusionauth", "dex", "authentik", "casdoor")] preset: &str,
) {
    let preset = ("OAUTHGATE_PRESET", preset);
    let report = Setup::new(&[preset, ("-OAUTH_AUDIENCE", "")]).report();
    assert!(report.starts_with("1 mistake"), "{report}");
    assert!(
        report.contains("OAUTH_AUDIENCE") && report.contains("client"),
        "{report}"
    );
    let listed = Setup::new(&[preset, ("OAUTH_AUDIENCE", "web app")]).load();
    let issuer = &listed.settings.resources[0].provider.issuers[0];
    assert_eq!(issuer.audiences.len(), 2);
}

#[test]
fn r18_the_resource_is_the_audience_where_tokens_are_issued_for_it() {
    let loaded = Setup::new(&[("-OAUTH_AUDIENCE", "")]).load();
    let issuer = &loaded.settings.resources[0].provider.issuers[0];
    assert_eq!(issuer.audiences[0].as_str(), "https://mcp.example.com/mcp");
    assert_eq!(origin(&loaded.effective, "audience"), "derived");
}

#[test]
fn r21_the_audience_of_everybody_is_expected_beside_a_list_of_clients_only() {
    let supabase = [("OAUTHGATE_PRESET", "supabase"), ("-OAUTH_AUDIENCE", "")];
    let listed = [&supabase[..], &[("OAUTHGATE_ALLOWED_CLIENTS", "app")]].concat();
    for settings in [by_gateway(&listed), by_library(&listed)] {
        assert_eq!(settings.unwrap().audiences[0].as_str(), "authenticated");
    }
    for mistakes in [by_gateway(&supabase), by_library(&supabase)] {
        assert_eq!(mistakes.unwrap_err().len(), 1);
    }
}

pub(super) fn origin(settings: &[effective::Effective], name: &str) -> String {
    let found = settings.iter().find(|setting| setting.name == name);
    found.map_or_else(String::new, |setting| setting.origin.to_string())
}

#[test]
fn show_tells_what_the_preset_says_and_what_is_laid_over_it() {
    let changes = [
        ("OAUTH_ISSUER_URL", "https://sso.example.com/realms/acme"),
        ("OAUTHGATE_TENANT_CLAIMS", "/organization"),
    ];
    let loaded = Setup::new(&changes).load();
    let show = |name| origin(&loaded.effective, name);
    let found = "preset keycloak (found by the issuer's address)";
    assert_eq!(
        (show("preset"), show("required_claims")),
        (found.to_owned(), found.to_owned())
    );
    assert_eq!(show("tenant_claims"), "environment");
    let required = loaded
        .effective
        .iter()
        .find(|setting| setting.name == "required_claims");
    assert_eq!(required.unwrap().value, "/typ=Bearer|DPoP");
    assert_eq!(
        loaded.presets,
        [format!(
            "the tokens of https://sso.example.com/realms/acme are read with the {found}"
        )]
    );
}

#[test]
fn show_tells_the_issuers_of_a_resource_apart() {
    let loaded = Setup::of_file(super::TWO_RESOURCES).load();
    let show = |name| origin(&loaded.effective, name);
    assert_eq!(show("resource[1].issuer[0].clock_skew"), "default");
    assert!(show("resource[1].issuer[1].clock_skew").starts_with('/'));
    assert_eq!(show("resource[0].clock_skew"), "default");
}

#[test]
fn a_preset_that_is_named_says_so() {
    let loaded = Setup::new(&[("OAUTHGATE_PRESET", "keycloak")]).load();
    assert_eq!(
        origin(&loaded.effective, "client_claims"),
        "preset keycloak (named)"
    );
    assert_eq!(origin(&loaded.effective, "preset"), "environment");
    let loaded = Setup::new(&[]).load();
    assert!(loaded.presets[0].contains("preset generic (the issuer's address tells no provider)"));
}

/// Every preset's values are written as a setting would write them, and read back as the same.
#[test]
fn what_show_prints_of_a_preset_is_what_a_setting_would_say() {
    for preset in Preset::all() {
        let base = [
            ("OAUTHGATE_PRESET", preset.name),
            ("OAUTH_AUDIENCE", "client"),
            ("OAUTHGATE_ALLOWED_CLIENTS", "client"),
        ];
        let profile = preset.profile();
        let is_asked = profile.token_mode != TokenMode::Jwt
            && profile.introspection_form != IntrospectionForm::GoogleTokeninfo;
        let credentials = [
            ("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate"),
            ("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "of gate"),
        ];
        let credentials = credentials.into_iter().filter(|_| is_asked);
        let base: Vec<_> = base.into_iter().chain(credentials).collect();
        let loaded = Setup::new(&base).load();
        let profile = &loaded.settings.resources[0].provider.issuers[0].profile;
        let said = loaded.effective.iter().filter(|setting| {
            setting.origin.to_string().starts_with("preset ") && !setting.value.is_empty()
        });
        let said = said.filter(|setting| match setting.name.as_str() {
            "group_form" => !profile.groups.is_empty(),
            "opaque_prefixes" => profile.token_mode != TokenMode::Jwt,
            "token_types" => profile.token_mode != TokenMode::Opaque,
            _ => true,
        });
        let said: Vec<_> = said
            .filter_map(|setting| {
                Some((
                    super::super::env::variable(&setting.name)?.name,
                    setting.value.as_str(),
                ))
            })
            .collect();
        assert!(said.len() > 5, "{}: {said:?}", preset.name);
        let again: Vec<_> = base.iter().copied().chain(said).collect();
        let again =
            by_gateway(&again).unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}", preset.name));
        assert_eq!(&again.profile, profile, "{}", preset.name);
    }
}

#[test]
fn c11_an_address_for_all_tenants_brings_its_template_and_its_metadata() {
    let common = "https://login.microsoftonline.com/common/v2.0";
    let loaded = Setup::new(&[("OAUTH_ISSUER_URL", common), ("OAUTH_AUDIENCE", "api")]).load();
    let issuer = &loaded.settings.resources[0].provider.issuers[0];
    assert_eq!(
        issuer.name(),
        "https://login.microsoftonline.com/{tid}/v2.0"
    );
    assert_eq!(
        issuer.keys.metadata_issuer.as_ref().unwrap().as_str(),
        "https://login.microsoftonline.com/{tenantid}/v2.0"
    );
    for name in ["issuer_template", "metadata_issuer", "metadata_url"] {
        assert_eq!(
            origin(&loaded.effective, name),
            "preset entra (found by the issuer's address)",
            "{name}"
        );
    }
    assert!(
        loaded
            .warnings
            .iter()
            .any(|line| line.contains("every tenant"))
    );
    for list in ["OAUTHGATE_ISSUER_TENANTS", "OAUTHGATE_ALLOWED_TENANTS"] {
        let changes = [
            ("OAUTH_ISSUER_URL", common),
            ("OAUTH_AUDIENCE", "api"),
            (list, TENANT),
        ];
        let warnings = Setup::new(&changes).load().warnings;
        assert!(
            !warnings.iter().any(|line| line.contains("every tenant")),
            "{list}"
        );
    }
}

#[test]
fn whoever_names_a_place_of_keys_is_not_led_to_the_presets_own() {
    let changes = [
        (
            "OAUTH_ISSUER_URL",
            "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
        ),
        ("OAUTH_AUDIENCE", "api"),
    ];
    let keys = |more: &[(&'static str, &'static str)]| {
        let changes: Vec<_> = changes.iter().chain(more).copied().collect();
        by_gateway(&changes).unwrap().keys
    };
    assert_eq!(
        keys(&[]).metadata_url.unwrap().as_str(),
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/.well-known/openid-configuration"
    );
    let own = keys(&[("OAUTHGATE_JWKS_URL", "https://mirror.example/keys")]);
    assert_eq!(
        (own.metadata_url, own.jwks_url.unwrap().host_str()),
        (None, Some("mirror.example"))
    );
}

#[rstest]
#[case::r19_client_claim(&[("OAUTHGATE_AUDIENCE_CLAIM", "/azp")], "taken from `/azp`")]
#[case::r21_known_client(&[("OAUTHGATE_ALLOWED_CLIENTS", "app other"), ("OAUTH_AUDIENCE", "app")], "is a client of this issuer")]
#[case::r17_unknown_provider(&[("OAUTH_AUDIENCE", "app")], "looks like a client's id")]
#[case::r26_email_as_identity(&[("OAUTHGATE_USER_CLAIMS", "/upn /email")], "is taken from `/email`, an e-mail address")]
fn what_is_legal_and_risky_is_warned_about(#[case] changes: &[(&str, &str)], #[case] told: &str) {
    let warnings = Setup::new(changes).load().warnings;
    assert!(
        warnings.iter().any(|line| line.contains(told)),
        "{warnings:?}"
    );
}

#[test]
fn what_the_validator_refuses_is_told_by_the_name_of_the_variable() {
    let google = [
        ("OAUTH_ISSUER_URL", "https://accounts.google.com"),
        ("OAUTH_AUDIENCE", "app"),
        ("OAUTHGATE_TOKEN_MODE", "auto"),
    ];
    let signed_answers = [
        ("OAUTHGATE_TOKEN_MODE", "opaque"),
        ("OAUTHGATE_INTROSPECTION_FORM", "rfc9701"),
        ("OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "word"),
    ];
    for (changes, named) in [
        (google, "OAUTHGATE_TOKEN_MODE"),
        (signed_answers, "OAUTHGATE_INTROSPECTION_CLIENT_ID"),
    ] {
        let mistakes = by_gateway(&changes).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert_eq!(mistakes[0].0, named, "{mistakes:?}");
    }
}

#[test]
fn a_wrong_mode_hides_no_other_mistake_about_introspection() {
    let mistakes = by_gateway(&[
        ("OAUTHGATE_TOKEN_MODE", "both"),
        ("OAUTHGATE_INTROSPECTION_URL", "http://auth.example.com/i"),
        ("OAUTHGATE_INTROSPECTION_AUTH", "digest"),
        ("OAUTHGATE_INTROSPECTION_CACHE_TTL", "-1"),
    ])
    .unwrap_err();
    assert_eq!(mistakes.len(), 4, "{mistakes:?}");
}

#[test]
fn a_provider_that_is_known_or_a_kind_that_is_demanded_brings_no_warning() {
    for more in [
        ("OAUTHGATE_PRESET", "keycloak"),
        ("OAUTHGATE_REQUIRED_CLAIMS", "/token_use=access"),
        ("OAUTHGATE_TOKEN_TYPES", "at+jwt"),
    ] {
        let warnings = Setup::new(&[("OAUTH_AUDIENCE", "app"), more])
            .load()
            .warnings;
        assert_eq!(warnings, [""; 0], "{more:?}");
    }
}

/// What people copy must work: each block of variables, laid over the first.
#[test]
fn the_variables_in_the_guide_are_good() {
    let guide = include_str!("../../../../../docs/guides/any-provider.md");
    let blocks = guide
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next());
    let mut count = 0;
    for block in blocks {
        count += 1;
        let pairs: Vec<_> = block
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        let pairs = pairs
            .into_iter()
            .map(|(name, value)| (name, value.trim_matches('"')));
        let changes: Vec<_> = [("-OAUTH_AUDIENCE", "")].into_iter().chain(pairs).collect();
        let audience_is_said = changes.iter().any(|(name, _)| *name == "OAUTH_AUDIENCE");
        let changes = if audience_is_said {
            &changes[1..]
        } else {
            &changes[..]
        };
        Setup::new(changes).load();
    }
    assert!(count > 8, "{count}");
}
