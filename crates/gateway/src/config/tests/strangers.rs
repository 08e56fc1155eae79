//! What one client may take of us, and who is one.

use oauthgate_tower::{ClientPrefixes, RefusedTokenBudget};
use rstest::rstest;

use super::Setup;

#[test]
fn a_client_is_as_wide_as_the_settings_say() {
    let prefixes = |changes: &[(&str, &str)]| Setup::new(changes).load().settings.client_prefixes;
    assert_eq!(prefixes(&[]), ClientPrefixes::new(32, 64));
    let changed = prefixes(&[
        ("OAUTHGATE_CLIENT_PREFIX_IPV4", "24"),
        ("OAUTHGATE_CLIENT_PREFIX_IPV6", "56"),
    ]);
    assert_eq!(changed, ClientPrefixes::new(24, 56));
}

#[rstest]
#[case("OAUTHGATE_CLIENT_PREFIX_IPV4", "0")]
#[case("OAUTHGATE_CLIENT_PREFIX_IPV4", "33")]
#[case("OAUTHGATE_CLIENT_PREFIX_IPV6", "16")]
#[case("OAUTHGATE_CLIENT_PREFIX_IPV6", "129")]
#[case("OAUTHGATE_CLIENT_PREFIX_IPV6", "/64")]
fn half_the_internet_is_not_one_client(#[case] name: &str, #[case] value: &str) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(report.contains(name), "{report}");
}

#[test]
fn sixty_refused_tokens_a_minute_unless_settings_say_otherwise() {
    let read = |changes: &[(&str, &str)]| {
        let settings = Setup::new(changes).load().settings;
        (settings.refused_tokens, settings.unlimited_refused_tokens)
    };
    assert_eq!(read(&[]), (RefusedTokenBudget::default_quota(), false));
    let changed = read(&[("OAUTHGATE_REFUSED_TOKENS", "600/h")]);
    assert_eq!(changed, ("600/h".parse().unwrap(), false));
    let unlimited = read(&[("OAUTHGATE_DANGER_UNLIMITED_REFUSED_TOKENS", "true")]);
    assert!(unlimited.1);
    let warnings = Setup::new(&[("OAUTHGATE_DANGER_UNLIMITED_REFUSED_TOKENS", "true")])
        .load()
        .warnings;
    let says = |warning: &String| warning.contains("refused tokens are not counted");
    assert!(warnings.iter().any(says), "{warnings:?}");
}

#[rstest]
#[case("0/min")]
#[case("60")]
#[case("off")]
#[case("unlimited")]
#[case("-1/s")]
fn no_rate_is_a_mistake_that_names_the_setting(#[case] value: &str) {
    let report = Setup::new(&[("OAUTHGATE_REFUSED_TOKENS", value)]).report();
    assert!(report.contains("OAUTHGATE_REFUSED_TOKENS"), "{report}");
    assert!(report.contains("60/min"), "{report}");
}

#[test]
fn the_file_says_the_same() {
    let setup = Setup::new(&[]);
    setup.write("refused_tokens = \"10/s\"\nclient_prefix_ipv4 = 24\nclient_prefix_ipv6 = 48\n");
    let settings = setup.load().settings;
    assert_eq!(settings.refused_tokens, "10/s".parse().unwrap());
    assert_eq!(settings.client_prefixes, ClientPrefixes::new(24, 48));
}
