//! Proxies in front of the gate.

use rstest::rstest;

use super::Setup;
use crate::config::ForwardedHeader;

const TRUSTED: (&str, &str) = ("OAUTHGATE_TRUSTED_PROXIES", "10.0.0.0/8");

#[rstest]
#[case("auto", ForwardedHeader::Auto)]
#[case("forwarded", ForwardedHeader::Forwarded)]
#[case("x-forwarded", ForwardedHeader::XForwarded)]
#[case("none", ForwardedHeader::Nothing)]
fn one_spelling_may_be_named(#[case] text: &str, #[case] expected: ForwardedHeader) {
    let settings = Setup::new(&[TRUSTED, ("OAUTHGATE_FORWARDED_HEADER", text)]);
    assert_eq!(settings.load().settings.forwarded_header, expected);
}

#[test]
fn a_file_says_what_the_environment_says() {
    let setup = Setup::of_file(
        r#"
trusted_proxies = ["10.0.0.0/8"]
forwarded_header = "x-forwarded"
proxy_protocol = "on"

[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001"
issuer_url = "https://auth.example.com"
audience = "tools"
"#,
    );
    let settings = setup.load().settings;
    assert_eq!(settings.forwarded_header, ForwardedHeader::XForwarded);
    assert!(settings.proxy_protocol);
}

#[rstest]
#[case("OAUTHGATE_FORWARDED_HEADER", "forwarded")]
#[case("OAUTHGATE_FORWARDED_HEADER", "x-forwarded")]
#[case("OAUTHGATE_PROXY_PROTOCOL", "on")]
fn f6_what_has_no_effect_without_trusted_proxies_is_a_mistake(
    #[case] name: &str,
    #[case] value: &str,
) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(
        report.contains(name) && report.contains(TRUSTED.0),
        "{report}"
    );
    assert!(
        Setup::new(&[TRUSTED, (name, value)])
            .load()
            .warnings
            .is_empty()
    );
}

#[rstest]
#[case(
    "OAUTHGATE_FORWARDED_HEADER",
    "x-forwarded-for",
    "auto, forwarded, x-forwarded or none"
)]
#[case("OAUTHGATE_PROXY_PROTOCOL", "v2", "off or on")]
#[case("OAUTHGATE_PROXY_PROTOCOL", "true", "off or on")]
#[case(
    "OAUTHGATE_TRUSTED_PROXIES",
    "0.0.0.0/0",
    "the addresses of your proxies"
)]
#[case(
    "OAUTHGATE_TRUSTED_PROXIES",
    "10.0.0.0/8 ::/0",
    "the addresses of your proxies"
)]
fn another_word_is_a_mistake(#[case] name: &str, #[case] value: &str, #[case] expected: &str) {
    let report = Setup::new(&[TRUSTED, (name, value)]).report();
    assert!(
        report.contains(name) && report.contains(expected),
        "{report}"
    );
}

#[rstest]
#[case("0.0.0.0/1", Some("0.0.0.0/1"))]
#[case("128.0.0.0/1", Some("128.0.0.0/1"))]
#[case("10.0.0.0/8 2000::/3", Some("2000::/3"))]
#[case("10.0.0.0/8 fc00::/7 2001:db8::/32 104.16.0.0/13", None)]
fn f6_half_the_internet_is_warned_about_by_name(
    #[case] networks: &str,
    #[case] expected: Option<&str>,
) {
    let warnings = Setup::new(&[(TRUSTED.0, networks)]).load().warnings;
    assert_eq!(
        warnings.len(),
        usize::from(expected.is_some()),
        "{warnings:?}"
    );
    for warning in &warnings {
        assert!(warning.contains(expected.unwrap()), "{warning}");
    }
}

#[test]
fn trust_without_belief_is_warned_about() {
    let setup = Setup::new(&[TRUSTED, ("OAUTHGATE_FORWARDED_HEADER", "none")]);
    let warnings = setup.load().warnings;
    assert!(
        warnings[0].contains("nothing that these proxies say"),
        "{warnings:?}"
    );
}
