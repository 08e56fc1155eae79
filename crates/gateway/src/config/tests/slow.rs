//! How long peers are waited for, and how much they may send.

use rstest::rstest;

use super::Setup;
use crate::config::{Limits, Sizes, UpstreamTimeouts};

#[test]
fn the_defaults_of_the_documentation_are_those_of_programs() {
    let settings = Setup::new(&[]).load().settings;
    assert_eq!(settings.limits, Limits::default());
    let resource = &settings.resources[0];
    assert_eq!(resource.timeouts, UpstreamTimeouts::default());
    assert_eq!(resource.sizes, Sizes::default());
}

#[test]
fn nothing_is_asked_of_slow_peers_where_0_is_said() {
    let zeroes = [
        ("OAUTHGATE_MIN_RATE", "0"),
        ("OAUTHGATE_TUNNEL_IDLE_TIMEOUT", "0"),
    ];
    let settings = Setup::new(&zeroes).load().settings;
    assert_eq!(settings.limits.rate, None);
    assert_eq!(settings.resources[0].timeouts.tunnel_idle, None);
}

#[rstest]
#[case("OAUTHGATE_HEADER_TIMEOUT", "0", "from 1 to 3600")]
#[case("OAUTHGATE_BODY_TIMEOUT", "1m", "a whole number")]
#[case("OAUTHGATE_SEND_TIMEOUT", "3601", "from 1 to 3600")]
#[case("OAUTHGATE_MIN_RATE", "-1", "a whole number")]
#[case("OAUTHGATE_MAX_HEADER_BYTES", "8191", "from 8192 to 1048576")]
#[case("OAUTHGATE_MAX_HEADERS", "9", "from 10 to 10000")]
#[case("OAUTHGATE_MESSAGE_TIMEOUT", "0", "from 1 to 3600")]
#[case("OAUTHGATE_RESPONSE_IDLE_TIMEOUT", "0", "from 1 to 86400")]
#[case("OAUTHGATE_TUNNEL_IDLE_TIMEOUT", "604801", "from 0 to 604800")]
#[case("OAUTHGATE_MAX_BODY_BYTES", "1 GiB", "a whole number")]
#[case("OAUTHGATE_MAX_RESPONSE_HEADER_BYTES", "1", "from 8192 to 1048576")]
fn h7_a_wrong_limit_is_told_with_the_right_ones(
    #[case] name: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(
        report.contains(name) && report.contains(expected),
        "{report}"
    );
}

#[rstest]
#[case("2000", 0)]
#[case("2001", 1)]
fn a_rate_that_honest_clients_miss_is_warned_about(#[case] rate: &str, #[case] warnings: usize) {
    let loaded = Setup::new(&[("OAUTHGATE_MIN_RATE", rate)]).load();
    let told = loaded
        .warnings
        .iter()
        .filter(|line| line.contains("OAUTHGATE_MIN_RATE"));
    assert_eq!(told.count(), warnings);
}
