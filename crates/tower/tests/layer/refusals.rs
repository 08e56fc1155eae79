//! What a refusal looks like.

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use oauthgate_core::{Answer, Denial, Reason};
use oauthgate_tower::{Reference, ResourceServerLayer};

use crate::support::*;

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW",
];

fn server_refusing(denial: Denial) -> Server {
    Server::new(
        ResourceServerLayer::new(Provider::refusing(denial)).danger_without_refused_token_budget(),
    )
}

#[tokio::test]
async fn row_26_e16_answers_every_reason_as_the_table_says_on_every_method() {
    for reason in Reason::ALL {
        let denial = Denial::new(*reason).with_scopes(scopes("notes:write"));
        let expected = Answer::to(&denial, &resource());
        assert!(
            expected.status().as_u16() >= 400
                && expected.status() != StatusCode::INTERNAL_SERVER_ERROR
        );
        let server = server_refusing(denial);
        for method in METHODS {
            let request = Request::builder()
                .method(method)
                .uri("/any")
                .body(Body::empty())
                .unwrap();
            let answered = server.ask(request).await;
            assert_eq!(answered.status(), expected.status(), "{reason} {method}");
            assert_eq!(answered.reason(), Some(*reason));
            for (name, value) in &expected.headers() {
                assert_eq!(
                    answered
                        .parts
                        .headers
                        .get_all(name)
                        .iter()
                        .collect::<Vec<_>>(),
                    [value],
                    "{reason} {method}"
                );
            }
        }
        assert_eq!(server.reached(), 0);
    }
}

#[tokio::test]
async fn row_27_row_28_asks_for_a_token_without_an_error_code() {
    let answered = Server::paved().ask(get("/")).await;
    assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answered.challenge(), CHALLENGE);
    assert_eq!(answered.header(header::CACHE_CONTROL), Some("no-store"));
}

#[tokio::test]
async fn row_28_says_invalid_token_when_there_was_one() {
    let answered = Server::paved().ask(with_token("stale")).await;
    let (start, end) = (
        r#"Bearer error="invalid_token", error_description=""#,
        CHALLENGE.strip_prefix("Bearer ").unwrap(),
    );
    assert!(
        answered.challenge().starts_with(start) && answered.challenge().ends_with(end),
        "{}",
        answered.challenge()
    );
}

#[tokio::test]
async fn sends_no_body_on_head_and_the_same_length() {
    let server = Server::paved();
    let head = server
        .ask(Request::head("/").body(Body::empty()).unwrap())
        .await;
    let get = server.ask(get("/")).await;
    assert!(head.body.is_empty());
    assert_eq!(
        head.header(header::CONTENT_LENGTH),
        Some(get.body.len().to_string().as_str())
    );
    assert_eq!(head.challenge(), get.challenge());
}

#[tokio::test]
async fn gives_client_log_and_outer_layers_the_same_reference() {
    let answered = Server::paved().ask(with_token("stale")).await;
    let reference = answered.parts.extensions.get::<Reference>().unwrap();
    assert_eq!(answered.json()["reference"], reference.as_str());
    assert_eq!(answered.json()["error"], "invalid_token");
}

#[tokio::test]
async fn uses_the_reference_that_an_outer_layer_gave() {
    let mut request = get("/");
    request
        .extensions_mut()
        .insert(Reference::parse("request-17").unwrap());
    assert_eq!(
        Server::paved().ask(request).await.json()["reference"],
        "request-17"
    );
}

#[tokio::test]
async fn f27_says_nothing_that_came_from_outside() {
    let hostile = "kid\" scope=\"admin\\\r\nSet-Cookie: a=b\u{2028}error=";
    for reason in Reason::ALL {
        let plain = server_refusing(Denial::new(*reason)).ask(get("/")).await;
        let echoed = server_refusing(Denial::new(*reason).with_detail(hostile))
            .ask(get("/"))
            .await;
        assert_eq!(echoed.parts.headers, plain.parts.headers, "{reason}");
        assert_eq!(
            echoed.json()["error_description"],
            plain.json()["error_description"],
            "{reason}"
        );
        let said = String::from_utf8(echoed.body.to_vec()).unwrap();
        assert!(
            !said.contains("Set-Cookie") && !said.contains("admin"),
            "{reason}: {said}"
        );
    }
}

#[tokio::test]
async fn never_challenges_a_refusal_that_no_token_can_mend() {
    for reason in [
        Reason::PolicyRefused,
        Reason::OriginRefused,
        Reason::JwksUnavailable,
        Reason::TooManyRefusedTokens,
    ] {
        let answered = server_refusing(Denial::new(reason)).ask(get("/")).await;
        assert_eq!(answered.header(header::WWW_AUTHENTICATE), None, "{reason}");
    }
}

#[tokio::test]
async fn blames_an_outage_on_us_and_says_when_to_come_back() {
    let answered = server_refusing(Denial::new(Reason::JwksUnavailable))
        .ask(with_token("good"))
        .await;
    assert_eq!(answered.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answered
            .header(header::RETRY_AFTER)
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn refuses_unknown_paths_and_methods_like_all_others() {
    let server = Server::paved();
    for (method, path) in [
        (Method::DELETE, "/"),
        (Method::GET, "/nowhere"),
        (Method::POST, "/mcp/"),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        assert_eq!(server.ask(request).await.challenge(), CHALLENGE);
    }
}
