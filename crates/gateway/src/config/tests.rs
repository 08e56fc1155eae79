//! What people write, and what they are told.

mod concurrency;
mod introspection;
mod issuer;
mod limits;
mod outbound;
mod policy;
mod proxies;
mod rules;
mod slow;
mod sources;
mod strangers;
mod tokens;

use std::fs;

use proptest::prelude::*;
use rstest::rstest;
use tempfile::TempDir;

use super::{
    Environment, IdentityHeaders, Loaded, LogFormat, Origin, Sources, UnlistedTools, effective,
    reference,
};

#[path = "shared_state_tests.rs"]
mod shared_state;

const GOOD: &[(&str, &str)] = &[
    ("MCP_SERVER_URL", "https://mcp.example.com/mcp"),
    ("OAUTH_ISSUER_URL", "https://auth.example.com"),
    ("OAUTH_AUDIENCE", "https://mcp.example.com/mcp"),
    ("OAUTHGATE_UPSTREAM", "http://127.0.0.1:3001"),
];

/// The good environment with these changes; an empty name stands for nothing, `-NAME` takes one away.
fn environment(changes: &[(&str, &str)]) -> Environment {
    let kept = GOOD.iter().filter(|(name, _)| {
        changes
            .iter()
            .all(|(changed, _)| changed.trim_start_matches('-') != *name)
    });
    let set = changes.iter().filter(|(name, _)| !name.starts_with('-'));
    Environment::of(kept.chain(set).map(|(name, value)| (*name, *value)))
}

const TEMPLATE: &str = "https://auth.example/{tid}/v2.0";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

struct Setup {
    directory: TempDir,
    sources: Sources,
}

impl Setup {
    fn new(changes: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let sources = Sources {
            environment: environment(changes),
            directory: directory.path().to_owned(),
            ..Sources::default()
        };
        Self { directory, sources }
    }

    fn of_file(text: &str) -> Self {
        let mut setup = Self::new(&[]);
        setup.sources.environment = Environment::default();
        setup.write(text);
        setup
    }

    fn write(&self, text: &str) {
        fs::write(self.directory.path().join("oauthgate.toml"), text).unwrap();
    }

