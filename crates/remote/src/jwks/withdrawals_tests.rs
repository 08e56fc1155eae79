use oauthgate_core::JwkSet;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::testing::TestKey;

fn name(text: &str) -> WithdrawnName {
    WithdrawnName::key(text).unwrap()
}

fn key_id(text: &str) -> KeyId {
    KeyId::new(text).unwrap()
}

fn set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The same key under another `kid`, or under none.
fn renamed(key: &TestKey, kid: Option<&str>) -> Value {
    let mut jwk = key.jwk();
    jwk["kid"] = json!(kid);
    if kid.is_none() {
        jwk.as_object_mut().unwrap().remove("kid");
    }
    jwk
}

fn full() -> Withdrawals {
    let mut withdrawals = Withdrawals::new();
    for number in 0..Withdrawals::CAPACITY {
        let name = name(&format!("k{number}"));
        withdrawals.withdraw(&name, 1_000 + number as u64).unwrap();
    }
    withdrawals
}

#[test]
fn a_withdrawn_kid_stays_away_under_every_other_name() {
    let (key, other) = (TestKey::new("a"), TestKey::new("b"));
    let held = set(&[key.jwk(), other.jwk()]);
    let mut withdrawals = Withdrawals::new();
    withdrawals
        .withdraw_key(&key_id("a"), held.keys(), 1)
        .unwrap();
    let later = set(&[
        renamed(&key, Some("new name")),
        renamed(&key, None),
        renamed(&other, Some("a")),
        other.jwk(),
    ]);
    let barred: Vec<_> = later
        .keys()
        .iter()
        .map(|key| withdrawals.bars(key))
        .collect();
    assert_eq!(barred, [true, true, true, false]);
    assert!(withdrawals.bars_key_id(&key_id("a")) && !withdrawals.bars_key_id(&key_id("b")));
}

#[test]
fn a_restored_kid_brings_back_what_went_with_it() {
    let key = TestKey::new("a");
    let held = set(&[key.jwk()]);
    let mut withdrawals = Withdrawals::new();
    withdrawals
        .withdraw_key(&key_id("a"), held.keys(), 9)
        .unwrap();
    withdrawals.restore(&name("a"), 1).unwrap();
    assert!(!withdrawals.bars(&held.keys()[0]));
    assert_eq!(withdrawals.withdrawn().count(), 0);
}

#[test]
fn a_thumbprint_withdrawn_by_itself_does_not_come_back_with_a_kid() {
    let key = TestKey::new("a");
    let held = set(&[key.jwk()]);
    let thumbprint = name(held.keys()[0].thumbprint());
    let mut withdrawals = Withdrawals::new();
    withdrawals.withdraw(&thumbprint, 1).unwrap();
    withdrawals
        .withdraw_key(&key_id("a"), held.keys(), 2)
        .unwrap();
    withdrawals.restore(&name("a"), 3).unwrap();
    assert!(withdrawals.bars(&held.keys()[0]));
    withdrawals.restore(&thumbprint, 4).unwrap();
    assert!(!withdrawals.bars(&held.keys()[0]));
}

#[test]
fn a_key_named_by_its_thumbprint_is_withdrawn_and_restored_as_one() {
    let key = TestKey::new("a");
    let thumbprint = set(&[key.jwk()]).keys()[0].thumbprint().to_owned();
    let held = set(&[renamed(&key, Some(&thumbprint))]);
    let mut withdrawals = Withdrawals::new();
    withdrawals
        .withdraw_key(&key_id(&thumbprint), held.keys(), 1)
        .unwrap();
    assert!(withdrawals.bars(&held.keys()[0]));
    assert_eq!(withdrawals.iter().count(), 1);
    withdrawals.restore(&name(&thumbprint), 2).unwrap();
    assert!(!withdrawals.bars(&held.keys()[0]));
}

#[test]
fn a_suspended_issuer_has_no_usable_key() {
    let held = set(&[TestKey::new("issuer").jwk()]);
    let mut withdrawals = Withdrawals::new();
    withdrawals.withdraw(&name("issuer"), 1).unwrap();
    assert!(!withdrawals.suspends_issuer());
    withdrawals.restore(&name("issuer"), 2).unwrap();
    withdrawals.withdraw(&WithdrawnName::Issuer, 3).unwrap();
    assert!(withdrawals.suspends_issuer() && withdrawals.bars(&held.keys()[0]));
    withdrawals.restore(&WithdrawnName::Issuer, 4).unwrap();
    assert!(!withdrawals.suspends_issuer() && !withdrawals.bars(&held.keys()[0]));
}

#[test]
fn no_kid_can_be_taken_for_the_issuer() {
    for kid in ["issuer", "key:", "key:issuer", "", "\r\n", "Issuer"] {
        let name = name(kid);
        assert_eq!(WithdrawnName::from_text(&name.to_text()), Some(name));
    }
    assert_eq!(
        WithdrawnName::from_text("issuer"),
        Some(WithdrawnName::Issuer)
    );
    for text in ["", "Issuer", "issuer ", "kid:a", "Key:a"] {
        assert_eq!(WithdrawnName::from_text(text), None, "{text}");
    }
    assert_eq!(WithdrawnName::key(&"x".repeat(513)), None);
}

