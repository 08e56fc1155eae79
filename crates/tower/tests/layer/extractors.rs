//! `UserContext` and `Permit` as arguments of axum handlers.

use axum::{Router, body::Body, routing::get as on_get};
use http::StatusCode;
use oauthgate_tower::{Permit, ResourceServerLayer, UserContext};
use tower::ServiceExt;

use crate::support::*;

async fn whoami(user: UserContext, permit: Permit) -> String {
    format!(
        "{} {}",
        user.user_id(),
        permit.requirement().needed_scopes()
    )
}

async fn greet(user: Option<UserContext>) -> String {
    user.map_or_else(|| "stranger".to_owned(), |user| user.user_id().to_owned())
}

fn routes() -> Router {
    Router::new()
        .route("/whoami", on_get(whoami))
        .route("/greet", on_get(greet))
}

fn protected() -> Router {
    routes().layer(ResourceServerLayer::new(Provider::default()).require(requires("notes:read")))
}

async fn ask(router: Router, request: http::Request<Body>) -> (StatusCode, String) {
    let answered = Answered::read(router.oneshot(request).await.unwrap()).await;
    (
        answered.status(),
        String::from_utf8(answered.body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn hand_the_caller_to_a_protected_handler() {
    assert_eq!(
        ask(protected(), authorized(get("/whoami"), "good")).await,
        (StatusCode::OK, "alice notes:read".to_owned())
    );
    assert_eq!(
        ask(protected(), authorized(get("/greet"), "good")).await,
        (StatusCode::OK, "alice".to_owned())
    );
}

#[tokio::test]
async fn fail_loudly_where_the_layer_was_forgotten() {
    let (status, body) = ask(routes(), authorized(get("/whoami"), "good")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, "handler is not behind ResourceServerLayer");
}

#[tokio::test]
async fn find_nobody_where_an_open_handler_asks() {
    assert_eq!(
        ask(routes(), get("/greet")).await,
        (StatusCode::OK, "stranger".to_owned())
    );
}

#[tokio::test]
async fn protect_unknown_paths_and_wrong_methods_of_a_router_too() {
    for request in [
        get("/nowhere"),
        http::Request::post("/whoami").body(Body::empty()).unwrap(),
    ] {
        assert_eq!(ask(protected(), request).await.0, StatusCode::UNAUTHORIZED);
    }
    let (status, _) = ask(
        protected(),
        get("/.well-known/oauth-protected-resource/mcp"),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn g8_never_mix_up_callers() {
    let app = protected();
    let users = (0..1_000).map(|number| {
        let (app, name) = (app.clone(), format!("user-{number}"));
        tokio::spawn(async move { (ask(app, authorized(get("/whoami"), &name)).await, name) })
    });
    for answered in users.collect::<Vec<_>>() {
        let (answer, name) = answered.await.unwrap();
        assert_eq!(answer, (StatusCode::OK, format!("{name} notes:read")));
    }
}
