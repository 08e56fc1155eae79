//! How much may be under way at a time.

use rstest::rstest;

use super::*;

#[test]
fn one_may_have_a_quarter_of_what_all_may_have() {
    let limits = |changes: &[(&str, &str)]| Setup::new(changes).load().settings.limits;
    assert_eq!(limits(&[]).connections_per_address, 2_500);
    let fewer = limits(&[("OAUTHGATE_MAX_CONNECTIONS", "101")]);
    assert_eq!(fewer.connections_per_address, 26);
    let fewer = limits(&[
        ("OAUTHGATE_MAX_IN_FLIGHT", "40"),
        ("OAUTHGATE_MAX_STREAMS", "3"),
    ]);
    assert_eq!(fewer.in_flight_per_subject, 10);
    assert_eq!(fewer.streams_per_subject, 1);
    let told = limits(&[
        ("OAUTHGATE_MAX_CONNECTIONS", "101"),
        ("OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS", "100"),
    ]);
    assert_eq!(told.connections_per_address, 100);
}

#[test]
fn what_may_be_under_way_is_what_the_settings_say() {
    let limits = Setup::new(&[
        ("OAUTHGATE_MAX_IN_FLIGHT", "40"),
        ("OAUTHGATE_MAX_STREAMS", "30"),
        ("OAUTHGATE_MAX_IN_FLIGHT_PER_SUBJECT", "20"),
        ("OAUTHGATE_MAX_STREAMS_PER_SUBJECT", "10"),
    ]);
    let limits = limits.load().settings.limits;
    let shown = [
        limits.in_flight,
        limits.streams,
        limits.in_flight_per_subject,
        limits.streams_per_subject,
    ];
    assert_eq!(shown, [40, 30, 20, 10]);
}

#[rstest]
#[case(
    "OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS",
    "10001",
    "OAUTHGATE_MAX_CONNECTIONS (10000)"
)]
#[case(
    "OAUTHGATE_MAX_IN_FLIGHT_PER_SUBJECT",
    "10001",
    "OAUTHGATE_MAX_IN_FLIGHT (10000)"
)]
#[case(
    "OAUTHGATE_MAX_STREAMS_PER_SUBJECT",
    "10001",
    "OAUTHGATE_MAX_STREAMS (10000)"
)]
fn a_limit_for_one_above_the_limit_for_all_is_warned_about(
    #[case] name: &str,
    #[case] value: &str,
    #[case] other: &str,
) {
    let warnings = Setup::new(&[(name, value)]).load().warnings;
    let [warning] = warnings.as_slice() else {
        panic!("one warning: {warnings:?}");
    };
    assert!(warning.contains(&format!("{name} ({value})")), "{warning}");
    assert!(warning.contains(other), "{warning}");
}
