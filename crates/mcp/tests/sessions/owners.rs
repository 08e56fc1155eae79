//! Who may use a session, and who may not.

use http::{Method, StatusCode, header};
use oauthgate_mcp::{SessionBindingLayer, SessionSecret};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    Caller, ISSUERS, Making, SERVER_ID, SESSION, ada, bob, caller, resource, secret, sessions,
    world,
};

const METHODS: [Method; 3] = [Method::POST, Method::GET, Method::DELETE];

#[tokio::test]
async fn the_owner_uses_the_session_and_the_server_sees_its_own_id() {
    let world = world();
    let session = world.open(&ada()).await;
    assert_ne!(session, SERVER_ID);
    for method in METHODS {
        let answer = world.within(&session, method.clone(), &ada()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.session().as_deref(), Some(session.as_str()));
        let received = world.one();
        assert_eq!(received.method, method);
        assert_eq!(received.header(SESSION), Some(SERVER_ID));
        assert_eq!(received.body, "a body");
    }
}

/// Everybody who is not the owner.
#[rstest]
#[case::another_user_of_the_client(bob())]
#[case::another_client_of_the_user(caller(ISSUERS[0], "ada", Some("browser")))]
#[case::no_client(caller(ISSUERS[0], "ada", None))]
#[case::the_same_subject_at_another_issuer(caller(ISSUERS[1], "ada", Some("editor")))]
#[case::another_tenant(ada().with("tenant_id", "acme"))]
#[case::a_program_of_that_name(caller(ISSUERS[0], "ada", Some("ada")))]
#[tokio::test]
async fn row_19_g5_a_session_is_unknown_to_any_other_principal(#[case] other: Caller) {
    let world = world();
    let session = world.open(&ada()).await;
    for method in METHODS {
        let answer = world.within(&session, method.clone(), &other).await;
        world.assert_unknown(&answer, method.as_str());
    }
    let answer = world.within(&session, Method::POST, &ada()).await;
    assert_eq!(answer.status, StatusCode::OK, "it is still its owner's");
}

#[tokio::test]
async fn row_17_row_18_g5_a_session_id_is_no_credential() {
    let world = world();
    let session = world.open(&ada()).await;
    let without = Caller(None);
    for caller in [
        without,
        ada().expired(),
        ada().with("aud", "https://other.example.com"),
    ] {
        for method in METHODS {
            let answer = world.within(&session, method, &caller).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            let challenge = answer.headers.get(header::WWW_AUTHENTICATE);
            assert!(challenge.is_some(), "it says how to get in");
            assert!(world.take().is_empty());
        }
    }
}

#[tokio::test]
async fn a_session_outlives_the_token_that_opened_it() {
    let world = world();
    let session = world.open(&ada()).await;
    let refreshed = ada()
        .with("jti", "another")
        .with("iat", 1_789_999_999)
        .with("exp", 1_790_003_600)
        .with("scope", "more than before")
        .with("email", "ada@example.com");
    let answer = world.within(&session, Method::POST, &refreshed).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.one().header(SESSION), Some(SERVER_ID));
}

#[tokio::test]
async fn g6_a_request_without_a_session_gets_none() {
    let world = world();
    world.open(&ada()).await;
    for method in METHODS {
        world.ask(method, &ada(), &[]).await;
        assert_eq!(world.one().header(SESSION), None);
    }
}

#[tokio::test]
async fn the_servers_own_id_opens_nothing() {
    let world = world();
    let session = world.open(&ada()).await;
    for id in [SERVER_ID, &format!("{SERVER_ID}."), &format!("{session}.")] {
        let answer = world.within(id, Method::POST, &ada()).await;
        world.assert_unknown(&answer, id);
    }
}

/// WSGI, CGI and PHP read `Mcp_Session_Id` as `Mcp-Session-Id`.
#[rstest]
#[case("mcp_session_id")]
#[case("mcp-session_id")]
#[case("Mcp.Session.Id")]
#[tokio::test]
async fn g5_no_other_spelling_carries_a_session_past_the_gate(#[case] name: &str) {
    let world = world();
    let session = world.open(&ada()).await;
    world.ask(Method::POST, &bob(), &[(name, SERVER_ID)]).await;
    let received = world.one();
    assert!(received.headers.values().all(|value| value != SERVER_ID));
    let headers = [(name, "another"), (SESSION, session.as_str())];
    world.ask(Method::POST, &ada(), &headers).await;
    let received = world.one();
    assert_eq!(received.header(SESSION), Some(SERVER_ID));
    assert!(received.headers.values().all(|value| value != "another"));
}