    fn load(&self) -> Loaded {
        self.sources
            .load()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The report, with the directory's name taken out.
    fn report(&self) -> String {
        let error = self
            .sources
            .load()
            .expect_err("the configuration has a mistake");
        error
            .to_string()
            .replace(&format!("{}/", self.directory.path().display()), "")
    }
}

#[test]
fn the_gate_alone_is_read_without_a_resource() {
    let sources = |value: &str| Sources {
        environment: Environment::of([("OAUTHGATE_LISTEN", value)]),
        ..Sources::default()
    };
    let settings = sources("127.0.0.1:0").load_gate().unwrap();
    assert_eq!(settings.listen.port(), 0);
    assert!(settings.resources.is_empty());
    let report = sources("nowhere").load_gate().unwrap_err().to_string();
    assert!(report.contains("OAUTHGATE_LISTEN"), "{report}");
}

#[test]
fn row_35_four_variables_are_enough() {
    let loaded = Setup::new(&[]).load();
    let settings = loaded.settings;
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.admin_listen.to_string(), "127.0.0.1:9090");
    assert_eq!(settings.log_format, LogFormat::Json);
    assert!(!settings.accept_dev_issuer);
    let [resource] = &settings.resources[..] else {
        panic!("one resource")
    };
    assert_eq!(
        (resource.name.as_str(), resource.path.as_str()),
        ("mcp", "/mcp")
    );
    assert_eq!(resource.upstream.as_str(), "http://127.0.0.1:3001/");
    assert_eq!(resource.allowed_hosts, ["mcp.example.com"]);
    assert_eq!(resource.identity_headers, IdentityHeaders::AuthRequest);
    let [issuer] = &resource.provider.issuers[..] else {
        panic!("one issuer")
    };
    assert_eq!(issuer.keys.ttl.as_secs(), 3600);
    assert!(!issuer.keys.ttl_is_explicit);
    assert_eq!((issuer.keys.max_prepared, issuer.skew.as_secs()), (16, 60));
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn a_user_pool_stands_for_its_issuer_and_switches_the_preset_on() {
    let changes = [
        ("-OAUTH_ISSUER_URL", ""),
        ("USER_POOL_ID", "eu-central-1_AbC123"),
        ("OAUTH_AUDIENCE", "client-1, client-2"),
    ];
    let loaded = Setup::new(&changes).load();
    let issuer = &loaded.settings.resources[0].provider.issuers[0];
    assert_eq!(
        issuer.issuer.as_str(),
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC123"
    );
    assert_eq!(issuer.profile.name(), "cognito");
    assert_eq!(issuer.audiences.len(), 2);
}

#[test]
fn row_09_the_required_scopes_are_advertised_unless_others_are() {
    let advertised = |changes: &[(&str, &str)]| {
        let provider = &Setup::new(changes).load().settings.resources[0].provider;
        provider.advertised_scopes.to_string()
    };
    let required = ("OAUTHGATE_REQUIRED_SCOPES", "a b");
    assert_eq!(advertised(&[required]), "a b");
    assert_eq!(advertised(&[required, ("OAUTHGATE_SCOPES", "c")]), "c");
}

#[test]
fn what_the_validator_itself_refuses_is_told_by_the_check() {
    let report = Setup::new(&[("OAUTH_ISSUER_URL", "ftp://auth.example.com")]).report();
    assert!(report.starts_with("1 mistake"), "{report}");
}

#[test]
fn the_region_that_aws_sets_everywhere_means_nothing_without_a_pool() {
    let loaded = Setup::new(&[("AWS_REGION", "")]).load();
    assert_eq!(loaded.settings.resources.len(), 1);
}

#[test]
fn every_variable_takes_effect() {
    let authority = outbound::authority_file();
    let changes = [
        ("OAUTHGATE_LISTEN", "0.0.0.0:1"),
        ("OAUTHGATE_ADMIN_LISTEN", "[::1]:2"),
        ("OAUTHGATE_ADMIN_TOKEN", "a-token-of-16-bytes"),
        ("OAUTHGATE_TRUSTED_PROXIES", "10.0.0.0/8 192.168.1.7"),
        ("OAUTHGATE_STATE_DIRECTORY", "/var/lib/oauthgate"),
        ("OAUTHGATE_LOG_FORMAT", "pretty"),
        ("OAUTHGATE_ACCESS_LOG_SAMPLE", "100"),
        ("OAUTHGATE_WORKER_THREADS", "3"),
        ("OAUTHGATE_DRAIN_TIMEOUT", "3"),
        ("OAUTHGATE_IDLE_TIMEOUT", "5"),
        ("OAUTHGATE_HEADER_TIMEOUT", "21"),
        ("OAUTHGATE_BODY_TIMEOUT", "22"),
        ("OAUTHGATE_SEND_TIMEOUT", "23"),
        ("OAUTHGATE_MIN_RATE", "24"),
        ("OAUTHGATE_MAX_HEADER_BYTES", "9000"),
        ("OAUTHGATE_MAX_HEADERS", "26"),
        ("OAUTHGATE_MAX_CONNECTIONS", "4"),
        ("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true"),
        ("OAUTHGATE_DANGER_UNBOUND_SESSIONS", "true"),
        (
            "OAUTHGATE_SESSION_SECRET",
            "a-secret-of-at-least-thirty-two-bytes",
        ),
        ("OAUTHGATE_LIST_FILTER", "reachable"),
        ("OAUTHGATE_STEP_UP", "cumulative"),
        ("OAUTHGATE_MAX_MESSAGE_BYTES", "1024"),
        ("OAUTHGATE_MESSAGE_TIMEOUT", "27"),
        ("OAUTHGATE_MAX_LIST_BYTES", "2048"),
        ("OAUTHGATE_STREAM_EXPIRY", "close"),
        ("OAUTHGATE_STREAM_EXPIRY_GRACE", "8"),
        ("OAUTHGATE_SCOPES", "a b"),
        ("OAUTHGATE_REQUIRED_SCOPES", "c"),
        ("OAUTHGATE_RESOURCE_NAME", "Example Tools"),
        (
            "OAUTHGATE_ALLOWED_ORIGINS",
            "https://app.example.com, http://localhost:6274",
        ),
        ("OAUTHGATE_ALLOWED_HOSTS", "MCP.internal:81"),
        ("OAUTHGATE_IDENTITY_HEADERS", "remote"),
        ("OAUTHGATE_CONNECT_TIMEOUT", "6"),
        ("OAUTHGATE_RESPONSE_TIMEOUT", "7"),
        ("OAUTHGATE_RESPONSE_IDLE_TIMEOUT", "28"),
        ("OAUTHGATE_TUNNEL_IDLE_TIMEOUT", "29"),
        ("OAUTHGATE_MAX_BODY_BYTES", "1025"),
        ("OAUTHGATE_MAX_RESPONSE_HEADER_BYTES", "9001"),
        ("OAUTHGATE_PRESET", "okta"),
        ("OAUTHGATE_JWKS_URL", "https://auth.example.com/keys"),
        ("OAUTHGATE_METADATA_URL", "https://auth.example.com/meta"),
        ("OAUTHGATE_METADATA_ISSUER", "https://other.example.com"),
        ("OAUTHGATE_MISSING_AUDIENCE_CLIENTS", "one two"),
        ("OAUTHGATE_ALGORITHMS", "ES256"),
        ("OAUTHGATE_CLOCK_SKEW", "9"),
        ("OAUTH_JWKS_CACHE_TTL", "10"),
        ("OAUTH_JWKS_MAX_KEYS", "11"),
        ("OAUTHGATE_JWKS_STALE_LIMIT", "12"),
        ("OAUTHGATE_PINNED_KIDS", "a b/c"),
        ("OAUTHGATE_WITHDRAWN_KIDS", "d"),
        ("OAUTHGATE_JWKS_SAME_SITE", "true"),
        ("OAUTHGATE_TOKEN_MODE", "auto"),
        ("OAUTHGATE_OPAQUE_PREFIXES", "ory_at_ ory_rt_"),
        ("OAUTHGATE_INTROSPECTION_AUTH", "post"),
        ("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate"),
        ("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "s3cret"),
        ("OAUTHGATE_INTROSPECTION_CACHE_TTL", "13"),
        ("OAUTHGATE_INTROSPECTION_FORM", "rfc9701"),
        (
            "OAUTHGATE_INTROSPECTION_URL",
            "https://auth.example.com/introspect",
        ),
        ("OAUTHGATE_TOKEN_TYPES", "at+jwt"),
        ("OAUTHGATE_REQUIRED_CLAIMS", "/use=access /scp|/roles"),
        ("OAUTHGATE_AUDIENCE_CLAIM", "/aud"),
        ("OAUTHGATE_CLIENT_AUDIENCE", "expected"),
        ("OAUTHGATE_ALLOWED_CLIENTS", "three four"),
        ("OAUTHGATE_ALLOWED_TENANTS", "five"),
        ("OAUTHGATE_SCOPE_CLAIMS", "/scp /scope"),
        ("OAUTHGATE_SCOPE_PLACES", "all"),
        ("OAUTHGATE_SCOPE_PREFIX", "tools/"),
        ("OAUTHGATE_GROUP_CLAIMS", "/tenants/{dct}/roles"),
        ("OAUTHGATE_GROUP_FORM", "member-names"),
        ("OAUTHGATE_USER_CLAIMS", "/oid"),
        ("OAUTHGATE_CLIENT_CLAIMS", "/azp"),
        ("OAUTHGATE_TENANT_CLAIMS", "/org_id"),
        ("OAUTHGATE_TIER_CLAIMS", "/plan"),
        ("OAUTHGATE_EMAIL_CLAIMS", "/upn"),
        ("OAUTHGATE_SERVICE_SIGNS", "/gty=client-credentials !/sub"),
        ("OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS", "3"),
        ("OAUTHGATE_MAX_IN_FLIGHT", "32"),
        ("OAUTHGATE_MAX_STREAMS", "33"),
        ("OAUTHGATE_MAX_IN_FLIGHT_PER_SUBJECT", "30"),
        ("OAUTHGATE_MAX_STREAMS_PER_SUBJECT", "31"),
        ("OAUTHGATE_PRIVATE_NETWORKS", "10.20.0.0/16, fd00::/8"),
        ("OAUTHGATE_REDIRECT_HOSTS", "keys.example.com:8443"),
        ("OAUTHGATE_CA_FILE", authority.path().to_str().unwrap()),
    ];
    let settings = Setup::new(&changes).load().settings;
    let resource = &settings.resources[0];
    let issuer = &resource.provider.issuers[0];
    let shown = [
        format!(
            "{} {} {} {:?}",
            settings.listen,
            settings.admin_listen,
            settings.admin_token.is_some(),
            settings.trusted_proxies
        ),
        format!(
            "{:?} {:?} {} {:?} {:?} {}",
            settings.state_directory,
            settings.log_format,
            settings.access_log_sample,
            settings.worker_threads,
            settings.limits,
            settings.accept_dev_issuer
        ),
        format!(
            "{} / {} / {:?}",
            resource.provider.advertised_scopes,
            resource.required_scopes,
            resource.provider.resource_name
        ),
        format!(
            "{:?} {:?} {:?}",
            resource.allowed_origins, resource.allowed_hosts, resource.identity_headers
        ),
        format!("{:?} {:?}", resource.timeouts, resource.sizes),
        format!(
            "{} {} {:?} {:?}",
            settings.session_secret.is_some(),
            settings.unbound_sessions,
            resource.policy,
            resource.stream_expiry
        ),
        format!(
            "{} {:?} {:?}",
            issuer.profile.name(),
            issuer.keys.jwks_url.as_ref().map(url::Url::as_str),
            issuer.keys.metadata_url.as_ref().map(url::Url::as_str)
        ),
        format!(
            "{:?} {:?} {:?}",
            issuer.keys.metadata_issuer, issuer.missing_audience_clients, issuer.algorithms
        ),
        format!(
            "{:?} {:?} {} {}",
            issuer.skew, issuer.keys.ttl, issuer.keys.ttl_is_explicit, issuer.keys.max_prepared
        ),
        format!(
            "{:?} {:?} {:?}",
            issuer.keys.stale_limit, issuer.keys.pinned_kids, issuer.keys.withdrawn_kids
        ),
        format!("{} {:?}", issuer.keys.jwks_same_site, settings.outbound),
        format!("{:?} {:?}", issuer.allowed_clients, issuer.allowed_tenants),
        issuer.preset.to_string(),
        profile_in_words(&issuer.profile),
        format!("{:?}", issuer.introspection),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

/// The values as settings would write them.
fn profile_in_words(profile: &oauthgate_core::Profile) -> String {
    fn words<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
        let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
        items.join(" ")
    }
    [
        format!(
            "{} {} {}",
            profile.token_mode,
            profile.introspection_form,
            words(&profile.opaque_prefixes)
        ),
        format!(
            "{} / {} / {} {}",
            profile.token_types,
            words(profile.requirements()),
            profile.audience_claim,
            profile.client_audience
        ),
        format!(
            "{} {} {:?} / {} {}",
            words(&profile.scopes),
            profile.scope_places,
            profile.scope_prefix,
            words(&profile.groups),
            profile.group_form
        ),
        format!(
            "{} / {} / {} / {} / {}",
            words(&profile.user),
            words(&profile.client),
            words(&profile.tenant),
            words(&profile.tier),
            words(&profile.email)
        ),
        words(&profile.machine_signs),
    ]
    .join("\n")
}

#[test]
fn no_variable_is_read_and_forgotten() {
    let source = concat!(
        include_str!("tests.rs"),
        include_str!("tests/concurrency.rs"),
        include_str!("tests/introspection.rs"),
        include_str!("tests/issuer.rs"),
        include_str!("tests/limits.rs"),
        include_str!("tests/policy.rs"),
        include_str!("tests/proxies.rs"),
        include_str!("tests/sources.rs"),
        include_str!("tests/strangers.rs"),
        include_str!("tests/tokens.rs"),
        include_str!("shared_state_tests.rs")
    );
    let source: String = source.chars().filter(|c| !c.is_whitespace()).collect();
    for variable in super::env::VARIABLES.iter() {
        assert!(
            source.contains(&format!("(\"{}\",", variable.name)),
            "{} has no test",
            variable.name
        );
    }
}

#[rstest]
#[case::empty("OAUTH_AUDIENCE", "", "empty")]
#[case::blank("OAUTH_AUDIENCE", " ", "empty")]
#[case::wildcard("OAUTH_AUDIENCE", "*", "must name something")]
#[case::quotes("OAUTH_AUDIENCE", "\"api\"", "quotes")]
#[case::single_quotes("OAUTHGATE_UPSTREAM", "'http://127.0.0.1:3001'", "quotes")]
#[case::quoted_item("OAUTH_AUDIENCE", "one 'two'", "quotes")]
#[case::trailing_comma("OAUTH_AUDIENCE", "one,", "comma")]
#[case::double_comma("OAUTHGATE_SCOPES", "one,,two", "comma")]
#[case::blanks_around("MCP_SERVER_URL", " https://mcp.example.com", "blanks around")]
#[case::empty_optional("OAUTHGATE_SCOPES", "", "empty")]
#[case::empty_ours("OAUTHGATE_LISTEN", "", "empty")]
#[case::wrong_scope("OAUTHGATE_REQUIRED_SCOPES", "a\"b", "scope")]
#[case::no_port("OAUTHGATE_LISTEN", "127.0.0.1", "port")]
#[case::only_port("OAUTHGATE_LISTEN", ":8080", "0.0.0.0:8080")]
#[case::bare_port("OAUTHGATE_ADMIN_LISTEN", "9090", "127.0.0.1:9090")]
#[case::relative_path("OAUTHGATE_STATE_DIRECTORY", "state", "begins with `/`")]
#[case::home("OAUTHGATE_STATE_DIRECTORY", "~/state", "begins with `/`")]
#[case::not_a_bool("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "1", "true or false")]
#[case::upper_bool("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "TRUE", "true or false")]
#[case::ttl_zero("OAUTH_JWKS_CACHE_TTL", "0", "1 to 86400")]
#[case::ttl_text("OAUTH_JWKS_CACHE_TTL", "1h", "whole")]
#[case::keys_negative("OAUTH_JWKS_MAX_KEYS", "-1", "1 to 1000")]
#[case::admin_token_short("OAUTHGATE_ADMIN_TOKEN", "fifteen-letters", "at least 16")]
#[case::admin_token_letters("OAUTHGATE_ADMIN_TOKEN", "größer-als-sechzehn", "visible ASCII")]
#[case::stale_limit("OAUTHGATE_JWKS_STALE_LIMIT", "2592001", "0 to 2592000")]
#[case::pinned("OAUTHGATE_PINNED_KIDS", "a,,b", "comma")]
#[case::withdrawn("OAUTHGATE_WITHDRAWN_KIDS", "", "empty")]
#[case::c11_no_claim(
    "OAUTHGATE_ISSUER_TEMPLATE",
    "https://auth.example.com/common/v2.0",
    "in braces"
)]
#[case::c11_http_template(
    "OAUTHGATE_ISSUER_TEMPLATE",
    "http://auth.example.com/{tid}/v2.0",
    "https"
)]
#[case::c11_tenants_of_nobody(
    "OAUTHGATE_ISSUER_TENANTS",
    "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "OAUTHGATE_ISSUER_TEMPLATE"
)]
#[case::c11_no_tenant("OAUTHGATE_ISSUER_TENANTS", "common", "GUID")]
#[case::c13_skew("OAUTHGATE_CLOCK_SKEW", "301", "0 to 300")]
#[case::d11_http_issuer("OAUTH_ISSUER_URL", "http://auth.example.com", "https")]
#[case::d11_http_keys("OAUTHGATE_JWKS_URL", "http://auth.example.com/keys", "https")]
#[case::issuer_no_url("OAUTH_ISSUER_URL", "acme.com", "OAUTHGATE_JWKS_URL")]
#[case::a1_algorithm_none("OAUTHGATE_ALGORITHMS", "none", "never can")]
#[case::a2_algorithm_hs("OAUTHGATE_ALGORITHMS", "ES256 HS256", "never can")]
#[case::preset("OAUTHGATE_PRESET", "cognitoo", "generic, cognito")]
#[case::g10_every_origin("OAUTHGATE_ALLOWED_ORIGINS", "*", "every web page")]
#[case::g10_null_origin("OAUTHGATE_ALLOWED_ORIGINS", "null", "every web page")]
#[case::origin_with_path("OAUTHGATE_ALLOWED_ORIGINS", "https://a.example/x", "origin")]
#[case::host_with_path("OAUTHGATE_ALLOWED_HOSTS", "a.example/x", "host name")]
#[case::host_with_user("OAUTHGATE_ALLOWED_HOSTS", "u@a.example", "host name")]
#[case::h5_trust_all("OAUTHGATE_TRUSTED_PROXIES", "0.0.0.0/0", "every client")]
#[case::h5_no_network("OAUTHGATE_TRUSTED_PROXIES", "10.0.0.0/33", "network")]
#[case::upstream_scheme("OAUTHGATE_UPSTREAM", "ftp://host", "http or https")]
#[case::upstream_no_scheme("OAUTHGATE_UPSTREAM", "127.0.0.1:3001", "http://127.0.0.1:3001")]
#[case::upstream_query("OAUTHGATE_UPSTREAM", "http://127.0.0.1:3001/?a=b", "query")]
#[case::upstream_credentials(
    "OAUTHGATE_UPSTREAM",
    "http://user:pass@127.0.0.1:3001",
    "credentials"
)]
#[case::loop_to_us("OAUTHGATE_UPSTREAM", "http://localhost:8080", "circles")]
#[case::loop_by_any_address("OAUTHGATE_UPSTREAM", "http://0.0.0.0:8080/mcp", "circles")]
#[case::loop_to_admin("OAUTHGATE_UPSTREAM", "http://127.0.0.1:9090", "admin listener")]
#[case::loop_by_public_name("OAUTHGATE_UPSTREAM", "https://mcp.example.com", "public address")]
#[case::same_listener("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:8080", "share an address")]
#[case::wrong_pool("USER_POOL_ID", "nonsense", "pool")]
#[case::resource_http("MCP_SERVER_URL", "http://mcp.example.com/mcp", "https")]
#[case::resource_fragment("MCP_SERVER_URL", "https://mcp.example.com/mcp#x", "fragment")]
#[case::log_format("OAUTHGATE_LOG_FORMAT", "xml", "json or pretty")]
#[case::access_log_sample("OAUTHGATE_ACCESS_LOG_SAMPLE", "0.5", "0 to 1000000")]
#[case::no_threads("OAUTHGATE_WORKER_THREADS", "0", "1 to 1024")]
#[case::same_site("OAUTHGATE_JWKS_SAME_SITE", "yes", "true or false")]
#[case::d12_public_network("OAUTHGATE_PRIVATE_NETWORKS", "10.0.0.0/8 8.8.8.0/24", "public")]
#[case::d12_link_local("OAUTHGATE_PRIVATE_NETWORKS", "169.254.0.0/16", "never asked")]
#[case::d12_everything("OAUTHGATE_PRIVATE_NETWORKS", "0.0.0.0/0", "everything")]
#[case::d13_every_host("OAUTHGATE_REDIRECT_HOSTS", "*.example.com", "host name")]
#[case::d13_host_with_path("OAUTHGATE_REDIRECT_HOSTS", "https://a.example/", "host name")]
#[case::ca_file_gone("OAUTHGATE_CA_FILE", "/nowhere/ca.pem", "cannot be read")]
#[case::ca_file_of_another_kind("OAUTHGATE_CA_FILE", "/proc/self/cmdline", "no certificate")]
#[case::socks("HTTPS_PROXY", "socks5://user:pass@proxy.example:1080", "SOCKS")]
#[case::socks_for_all("all_proxy", "socks5h://proxy.example:1080", "SOCKS")]
#[case::proxy_no_url("https_proxy", "http://", "http://proxy.corp.example:3128")]
#[case::control("OAUTHGATE_RESOURCE_NAME", "a\u{7}b", "control")]
fn h7_names_the_variable_and_what_to_write(
    #[case] name: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(
        report.contains(name) && report.contains(expected),
        "{report}"
    );
    assert!(!report.contains("pass@"), "{report}");
}

