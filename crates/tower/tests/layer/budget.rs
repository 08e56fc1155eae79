//! How many refused tokens a client may send.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use oauthgate_core::{Denial, Reason};
use oauthgate_tower::{ClientPrefixes, RefusedTokenBudget, ResourceServerLayer};

use crate::support::*;

const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "192.0.2.2";

fn per_minute(refusals: u32) -> Arc<RefusedTokenBudget> {
    Arc::new(RefusedTokenBudget::per_minute(
        NonZeroU32::new(refusals).unwrap(),
    ))
}

/// A server that bears `refusals` per minute.
fn bearing(refusals: u32) -> Server {
    let layer = ResourceServerLayer::new(Provider::default());
    Server::new(layer.refused_token_budget(per_minute(refusals)))
}

/// A server that bears `refusals` per minute, and its provider, which knows how often it was asked.
fn watched(refusals: u32) -> (Server, Arc<Provider>) {
    let provider = Arc::new(Provider::default());
    let layer = ResourceServerLayer::shared(Arc::clone(&provider));
    (
        Server::new(layer.refused_token_budget(per_minute(refusals))),
        provider,
    )
}

/// How many tokens were verified since the last time this was asked.
fn verified(provider: &Provider) -> usize {
    std::mem::take(&mut *provider.peers.lock().unwrap()).len()
}

/// So many tokens that differ and are all refused.
async fn flood(server: &Server, tokens: std::ops::Range<u32>, address: &str) -> Vec<u16> {
    let mut answers = Vec::new();
    for number in tokens {
        let token = format!("forged-{number}");
        answers.extend(statuses(server, 1, &token, address).await);
    }
    answers
}

async fn statuses(server: &Server, times: usize, token: &str, address: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(
            server
                .ask(from_address(with_token(token), address))
                .await
                .status()
                .as_u16(),
        );
    }
    statuses
}

