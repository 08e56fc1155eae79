//! Keys out of a file, documents behind a credential, secrets that are shared, servers that are advertised.

use std::{fs, path::PathBuf};

use rstest::rstest;

use super::Setup;
use crate::config::effective;

const SECRET: &str = "1qJ8zvR0x5YtW3uNfH7mKcB2dLgE9sPaVo4iTjXyQwZrMlCk";
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// A file in a folder of its own.
struct Stored {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Stored {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, text).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

fn shown(settings: &[effective::Effective], name: &str) -> String {
    let found = settings.iter().find(|setting| setting.name == name);
    found.map_or_else(String::new, |found| found.value.clone())
}

#[test]
fn trap_26_a_key_file_takes_the_place_of_every_url() {
    let file = Stored::new(KEYS);
    let changes = [
        ("OAUTHGATE_JWKS_FILE", file.name()),
        ("OAUTH_ISSUER_URL", "acme.com"),
    ];
    let loaded = Setup::new(&changes).load();
    let issuer = &loaded.settings.resources[0].provider.issuers[0];
    assert_eq!(issuer.keys.jwks_file.as_deref(), Some(&*file.path));
    assert_eq!(shown(&loaded.effective, "jwks_file"), file.name());
    for (name, value) in [
        ("OAUTHGATE_JWKS_URL", "https://auth.example.com/keys"),
        ("OAUTHGATE_METADATA_URL", "https://auth.example.com/meta"),
        ("OAUTHGATE_METADATA_ISSUER", "https://auth.example.com"),
        ("OAUTHGATE_FETCH_HEADERS", "X-Key: s3cret"),
    ] {
        let report = Setup::new(&[changes[0], (name, value)]).report();
        assert!(report.starts_with("1 mistake"), "{report}");
        assert!(
            report.contains(name) && report.contains("OAUTHGATE_JWKS_FILE"),
            "{report}"
        );
        assert!(!report.contains("s3cret"), "{report}");
    }
}

#[rstest]
#[case::no_set("{}", "OAUTHGATE_HS_SECRET")]
#[case::empty(r#"{"keys":[]}"#, "is empty")]
#[case::no_json("-----BEGIN PUBLIC KEY-----", "not a JSON object")]
#[case::private(r#"{"keys":[{"kty":"OKP","d":"c2VjcmV0"}]}"#, "private member `d`")]
#[case::encryption_only(r#"{"keys":[{"kty":"RSA","use":"enc"}]}"#, "no usable signing key")]
fn trap_26_a_key_file_without_a_public_key_is_refused_at_start(
    #[case] text: &str,
    #[case] why: &str,
) {
    let file = Stored::new(text);
    let report = Setup::new(&[("OAUTHGATE_JWKS_FILE", file.name())]).report();
    assert!(
        report.starts_with("1 mistake") && report.contains(why),
        "{report}"
    );
    assert!(
        report.contains("OAUTHGATE_JWKS_FILE") && !report.contains("c2VjcmV0"),
        "{report}"
    );
}

#[rstest]
#[case::missing("/nowhere/keys.json", "cannot be read")]
#[case::relative("keys.json", "no absolute path")]
#[case::folder("/", "no regular file")]
fn a_key_file_that_is_none_is_refused_at_start(#[case] path: &str, #[case] why: &str) {
    let report = Setup::new(&[("OAUTHGATE_JWKS_FILE", path)]).report();
    assert!(
        report.starts_with("1 mistake") && report.contains(why),
        "{report}"
    );
}

#[test]
fn fetch_headers_come_from_a_variable_or_a_file_and_are_never_shown() {
    let file = Stored::new("Authorization: Bearer s3cret\nX-Tenant: s3cret\n");
    for change in [
        (
            "OAUTHGATE_FETCH_HEADERS",
            "Authorization: Bearer s3cret\\nX-Tenant: s3cret",
        ),
        ("OAUTHGATE_FETCH_HEADERS_FILE", file.name()),
    ] {
        let loaded = Setup::new(&[change]).load();
        let keys = &loaded.settings.resources[0].provider.issuers[0].keys;
        assert_eq!(
            format!("{:?}", keys.fetch_headers),
            "FetchHeaders(authorization, x-tenant)"
        );
        assert_eq!(shown(&loaded.effective, "fetch_headers"), "[redacted]");
        assert!(!format!("{:?} {:?}", loaded.settings, loaded.effective).contains("s3cret"));
    }
    for wrong in ["s3cret", "Host: s3cret", "A: s3cret\\na: s3cret"] {
        let report = Setup::new(&[("OAUTHGATE_FETCH_HEADERS", wrong)]).report();
        assert!(
            report.starts_with("1 mistake") && !report.contains("s3cret"),
            "{report}"
        );
    }
}

#[test]
fn a2_a_shared_secret_is_read_warned_about_and_never_shown() {
    let file = Stored::new(&format!("{SECRET}\n"));
    for change in [
        ("OAUTHGATE_HS_SECRET", SECRET),
        ("OAUTHGATE_HS_SECRET_FILE", file.name()),
    ] {
        let loaded = Setup::new(&[change]).load();
        let issuer = &loaded.settings.resources[0].provider.issuers[0];
        let algorithms = issuer.hs_secret.as_ref().unwrap().algorithms();
        assert_eq!(
            algorithms
                .map(oauthgate_core::keys::MacAlgorithm::name)
                .collect::<Vec<_>>(),
            ["HS256", "HS384"]
        );
        assert!(
            loaded
                .warnings
                .iter()
                .any(|text| text.contains("mint tokens")),
            "{:?}",
            loaded.warnings
        );
        assert_eq!(shown(&loaded.effective, "hs_secret"), "[redacted]");
        let all = format!(
            "{:?} {:?} {:?}",
            loaded.settings, loaded.effective, loaded.warnings
        );
        assert!(!all.contains(SECRET));
    }
    assert!(
        Setup::new(&[]).load().settings.resources[0]
            .provider
            .issuers[0]
            .hs_secret
            .is_none()
    );
}

#[rstest]
#[case::a12_empty("", "empty")]
#[case::a12_blank(" ", "empty")]
#[case::a11_short("thirty-one-bytes-are-not-enough", "32 bytes")]
#[case::a16_published("a-string-secret-at-least-256-bits-long", "public documentation")]
#[case::a2_pem(
    "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
    "no secret"
)]
#[case::a2_jwk(
    "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWh\",\"e\":\"AQAB\"}",
    "no secret"
)]
fn a_shared_secret_that_is_none_is_refused_at_start(#[case] secret: &str, #[case] why: &str) {
    let report = Setup::new(&[("OAUTHGATE_HS_SECRET", secret)]).report();
    assert!(
        report.starts_with("1 mistake") && report.contains(why),
        "{report}"
    );
    assert!(secret.len() < 9 || !report.contains(secret), "{report}");
}