#[rstest]
#[case("MCP_SERVER_URL")]
#[case("OAUTH_ISSUER_URL")]
#[case("OAUTHGATE_UPSTREAM")]
fn c4_starts_with_nothing_missing_or_not_at_all(#[case] name: &str) {
    let report = Setup::new(&[(&format!("-{name}"), "")]).report();
    assert!(report.starts_with("1 mistake"), "{report}");
    assert!(
        report.contains(&format!("{name}: required and not set")),
        "{report}"
    );
}

#[test]
fn c4_a_slip_in_a_foreign_name_is_pointed_out() {
    let report = Setup::new(&[("-OAUTH_AUDIENCE", ""), ("OAUTH_AUDIENCES", "x")]).report();
    assert!(
        report.contains("OAUTH_AUDIENCES is set; is it a slip?"),
        "{report}"
    );
}

#[rstest]
#[case("OAUTHGATE_UPSTRAEM", "OAUTHGATE_UPSTREAM, if that is what you mean")]
#[case("oauthgate_listen", "OAUTHGATE_LISTEN, if that is what you mean")]
#[case("OAUTHGATE_SKIP_SIGNATURE_CHECK", "remove it")]
#[case("OAUTHGATE_INSECURE", "remove it")]
fn a17_an_unknown_name_of_ours_is_a_mistake(#[case] name: &str, #[case] expected: &str) {
    let report = Setup::new(&[(name, "a-value-that-could-be-secret")]).report();
    assert!(
        report.contains(name) && report.contains(expected),
        "{report}"
    );
    assert!(!report.contains("secret"), "{report}");
}

