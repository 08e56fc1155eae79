//! Revisions with sessions, and without.

use http::{Method, StatusCode};
use rstest::rstest;

use crate::support::{Making, SERVER_ID, SESSION, ada, bob, sessions, world};

const VERSION: &str = "mcp-protocol-version";

#[tokio::test]
async fn row_45_a_modern_request_has_no_session() {
    let world = world();
    let session = world.open(&ada()).await;
    for (caller, id) in [(ada(), session.as_str()), (bob(), &session), (bob(), "any")] {
        let headers = [
            (VERSION, "2026-07-28"),
            (SESSION, id),
            ("last-event-id", "7"),
            ("mcp_session_id", SERVER_ID),
            ("last_event_id", "7"),
        ];
        let answer = world.ask(Method::POST, &caller, &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "the header is ignored");
        assert_eq!(answer.session(), None);
        let received = world.one();
        for name in [SESSION, "last-event-id", "mcp_session_id", "last_event_id"] {
            assert_eq!(received.header(name), None, "{name}");
        }
        assert_eq!(received.header(VERSION), Some("2026-07-28"));
    }
}

#[rstest]
#[case::none(&[])]
#[case::the_first(&[(VERSION, "2025-03-26")])]
#[case::the_last(&[(VERSION, "2025-11-25")])]
#[case::unknown(&[(VERSION, "2025-13-99")])]
#[case::of_the_future(&[(VERSION, "2027-01-01")])]
#[case::two(&[(VERSION, "2026-07-28"), (VERSION, "2025-11-25")])]
#[tokio::test]
async fn row_46_every_other_request_is_bound(#[case] version: &[(&str, &str)]) {
    let world = world();
    let opened = world.ask(Method::POST, &ada(), version).await;
    let session = opened.session().expect("a session");
    assert!(session.starts_with(SERVER_ID) && session != SERVER_ID);
    world.take();
    let headers: Vec<_> = [(SESSION, session.as_str())]
        .into_iter()
        .chain(version.iter().copied())
        .collect();
    let answer = world.ask(Method::POST, &ada(), &headers).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.one().header(SESSION), Some(SERVER_ID));
    let answer = world.ask(Method::POST, &bob(), &headers).await;
    world.assert_unknown(&answer, "another caller");
}

#[tokio::test]
async fn without_authentication_ids_pass_as_they_are() {
    let making = Making {
        is_enabled: false,
        ..Making::new(sessions())
    };
    let world = making.make();
    let caller = crate::support::nobody();
    let answer = world.within("any id at all", Method::POST, &caller).await;
    assert_eq!(answer.session().as_deref(), Some(SERVER_ID));
    assert_eq!(world.one().header(SESSION), Some("any id at all"));
}

#[tokio::test]
async fn unbound_ids_pass_as_they_are_and_modern_requests_still_have_none() {
    let world = Making::new(sessions().danger_unbound()).make();
    let answer = world.within(SERVER_ID, Method::POST, &bob()).await;
    assert_eq!(answer.session().as_deref(), Some(SERVER_ID));
    assert_eq!(world.one().header(SESSION), Some(SERVER_ID));
    let headers = [(SESSION, SERVER_ID), (VERSION, "2026-07-28")];
    let answer = world.ask(Method::POST, &bob(), &headers).await;
    assert_eq!(answer.session(), None);
    assert_eq!(world.one().header(SESSION), None);
}

#[tokio::test]
async fn a_forwarded_preflight_carries_no_session_in_either_direction() {
    let making = Making {
        forwards_preflight: true,
        ..Making::new(sessions())
    };
    let world = making.make();
    let headers = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
        (SESSION, SERVER_ID),
    ];
    let caller = crate::support::nobody();
    let answer = world.ask(Method::OPTIONS, &caller, &headers).await;
    assert_eq!(answer.session(), None);
    assert_eq!(world.one().header(SESSION), None);
}
