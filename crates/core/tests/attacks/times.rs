//! Clocks, skew and lifetimes.

use std::time::Duration;

use oauthgate_core::{Audience, Reason, UserContext, Verifier};
use serde_json::json;

use crate::support::*;

fn with_skew(seconds: u64) -> Verifier {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    builder.skew(Duration::from_secs(seconds)).build().unwrap()
}

fn outcome(verifier: &Verifier, name: &str, time: i64) -> Result<UserContext, Reason> {
    let token = token(&claims_with(&json!({ name: time })));
    verify_with(verifier, &keys(), &token, NOW).map_err(|error| error.reason())
}

#[test]
fn c13_windows_end_exactly_at_the_edge() {
    for skew in [0, 1, 60, 300] {
        let verifier = with_skew(skew);
        let skew = i64::try_from(skew).unwrap();
        assert_eq!(
            outcome(&verifier, "exp", NOW - skew - 1),
            Err(Reason::Expired)
        );
        assert_eq!(
            outcome(&verifier, "exp", NOW - skew),
            Err(Reason::Expired),
            "RFC 7519 §4.1.4: on or after"
        );
        assert!(outcome(&verifier, "exp", NOW - skew + 1).is_ok());
        for (name, reason) in [
            ("nbf", Reason::NotYetValid),
            ("iat", Reason::IssuedInFuture),
        ] {
            assert!(outcome(&verifier, name, NOW + skew).is_ok(), "{name}");
            assert_eq!(
                outcome(&verifier, name, NOW + skew + 1),
                Err(reason),
                "{name}"
            );
        }
    }
}

#[test]
fn c13_a_clock_that_jumps_an_hour_refuses_and_recovers() {
    let token = token(&claims_with(&json!({"exp": NOW + 300})));
    for (jump, reason) in [(3600, Reason::Expired), (-3600, Reason::IssuedInFuture)] {
        assert_eq!(
            verify_with(&verifier(), &keys(), &token, NOW + jump)
                .unwrap_err()
                .reason(),
            reason
        );
    }
    for extreme in [i64::MAX, i64::MIN] {
        assert!(verify_with(&verifier(), &keys(), &token, extreme).is_err());
    }
    assert!(verify(&token).is_ok());
}

#[test]
fn c13_refuses_a_skew_above_300_s() {
    let builder = || {
        Verifier::builder()
            .issuer(issuer())
            .audiences(Audience::new(RESOURCE).unwrap(), [])
    };
    assert!(builder().skew(Duration::from_secs(300)).build().is_ok());
    for skew in [
        Duration::from_millis(300_001),
        Duration::from_secs(301),
        Duration::MAX,
    ] {
        assert!(
            builder()
                .skew(skew)
                .build()
                .unwrap_err()
                .problem
                .contains("300 s")
        );
    }
}

#[test]
fn i6_limits_the_lifetime_where_configured() {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    let verifier = builder
        .max_lifetime(Duration::from_secs(3600))
        .build()
        .unwrap();
    let outcome = |claims: serde_json::Value| {
        verify_with(&verifier, &keys(), &token(&claims_with(&claims)), NOW)
            .map_err(|error| error.reason())
    };
    assert!(outcome(json!({"iat": NOW, "exp": NOW + 3600})).is_ok());
    assert_eq!(
        outcome(json!({"iat": NOW, "exp": NOW + 3601})),
        Err(Reason::LifetimeTooLong)
    );
    assert!(outcome(json!({"iat": null, "exp": NOW + 3600})).is_ok());
    assert_eq!(
        outcome(json!({"iat": null, "exp": NOW + 3601})),
        Err(Reason::LifetimeTooLong)
    );
}