#[rstest]
#[case("OAUTHGATE_SERVICE_HOST")]
#[case("OAUTHGATE_SERVICE_PORT_HTTP")]
#[case("OAUTHGATE_PORT")]
#[case("OAUTHGATE_PORT_8080_TCP_ADDR")]
#[case("OAUTHGATE_ADMIN_SERVICE_HOST")]
fn the_names_that_kubernetes_adds_are_nobodys_setting(#[case] name: &str) {
    Setup::new(&[(name, "tcp://10.0.0.1:8080")]).load();
}

#[test]
fn h7_all_mistakes_come_in_one_report() {
    let changes = [
        ("MCP_SERVER_URL", ""),
        ("OAUTH_ISSUER_URL", "http://auth.example.com"),
        ("OAUTH_AUDIENCE", "*"),
        ("OAUTHGATE_UPSTREAM", "http://user:pass@host"),
        ("OAUTHGATE_LISTEN", "8080"),
        ("OAUTHGATE_LISTENN", "x"),
        ("OAUTH_JWKS_CACHE_TTL", "soon"),
    ];
    insta::assert_snapshot!(Setup::new(&changes).report());
}

const TWO_RESOURCES: &str = r#"
listen = "127.0.0.1:0"
drain_timeout = 5

[[resource]]
server_url = "https://mcp.example.com/tools"
upstream = "http://127.0.0.1:3001/mcp"
issuer_url = "https://auth.example.com"
audience = ["https://mcp.example.com/tools"]
required_scopes = "tools:read"
unlisted_tools = "allow"
[resource.tools]
delete = ["tools:read", "tools:write"]
echo = []

