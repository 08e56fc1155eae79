//! Real tokens through the layer: no way around the signature (catalogue row A14, layer mode).

use http::StatusCode;
use serde_json::json;

use crate::{issuer, support::*};

fn token(user: &str) -> String {
    issuer::token(&issuer::claims_with(&json!({ "sub": user })))
}

async fn status_of(server: &Server, token: &str) -> StatusCode {
    server.ask(with_token(token)).await.status()
}

fn server() -> Server {
    use oauthgate_tower::ResourceServerLayer;

    Server::new(ResourceServerLayer::new(Provider::default()).danger_without_refused_token_budget())
}

#[tokio::test]
async fn lets_a_signed_token_in_as_its_subject() {
    let server = server();
    assert_eq!(status_of(&server, &token("alice")).await, StatusCode::OK);
    assert_eq!(server.last_seen().user.unwrap().user_id(), "alice");
}

#[tokio::test]
async fn a14_refuses_an_empty_or_missing_signature() {
    let server = server();
    let token = token("alice");
    let (signed, _) = token.rsplit_once('.').unwrap();
    for forged in [
        format!("{signed}."),
        signed.to_owned(),
        format!("{signed}.AA"),
        format!("{signed}.."),
    ] {
        assert_eq!(
            status_of(&server, &forged).await,
            StatusCode::UNAUTHORIZED,
            "{forged}"
        );
    }
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn a14_refuses_the_signature_of_another_token() {
    let server = server();
    let (alice, mallory) = (token("alice"), token("mallory"));
    let (signed, _) = alice.rsplit_once('.').unwrap();
    let (_, signature) = mallory.rsplit_once('.').unwrap();
    assert_eq!(
        status_of(&server, &format!("{signed}.{signature}")).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a14_refuses_a_token_with_any_bit_flipped() {
    let server = server();
    let good = token("alice");
    for (position, byte) in good.bytes().enumerate() {
        for bit in 0..7 {
            let mut forged = good.clone().into_bytes();
            forged[position] = byte ^ (1 << bit);
            let Ok(header) = http::HeaderValue::from_bytes(&[b"Bearer ", &forged[..]].concat())
            else {
                continue;
            };
            let mut request = get("/");
            request
                .headers_mut()
                .insert(http::header::AUTHORIZATION, header);
            let status = server.ask(request).await.status();
            assert!(
                matches!(status.as_u16(), 400 | 401),
                "{status} {position} {bit}"
            );
        }
    }
    assert_eq!(server.reached(), 0);
}