#[test]
fn a_name_is_shown_on_one_line() {
    assert_eq!(name("a\r\nb").to_string(), r"a\r\nb");
    assert_eq!(WithdrawnName::Issuer.to_string(), "the whole issuer");
}

#[test]
fn a_clock_that_is_behind_still_withdraws_and_restores() {
    let mut withdrawals = Withdrawals::new();
    withdrawals.withdraw(&name("a"), 5_000).unwrap();
    withdrawals.restore(&name("a"), 1).unwrap();
    assert!(!withdrawals.is_withdrawn(&name("a")));
    withdrawals.withdraw(&name("a"), 2).unwrap();
    assert!(withdrawals.is_withdrawn(&name("a")));
}

#[test]
fn a_tie_goes_to_the_withdrawal() {
    let (mut one, mut other) = (Withdrawals::new(), Withdrawals::new());
    one.withdraw(&name("a"), 7).unwrap();
    other.restore(&name("a"), 7).unwrap();
    let before = one.clone();
    assert!(!one.merge(&other).changed && one == before);
    assert!(other.merge(&one).changed && other == one);
    assert!(one.is_withdrawn(&name("a")));
}

#[test]
fn what_the_others_do_not_know_stays_withdrawn() {
    let mut withdrawals = Withdrawals::new();
    withdrawals.withdraw(&name("a"), 7).unwrap();
    let merged = withdrawals.merge(&Withdrawals::new());
    assert!(!merged.changed && withdrawals.is_withdrawn(&name("a")));
}

#[test]
fn a_full_map_refuses_the_next_withdrawal_and_forgets_none() {
    let mut withdrawals = full();
    let before = withdrawals.clone();
    let error = withdrawals.withdraw(&name("one more"), 9_999).unwrap_err();
    assert!(error.to_string().contains("withdraw the whole issuer"));
    assert_eq!(withdrawals, before);
    assert!(withdrawals.restore(&name("never seen"), 9_999).is_err());
    assert_eq!(withdrawals, before);
    // What is known can still be ruled about.
    withdrawals.withdraw(&name("k7"), 10_000).unwrap();
    withdrawals.restore(&name("k8"), 10_000).unwrap();
}

#[test]
fn the_oldest_restorations_make_room() {
    let mut withdrawals = full();
    withdrawals.restore(&name("k1"), 20_000).unwrap();
    withdrawals.restore(&name("k2"), 10_000).unwrap();
    withdrawals.withdraw(&name("one more"), 1).unwrap();
    let names: Vec<_> = withdrawals.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), Withdrawals::CAPACITY);
    assert!(names.contains(&name("k1")) && !names.contains(&name("k2")));
}

#[test]
fn a_kid_without_room_for_its_thumbprint_is_refused_whole() {
    let mut withdrawals = full();
    withdrawals.restore(&name("k1"), 20_000).unwrap();
    let before = withdrawals.clone();
    let held = set(&[TestKey::new("a").jwk()]);
    assert!(
        withdrawals
            .withdraw_key(&key_id("a"), held.keys(), 1)
            .is_err()
    );
    assert_eq!(withdrawals, before);
}

#[test]
fn a_merge_beyond_the_capacity_keeps_ours_and_says_what_it_refused() {
    let mut theirs = Withdrawals::new();
    for number in 0..10 {
        theirs
            .withdraw(&name(&format!("t{number}")), 99_999)
            .unwrap();
    }
    theirs.restore(&name("t9"), 100_000).unwrap();
    let mut ours = full();
    ours.restore(&name("k0"), 1).unwrap();
    let merged = ours.merge(&theirs);
    assert_eq!((merged.changed, merged.refused), (true, 8));
    assert_eq!(ours.iter().count(), Withdrawals::CAPACITY);
    assert!((1..1_000).all(|number| ours.is_withdrawn(&name(&format!("k{number}")))));
}

/// Else replicas that exchange their maps would save and report it twice a second.
#[test]
fn what_finds_no_room_changes_nothing_however_often_it_is_heard() {
    let long = "k".repeat(KeyId::MAX_LENGTH);
    let held = set(&[TestKey::new(&long).jwk()]);
    let thumbprint = held.keys()[0].thumbprint();
    let mut theirs = Withdrawals::new();
    theirs.withdraw_key(&key_id(&long), held.keys(), 1).unwrap();
    let mut ours = Withdrawals::new();
    ours.withdraw(&name(thumbprint), 1).unwrap();
    for length in (1..=KeyId::MAX_LENGTH).rev().step_by(50) {
        let filler = |number| name(&format!("{number:0length$}"));
        (0..).find(|number| ours.withdraw(&filler(*number), 1).is_err());
    }
    for _ in 0..3 {
        let merged = ours.merge(&theirs);
        assert_eq!((merged.changed, merged.refused), (false, 1));
    }
}

