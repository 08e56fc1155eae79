//! Sessions that were opened without a token.

use std::sync::Arc;

use http::{Method, StatusCode, header};
use oauthgate_core::Reason;
use rstest::rstest;

use crate::support::{Hand, Making, SERVER_ID, SESSION, ada, bob, nobody, sessions, world};

const METHODS: [Method; 3] = [Method::POST, Method::GET, Method::DELETE];

#[tokio::test]
async fn nobody_goes_on_with_a_session_that_nobody_opened() {
    let world = world();
    let session = world.open(&nobody()).await;
    for method in METHODS {
        let answer = world.within(&session, method, &nobody()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.session().as_deref(), Some(session.as_str()));
        assert_eq!(world.one().header(SESSION), Some(SERVER_ID));
    }
}

#[tokio::test]
async fn row_19_the_first_caller_with_a_token_keeps_the_session() {
    let world = world();
    let session = world.open(&nobody()).await;
    let answer = world.within(&session, Method::POST, &ada()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.session().as_deref(), Some(session.as_str()));
    world.take();
    for method in METHODS {
        for other in [bob(), nobody()] {
            let answer = world.within(&session, method.clone(), &other).await;
            world.assert_unknown(&answer, method.as_str());
        }
        let answer = world.within(&session, method, &ada()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(world.one().header(SESSION), Some(SERVER_ID));
    }
}

#[tokio::test]
async fn row_18_a_session_of_a_caller_with_a_token_asks_nobody_to_log_in() {
    let world = world();
    let session = world.open(&ada()).await;
    for method in METHODS {
        let answer = world.within(&session, method, &nobody()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.reason, Some(Reason::NoCredentials));
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
        assert!(!answer.body.contains("-32001"));
        assert!(world.take().is_empty());
    }
}

/// Who claimed it is forgotten with the process, so it must not look unclaimed to the next one.
#[tokio::test]
async fn a_session_that_nobody_opened_ends_with_the_process() {
    let clock = Arc::new(Hand::at(1_790_000_000));
    let process = || Making::new(sessions().clock(clock.clone())).make();
    let before = process();
    let (session, owned) = (before.open(&nobody()).await, before.open(&ada()).await);
    let replica = process();
    let answer = replica.within(&session, Method::POST, &nobody()).await;
    assert_eq!(answer.status, StatusCode::OK, "one that runs already");
    clock.turn(1);
    let after = process();
    for caller in [nobody(), ada(), bob()] {
        let answer = after.within(&session, Method::POST, &caller).await;
        after.assert_unknown(&answer, "after a restart");
    }
    let answer = after.within(&owned, Method::POST, &ada()).await;
    assert_eq!(answer.status, StatusCode::OK, "one with an owner goes on");
}

/// Machines begin with a wrong clock, and set it back once they know better.
#[rstest]
#[case::opened_before(600, -3600)]
#[case::opened_after(-3600, 0)]
#[tokio::test]
async fn a_clock_that_is_set_back_ends_no_session_before_its_process(
    #[case] by: i64,
    #[case] later_by: i64,
) {
    let clock = Arc::new(Hand::at(1_790_000_000));
    let world = Making::new(sessions().clock(clock.clone())).make();
    clock.turn(by);
    let session = world.open(&nobody()).await;
    clock.turn(later_by);
    for caller in [nobody(), ada()] {
        let answer = world.within(&session, Method::POST, &caller).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    world.take();
    let answer = world.within(&session, Method::POST, &bob()).await;
    world.assert_unknown(&answer, "it is claimed");
}

/// By its time it would be one of the new process, which knows nothing of who claimed it.
#[tokio::test]
async fn a_session_of_a_process_whose_clock_was_ahead_ends_with_it() {
    let clock = Arc::new(Hand::at(1_790_000_000));
    let process = || Making::new(sessions().clock(clock.clone())).make();
    let session = process().open(&nobody()).await;
    clock.turn(-3600);
    let after = process();
    for caller in [nobody(), bob()] {
        let answer = after.within(&session, Method::POST, &caller).await;
        after.assert_unknown(&answer, "after a restart");
    }
}

/// The policy behind lets nobody listen to a session, or end one, without this proof.
#[tokio::test]
async fn only_a_good_session_of_nobody_proves_that_it_is_one() {
    let world = world();
    world.ask(Method::POST, &nobody(), &[]).await;
    assert!(!world.one().in_anonymous_session, "none yet");
    let session = world.open(&nobody()).await;
    world.within(&session, Method::GET, &nobody()).await;
    assert!(world.one().in_anonymous_session);
    world.within(&session, Method::GET, &ada()).await;
    assert!(!world.one().in_anonymous_session, "it has an owner now");
}

#[tokio::test]
async fn what_another_layer_proved_is_not_believed() {
    let making = Making {
        is_twofold: true,
        ..Making::new(sessions())
    };
    let world = making.make();
    let session = world.open(&nobody()).await;
    world.within(&session, Method::GET, &nobody()).await;
    assert!(!world.one().in_anonymous_session);
}

#[tokio::test]
async fn nobody_guesses_a_session() {
    let world = world();
    let session = world.open(&nobody()).await;
    let last = if session.ends_with('A') { "Q" } else { "A" };
    let forged = format!("{}{last}", &session[..session.len() - 1]);
    for id in [forged.as_str(), SERVER_ID, "x"] {
        for caller in [nobody(), ada()] {
            let answer = world.within(id, Method::GET, &caller).await;
            world.assert_unknown(&answer, id);
        }
    }
}

#[tokio::test]
async fn c22_a_bad_token_is_not_nobody() {
    let world = world();
    let session = world.open(&nobody()).await;
    let answer = world.within(&session, Method::POST, &ada().expired()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(world.take().is_empty());
}