[[resource]]
name = "files"
path = "/f"
server_url = "https://mcp.example.com/files"
upstream = "http://127.0.0.1:3002"
[[resource.issuer]]
issuer_url = "https://auth.example.com"
audience = "files"
[[resource.issuer]]
issuer_url = "https://auth.example.org/"
audience = "files"
clock_skew = 0
"#;

#[test]
fn a_file_describes_several_resources() {
    let loaded = Setup::of_file(TWO_RESOURCES).load();
    let [tools, files] = &loaded.settings.resources[..] else {
        panic!("two resources")
    };
    assert_eq!(
        (tools.name.as_str(), tools.path.as_str()),
        ("tools", "/tools")
    );
    assert_eq!(
        tools.tools.scopes["delete"].to_string(),
        "tools:read tools:write"
    );
    assert!(tools.tools.scopes["echo"].is_empty());
    assert_eq!(tools.tools.unlisted, UnlistedTools::Allow);
    assert_eq!((files.name.as_str(), files.path.as_str()), ("files", "/f"));
    assert_eq!(files.provider.issuers.len(), 2);
    assert_eq!(files.provider.issuers[1].skew.as_secs(), 0);
    assert_eq!(loaded.settings.limits.drain.as_secs(), 5);
}

const SEVERAL_ISSUERS: &str = r#"
[[resource]]
server_url = "https://mcp.example.com/tools"
upstream = "http://127.0.0.1:3001/mcp"
[[resource.issuer]]
issuer_url = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"
preset = "entra"
audience = "api"
withdrawn_kids = ["a key, with blanks"]
[[resource.issuer]]
issuer_url = "https://login.microsoftonline.com/common/v2.0"
issuer_template = "https://login.microsoftonline.com/{tid}/v2.0"
metadata_issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
preset = "entra"
audience = "api"
jwks_stale_limit = 0
pinned_kids = ["one", "two"]
"#;