#[tokio::test]
async fn two_session_ids_are_refused_even_when_both_are_good() {
    let world = world();
    let session = world.open(&ada()).await;
    let headers = [(SESSION, session.as_str()), (SESSION, session.as_str())];
    let answer = world.ask(Method::POST, &ada(), &headers).await;
    world.assert_unknown(&answer, "two ids");
}

#[tokio::test]
async fn b_resumes_no_stream_of_a() {
    let world = world();
    let adas = world.open(&ada()).await;
    let event = ("last-event-id", "stream-of-ada_7");
    let resumed = [(SESSION, adas.as_str()), event];
    let answer = world.ask(Method::GET, &ada(), &resumed).await;
    assert_eq!(answer.status, StatusCode::OK);
    let received = world.one();
    assert_eq!(received.header("last-event-id"), Some("stream-of-ada_7"));
    let answer = world.ask(Method::GET, &bob(), &resumed).await;
    world.assert_unknown(&answer, "with the session of A");
    world.give(&[b"session-of-bob"]);
    let bobs = world.open(&bob()).await;
    let resumed = [(SESSION, bobs.as_str()), event];
    world.ask(Method::GET, &bob(), &resumed).await;
    let received = world.one();
    let session = received.header(SESSION);
    assert_eq!(
        session,
        Some("session-of-bob"),
        "the server looks in B's session only"
    );
}

#[tokio::test]
async fn resources_and_secrets_do_not_share_sessions() {
    let session = world().open(&ada()).await;
    let other_secret = SessionSecret::random().unwrap();
    let others = [
        SessionBindingLayer::new(&resource("other"), secret()),
        SessionBindingLayer::new(&resource("mcp"), other_secret),
    ];
    for other in others {
        let world = Making::new(other).make();
        let answer = world.within(&session, Method::POST, &ada()).await;
        world.assert_unknown(&answer, "another resource or secret");
    }
    let replica = world();
    let answer = replica.within(&session, Method::POST, &ada()).await;
    assert_eq!(answer.status, StatusCode::OK, "replicas share sessions");
}

#[tokio::test]
async fn the_refusal_is_one_that_older_clients_know() {
    let world = world();
    let session = world.open(&ada()).await;
    let answer = world.within(&session, Method::POST, &bob()).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert!(answer.body.contains("\"code\":-32001"), "{}", answer.body);
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    let reference = body["error"]["data"]["reference"].take();
    assert_eq!(reference.as_str().map(str::len), Some(26));
    assert_eq!(
        body,
        json!({ "jsonrpc": "2.0", "error": {
            "code": -32001, "message": "Session not found", "data": { "reference": null },
        }})
    );
}

#[tokio::test]
async fn the_operator_reads_what_to_do() {
    let advised = Making::new(sessions().advise("set this and that")).make();
    let session = advised.open(&ada()).await;
    let detail = |answer: crate::support::Answer| answer.detail.unwrap();
    let foreign = detail(advised.within(&session, Method::POST, &bob()).await);
    assert!(foreign.ends_with("; set this and that"), "{foreign}");
    let malformed = detail(advised.within("x", Method::POST, &ada()).await);
    assert!(!malformed.contains("set this"), "{malformed}");
    for text in [foreign, malformed] {
        assert!(!text.contains(SERVER_ID) && !text.contains(&session));
    }
}

/// Interleaved callers of one server that gives every one of them the same id.
#[tokio::test]
async fn g8_a_thousand_interleaved_callers_never_meet() {
    let world = world();
    let callers: Vec<_> = (0..1_000)
        .map(|number| {
            caller(
                ISSUERS[number % 2],
                &format!("user-{number}"),
                Some("editor"),
            )
        })
        .collect();
    let mut opened = Vec::new();
    for caller in &callers {
        opened.push(world.open(caller).await);
    }
    for (number, session) in opened.iter().enumerate() {
        let mine = world.within(session, Method::POST, &callers[number]).await;
        assert_eq!(mine.status, StatusCode::OK);
        world.take();
        let next = &callers[(number + 1) % callers.len()];
        let answer = world.within(session, Method::POST, next).await;
        world.assert_unknown(&answer, "the next caller");
    }
}

#[tokio::test]
async fn a_layer_without_authentication_in_front_serves_nobody() {
    use tower::{Layer, ServiceExt};
    let service = sessions().layer(tower::service_fn(|_| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(axum::body::Body::empty()))
    }));
    let request = http::Request::new(axum::body::Body::empty());
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
