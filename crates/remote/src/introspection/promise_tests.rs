//! What this room promises, over minutes of paused time and with a thousand callers.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use oauthgate_core::Reason;
use serde_json::json;

use super::{
    flights,
    testing::{Scripted, good},
    trouble::Trouble,
    *,
};
use crate::{
    clock::SystemClock,
    testing::{FakeClock, unix_now},
};

const MINUTE: Duration = Duration::from_secs(60);

fn introspector(server: &Scripted) -> Introspector {
    server.introspector(MINUTE, Arc::new(SystemClock::new()))
}

async fn reason(introspector: &Introspector, token: &str) -> Option<Reason> {
    introspector
        .ask(token, None)
        .await
        .err()
        .map(|denial| denial.reason())
}

fn away() -> Option<Trouble> {
    Some(Trouble::unavailable("scripted"))
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_with_one_token_cost_one_question() {
    let server = Scripted::default();
    server.knows("token", good("ana"));
    server.takes(Duration::from_millis(200));
    let introspector = introspector(&server);
    let answers = join_all((0..1_000).map(|_| introspector.ask("token", None))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(server.asked().len(), 1);
    assert_eq!(introspector.engine.flights.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn e7_concurrent_questions_get_the_answers_of_their_own_tokens() {
    let server = Scripted::default();
    server.takes(Duration::from_millis(10));
    let tokens: Vec<_> = (0..200).map(|number| format!("token {number}")).collect();
    for token in &tokens {
        server.knows(token, good(token));
    }
    let introspector = introspector(&server);
    let answers = join_all(tokens.iter().map(|token| introspector.ask(token, None))).await;
    for (token, answer) in tokens.iter().zip(answers) {
        let shown = format!("{:?}", answer.unwrap().claims);
        assert!(!shown.contains("token"), "claims are not shown: {shown}");
        let again = introspector.ask(token, None).await.unwrap();
        assert_eq!(subject(&again), *token);
    }
    assert!(server.most_at_once() <= flights::AT_ONCE);
}

fn subject(answered: &Answered) -> String {
    let audience = oauthgate_core::Audience::new(crate::testing::AUDIENCE).unwrap();
    let verifier = oauthgate_core::Verifier::builder()
        .issuer(testing::issuer())
        .audiences(audience, [])
        .build()
        .unwrap();
    let now = oauthgate_core::UnixTime::from_secs(unix_now());
    let validated = verifier
        .validate_introspected(&answered.claims, answered.ask_again, now)
        .unwrap();
    verifier
        .user_context(&validated)
        .unwrap()
        .user_id()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_cancels_nothing() {
    let server = Scripted::default();
    server.knows("token", good("ana"));
    server.takes(Duration::from_millis(500));
    let introspector = introspector(&server);
    let impatient =
        tokio::time::timeout(Duration::from_millis(100), introspector.ask("token", None));
    assert!(impatient.await.is_err());
    assert!(introspector.ask("token", None).await.is_ok());
    assert_eq!(server.asked().len(), 1);
    // Nor when everybody leaves.
    server.knows("other", good("ana"));
    let impatient =
        tokio::time::timeout(Duration::from_millis(100), introspector.ask("other", None));
    assert!(impatient.await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(introspector.ask("other", None).await.is_ok());
    assert_eq!(server.asked().len(), 2);
    assert_eq!(introspector.engine.flights.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_background_tasks_a_question_that_nobody_waits_for_leaves_nothing_behind() {
    let server = Scripted::default();
    server.takes(Duration::from_millis(500));
    let memory = Memory::new(MINUTE).unwrap();
    let clock = Arc::new(SystemClock::new());
    let introspector = Introspector::new(
        testing::issuer(),
        Box::new(server.clone()),
        memory,
        clock,
        false,
    );
    for number in 0..1_000 {
        let token = format!("token {number}");
        let impatient =
            tokio::time::timeout(Duration::from_millis(1), introspector.ask(&token, None));
        assert!(impatient.await.is_err());
        assert_eq!(introspector.engine.flights.len(), 0);
    }
    server.knows("token", good("ana"));
    assert!(introspector.ask("token", None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_remembered_tokens_live_their_time_and_then_nobody_gets_in() {
    let server = Scripted::default();
    server.knows("token", good("ana"));
    let clock = Arc::new(FakeClock::default());
    let introspector = server.introspector(MINUTE, clock.clone());
    assert_eq!(reason(&introspector, "token").await, None);
    server.fails(away());
    for _ in 0..59 {
        clock.advance(Duration::from_secs(1));
        assert_eq!(reason(&introspector, "token").await, None);
        let unknown = reason(&introspector, "unknown").await;
        assert_eq!(unknown, Some(Reason::IntrospectionUnavailable));
    }
    clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        let due = reason(&introspector, "token").await;
        assert_eq!(due, Some(Reason::IntrospectionUnavailable));
    }
    let status = introspector.status();
    assert_eq!(status.last_failure, Some("introspection_unavailable"));
    assert_eq!(status.failed, 62);
    // Trouble is no answer: the first question after it counts.
    server.fails(None);
    assert_eq!(reason(&introspector, "token").await, None);
    assert_eq!(
        reason(&introspector, "unknown").await,
        Some(Reason::InactiveToken)
    );
    assert_eq!(introspector.status().last_failure, None);
}

#[tokio::test(start_paused = true)]
async fn e18_trouble_is_never_remembered_as_an_answer() {
    let server = Scripted::default();
    server.knows("token", good("ana"));
    let introspector = introspector(&server);
    for trouble in [Trouble::unavailable("500"), Trouble::refused("401")] {
        server.fails(Some(trouble.clone()));
        let denial = introspector.ask("token", None).await.unwrap_err();
        assert_eq!(denial.code(), trouble.code());
    }
    server.fails(None);
    assert_eq!(reason(&introspector, "token").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_refused_when_its_answer_has_lived() {
    let server = Scripted::default();
    server.knows("token", good("ana"));
    let clock = Arc::new(FakeClock::default());
    let introspector = server.introspector(MINUTE, clock.clone());
    assert_eq!(reason(&introspector, "token").await, None);
    server.knows("token", testing::inactive());
    clock.advance(Duration::from_secs(59));
    assert_eq!(reason(&introspector, "token").await, None);
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        reason(&introspector, "token").await,
        Some(Reason::InactiveToken)
    );
    assert_eq!(server.asked().len(), 2);
    clock.advance(Duration::from_secs(9));
    assert_eq!(
        reason(&introspector, "token").await,
        Some(Reason::InactiveToken)
    );
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn e19_a_flood_of_unknown_tokens_is_bounded_and_keeps_no_known_token_waiting() {
    let server = Scripted::default();
    server.knows("token", good("ana"));
    let clock = Arc::new(FakeClock::default());
    let introspector = server.introspector(MINUTE, clock.clone());
    assert_eq!(reason(&introspector, "token").await, None);
    clock.advance(MINUTE);
    // Each question takes longer than anybody waits for a turn.
    server.takes(Duration::from_secs(3));
    let flood: Vec<_> = (0..10_000)
        .map(|number| {
            let introspector = introspector.clone();
            tokio::spawn(async move { reason(&introspector, &format!("junk {number}")).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(introspector.engine.flights.len() <= flights::MOST);
    // The answer of the known token has lived its time, and its question has its own lane.
    let started = tokio::time::Instant::now();
    assert_eq!(reason(&introspector, "token").await, None);
    assert!(started.elapsed() < Duration::from_millis(3_500));
    let mut unavailable = 0;
    for task in flood {
        match task.await.unwrap() {
            Some(Reason::IntrospectionUnavailable) => unavailable += 1,
            other => assert_eq!(other, Some(Reason::InactiveToken)),
        }
    }
    assert!(unavailable >= 10_000 - flights::MOST, "{unavailable}");
    assert!(server.most_at_once() <= 2 * flights::AT_ONCE);
    assert_eq!(introspector.engine.flights.len(), 0);
    let status = introspector.status();
    assert!(status.turned_away >= 9_000, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_keeps_nobody_waiting_for_ever() {
    let server = Scripted::default();
    server.takes(Duration::from_secs(1_000_000));
    let introspector = introspector(&server);
    let started = tokio::time::Instant::now();
    let refused = reason(&introspector, "token").await;
    assert_eq!(refused, Some(Reason::IntrospectionUnavailable));
    assert_eq!(started.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_at_the_end_of_time_overflows_nothing() {
    let server = Scripted::default();
    let mut answer = good("ana");
    answer["exp"] = json!(253_402_300_799_i64);
    server.knows("token", answer);
    let clock = Arc::new(FakeClock::default());
    clock.shift_time_of_day(i64::MAX / 2);
    let introspector = server.introspector(MINUTE, clock);
    assert!(introspector.ask("token", None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn h2_nothing_shows_a_token_or_a_secret() {
    let server = Scripted::default();
    server.knows("canary-token", good("ana"));
    let introspector = introspector(&server);
    introspector.ask("canary-token", None).await.unwrap();
    let credentials = IntrospectionCredentials::Basic {
        client_id: "gate".to_owned(),
        secret: Secret::new("canary-secret"),
    };
    let bearer = IntrospectionCredentials::Bearer {
        token: Secret::new("canary-bearer"),
        client_id: None,
    };
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        introspector.status(),
        introspector.engine.memory,
        IntrospectionSettings::new(credentials),
        IntrospectionSettings::new(bearer),
    );
    assert!(!shown.contains("canary"), "{shown}");
}

/// Tokens that one address makes up as fast as it can, and somebody who has not been here before.
#[tokio::test(start_paused = true)]
async fn one_address_that_makes_up_tokens_keeps_no_newcomer_out() {
    let server = Scripted::default();
    for number in 0..3 {
        server.knows(&format!("token {number}"), good("ana"));
    }
    server.takes(Duration::from_millis(300));
    let introspector = introspector(&server);
    let at = |address: &str| Some(Bearer::at(address.parse().unwrap()));
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..1_000_u64 {
        let (introspector, stranger) = (introspector.clone(), at(&format!("2001:db8::{number}")));
        flood.spawn(async move {
            for round in 0.. {
                let made_up = format!("made up {number} {round}");
                let _ = introspector.ask(&made_up, stranger).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let newcomers = [at("2001:db8:0:1::1"), at("192.0.2.1"), None];
    for (number, newcomer) in newcomers.into_iter().enumerate() {
        assert!(introspector.engine.flights.len() <= flights::SHARE);
        let token = format!("token {number}");
        assert!(introspector.ask(&token, newcomer).await.is_ok());
    }
    flood.shutdown().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(introspector.engine.flights.len(), 0);
}