#[test]
fn c11_a_template_stands_beside_an_exact_issuer() {
    let loaded = Setup::of_file(SEVERAL_ISSUERS).load();
    let [exact, template] = &loaded.settings.resources[0].provider.issuers[..] else {
        panic!("two issuers")
    };
    assert!(exact.issuer_template.is_none());
    assert_eq!(exact.keys.withdrawn_kids, ["a key, with blanks"]);
    assert_eq!(
        template.name(),
        "https://login.microsoftonline.com/{tid}/v2.0"
    );
    for told in [
        "every tenant of https://login.microsoftonline.com/{tid}/v2.0",
        "only 2 pinned key(s) of https://login.microsoftonline.com/common/v2.0",
        "1 key(s) of https://login.microsoftonline.com/72f988bf",
        "the stale limit of https://login.microsoftonline.com/common/v2.0 is 0",
    ] {
        let found = loaded.warnings.iter().filter(|line| line.contains(told));
        assert_eq!(found.count(), 1, "{told}: {:?}", loaded.warnings);
    }
}

#[test]
fn c11_tenants_that_are_named_are_not_warned_about() {
    let tenants = "issuer_tenants = [\"72f988bf-86f1-41af-91ab-2d7cd011db47\"]\nmetadata_issuer";
    let named = SEVERAL_ISSUERS.replace("metadata_issuer", tenants);
    let warnings = Setup::of_file(&named).load().warnings;
    let warned = warnings.iter().any(|line| line.contains("every tenant"));
    assert!(!warned, "{warnings:?}");
}

#[test]
fn an_issuer_that_is_listed_twice_is_a_mistake() {
    let twice = TWO_RESOURCES.replace("https://auth.example.org/", "https://auth.example.com");
    let report = Setup::of_file(&twice).report();
    assert!(
        report.starts_with("1 mistake") && report.contains("listed twice"),
        "{report}"
    );
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let mut setup = Setup::new(&[
        ("OAUTHGATE_LISTEN", "127.0.0.1:2"),
        ("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:12"),
    ]);
    setup.write(
        "listen = \"127.0.0.1:1\"\nadmin_listen = \"127.0.0.1:11\"\nlog_format = \"pretty\"\n",
    );
    setup.sources.flags = vec![("listen", "127.0.0.1:3".to_owned())];
    let loaded = setup.load();
    let shown = |name: &str| {
        let found = loaded
            .effective
            .iter()
            .find(|setting| setting.name == name)
            .unwrap();
        (found.value.clone(), found.origin.clone())
    };
    assert_eq!(shown("listen"), ("127.0.0.1:3".to_owned(), Origin::Flag));
    assert_eq!(
        shown("admin_listen"),
        ("127.0.0.1:12".to_owned(), Origin::Environment)
    );
    let file = Origin::File {
        path: setup.directory.path().join("oauthgate.toml"),
        line: 3,
    };
    assert_eq!(shown("log_format"), ("pretty".to_owned(), file));
    assert_eq!(shown("drain_timeout"), ("25".to_owned(), Origin::Default));
    assert_eq!(loaded.settings.listen.port(), 3);
}