#[test]
fn long_names_are_bounded_by_what_they_need_on_paper() {
    let mut withdrawals = Withdrawals::new();
    let long = |number: u32| name(&format!("{number:03}{}", "\u{1}".repeat(509)));
    let fitting = (0..)
        .take_while(|number| withdrawals.withdraw(&long(*number), 1).is_ok())
        .count();
    assert!((80..90).contains(&fitting), "{fitting}");
    assert!(withdrawals.written <= Withdrawals::MAX_LENGTH);
}

#[derive(Debug, Clone)]
enum Event {
    Withdraw(&'static str, u64),
    WithdrawKey(&'static str, u64),
    Restore(&'static str, u64),
    Suspend(u64),
    Resume(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let kid = || select(vec!["a", "b", "c"]);
    let event = prop_oneof![
        (kid(), 0..20_u64).prop_map(|(kid, at)| Event::Withdraw(kid, at)),
        (kid(), 0..20_u64).prop_map(|(kid, at)| Event::WithdrawKey(kid, at)),
        (kid(), 0..20_u64).prop_map(|(kid, at)| Event::Restore(kid, at)),
        (0..20_u64).prop_map(Event::Suspend),
        (0..20_u64).prop_map(Event::Resume),
    ];
    proptest::collection::vec(event, 0..12)
}

fn after(events: &[Event], held: &JwkSet) -> Withdrawals {
    let mut withdrawals = Withdrawals::new();
    for event in events {
        let done = match event {
            Event::Withdraw(kid, at) => withdrawals.withdraw(&name(kid), *at),
            Event::WithdrawKey(kid, at) => withdrawals.withdraw_key(&key_id(kid), held.keys(), *at),
            Event::Restore(kid, at) => withdrawals.restore(&name(kid), *at),
            Event::Suspend(at) => withdrawals.withdraw(&WithdrawnName::Issuer, *at),
            Event::Resume(at) => withdrawals.restore(&WithdrawnName::Issuer, *at),
        };
        done.unwrap();
    }
    withdrawals
}

fn merged(one: &Withdrawals, other: &Withdrawals) -> Withdrawals {
    let mut merged = one.clone();
    let outcome = merged.merge(other);
    assert_eq!((outcome.changed, outcome.refused), (merged != *one, 0));
    merged
}

/// One ruling as it comes from elsewhere.
fn ruling(kid: &str, at: u64, withdrawn: bool) -> Withdrawals {
    let mut withdrawals = Withdrawals::new();
    if withdrawn {
        withdrawals.withdraw(&name(kid), at).unwrap();
    } else {
        withdrawals.restore(&name(kid), at).unwrap();
    }
    withdrawals
}

proptest! {
    #[test]
    fn merging_is_commutative_associative_and_idempotent(a in events(), b in events(), c in events()) {
        let held = set(&[TestKey::new("a").jwk(), TestKey::new("b").jwk()]);
        let [a, b, c] = [a, b, c].map(|events| after(&events, &held));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(&merged(&a, &a), &a);
        prop_assert_eq!(merged(&merged(&a, &b), &b), merged(&a, &b));
    }

    #[test]
    fn no_order_of_rulings_gives_a_key_back_without_a_later_restoration(
        rulings in proptest::collection::vec((select(vec!["a", "b"]), 0..10_u64, any::<bool>()), 0..20)
            .prop_flat_map(|rulings| (Just(rulings.clone()), Just(rulings).prop_shuffle()))
    ) {
        let gathered = |rulings: &[(&str, u64, bool)]| {
            rulings.iter().fold(Withdrawals::new(), |all, (kid, at, withdrawn)| merged(&all, &ruling(kid, *at, *withdrawn)))
        };
        let all = gathered(&rulings.0);
        prop_assert_eq!(&all, &gathered(&rulings.1));
        for kid in ["a", "b"] {
            let last = |wanted: bool| rulings.0.iter().filter(|(name, _, withdrawn)| *name == kid && *withdrawn == wanted).map(|(_, at, _)| *at).max();
            prop_assert_eq!(all.is_withdrawn(&name(kid)), last(true).is_some() && last(true) >= last(false));
        }
    }

    #[test]
    fn an_operators_word_holds_at_once_whatever_was_known(before in events(), kid in select(vec!["a", "b"]), at in 0..20_u64) {
        let held = set(&[TestKey::new("a").jwk()]);
        let known = after(&before, &held);
        let mut withdrawals = known.clone();
        withdrawals.withdraw(&name(kid), at).unwrap();
        prop_assert!(withdrawals.is_withdrawn(&name(kid)));
        prop_assert_eq!(&merged(&withdrawals, &known), &withdrawals);
        let with = withdrawals.clone();
        withdrawals.restore(&name(kid), at).unwrap();
        prop_assert!(!withdrawals.is_withdrawn(&name(kid)));
        prop_assert_eq!(&merged(&withdrawals, &with), &withdrawals);
    }
}
