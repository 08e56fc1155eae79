//! What one client may take of us, and who is one.

use oauthgate_tower::ClientPrefixes;
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