#[test]
fn the_environment_describes_the_only_resource_of_a_file_further() {
    let mut setup = Setup::of_file(
        "[[resource]]\nserver_url = \"https://mcp.example.com/mcp\"\nissuer_url = \"https://auth.example.com\"\naudience = \"a\"\n",
    );
    setup.sources.environment = Environment::of([("OAUTHGATE_UPSTREAM", "http://127.0.0.1:3001")]);
    assert_eq!(
        setup.load().settings.resources[0].upstream.port(),
        Some(3001)
    );
}

#[rstest]
#[case::unknown(
    "listne = \"x\"",
    "oauthgate.toml:1: listne",
    "`listen`, if that is what you mean"
)]
#[case::variable_name("OAUTHGATE_LISTEN = \"x\"", "oauthgate.toml:1", "listen")]
#[case::wrong_table(
    "upstream = \"http://127.0.0.1:1\"",
    "oauthgate.toml:1: upstream",
    "below `[[resource]]`"
)]
#[case::gate_key_in_resource(
    "[[resource]]\nlisten = \"x\"",
    "oauthgate.toml:2: listen",
    "top of the file"
)]
#[case::process_only(
    "danger_accept_dev_issuer = true",
    "oauthgate.toml:1",
    "OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER"
)]
#[case::single_brackets("[resource]\nname = \"x\"", "oauthgate.toml:1", "[[resource]]")]
#[case::float("drain_timeout = 1.5", "oauthgate.toml:1: drain_timeout", "seconds")]
#[case::list_for_one("\nlisten = [\"a\", \"b\"]", "oauthgate.toml:2: listen", "a list")]
#[case::mixed_list("trusted_proxies = [1]", "oauthgate.toml:1", "networks")]
#[case::empty_list("trusted_proxies = []", "oauthgate.toml:1", "empty list")]
#[case::syntax("listen = \n", "oauthgate.toml:1", "not TOML")]
#[case::twice(
    "listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"",
    "oauthgate.toml:2",
    "not TOML"
)]
#[case::tools("[[resource]]\ntools = \"x\"", "oauthgate.toml:2", "[resource.tools]")]
#[case::tool_scope(
    "[[resource]]\n[resource.tools]\ndelete = [\"a b\"]",
    "oauthgate.toml:3: tools.delete",
    "scope"
)]
#[case::well_known(
    "[[resource]]\npath = \"/.well-known/x\"",
    "oauthgate.toml:2: path",
    "gate's own documents"
)]
#[case::path(
    "[[resource]]\npath = \"/a//b\"",
    "oauthgate.toml:2: path",
    "plain absolute path"
)]
#[case::relative_path(
    "[[resource]]\npath = \"mcp\"",
    "oauthgate.toml:2: path",
    "plain absolute path"
)]
#[case::label("[[resource]]\nname = \"a b\"", "oauthgate.toml:2: name", "plain name")]
#[case::missing(
    "[[resource]]\nname = \"a\"",
    "oauthgate.toml:1: [[resource]]: server_url",
    "required and not set"
)]
fn h7_a_mistake_in_the_file_is_told_with_its_line(
    #[case] text: &str,
    #[case] place: &str,
    #[case] expected: &str,
) {
    let report = Setup::of_file(text).report();
    let hit = report
        .lines()
        .collect::<Vec<_>>()
        .windows(2)
        .any(|pair| pair[0].contains(place) && pair.concat().contains(expected));
    assert!(hit, "{report}");
}

#[test]
fn a_file_that_is_no_toml_is_the_only_mistake() {
    let report = Setup::of_file("listen = \n[[resource]]\n").report();
    assert!(
        report.starts_with("1 mistake") && report.contains("not TOML"),
        "{report}"
    );
}

#[test]
fn the_listeners_are_compared_though_a_resource_has_mistakes() {
    let report = Setup::new(&[
        ("-OAUTHGATE_UPSTREAM", ""),
        ("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:8080"),
    ])
    .report();
    assert!(
        report.contains("required and not set") && report.contains("cannot share an address"),
        "{report}"
    );
}

#[rstest]
#[case("https://mcp.example.com/mcp/", "https://mcp.example.com/mcp", true)]
#[case(
    "https://mcp.example.com/mcp",
    "other https://mcp.example.com/mcp/",
    true
)]
#[case("https://mcp.example.com/mcp/", "https://mcp.example.com/mcp/", false)]
#[case(
    "https://mcp.example.com/mcp",
    "https://mcp.example.com/mcp https://mcp.example.com/mcp/",
    false
)]
#[case("https://mcp.example.com/mcp", "other", false)]
fn an_audience_that_differs_by_a_last_slash_is_legal_and_warned_about(
    #[case] resource: &str,
    #[case] audience: &str,
    #[case] expected: bool,
) {
    let loaded = Setup::new(&[("MCP_SERVER_URL", resource), ("OAUTH_AUDIENCE", audience)]).load();
    let warned = loaded
        .warnings
        .iter()
        .any(|line| line.contains("last slash") && line.contains(resource));
    assert_eq!(warned, expected, "{:?}", loaded.warnings);
}

