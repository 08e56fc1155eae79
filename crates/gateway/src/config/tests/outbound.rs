//! How authorization servers are reached: the file, the environment's proxy, and what is shown of it.

use std::io::Write;

use super::{GOOD, Setup};
use crate::config::{Environment, Sources, effective};

/// A file with a certificate authority that nobody knows.
pub(super) fn authority_file() -> tempfile::NamedTempFile {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem().as_bytes()).unwrap();
    file
}

fn value_of(settings: &[effective::Effective], name: &str) -> Option<(String, String)> {
    let found = settings.iter().find(|setting| setting.name == name)?;
    Some((found.value.clone(), found.origin.to_string()))
}

#[test]
fn the_file_says_what_the_environment_says() {
    let authority = authority_file();
    let setup = Setup::of_file(&format!(
        r#"
private_networks = ["10.20.0.0/16"]
redirect_hosts = ["keys.example.com"]
ca_file = "{}"

[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001"
issuer_url = "https://auth.example.com"
audience = "tools"
jwks_same_site = true
"#,
        authority.path().display()
    ));
    let settings = setup.load().settings;
    assert_eq!(settings.outbound.private_networks.len(), 1);
    assert_eq!(settings.outbound.redirect_hosts.len(), 1);
    let authorities = &settings.outbound.certificate_authorities;
    assert_eq!(authorities.certificates().len(), 1);
    let issuer = &settings.resources[0].provider.issuers[0];
    assert!(issuer.keys.jwks_same_site);
}

#[test]
fn keys_of_one_issuer_may_be_held_to_its_site() {
    let setup = Setup::of_file(
        r#"
[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001"

[[resource.issuer]]
issuer_url = "https://one.example.com"
audience = "tools"
jwks_same_site = true

[[resource.issuer]]
issuer_url = "https://two.example.com"
audience = "tools"
"#,
    );
    let issuers = &setup.load().settings.resources[0].provider.issuers;
    let same_site: Vec<_> = issuers
        .iter()
        .map(|issuer| issuer.keys.jwks_same_site)
        .collect();
    assert_eq!(same_site, [true, false]);
}

#[test]
fn the_proxy_is_shown_without_its_password() {
    let loaded = Setup::new(&[
        ("HTTPS_PROXY", "user:s3cret@proxy.corp.test:3128"),
        ("ALL_PROXY", "socks5://ignored"),
        ("NO_PROXY", ""),
        ("no_proxy", "corp.test,10.0.0.0/8"),
    ])
    .load();
    let shown = value_of(&loaded.effective, "HTTPS_PROXY").unwrap();
    assert_eq!(shown.0, "http://proxy.corp.test:3128");
    assert_eq!(shown.1, "environment");
    let exceptions = value_of(&loaded.effective, "no_proxy").unwrap().0;
    assert_eq!(exceptions, "corp.test,10.0.0.0/8");
    assert_eq!(value_of(&loaded.effective, "ALL_PROXY"), None);
    assert!(!format!("{loaded:?}").contains("s3cret"));
}

#[test]
fn without_a_proxy_nothing_is_said_of_exceptions() {
    let loaded = Setup::new(&[("NO_PROXY", "corp.test"), ("HTTP_PROXY", "http://a")]).load();
    assert_eq!(loaded.settings.outbound.proxy, None);
    assert_eq!(value_of(&loaded.effective, "NO_PROXY"), None);
}

#[test]
fn a_command_on_this_machine_looks_for_no_proxy() {
    let socks = [("ALL_PROXY", "socks5://127.0.0.1:1080")];
    let sources = Sources {
        environment: Environment::of(
            GOOD.iter()
                .chain(&socks)
                .map(|(name, value)| (*name, *value)),
        ),
        ..Sources::default()
    };
    assert_eq!(sources.load_gate().unwrap().outbound.proxy, None);
    assert!(sources.load().is_err());
}
