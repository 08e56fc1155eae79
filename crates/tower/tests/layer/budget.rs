//! How many refused tokens a client may send.

use std::{num::NonZeroU32, sync::Arc};

use http::{StatusCode, header};
use oauthgate_core::{Denial, Reason};
use oauthgate_tower::{RefusedTokenBudget, ResourceServerLayer};

use crate::support::*;

const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "192.0.2.2";

/// A server that bears `refusals` per minute.
fn bearing(refusals: u32) -> Server {
    let budget = RefusedTokenBudget::per_minute(NonZeroU32::new(refusals).unwrap());
    Server::new(
        ResourceServerLayer::new(Provider::default()).refused_token_budget(Arc::new(budget)),
    )
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
    assert_eq!(statuses(&server, 60, "forged", HERE).await, [401; 60]);
    let answered = server.ask(from_address(with_token("forged"), HERE)).await;
    assert_eq!(answered.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answered.reason(), Some(Reason::TooManyRefusedTokens));
    assert_eq!(answered.header(header::RETRY_AFTER), Some("1"));
}

#[tokio::test]
async fn h6_never_holds_a_good_token_up() {
    let server = bearing(1);
    statuses(&server, 20, "forged", HERE).await;
    assert_eq!(statuses(&server, 500, "good", HERE).await, [200; 500]);
    assert_eq!(statuses(&server, 1, "forged", HERE).await, [429]);
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