#[rstest]
#[case::path("path = \"/same\"", "claims the same")]
#[case::name("name = \"same\"", "claims the same")]
fn two_resources_may_not_claim_the_same(#[case] line: &str, #[case] expected: &str) {
    let resource = |number: u16| {
        format!(
            "[[resource]]\n{line}\nserver_url = \"https://mcp.example.com/r{number}\"\nupstream = \"http://127.0.0.1:300{number}\"\nissuer_url = \"https://auth.example.com\"\naudience = \"a\"\n"
        )
    };
    let report = Setup::of_file(&format!("{}{}", resource(1), resource(2))).report();
    assert!(
        report.starts_with("1 mistake") && report.contains(expected),
        "{report}"
    );
}

#[test]
fn two_resources_may_not_claim_the_same_metadata_document() {
    let resource = |number: u16| {
        format!(
            "[[resource]]\npath = \"/r{number}\"\nname = \"r{number}\"\nserver_url = \"https://h{number}.example.com/mcp\"\nupstream = \"http://127.0.0.1:300{number}\"\nissuer_url = \"https://auth.example.com\"\naudience = \"a\"\n"
        )
    };
    let report = Setup::of_file(&format!("{}{}", resource(1), resource(2))).report();
    assert!(
        report.contains("/.well-known/oauth-protected-resource/mcp"),
        "{report}"
    );
}

#[test]
fn a_variable_that_could_mean_several_resources_is_a_mistake() {
    let mut setup = Setup::of_file(TWO_RESOURCES);
    setup.sources.environment =
        Environment::of([("OAUTH_AUDIENCE", "x"), ("AWS_REGION", "us-east-1")]);
    let report = setup.report();
    assert!(
        report.starts_with("1 mistake") && report.contains("OAUTH_AUDIENCE"),
        "{report}"
    );
    assert!(report.contains("which of the 2 [[resource]]"), "{report}");
}

#[test]
fn a_pool_and_an_issuer_that_disagree_are_a_mistake() {
    let report = Setup::new(&[("USER_POOL_ID", "us-east-1_Ab")]).report();
    assert!(report.contains("names another issuer"), "{report}");
    let report = Setup::new(&[
        ("-OAUTH_ISSUER_URL", ""),
        ("USER_POOL_ID", "us-east-1_Ab"),
        ("AWS_REGION", "eu-west-1"),
    ])
    .report();
    assert!(report.contains("AWS_REGION"), "{report}");
}

#[test]
fn a_file_that_somebody_names_must_be_there() {
    let report = Setup::new(&[("OAUTHGATE_CONFIG", "/nowhere/oauthgate.toml")]).report();
    assert!(
        report.contains("OAUTHGATE_CONFIG") && report.contains("cannot be read"),
        "{report}"
    );
}

#[test]
fn f28_an_admin_listener_on_the_network_is_legal_and_warned_about() {
    let loaded = Setup::new(&[("OAUTHGATE_ADMIN_LISTEN", "0.0.0.0:9090")]).load();
    assert!(
        loaded.warnings[0].contains("open to the network")
            && loaded.warnings[0].contains("OAUTHGATE_ADMIN_TOKEN"),
        "{:?}",
        loaded.warnings
    );
}

#[test]
fn show_tells_value_and_origin_and_no_credentials() {
    let loaded = Setup::new(&[(
        "OAUTHGATE_METADATA_ISSUER",
        "https://user:pass@auth.example.com",
    )])
    .load();
    let table = effective::table(&loaded.effective);
    assert!(table.contains("[redacted]@auth.example.com"), "{table}");
    assert!(!table.contains("pass"), "{table}");
    let json: serde_json::Value =
        serde_json::from_str(&effective::json(&loaded.effective)).unwrap();
    let upstream = json["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["name"] == "upstream")
        .unwrap();
    assert_eq!(
        (&upstream["value"], &upstream["origin"]),
        (&"http://127.0.0.1:3001".into(), &"environment".into())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever stands in the variables and the file, the answer is settings or a report that names them.
    #[test]
    fn no_text_breaks_the_reading(
        values in prop::collection::vec((0..super::env::VARIABLES.len(), "(.{0,12}|[a-z0-9:/.,\"' \\[\\]@*-]{0,30})"), 0..6),
        file in "(\\[\\[resource\\]\\]\n)?([a-z_.\\[\\]]{1,16} = ?[\\[\\]\"a-z0-9.,{}']{0,12}\n){0,5}",
    ) {
        let changes = values.iter().filter(|(_, value)| !value.contains('\0'));
        let changes: Vec<_> = changes.map(|(at, value)| (super::env::VARIABLES[*at].name, value.as_str())).collect();
        let setup = Setup::new(&changes);
        setup.write(&file);
        if let Err(error) = setup.sources.load() {
            prop_assert!(!error.mistakes.is_empty());
            prop_assert!(error.mistakes.iter().all(|mistake| !mistake.expected.is_empty() && !mistake.problem.is_empty()));
        }
    }
}

/// What people copy must work.
#[test]
fn the_files_in_the_guides_are_good() {
    let guides = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides");
    let mut files = 0;
    for guide in fs::read_dir(guides).unwrap() {
        let text = fs::read_to_string(guide.unwrap().path()).unwrap();
        let blocks = text.split("```toml\n").skip(1);
        let blocks = blocks.filter_map(|block| block.split("```").next());
        for file in blocks.filter(|file| file.contains("[[resource]]")) {
            files += 1;
            Setup::of_file(file).load();
        }
    }
    assert!(files > 1, "{files}");
}

#[test]
fn the_reference_page_is_fresh() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/environment.md"
    );
    let found = fs::read_to_string(page).unwrap_or_default();
    assert!(
        found == reference::environment(),
        "stale: cargo run -- config reference > docs/reference/environment.md"
    );
}
