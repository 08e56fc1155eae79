//! The budget of strangers, without a layer around it.

use std::{net::Ipv4Addr, num::NonZeroU32, time::Duration};

use http::{Request, header::AUTHORIZATION, request::Parts};
use oauthgate_core::{Denial, Reason, quota::Quota};

use super::{RefusedTokenBudget, known::KNOWN_FOR};
use crate::ClientNetwork;

const SECOND: u64 = 1_000_000;

fn client(number: u32) -> ClientNetwork {
    std::net::IpAddr::from(Ipv4Addr::from_bits(number)).into()
}

fn budget(refusals: u32) -> RefusedTokenBudget {
    RefusedTokenBudget::per_minute(NonZeroU32::new(refusals).unwrap())
}

fn bearing(token: &str) -> Parts {
    let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(()).unwrap().into_parts().0
}

/// Looks at a bad token, if that is allowed; the reason of the answer.
fn send_bad(budget: &RefusedTokenBudget, client: ClientNetwork, token: &str) -> Reason {
    let parts = bearing(token);
    match budget.look(client, &parts) {
        Ok(look) => look
            .found_bad(&parts, Denial::new(Reason::BadSignature))
            .reason(),
        Err(denial) => denial.reason(),
    }
}

/// Whether a good token gets in.
fn send_good(budget: &RefusedTokenBudget, client: ClientNetwork, token: &str) -> bool {
    let parts = bearing(token);
    let look = budget.look(client, &parts);
    look.map(|look| look.found_good(&parts)).is_ok()
}

/// Sends as many bad tokens as use up the budget and every look.
fn exhaust(budget: &RefusedTokenBudget, client: ClientNetwork) {
    for number in 0..1_000 {
        send_bad(budget, client, &format!("exhausting-{number}"));
    }
}

#[test]
fn tells_the_sixty_first_bad_token_of_a_minute_when_to_come_back() {
    let budget = RefusedTokenBudget::default();
    for _ in 0..60 {
        assert_eq!(budget.spend_at(client(1), 0), Ok(()));
    }
    assert_eq!(budget.spend_at(client(1), 0), Err(Duration::from_secs(1)));
}

#[test]
fn counts_each_client_alone() {
    let budget = budget(1);
    assert!(budget.spend_at(client(1), 0).is_ok());
    assert!(budget.spend_at(client(1), 0).is_err());
    assert!(budget.spend_at(client(2), 0).is_ok());
}

#[test]
fn concurrent_refusals_are_all_counted() {
    let budget = RefusedTokenBudget::default();
    let passed: usize = std::thread::scope(|scope| {
        let spend = || {
            let passed = (0..50).filter(|_| budget.spend_at(client(1), 0).is_ok());
            passed.count()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(spend)).collect();
        let passed = threads.into_iter().map(|thread| thread.join().unwrap());
        passed.sum()
    });
    assert_eq!(passed, 60);
}

#[tokio::test(start_paused = true)]
async fn over_budget_ten_tokens_a_second_are_looked_at() {
    let budget = budget(1);
    let looked_at = |from: u32| {
        let tokens = (from..from + 100).map(|number| format!("bad-{number}"));
        let looks = tokens.filter(|token| budget.look(client(1), &bearing(token)).is_ok());
        looks.count()
    };
    assert_eq!(send_bad(&budget, client(1), "bad"), Reason::BadSignature);
    assert_eq!(looked_at(0), 10);
    tokio::time::advance(Duration::from_millis(300)).await;
    assert_eq!(looked_at(1_000), 3);
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(looked_at(2_000), 10);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(looked_at(3_000), 100, "the budget is there again");
}