#[test]
fn an_issuer_that_is_no_url_may_share_a_secret_and_have_no_keys() {
    let changes = [
        ("OAUTH_ISSUER_URL", "acme.com"),
        ("OAUTHGATE_HS_SECRET", SECRET),
    ];
    let loaded = Setup::new(&changes).load();
    assert!(
        loaded.settings.resources[0].provider.issuers[0]
            .key_settings()
            .are_optional
    );
}

#[test]
fn trap_34_authorization_servers_are_advertised_byte_for_byte() {
    let servers = "https://acme.scalekit.com/resources/res_1 https://auth.example.com/";
    for changes in [
        vec![("OAUTHGATE_AUTHORIZATION_SERVERS", servers)],
        vec![("OAUTHGATE_AUTHORIZATION_SERVERS", "http://127.0.0.1:8080/x")],
        Vec::new(),
    ] {
        let loaded = Setup::new(&changes).load();
        let provider = &loaded.settings.resources[0].provider;
        let advertised: Vec<_> = provider.authorization_servers();
        let advertised: Vec<_> = advertised
            .iter()
            .map(oauthgate_core::Issuer::as_str)
            .collect();
        let expected = changes
            .first()
            .map_or("https://auth.example.com", |(_, value)| value);
        assert_eq!(advertised.join(" "), expected);
        // Whose tokens are taken is another question.
        assert_eq!(
            provider.issuers[0].issuer.as_str(),
            "https://auth.example.com"
        );
    }
}

#[rstest]
#[case::http("http://auth.example.com", "http")]
#[case::no_url("acme.com", "not a URL")]
#[case::query("https://auth.example.com/?a=b", "query")]
#[case::fragment("https://auth.example.com/#a", "fragment")]
#[case::credentials("https://user:s3cret@auth.example.com/", "credentials")]
#[case::twice("https://a.example https://a.example", "twice")]
fn what_no_client_could_ask_for_metadata_is_not_advertised(#[case] value: &str, #[case] why: &str) {
    let report = Setup::new(&[("OAUTHGATE_AUTHORIZATION_SERVERS", value)]).report();
    assert!(
        report.starts_with("1 mistake") && report.contains(why),
        "{report}"
    );
    assert!(!report.contains("s3cret"), "{report}");
}

#[test]
fn the_file_names_files_with_secrets_and_lists_of_servers() {
    let (headers, secret, keys) = (
        Stored::new("A: s3cret"),
        Stored::new(SECRET),
        Stored::new(KEYS),
    );
    let setup = Setup::of_file(&format!(
        r#"
[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001"
authorization_servers = ["https://a.example/1", "https://b.example/"]

[[resource.issuer]]
issuer_url = "https://auth.example.com"
audience = "tools"
fetch_headers_file = "{}"
hs_secret_file = "{}"

[[resource.issuer]]
issuer_url = "stytch.com/project-1"
audience = "tools"
jwks_file = "{}"
"#,
        headers.name(),
        secret.name(),
        keys.name()
    ));
    let loaded = setup.load();
    let provider = &loaded.settings.resources[0].provider;
    assert_eq!(provider.authorization_servers().len(), 2);
    assert!(!provider.issuers[0].keys.fetch_headers.is_empty());
    assert!(provider.issuers[0].hs_secret.is_some() && provider.issuers[1].hs_secret.is_none());
    assert_eq!(
        provider.issuers[1].keys.jwks_file.as_deref(),
        Some(&*keys.path)
    );
}
