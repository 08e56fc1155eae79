use oauthgate_core::{Issuer, token::IntrospectionAnswer};
use serde_json::json;

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const START: Duration = Duration::from_secs(1_000_000);

fn memory(ttl: u64) -> Memory {
    Memory::new(Duration::from_secs(ttl)).unwrap()
}

fn claims(subject: &str, expires_in: Option<i64>) -> IntrospectedClaims {
    let mut answer = json!({"active": true, "sub": subject});
    if let Some(seconds) = expires_in {
        answer["exp"] = json!(NOW.as_secs() + seconds);
    }
    let asked = Issuer::new("https://auth.example.com").unwrap();
    match IntrospectionAnswer::parse(answer.to_string().as_bytes(), &asked) {
        Ok(IntrospectionAnswer::Active(claims)) => claims,
        other => panic!("{other:?}"),
    }
}

fn after(memory: &Memory, place: &Digest, seconds: u64) -> Recalled {
    let passed = Duration::from_secs(seconds);
    memory.recall(place, START + passed, NOW.saturating_add(passed))
}

#[test]
fn an_answer_is_believed_for_its_time_and_then_due() {
    let memory = memory(60);
    let place = memory.place_of("token");
    assert!(matches!(after(&memory, &place, 0), Recalled::Unknown));
    memory.keep(place, claims("ana", Some(3600)), 200, (START, NOW));
    assert!(matches!(after(&memory, &place, 59), Recalled::Good(_)));
    assert!(matches!(after(&memory, &place, 60), Recalled::Due));
}

#[test]
fn e4_no_answer_is_believed_beyond_the_tokens_exp() {
    let memory = memory(300);
    let place = memory.place_of("token");
    memory.keep(place, claims("ana", Some(3)), 200, (START, NOW));
    assert!(matches!(after(&memory, &place, 2), Recalled::Good(_)));
    assert!(matches!(after(&memory, &place, 3), Recalled::Due));
    // A time of day that jumps ahead counts, whatever has elapsed.
    let later = NOW.saturating_add(Duration::from_secs(3));
    assert!(matches!(memory.recall(&place, START, later), Recalled::Due));
}

#[test]
fn e4_a_token_that_has_expired_is_not_remembered() {
    let memory = memory(300);
    let place = memory.place_of("token");
    memory.keep(place, claims("ana", Some(0)), 200, (START, NOW));
    memory.keep(place, claims("ana", Some(-30)), 200, (START, NOW));
    assert_eq!(memory.len(), (0, 0));
}

#[test]
fn a_token_without_exp_is_to_be_asked_about_again_after_the_ttl() {
    let memory = memory(60);
    let place = memory.place_of("token");
    let answered = memory.keep(place, claims("ana", None), 200, (START, NOW));
    assert_eq!(
        answered.ask_again,
        NOW.saturating_add(Duration::from_secs(60))
    );
    assert!(matches!(after(&memory, &place, 59), Recalled::Good(_)));
    assert!(matches!(after(&memory, &place, 60), Recalled::Due));
}

#[test]
fn a_ttl_of_zero_remembers_nothing() {
    let memory = memory(0);
    let place = memory.place_of("token");
    memory.keep(place, claims("ana", Some(3600)), 200, (START, NOW));
    memory.keep_inactive(memory.place_of("other"), START);
    assert_eq!(memory.len(), (0, 0));
}

#[test]
fn a_token_that_is_not_good_is_remembered_for_ten_seconds() {
    let memory = memory(60);
    let place = memory.place_of("token");
    memory.keep_inactive(place, START);
    assert!(matches!(after(&memory, &place, 9), Recalled::Inactive));
    assert!(matches!(after(&memory, &place, 10), Recalled::Unknown));
}

#[test]
fn the_newest_answer_counts() {
    let memory = memory(60);
    let place = memory.place_of("token");
    memory.keep_inactive(place, START);
    memory.keep(place, claims("ana", Some(3600)), 200, (START, NOW));
    assert!(matches!(after(&memory, &place, 1), Recalled::Good(_)));
    memory.keep_inactive(place, START);
    assert!(matches!(after(&memory, &place, 1), Recalled::Inactive));
}

#[test]
fn e1_tokens_that_differ_in_one_byte_have_places_of_their_own() {
    let memory = memory(60);
    let token = "ory_at_ZmFrZQ.c2lnbmF0dXJl-0123456789";
    let place = memory.place_of(token);
    memory.keep(place, claims("ana", Some(3600)), 200, (START, NOW));
    for position in 0..token.len() {
        let mut other = token.as_bytes().to_vec();
        other[position] ^= 1;
        let other = memory.place_of(std::str::from_utf8(&other).unwrap());
        assert!(matches!(after(&memory, &other, 0), Recalled::Unknown));
    }
    // E17: neither a part of it nor more than it.
    for length in 0..token.len() {
        let cut = memory.place_of(&token[..length]);
        assert!(matches!(after(&memory, &cut, 0), Recalled::Unknown));
    }
    let longer = memory.place_of(&format!("{token}="));
    assert!(matches!(after(&memory, &longer, 0), Recalled::Unknown));
}

#[test]
fn row_20_places_are_whole_and_differ_from_process_to_process() {
    let (one, other) = (memory(60), memory(60));
    assert_ne!(one.place_of("token"), other.place_of("token"));
    assert_eq!(one.place_of("token"), one.place_of("token"));
    // Were the hash cut, the end of a place would say nothing.
    let ends: std::collections::HashSet<_> = (0..1_000)
        .map(|number| one.place_of(&number.to_string())[24..].to_vec())
        .collect();
    assert_eq!(ends.len(), 1_000);
}

#[test]
fn h4_tokens_that_nobody_knows_push_no_good_token_out() {
    let memory = memory(60);
    let good: Vec<_> = (0..1_000)
        .map(|n| memory.place_of(&format!("good {n}")))
        .collect();
    for place in &good {
        memory.keep(*place, claims("ana", Some(3600)), 200, (START, NOW));
    }
    for number in 0..200_000 {
        memory.keep_inactive(memory.place_of(&format!("junk {number}")), START);
    }
    for place in &good {
        assert!(matches!(after(&memory, place, 1), Recalled::Good(_)));
    }
    let (_, inactive) = memory.len();
    assert!(inactive <= MOST_INACTIVE, "{inactive}");
}

#[test]
fn h3_memory_is_bounded_in_number_and_in_bytes() {
    let memory = memory(60);
    let claims = claims("ana", Some(3600));
    for number in 0..3 * MOST_GOOD {
        let place = memory.place_of(&number.to_string());
        memory.keep(place, claims.clone(), 100, (START, NOW));
    }
    assert!(memory.len().0 <= MOST_GOOD, "{:?}", memory.len());
    assert!(memory.weight() <= CAPACITY);
    // Answers of the largest size are few.
    for number in 0..2_000 {
        let place = memory.place_of(&format!("large {number}"));
        let largest = IntrospectionAnswer::MAX_LENGTH;
        memory.keep(place, claims.clone(), largest, (START, NOW));
    }
    assert!(memory.weight() <= CAPACITY);
}
