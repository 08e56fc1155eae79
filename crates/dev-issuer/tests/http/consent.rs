//! The consent page and its answer.

use rstest::rstest;
use serde_json::json;

use crate::support::{ConsentPage, Pkce, REDIRECT, RESOURCE, Server, parameters, text};

async fn page_of(server: &Server) -> ConsentPage {
    let client_id = server.register(REDIRECT).await;
    server
        .consent_page(&Pkce::new(), &client_id, "notes:read notes:write")
        .await
}

#[tokio::test]
async fn says_who_asks_for_what_and_where_the_answer_goes() {
    let server = Server::start(|_| {}).await;
    let page = page_of(&server).await;
    for shown in [
        "Test client",
        RESOURCE,
        "127.0.0.1:4321",
        "Read your notes",
        "Change your notes",
        "notes:write",
        "Ada Example",
        "ada@example.com",
    ] {
        assert!(page.html.contains(shown), "{shown}");
    }
}

#[tokio::test]
async fn loads_nothing_runs_nothing_and_cannot_be_framed_or_cached() {
    let server = Server::start(|_| {}).await;
    let page = page_of(&server).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'nonce-"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"));
    assert_eq!(page.headers["x-frame-options"], "DENY");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(!page.html.contains("<script") && !page.html.contains("style="));
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
}

#[tokio::test]
async fn a_clients_name_is_text() {
    let server = Server::start(|_| {}).await;
    let name = "<script>alert(1)</script>\" onload=x";
    let metadata = json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", "client_name": name});
    let (_, client) = server.register_with(&metadata).await;
    let page = server
        .consent_page(&Pkce::new(), text(&client["client_id"]), "notes:read")
        .await;
    assert!(!page.html.contains("<script>") && page.html.contains("alert(1)"));
}

#[tokio::test]
async fn a_client_without_a_visible_name_is_shown_by_its_id() {
    let server = Server::start(|_| {}).await;
    let metadata = json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", "client_name": "\u{200b} "});
    let (_, client) = server.register_with(&metadata).await;
    let client_id = text(&client["client_id"]);
    let page = server
        .consent_page(&Pkce::new(), client_id, "notes:read")
        .await;
    assert!(page.html.contains(&format!("Allow {client_id} to act")));
}

#[tokio::test]
async fn the_form_works_from_its_own_origin() {
    let server = Server::start(|_| {}).await;
    let page = page_of(&server).await;
    let form = [
        ("decision", "allow"),
        ("ticket", page.ticket.as_str()),
        ("granted", "notes:read"),
    ];
    let response = server
        .decide(
            &form,
            &[("cookie", &page.cookie), ("origin", &server.root(""))],
        )
        .await;
    assert_eq!(response.status(), 303);
    assert!(
        response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    let answer = parameters(&response);
    assert!(answer["code"].is_string());
    assert_eq!(answer["iss"], server.issuer());
}

#[rstest]
#[case::deny(&[("decision", "deny"), ("granted", "notes:read")])]
#[case::nothing_chosen(&[("decision", "allow")])]
#[case::no_decision(&[("granted", "notes:read")])]
#[case::more_than_was_asked(&[("decision", "allow"), ("granted", "openid")])]
#[tokio::test]
async fn anything_but_allow_with_a_scope_is_no(#[case] choice: &[(&str, &str)]) {
    let server = Server::start(|_| {}).await;
    let page = page_of(&server).await;
    let mut form = vec![("ticket", page.ticket.as_str())];
    form.extend(choice);
    let response = server.decide(&form, &[("cookie", &page.cookie)]).await;
    let answer = parameters(&response);
    assert_eq!(answer["error"], "access_denied");
    assert_eq!(answer["state"], "state-1");
    assert_eq!(answer["iss"], server.issuer());
}

#[rstest]
#[case::no_cookie(None, &[])]
#[case::no_ticket(Some(""), &[("cookie", "own")])]
#[case::other_ticket(Some("forged"), &[("cookie", "own")])]
#[case::other_site(None, &[("cookie", "own"), ("origin", "http://evil.example")])]
#[case::other_port(None, &[("cookie", "own"), ("origin", "http://127.0.0.1:1")])]
#[case::hidden_origin(None, &[("cookie", "own"), ("origin", "null")])]
#[tokio::test]
async fn refuses_an_answer_that_is_not_from_the_page_and_browser_it_showed(
    #[case] ticket: Option<&str>,
    #[case] headers: &[(&str, &str)],
) {
    let server = Server::start(|_| {}).await;
    let page = page_of(&server).await;
    let form = [
        ("decision", "allow"),
        ("ticket", ticket.unwrap_or(&page.ticket)),
        ("granted", "notes:read"),
    ];
    let real = |value: &str| {
        if value == "own" {
            page.cookie.clone()
        } else {
            value.to_owned()
        }
    };
    let headers: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (*name, real(value)))
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let response = server.decide(&form, &headers).await;
    assert_eq!(response.status(), 400);
    assert!(!response.headers().contains_key("location"));
}

#[tokio::test]
async fn refuses_the_cookie_of_another_browser() {
    let server = Server::start(|_| {}).await;
    let (mine, other) = (page_of(&server).await, page_of(&server).await);
    let name = mine.cookie.split('=').next().unwrap();
    let value = other.cookie.split('=').nth(1).unwrap();
    let form = [
        ("decision", "allow"),
        ("ticket", mine.ticket.as_str()),
        ("granted", "notes:read"),
    ];
    let response = server
        .decide(&form, &[("cookie", &format!("{name}={value}"))])
        .await;
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn a_page_is_answered_once() {
    let server = Server::start(|_| {}).await;
    let page = page_of(&server).await;
    let form = [
        ("decision", "allow"),
        ("ticket", page.ticket.as_str()),
        ("granted", "notes:read"),
    ];
    assert_eq!(
        server
            .decide(&form, &[("cookie", &page.cookie)])
            .await
            .status(),
        303
    );
    assert_eq!(
        server
            .decide(&form, &[("cookie", &page.cookie)])
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn pages_in_two_tabs_do_not_disturb_each_other() {
    let server = Server::start(|_| {}).await;
    let (first, second) = (page_of(&server).await, page_of(&server).await);
    let cookies = format!("{}; {}", second.cookie, first.cookie);
    for page in [&first, &second] {
        let form = [
            ("decision", "allow"),
            ("ticket", page.ticket.as_str()),
            ("granted", "notes:read"),
        ];
        assert_eq!(
            server.decide(&form, &[("cookie", &cookies)]).await.status(),
            303
        );
    }
}
