//! The variables of the way out, right and wrong.

use rstest::rstest;

use super::*;
use crate::{OAuth21Provider, testing::TestAuthority};

fn read(variables: &[(&str, &str)]) -> Result<Outbound, ConfigurationError> {
    outbound_from(lookup(variables))
}

fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    move |name| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }
}

#[test]
fn nothing_said_is_the_straight_way_to_the_internet() {
    assert_eq!(read(&[]).unwrap(), Outbound::default());
    let empty = PROXY.map(|name| (name, ""));
    assert_eq!(read(&empty).unwrap(), Outbound::default());
}

#[test]
fn every_name_is_heard() {
    let authority = TestAuthority::new("corp");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    let outbound = read(&[
        ("OAUTHGATE_PRIVATE_NETWORKS", "10.0.0.0/8, fd00::/8"),
        ("OAUTHGATE_REDIRECT_HOSTS", "a.example b.example:8443"),
        ("OAUTHGATE_CA_FILE", file.path().to_str().unwrap()),
        ("HTTPS_PROXY", "http://proxy.corp.test:3128"),
        ("NO_PROXY", "corp.test"),
    ])
    .unwrap();
    assert_eq!(outbound.private_networks.len(), 2);
    assert_eq!(outbound.redirect_hosts[1].to_string(), "b.example:8443");
    assert_eq!(
        outbound.certificate_authorities,
        authority.trusted().certificate_authorities
    );
    let expected = ForwardProxy::parse("proxy.corp.test:3128").unwrap();
    assert_eq!(outbound.proxy, Some(expected.with_exceptions("corp.test")));
}

#[rstest]
#[case(&[("HTTPS_PROXY", "a"), ("https_proxy", "b"), ("ALL_PROXY", "c")], "a")]
#[case(&[("https_proxy", "b"), ("ALL_PROXY", "c"), ("all_proxy", "d")], "b")]
#[case(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "c"), ("all_proxy", "d")], "c")]
#[case(&[("all_proxy", "d")], "d")]
#[case(&[("HTTPS_PROXY", "a"), ("ALL_PROXY", "socks5://c")], "a")]
fn the_first_proxy_that_is_named_counts(#[case] variables: &[(&str, &str)], #[case] host: &str) {
    let proxy = read(variables).unwrap().proxy.unwrap();
    assert_eq!(proxy.to_string(), format!("http://{host}:80"));
}

#[test]
fn plain_http_proxies_are_nothing_to_us() {
    let outbound = read(&[("HTTP_PROXY", "http://a"), ("http_proxy", "http://b")]);
    assert_eq!(outbound.unwrap().proxy, None);
}

#[test]
fn every_mistake_is_reported_at_once_and_no_password() {
    let error = read(&[
        ("OAUTHGATE_PRIVATE_NETWORKS", "10.0.0.0/8 8.8.8.0/24"),
        ("OAUTHGATE_REDIRECT_HOSTS", "https://a.example/"),
        ("OAUTHGATE_CA_FILE", "/nowhere/ca.pem"),
        ("ALL_PROXY", "socks5://user:s3cret@proxy.corp.test"),
    ])
    .unwrap_err();
    let named: Vec<_> = error
        .mistakes
        .iter()
        .map(|mistake| &mistake.setting)
        .collect();
    assert_eq!(
        named,
        [
            "OAUTHGATE_PRIVATE_NETWORKS",
            "OAUTHGATE_REDIRECT_HOSTS",
            "OAUTHGATE_CA_FILE",
            "ALL_PROXY"
        ]
    );
    let report = format!("{error} {error:?}");
    assert!(
        report.contains("SOCKS") && !report.contains("s3cret"),
        "{report}"
    );
    let junk = read(&[("HTTPS_PROXY", "user:s3cret@proxy:port")]).unwrap_err();
    assert!(!format!("{junk} {junk:?}").contains("s3cret"), "{junk}");
}

#[test]
fn a_provider_reports_the_mistakes_of_both_halves() {
    let error = OAuth21Provider::from_lookup(lookup(&[
        ("OAUTH_ISSUER_URL", "https://auth.example.com"),
        ("OAUTH_AUDIENCE", "tools"),
        ("OAUTHGATE_CA_FILE", "/nowhere/ca.pem"),
    ]))
    .unwrap_err();
    let named: Vec<_> = error
        .mistakes
        .iter()
        .map(|mistake| &mistake.setting)
        .collect();
    assert_eq!(named, ["MCP_SERVER_URL", "OAUTHGATE_CA_FILE"]);
}