#[tokio::test]
async fn answers_429_after_sixty_bad_tokens_in_a_minute() {
    let server = Server::paved();
    assert_eq!(flood(&server, 0..60, HERE).await, [401; 60]);
    let answered = server.ask(from_address(with_token("forged"), HERE)).await;
    assert_eq!(answered.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answered.reason(), Some(Reason::TooManyRefusedTokens));
    assert_eq!(answered.header(header::RETRY_AFTER), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn over_budget_further_unknown_tokens_are_not_verified() {
    let (server, provider) = watched(60);
    let answers = flood(&server, 0..300, HERE).await;
    assert!(answers[..60].iter().all(|status| *status == 401));
    assert!(answers[60..].iter().all(|status| *status == 429));
    assert_eq!(verified(&provider), 70, "the budget, and ten looks");
    assert_eq!(flood(&server, 300..400, HERE).await, [429; 100]);
    assert_eq!(verified(&provider), 0);
    tokio::time::advance(Duration::from_secs(1)).await;
    flood(&server, 400..500, HERE).await;
    assert_eq!(
        verified(&provider),
        11,
        "one came back of the budget, and ten looks"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_good_lately_is_still_verified() {
    let (server, provider) = watched(1);
    assert_eq!(statuses(&server, 1, "good", HERE).await, [200]);
    flood(&server, 0..100, HERE).await;
    verified(&provider);
    assert_eq!(statuses(&server, 100, "good", HERE).await, [200; 100]);
    assert_eq!(verified(&provider), 100);
}

#[tokio::test(start_paused = true)]
async fn a_good_new_token_gets_in_when_it_comes_back_as_it_was_told() {
    let (server, _) = watched(1);
    flood(&server, 0..1_000, HERE).await;
    let answered = server.ask(from_address(with_token("good"), HERE)).await;
    assert_eq!(answered.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answered.header(header::RETRY_AFTER), Some("1"));
    tokio::time::advance(Duration::from_secs(1)).await;
    flood(&server, 1_000..2_000, HERE).await;
    assert_eq!(statuses(&server, 100, "good", HERE).await, [200; 100]);
}

/// What one second of 500 good users behind one address looks like, with an attacker beside them.
async fn second_of_shared_egress(server: &Server, second: u32) -> (usize, usize) {
    let (mut refused, mut limited) = (0, 0);
    for tick in 0..10_u32 {
        for user in 0..500_u32 {
            let token = format!("user-{user}");
            refused += usize::from(statuses(server, 1, &token, HERE).await != [200]);
        }
        let first = (second * 10 + tick) * 20;
        let attacks = flood(server, first..first + 20, HERE).await;
        limited += attacks.iter().filter(|status| **status == 429).count();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    (refused, limited)
}

#[tokio::test(start_paused = true)]
async fn h6_five_hundred_users_behind_the_address_of_an_attacker_are_never_refused() {
    let server = bearing(60);
    for user in 0..500 {
        let token = format!("user-{user}");
        assert_eq!(statuses(&server, 1, &token, HERE).await, [200]);
    }
    let mut limited = 0;
    for second in 0..4 {
        let (refused, more) = second_of_shared_egress(&server, second).await;
        assert_eq!(refused, 0, "good users were refused in second {second}");
        limited += more;
    }
    assert!(limited > 700, "{limited} of 800 attacks hear 429");
}

#[tokio::test]
async fn h3_memory_is_bounded_whatever_addresses_and_tokens_come() {
    let budget = Arc::new(RefusedTokenBudget::new("60/min".parse().unwrap(), 1_000));
    let layer = ResourceServerLayer::new(Provider::default());
    let server = Server::new(layer.refused_token_budget(Arc::clone(&budget)));
    for number in 0..20_000_u32 {
        let ipv4 = std::net::Ipv4Addr::from_bits(number).to_string();
        let ipv6 = std::net::Ipv6Addr::from_bits(u128::from(number) << 64).to_string();
        flood(&server, number..number + 1, &ipv4).await;
        flood(&server, number..number + 1, &ipv6).await;
    }
    assert_eq!(budget.clients(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn h4_a_full_table_refuses_no_good_client_and_forgets_no_attacker() {
    let budget = Arc::new(RefusedTokenBudget::new("5/min".parse().unwrap(), 80));
    let layer = ResourceServerLayer::new(Provider::default());
    let server = Server::new(layer.refused_token_budget(budget));
    flood(&server, 0..40, HERE).await;
    assert_eq!(flood(&server, 40..50, HERE).await, [429; 10]);
    for number in 0..5_000_u32 {
        let elsewhere = std::net::Ipv4Addr::from_bits(number << 8).to_string();
        assert_eq!(flood(&server, number..number + 1, &elsewhere).await, [401]);
        let user = format!("user-{number}");
        assert_eq!(statuses(&server, 1, &user, &elsewhere).await, [200]);
    }
    assert_eq!(flood(&server, 50..60, HERE).await, [429; 10]);
}

#[tokio::test(start_paused = true)]
async fn h5_a_header_that_names_another_address_changes_nothing() {
    let server = bearing(1);
    let spoofed = |token: &str, victim: &str| {
        let mut request = from_address(with_token(token), HERE);
        let headers = request.headers_mut();
        headers.insert("x-forwarded-for", victim.parse().unwrap());
        headers.insert("forwarded", format!("for={victim}").parse().unwrap());
        request
    };
    for number in 0..100 {
        let token = format!("forged-{number}");
        server.ask(spoofed(&token, ELSEWHERE)).await;
    }
    let evading = server.ask(spoofed("forged-100", "198.51.100.7")).await;
    assert_eq!(evading.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(flood(&server, 0..1, ELSEWHERE).await, [401]);
}

#[tokio::test(start_paused = true)]
async fn a_client_over_budget_reads_documents_and_asks_for_permission_as_ever() {
    let (server, provider) = watched(1);
    flood(&server, 0..100, HERE).await;
    verified(&provider);
    let preflight = || {
        let request = Request::builder().method(Method::OPTIONS).uri("/");
        let request = request
            .header(header::ORIGIN, "https://app.example.com")
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        request.body(Body::empty()).unwrap()
    };
    for number in 0..200 {
        let mut metadata = get("/.well-known/oauth-protected-resource");
        if number % 2 == 0 {
            metadata = authorized(metadata, &format!("forged-{number}"));
        }
        let answered = server.ask(from_address(metadata, HERE)).await;
        assert_eq!(answered.status(), StatusCode::OK);
        let answered = server.ask(from_address(preflight(), HERE)).await;
        assert_eq!(answered.status(), StatusCode::NO_CONTENT);
        let answered = server.ask(from_address(get("/"), HERE)).await;
        assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answered.reason(), Some(Reason::NoCredentials));
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_no_token_are_refused_for_what_they_are() {
    let server = bearing(1);
    flood(&server, 0..100, HERE).await;
    for (credentials, expected) in [
        ("Basic YTpi", Reason::NoCredentials),
        ("Bearer a b", Reason::MalformedAuthorization),
    ] {
        let mut request = from_address(get("/"), HERE);
        let value = credentials.parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
        assert_eq!(server.ask(request).await.reason(), Some(expected));
    }
}

#[tokio::test]
async fn an_outer_layer_says_how_wide_a_client_is() {
    let server = bearing(1);
    let wide = ClientPrefixes::new(24, 48);
    let ask = async |address: &str| {
        let mut request = from_address(with_token("forged"), address);
        let network = wide.network_of(address.parse().unwrap());
        request.extensions_mut().insert(network);
        server.ask(request).await.status().as_u16()
    };
    assert_eq!(ask("192.0.2.1").await, 401);
    assert_eq!(ask("192.0.2.255").await, 429);
    assert_eq!(ask("192.0.3.1").await, 401);
    assert_eq!(ask("2001:db8:1:2::1").await, 401);
    assert_eq!(ask("2001:db8:1:3::1").await, 429);
}

#[tokio::test]
async fn tells_what_it_counted() {
    let budget = per_minute(1);
    let layer = ResourceServerLayer::new(Provider::default());
    let server = Server::new(layer.refused_token_budget(Arc::clone(&budget)));
    statuses(&server, 3, "good", HERE).await;
    assert_eq!(budget.status().clients_over_budget, 0);
    flood(&server, 0..50, HERE).await;
    flood(&server, 0..1, ELSEWHERE).await;
    let status = budget.status();
    assert_eq!(status.challenged, 2);
    assert!(status.limited >= 10, "{status:?}");
    assert_eq!(status.limited + status.unverified, 49);
    assert_eq!((status.clients_over_budget, status.known_tokens), (2, 1));
}

#[tokio::test]
async fn an_expired_token_hears_the_challenge_however_many_forged_ones_came() {
    let server = bearing(1);
    statuses(&server, 20, "forged", HERE).await;
    assert_eq!(statuses(&server, 1, "forged", HERE).await, [429]);
    let answered = server.ask(from_address(with_token("stale"), HERE)).await;
    assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    assert!(answered.challenge().contains("error=\"invalid_token\""));
    let patient = bearing(1);
    assert_eq!(statuses(&patient, 100, "stale", HERE).await, [401; 100]);
    assert_eq!(statuses(&patient, 2, "forged", HERE).await, [401, 429]);
}

#[tokio::test]
async fn counts_good_tokens_for_nothing() {
    let server = bearing(1);
    statuses(&server, 100, "good", HERE).await;
    assert_eq!(statuses(&server, 2, "forged", HERE).await, [401, 429]);
}

#[tokio::test]
async fn counts_each_address_alone() {
    let server = bearing(1);
    assert_eq!(statuses(&server, 2, "forged", HERE).await, [401, 429]);
    assert_eq!(statuses(&server, 1, "forged", ELSEWHERE).await, [401]);
}

#[tokio::test]
async fn counts_an_ipv6_network_as_one_client() {
    let server = bearing(1);
    assert_eq!(statuses(&server, 1, "forged", "2001:db8::1").await, [401]);
    assert_eq!(statuses(&server, 1, "forged", "2001:db8::2").await, [429]);
}

#[tokio::test]
async fn never_counts_a_request_without_a_token() {
    let server = bearing(1);
    for _ in 0..100 {
        assert_eq!(
            server.ask(from_address(get("/"), HERE)).await.status(),
            StatusCode::UNAUTHORIZED
        );
        let metadata = get("/.well-known/oauth-protected-resource");
        assert_eq!(
            server.ask(from_address(metadata, HERE)).await.status(),
            StatusCode::OK
        );
    }
    assert_eq!(statuses(&server, 1, "forged", HERE).await, [401]);
}

#[tokio::test]
async fn counts_no_refusal_but_that_of_a_token() {
    use oauthgate_core::Blame;

    for reason in Reason::ALL
        .iter()
        .filter(|reason| !matches!(reason.blame(), Blame::Token | Blame::Limit))
    {
        let budget = Arc::new(RefusedTokenBudget::per_minute(NonZeroU32::MIN));
        let layer = ResourceServerLayer::new(Provider::refusing(Denial::new(*reason)));
        let server = Server::new(layer.refused_token_budget(Arc::clone(&budget)));
        let first = statuses(&server, 5, "good", HERE).await;
        assert!(
            first.iter().all(|status| *status != 429),
            "{reason}: {first:?}"
        );
        assert_eq!(budget.clients(), 0, "{reason}");
    }
}

#[tokio::test]
async fn counts_nobody_whose_address_is_unknown() {
    let server = bearing(1);
    for _ in 0..10 {
        assert_eq!(
            server.ask(with_token("forged")).await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn shares_a_budget_among_layers() {
    let budget = Arc::new(RefusedTokenBudget::per_minute(NonZeroU32::MIN));
    let server = || {
        Server::new(
            ResourceServerLayer::new(Provider::default()).refused_token_budget(Arc::clone(&budget)),
        )
    };
    assert_eq!(statuses(&server(), 1, "forged", HERE).await, [401]);
    assert_eq!(statuses(&server(), 1, "forged", HERE).await, [429]);
}

#[tokio::test]
async fn can_be_switched_off_by_those_who_count_elsewhere() {
    let server = Server::new(
        ResourceServerLayer::new(Provider::default()).danger_without_refused_token_budget(),
    );
    assert_eq!(statuses(&server, 100, "forged", HERE).await, [401; 100]);
}
