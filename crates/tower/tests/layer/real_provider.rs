//! The three lines with the provider that users have, its issuer on loopback.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{Json, Router, routing::get as on_get};
use http::{StatusCode, header};
use oauthgate_core::Reason;
use oauthgate_remote::OAuth21Provider;
use oauthgate_tower::ResourceServerLayer;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{issuer, support::*};

/// An issuer with one key, which can be told to fail.
struct AuthorizationServer {
    issuer: String,
    broken: Arc<AtomicBool>,
}

impl AuthorizationServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let broken = Arc::new(AtomicBool::new(false));
        let app = Self::routes(&issuer, Arc::clone(&broken));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { issuer, broken }
    }

    fn routes(issuer: &str, broken: Arc<AtomicBool>) -> Router {
        let document = move |body: Value| {
            let broken = Arc::clone(&broken);
            on_get(move || async move {
                if broken.load(Ordering::Relaxed) {
                    Err(StatusCode::INTERNAL_SERVER_ERROR)
                } else {
                    Ok(Json(body))
                }
            })
        };
        let jwk = issuer::P256.jwk_with(&json!({ "kid": "key-1", "alg": "ES256", "use": "sig" }));
        let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
        Router::new()
            .route(
                "/.well-known/oauth-authorization-server",
                document(metadata),
            )
            .route("/jwks", document(json!({ "keys": [jwk] })))
    }

    fn provider(&self) -> OAuth21Provider {
        OAuth21Provider::from_lookup(|name| {
            let value = match name {
                "MCP_SERVER_URL" | "OAUTH_AUDIENCE" => issuer::RESOURCE,
                "OAUTH_ISSUER_URL" => &self.issuer,
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap()
    }

    fn token(&self, more: &Value) -> String {
        #[expect(
            clippy::disallowed_methods,
            reason = "the real provider looks at the real clock"
        )]
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({ "iss": self.issuer, "iat": now, "exp": now + 300 });
        issuer::token(&issuer::merged(issuer::claims_with(&claims), more))
    }
}

#[tokio::test]
async fn lets_a_good_token_in_and_keeps_bad_ones_out() {
    let authorization_server = AuthorizationServer::start().await;
    let server = Server::new(ResourceServerLayer::new(authorization_server.provider()));
    let good = authorization_server.token(&json!({ "sub": "alice" }));
    assert_eq!(server.ask(with_token(&good)).await.status(), StatusCode::OK);
    assert_eq!(server.last_seen().user.unwrap().user_id(), "alice");
    for (change, reason) in [
        (
            json!({ "aud": "https://mcp.example.com/other" }),
            Reason::WrongAudience,
        ),
        (json!({ "exp": 1 }), Reason::Expired),
        (
            json!({ "iss": "https://elsewhere.example.com" }),
            Reason::UnknownIssuer,
        ),
    ] {
        let answered = server
            .ask(with_token(&authorization_server.token(&change)))
            .await;
        assert_eq!(
            (answered.status(), answered.reason()),
            (StatusCode::UNAUTHORIZED, Some(reason))
        );
    }
    assert_eq!(server.reached(), 1);
}

#[tokio::test]
async fn d5_answers_503_while_no_key_was_ever_loaded() {
    let authorization_server = AuthorizationServer::start().await;
    authorization_server.broken.store(true, Ordering::Relaxed);
    let server = Server::new(ResourceServerLayer::new(authorization_server.provider()));
    let answered = server
        .ask(with_token(&authorization_server.token(&json!({}))))
        .await;
    assert_eq!(answered.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answered.header(header::RETRY_AFTER).is_some());
    assert_eq!(answered.header(header::WWW_AUTHENTICATE), None);
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn protects_an_axum_app_over_a_real_connection() {
    let authorization_server = AuthorizationServer::start().await;
    let app = Router::new()
        .route(
            "/",
            on_get(|user: oauthgate_tower::UserContext| async move { user.user_id().to_owned() }),
        )
        .layer(ResourceServerLayer::new(authorization_server.provider()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(
            listener,
            app.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .await
    });
    let token = authorization_server.token(&json!({ "sub": "alice" }));
    let request = |method: &str| {
        format!(
            "{method} / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
    };
    let (status, response) = crate::wire::exchange(address, &request("GET")).await;
    assert_eq!(
        (status, response.ends_with("alice")),
        (200, true),
        "{response}"
    );
    let (status, response) =
        crate::wire::exchange(address, &request("HEAD").replace("Bearer", "Basic")).await;
    assert_eq!(
        (status, response.ends_with("\r\n\r\n")),
        (401, true),
        "{response}"
    );
    assert!(response.contains("content-length: 1"), "{response}");
}
