//! Whatever the claims hold: an answer, never a user where the rule says service, and nothing out of a
//! place that was not named.

use std::collections::BTreeSet;

use oauthgate_core::{
    Audience, Issuer, PrincipalKind, Profile, TokenError, UserContext, Verifier,
    claims::ClaimPointer,
    context::{ClientAudience, MachineSign, Preset, TokenTypes},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{any_json, support::*};

/// A claim that some profile reads, with a value that means something to some profile.
fn claim() -> impl Strategy<Value = (String, Value)> {
    let name = prop::sample::select(vec![
        "sub",
        "oid",
        "uid",
        "username",
        "preferred_username",
        "client_id",
        "azp",
        "cid",
        "appid",
        "applicationId",
        "clientHost",
        "gty",
        "idtyp",
        "sub_profile",
        "type",
        "roles",
        "scp",
        "scope",
        "scopes",
        "groups",
        "permissions",
        "cognito:groups",
        "realm_access",
        "tid",
        "TID",
        "dct",
        "tenants",
        "act",
        "_claim_names",
        "hasgroups",
        "email",
        "email_verified",
        "ext",
        "tier",
        "sid",
    ]);
    let word = prop::sample::select(vec![
        "a",
        "b",
        "A",
        "app",
        "U2",
        "K2",
        "mch_1",
        "m2m_1",
        "admin/x",
        "a@clients",
        "service-account-a",
        "client-credentials",
        "service",
        "ak-a-client_credentials",
        "",
        " ",
    ]);
    let value = prop_oneof![
        6 => word.clone().prop_map(|word| json!(word)),
        2 => prop::collection::vec(word.clone(), 0..3).prop_map(|words| json!(words)),
        1 => word.prop_map(|word| json!({"roles": [word], "a": {"permissions": [word]}, "sub": word})),
        1 => any_json(),
    ];
    (name.prop_map(str::to_owned), value)
}

fn any_claims() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec(claim(), 0..12).prop_map(|claims| {
        let mut claims: Map<_, _> = claims.into_iter().collect();
        for (name, value) in [
            ("iss", json!(ISSUER)),
            ("exp", json!(NOW + 60)),
            ("aud", json!([RESOURCE, "b"])),
        ] {
            claims.insert(name.to_owned(), value);
        }
        claims
    })
}

fn any_profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(
        Preset::all()
            .iter()
            .map(Preset::profile)
            .collect::<Vec<_>>(),
    )
}

/// Only who is calling is judged here, so whatever else refuses a token is taken out of the profile.
fn caller(mut profile: Profile, claims: &Map<String, Value>) -> Result<UserContext, TokenError> {
    profile.token_types = TokenTypes::absent_only();
    profile.required_claims = Vec::new();
    profile.one_required = Vec::new();
    profile.client_audience = ClientAudience::Expected;
    let verifier = Verifier::builder()
        .issuer(Issuer::new(ISSUER).unwrap())
        .audiences(Audience::new(RESOURCE).unwrap(), [])
        .profile(profile)
        .build()
        .unwrap();
    let token = sign(
        &ED25519,
        "EdDSA",
        &json!({"kid": "k"}),
        &Value::Object(claims.clone()),
    );
    let keys = key_set(&[ED25519.jwk_with(&json!({"kid": "k"}))]);
    verify_with(&verifier, &keys, &token, NOW)
}

/// The strings at a place, read by the test's own eyes.
fn strings_at(claims: &Map<String, Value>, place: &ClaimPointer) -> BTreeSet<String> {
    match place.find(claims) {
        Some(Value::String(text)) => BTreeSet::from([text.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// The rule R27, written a second time.
fn is_a_service(profile: &Profile, claims: &Map<String, Value>) -> bool {
    let first = |places: &[ClaimPointer]| {
        places
            .iter()
            .find_map(|place| place.find(claims).filter(|value| !value.is_null()))
            .and_then(Value::as_str)
    };
    let Some(user) = first(&profile.user) else {
        return true;
    };
    let mut clients = profile
        .client
        .iter()
        .filter_map(|place| place.find(claims)?.as_str());
    let subject = claims.get("sub").and_then(Value::as_str);
    let client = first(&profile.client);
    clients.any(|client| client == user || Some(client) == subject)
        || profile
            .machine_signs
            .iter()
            .any(|sign| shows(sign, claims, client))
}

fn shows(sign: &MachineSign, claims: &Map<String, Value>, client: Option<&str>) -> bool {
    let there = |place: &ClaimPointer| place.find(claims).is_some_and(|value| !value.is_null());
    let texts = |place: &ClaimPointer| strings_at(claims, place);
    match sign {
        MachineSign::Present(place) => there(place),
        MachineSign::Absent(place) => !there(place),
        MachineSign::Equals(place, value) => texts(place).contains(value),
        MachineSign::StartsWith(place, start) => {
            texts(place).iter().any(|text| text.starts_with(start))
        }
        MachineSign::EndsWith(place, end) => texts(place).iter().any(|text| text.ends_with(end)),
        MachineSign::SameAs(place, other) => !texts(place).is_disjoint(&texts(other)),
        MachineSign::DiffersFrom(place, other) => {
            !texts(place).is_empty() && texts(place).is_disjoint(&texts(other))
        }
        MachineSign::PresentWithout(present, absent) => there(present) && !there(absent),
        MachineSign::NamesClient(place, start, end) => client.is_some_and(|client| {
            let expected = format!("{start}{client}{end}").to_lowercase();
            texts(place).iter().any(|text| {
                text.to_lowercase() == expected && text.starts_with(start) && text.ends_with(end)
            })
        }),
        MachineSign::All(signs) => signs.iter().all(|sign| shows(sign, claims, client)),
        _ => unreachable!("a sign that this test does not know"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn r27_nobody_is_a_user_where_the_rule_says_service(profile in any_profile(), claims in any_claims()) {
        if let Ok(user) = caller(profile.clone(), &claims) {
            let service = is_a_service(&profile, &claims);
            prop_assert!(!service || user.kind() == PrincipalKind::Service, "{} {claims:?}", profile.name());
        }
    }

    /// Every group and scope stands at a place that the profile names.
    #[test]
    fn r24_nothing_is_taken_from_a_place_that_was_not_named(profile in any_profile(), claims in any_claims()) {
        if let Ok(user) = caller(profile.clone(), &claims) {
            let mut named = BTreeSet::new();
            for place in &profile.groups {
                named.extend(strings_at(&claims, place));
                if let Some(Value::Object(members)) = place.find(&claims) {
                    named.extend(members.keys().cloned());
                }
            }
            for group in user.groups() {
                prop_assert!(named.contains(group), "{} {group} {claims:?}", profile.name());
            }
            let mut named = BTreeSet::new();
            for place in &profile.scopes {
                for text in strings_at(&claims, place) {
                    named.extend(text.split(' ').map(str::to_owned));
                }
            }
            for scope in user.scopes().iter() {
                prop_assert!(named.contains(scope.as_str()), "{} {scope} {claims:?}", profile.name());
            }
        }
    }

    /// A profile that names no place takes nothing, whatever is there.
    #[test]
    fn r24_without_places_there_are_no_groups_scopes_tenants_and_actors_are_few(claims in any_claims()) {
        let mut profile = Profile::generic();
        (profile.scopes, profile.tenant) = (Vec::new(), Vec::new());
        if let Ok(user) = caller(profile, &claims) {
            prop_assert!(user.groups().is_empty() && user.scopes().is_empty());
            prop_assert_eq!(user.tenant_id(), None);
            prop_assert!(user.actors().len() <= 8);
        }
    }
}