#[tokio::test(start_paused = true)]
async fn all_clients_over_budget_share_five_hundred_looks_a_second() {
    let budget = budget(1);
    let looked_at = || {
        let clients = (0..1_000).flat_map(|number| std::iter::repeat_n(client(number), 3));
        let tokens = clients
            .enumerate()
            .map(|(number, client)| (client, format!("t{number}")));
        let looks = tokens.filter(|(client, token)| budget.look(*client, &bearing(token)).is_ok());
        looks.count()
    };
    for number in 0..1_000 {
        send_bad(&budget, client(number), "bad");
    }
    assert_eq!(looked_at(), 500);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(looked_at(), 500);
}

#[tokio::test(start_paused = true)]
async fn good_new_tokens_give_their_looks_back() {
    let budget = budget(1);
    send_bad(&budget, client(1), "bad");
    for number in 0..10_000 {
        assert!(send_good(&budget, client(1), &format!("user-{number}")));
    }
    // And they are known, now that there are no looks left.
    exhaust(&budget, client(1));
    assert!(!send_good(&budget, client(1), "another"));
    assert!((0..10_000).all(|number| send_good(&budget, client(1), &format!("user-{number}"))));
}

#[tokio::test(start_paused = true)]
async fn a_good_new_token_that_comes_back_gets_in_through_a_flood_of_made_up_ones() {
    let budget = budget(60);
    let mut made_up = 0;
    let mut flood = |tokens: u32| {
        for _ in 0..tokens {
            made_up += 1;
            send_bad(&budget, client(1), &format!("made-up-{made_up}"));
        }
    };
    flood(1_000);
    for newcomer in 0..20 {
        let token = format!("newcomer-{newcomer}");
        assert!(!send_good(&budget, client(1), &token));
        for _ in 0..10 {
            tokio::time::advance(Duration::from_millis(100)).await;
            flood(100);
        }
        assert!(send_good(&budget, client(1), &token), "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_token_again_and_again_takes_one_look_in_ten_seconds() {
    let budget = budget(1);
    send_bad(&budget, client(1), "bad");
    for second in 0..9 {
        let again = (0..1_000).all(|_| budget.look(client(1), &bearing("bad")).is_err());
        assert!(again);
        assert!(send_good(&budget, client(1), &format!("newcomer-{second}")));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let refused = budget.look(client(1), &bearing("bad")).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(budget.look(client(1), &bearing("bad")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_good_is_not_charged_when_it_ends() {
    let budget = budget(5);
    let tokens: Vec<_> = (0..500)
        .map(|number| bearing(&format!("opaque-{number}")))
        .collect();
    for parts in &tokens {
        budget.look(client(1), parts).unwrap().found_good(parts);
    }
    tokio::time::advance(Duration::from_secs(20 * 60)).await;
    for parts in &tokens {
        let look = budget.look(client(1), parts).unwrap();
        let answer = look.found_bad(parts, Denial::new(Reason::InactiveToken));
        assert_eq!(answer.reason(), Reason::InactiveToken);
    }
    assert_eq!(budget.clients(), 0, "nothing was charged");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_comes_every_half_hour_stays_known() {
    let budget = budget(60);
    for _ in 0..10 {
        assert!(send_good(&budget, client(1), "user"));
        tokio::time::advance(KNOWN_FOR / 2).await;
    }
    exhaust(&budget, client(1));
    assert!(send_good(&budget, client(1), "user"));
    tokio::time::advance(KNOWN_FOR + Duration::from_secs(1)).await;
    exhaust(&budget, client(1));
    assert!(
        !send_good(&budget, client(1), "user"),
        "it is forgotten after an hour"
    );
}

/// A provider that remembers a token verifies it only now and then, and nobody hears of it in between.
#[tokio::test(start_paused = true)]
async fn a_token_that_its_provider_remembers_is_known_for_half_an_hour_after_its_last_use() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for second_verification in 0..60_u64 {
        let budget = budget(60);
        assert!(send_good(&budget, client(1), "user"));
        tokio::time::advance(minutes(second_verification)).await;
        assert!(send_good(&budget, client(1), "user"));
        // The provider's longest memory, and half an hour.
        tokio::time::advance(minutes(15 + 30) - Duration::from_secs(1)).await;
        exhaust(&budget, client(1));
        let parts = bearing("user");
        let look = budget.look(client(1), &parts).unwrap();
        let answer = look.found_bad(&parts, Denial::new(Reason::BadSignature));
        assert_eq!(
            answer.reason(),
            Reason::BadSignature,
            "{second_verification}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_may_have_had_a_good_token_hears_that_it_needs_another() {
    for (reason, expected) in [
        (Reason::InactiveToken, Reason::InactiveToken),
        (Reason::UnknownKeyId, Reason::UnknownKeyId),
        (Reason::KeyWithdrawn, Reason::KeyWithdrawn),
        (Reason::Expired, Reason::Expired),
        (Reason::BadSignature, Reason::TooManyRefusedTokens),
        (Reason::MalformedToken, Reason::TooManyRefusedTokens),
        (Reason::UnknownIssuer, Reason::TooManyRefusedTokens),
    ] {
        let budget = budget(1);
        send_bad(&budget, client(1), "bad");
        let parts = bearing("other");
        let look = budget.look(client(1), &parts).unwrap();
        assert_eq!(
            look.found_bad(&parts, Denial::new(reason)).reason(),
            expected
        );
    }
}

#[test]
fn h3_remembers_ten_thousand_clients_and_no_more() {
    let budget = RefusedTokenBudget::default();
    for number in 0..200_000 {
        let _ = budget.spend_at(client(number), 0);
    }
    assert!(budget.clients() <= 10_000, "{} clients", budget.clients());
}

#[test]
fn h3_remembers_a_hundred_thousand_good_tokens_and_no_more() {
    let budget = budget(60);
    for number in 0..300_000_u32 {
        assert!(send_good(&budget, client(1), &number.to_string()));
    }
    let known = budget.status().known_tokens;
    assert!(known <= 100_000, "{known} tokens");
}

#[test]
fn h4_does_not_forget_an_attacker_in_a_flood_of_other_addresses() {
    let budget = budget(10);
    let mut passed = 0;
    for number in 0..100_000 {
        let _ = budget.spend_at(client(number + 10), 0);
        passed += u32::from(number % 10 == 0 && budget.spend_at(client(1), 0).is_ok());
    }
    assert_eq!(passed, 10);
}

/// An attacker spends its budget, goes quiet, and lets a million other addresses push it out.
#[test]
fn h4_a_flood_of_addresses_buys_no_fresh_budget() {
    let budget = RefusedTokenBudget::default();
    while budget.spend_at(client(1), 0).is_ok() {}
    for number in 0..1_000_000 {
        let _ = budget.spend_at(client(number + 10), number.into());
    }
    // A second has passed, and one refusal came back.
    let passed = (0..60).filter(|_| budget.spend_at(client(1), SECOND).is_ok());
    assert_eq!(passed.count(), 1);
}

/// The table is full of attackers that are all over budget: they stay limited, and nobody else pays.
#[tokio::test(start_paused = true)]
async fn h4_a_table_full_of_attackers_limits_them_and_nobody_else() {
    let budget = RefusedTokenBudget::new(
        Quota::new(NonZeroU32::new(5).unwrap(), Duration::from_secs(60)),
        1_000,
    );
    let attackers = || (0..5_000_u32).map(client);
    for _ in 0..20 {
        for attacker in attackers() {
            let _ = budget.spend_at(attacker, 0);
        }
    }
    assert_eq!(budget.clients(), 1_000);
    let limited = attackers().filter(|attacker| budget.spend_at(*attacker, 0).is_err());
    let limited = limited.count();
    assert!(
        limited >= 800,
        "{limited} of 1,000 remembered attackers are limited"
    );
    for number in 10_000..11_000 {
        assert!(send_good(
            &budget,
            client(number),
            &format!("user-{number}")
        ));
        assert_eq!(
            send_bad(&budget, client(number), "bad"),
            Reason::BadSignature
        );
    }
}
