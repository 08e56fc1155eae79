//! How much is remembered of verified tokens.

use std::time::Duration;

use oauthgate_remote::TokenCacheSettings;
use rstest::rstest;

use super::Setup;

fn remembered(changes: &[(&str, &str)]) -> TokenCacheSettings {
    let settings = Setup::new(changes).load().settings;
    settings.resources[0].provider.token_cache
}

#[test]
fn tokens_are_remembered_by_default_as_in_programs() {
    assert_eq!(remembered(&[]), TokenCacheSettings::default());
}

#[test]
fn tokens_are_remembered_as_the_settings_say() {
    let told = remembered(&[
        ("OAUTHGATE_TOKEN_CACHE_TTL", "30"),
        ("OAUTHGATE_TOKEN_CACHE_MAX_TOKENS", "7"),
        ("OAUTHGATE_TOKEN_CACHE_MAX_BYTES", "2000000"),
    ]);
    assert_eq!(told.ttl, Duration::from_secs(30));
    assert_eq!((told.max_tokens, told.max_bytes), (7, 2_000_000));
    let none = remembered(&[("OAUTHGATE_TOKEN_CACHE_TTL", "0")]);
    assert_eq!(none, TokenCacheSettings::off());
}

#[rstest]
#[case("OAUTHGATE_TOKEN_CACHE_TTL", "901", "from 0 to 900")]
#[case("OAUTHGATE_TOKEN_CACHE_TTL", "5m", "a whole number")]
#[case("OAUTHGATE_TOKEN_CACHE_MAX_TOKENS", "0", "from 1 to 1000000")]
#[case(
    "OAUTHGATE_TOKEN_CACHE_MAX_BYTES",
    "1024",
    "from 1048576 to 17179869184"
)]
fn a_wrong_memory_of_tokens_is_told_with_the_right_ones(
    #[case] name: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(report.contains(name), "{report}");
    assert!(report.contains(expected), "{report}");
}
