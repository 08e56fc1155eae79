use oauthgate_core::danger;

use super::*;

const PLACE: (&str, &str) = ("mcp", "writers");

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

/// A caller and one of its tokens.
fn token(user: &str, number: i64) -> Bearer {
    Bearer {
        token: KEYS.hash_one((user, number)),
        issued_at: Some(number),
        ..Bearer::of(&danger::caller(user, ScopeSet::empty()))
    }
}

fn minutes(number: u64) -> Duration {
    Duration::from_secs(60 * number)
}

/// A memory, and what happens to it.
#[derive(Default)]
struct Story(StepUps);

impl Story {
    fn refused(&self, user: &str, number: i64, missing: &str, minute: u64) -> Challenged {
        let bearer = token(user, number);
        let reference = Reference::parse(&format!("{user}-{number}-{minute}")).unwrap();
        let missing = scopes(missing);
        self.0
            .refused(bearer, &PLACE, &missing, &reference, minutes(minute))
    }

    fn allowed(&self, user: &str, number: i64, minute: u64) -> Option<String> {
        let bearer = token(user, number);
        let reference = self.0.allowed(bearer, &PLACE, minutes(minute));
        reference.map(|reference| reference.to_string())
    }
}

const fn again(had_them: bool, is_news: bool) -> Challenged {
    Challenged::Again(Repetition { had_them, is_news })
}

#[test]
fn a_newer_token_that_passes_is_an_elevation_with_the_challenges_reference() {
    let story = Story::default();
    assert_eq!(story.refused("alice", 1, "write", 0), Challenged::Anew);
    assert_eq!(story.allowed("alice", 2, 1).as_deref(), Some("alice-1-0"));
    assert_eq!(story.allowed("alice", 2, 2), None, "it is counted once");
    assert_eq!(
        story.allowed("alice", 3, 3),
        None,
        "a refreshed token is no elevation"
    );
}

#[test]
fn a_newer_token_that_lacks_the_same_is_a_loop_and_told_once() {
    let story = Story::default();
    assert_eq!(story.refused("alice", 1, "write", 0), Challenged::Anew);
    assert_eq!(story.refused("alice", 2, "write", 1), again(false, true));
    assert_eq!(story.refused("alice", 3, "write", 2), again(false, false));
}

#[test]
fn a_client_that_overwrites_its_scopes_is_told_apart() {
    let story = Story::default();
    story.refused("alice", 1, "write", 0);
    assert!(story.allowed("alice", 2, 1).is_some());
    assert_eq!(story.refused("alice", 3, "write", 2), again(true, true));
    assert!(story.allowed("alice", 4, 3).is_some());
    assert_eq!(story.refused("alice", 5, "write", 4), again(true, false));
}

#[test]
fn the_same_token_again_is_no_loop() {
    let story = Story::default();
    for minute in 0..5 {
        assert_eq!(story.refused("alice", 1, "write", minute), Challenged::Anew);
    }
    assert_eq!(story.allowed("alice", 1, 5), None, "nothing was elevated");
}

#[test]
fn an_older_token_that_was_still_on_its_way_is_no_loop() {
    let story = Story::default();
    story.refused("alice", 2, "write", 0);
    assert_eq!(story.refused("alice", 1, "write", 1), Challenged::Anew);
    assert_eq!(story.allowed("alice", 1, 1), None);
    assert_eq!(story.refused("alice", 3, "write", 2), again(false, true));
}

#[test]
fn other_callers_and_other_scopes_are_no_loop() {
    let story = Story::default();
    story.refused("alice", 1, "write", 0);
    assert_eq!(story.refused("bob", 2, "write", 1), Challenged::Anew);
    assert_eq!(story.allowed("carol", 2, 1), None);
    assert_eq!(story.refused("alice", 2, "delete", 2), Challenged::Anew);
}

#[test]
fn places_are_told_apart() {
    let story = Story::default();
    story.refused("alice", 1, "write", 0);
    let bearer = token("alice", 2);
    let elsewhere = ("mcp", "readers");
    assert_eq!(story.0.allowed(bearer, &elsewhere, minutes(1)), None);
}

#[test]
fn a_challenge_is_forgotten_after_ten_minutes() {
    let story = Story::default();
    assert!(!story.0.is_awake(minutes(0)), "nobody was challenged");
    story.refused("alice", 1, "write", 1);
    assert!(story.0.is_awake(minutes(10)));
    assert!(!story.0.is_awake(minutes(11)));
    assert_eq!(story.allowed("alice", 2, 12), None);
    assert_eq!(story.refused("alice", 2, "write", 12), Challenged::Anew);
}

#[test]
fn the_memory_stays_bounded_however_many_are_challenged() {
    let story = Story::default();
    for number in 0..3 * CHALLENGES {
        story.refused(&format!("user-{number}"), 1, "write", 0);
    }
    let held = story.0.challenges.len();
    assert!((CHALLENGES / 2..=CHALLENGES).contains(&held), "{held}");
    story.refused("last", 1, "write", 0);
    assert!(story.allowed("last", 2, 1).is_some(), "it still works");
}

#[test]
fn tokens_of_one_caller_differ_by_what_they_carry() {
    let poor = Bearer::of(&danger::caller("alice", scopes("read")));
    let rich = Bearer::of(&danger::caller("alice", scopes("read write")));
    assert_eq!(poor.principal, rich.principal);
    assert!(rich.is_newer_than(poor) && !poor.is_newer_than(poor));
    let other = Bearer::of(&danger::caller("bob", scopes("read")));
    assert_ne!(other.principal, poor.principal);
    let alice = danger::caller("alice", scopes("read"));
    let elsewhere = Bearer::under(&RandomState::new(), &alice);
    assert_ne!(
        elsewhere.principal, poor.principal,
        "the key is this process's"
    );
}
