//! What the client is told of the server's session ids.

use http::{Method, StatusCode};
use oauthgate_mcp::sessions::MAX_SESSION_ID_LENGTH;
use rstest::rstest;

use crate::support::{SESSION, ada, world};

#[tokio::test]
async fn an_id_that_is_repeated_gets_the_same_tag() {
    let world = world();
    let first = world.open(&ada()).await;
    assert_eq!(world.open(&ada()).await, first);
    let again = world.within(&first, Method::GET, &ada()).await;
    assert_eq!(again.session(), Some(first));
}

#[tokio::test]
async fn an_id_that_changes_is_bound_anew() {
    let world = world();
    let first = world.open(&ada()).await;
    world.give(&[b"another"]);
    let answer = world.within(&first, Method::POST, &ada()).await;
    let second = answer.session().unwrap();
    world.take();
    assert!(second.starts_with("another."));
    world.within(&second, Method::POST, &ada()).await;
    assert_eq!(world.one().header(SESSION), Some("another"));
}

#[tokio::test]
async fn an_answer_without_an_id_gets_none() {
    let world = world();
    world.give(&[]);
    assert_eq!(world.ask(Method::POST, &ada(), &[]).await.session(), None);
}

#[rstest]
#[case::empty(&[b"".as_slice()])]
#[case::a_blank(&[b"a b".as_slice()])]
#[case::not_ascii(&["größe".as_bytes()])]
#[case::too_long(&[[b'a'; MAX_SESSION_ID_LENGTH + 1].as_slice()])]
#[case::two(&[b"one".as_slice(), b"two".as_slice()])]
#[tokio::test]
async fn row_46_a_bad_id_of_the_server_is_withheld(#[case] ids: &[&[u8]]) {
    let world = world();
    world.give(ids);
    let answer = world.ask(Method::POST, &ada(), &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.session(), None);
}

#[tokio::test]
async fn row_46_the_longest_id_goes_both_ways() {
    let world = world();
    let longest = [b'~'; MAX_SESSION_ID_LENGTH];
    world.give(&[&longest]);
    let session = world.open(&ada()).await;
    world.within(&session, Method::POST, &ada()).await;
    let received = world.one();
    assert_eq!(received.headers[SESSION].as_bytes(), longest);
}

/// A session that the server ended is 404 by the server's own word, which says more than ours.
#[rstest]
#[case(StatusCode::NOT_FOUND)]
#[case(StatusCode::BAD_REQUEST)]
#[case(StatusCode::METHOD_NOT_ALLOWED)]
#[tokio::test]
async fn row_46_the_servers_own_refusal_passes(#[case] status: StatusCode) {
    let world = world();
    let session = world.open(&ada()).await;
    world.give(&[]);
    world.answer(status);
    let answer = world.within(&session, Method::DELETE, &ada()).await;
    assert_eq!((answer.status, answer.reason), (status, None));
    assert_eq!(answer.body, "{}");
    assert_eq!(world.take().len(), 1);
}
