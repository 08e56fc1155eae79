//! The breaker: what opens it, what does not, and who waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{net::TcpListener, time::Instant};

use super::{
    link::{answered, counted, counted_within, link_to, link_with, trouble},
    patient,
    server::RedisServer,
    until,
};
use crate::{
    clock::SystemClock,
    state::redis::{
        RedisAddress,
        link::{Limits, Link, NoAnswer},
    },
};

const IMPATIENT: Duration = Duration::from_millis(20);

fn address(server: &RedisServer) -> RedisAddress {
    RedisAddress::parse(&server.url()).unwrap()
}

/// Nobody looks after it but who asks.
fn untended(server: &RedisServer) -> Arc<Link> {
    let limits = Limits {
        first_pause: Duration::from_secs(3_600),
        longest_pause: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let clock = Arc::new(SystemClock::new());
    Arc::new(Link::new(address(server), "probe".into(), limits, clock).unwrap())
}

#[tokio::test]
async fn one_late_answer_takes_redis_from_nobody_and_is_nobody_elses_answer() {
    let server = RedisServer::start();
    let link = link_to(address(&server));
    answered(&link).await;
    assert_eq!(counted(&link, &["a"]).await, [Ok(1)]);
    server.hang();
    let late = counted_within(&link, &["a"], IMPATIENT).await;
    assert_eq!(late, [Err(NoAnswer::Away)]);
    assert!(link.status().connected);
    server.go_on();
    // The late one was counted, and this gets its own answer.
    assert_eq!(counted(&link, &["b", "a"]).await, [Ok(1), Ok(3)]);
    assert_eq!(trouble(&link), "none");
}

#[tokio::test]
async fn questions_of_one_moment_that_are_late_together_count_once() {
    let server = RedisServer::start();
    let link = untended(&server);
    answered(&link).await;
    server.hang();
    tokio::time::pause();
    let keys: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let late = counted_within(&link, &keys, IMPATIENT).await;
    assert!(late.iter().all(|answer| *answer == Err(NoAnswer::Away)));
    assert!(begun.elapsed() < IMPATIENT * 2);
    assert!(link.status().connected);
}

#[tokio::test]
async fn silence_opens_the_breaker_and_nobody_waits_behind_it() {
    let server = RedisServer::start();
    let link = untended(&server);
    answered(&link).await;
    server.hang();
    // From here on only timers make time pass: what is measured is what was waited for.
    tokio::time::pause();
    let mut waits = 0;
    while link.status().connected {
        let begun = Instant::now();
        let late = counted_within(&link, &["a"], IMPATIENT).await;
        assert_eq!(late, [Err(NoAnswer::Away)]);
        assert!(begun.elapsed() < IMPATIENT + Duration::from_millis(5));
        waits += 1;
    }
    assert!((3..=6).contains(&waits), "{waits}");
    assert_eq!(trouble(&link), "too_slow");
    let begun = Instant::now();
    let refused = counted_within(&link, &["a"], IMPATIENT).await;
    assert_eq!(refused, [Err(NoAnswer::Away)]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn who_hung_is_found_again_though_nobody_asks() {
    let server = RedisServer::start();
    let link = link_with(address(&server), Limits::default());
    answered(&link).await;
    server.hang();
    until("it is missed", || !link.status().connected).await;
    server.go_on();
    until("it is found", || link.status().connected).await;
}

#[tokio::test]
async fn who_left_is_missed_though_nobody_asks() {
    let mut server = RedisServer::start();
    let link = link_with(address(&server), patient());
    answered(&link).await;
    server.kill();
    until("it is missed", || !link.status().connected).await;
    assert_eq!(trouble(&link), "unreachable");
    server.restart();
    until("it is found", || link.status().connected).await;
}

#[tokio::test]
async fn counts_wait_for_no_connection() {
    let server = RedisServer::start();
    let link = link_to(address(&server));
    assert_eq!(counted(&link, &["a"]).await, [Err(NoAnswer::Away)]);
    until("there is a connection", || link.status().connected).await;
    assert_eq!(counted(&link, &["a", "a"]).await, [Ok(1), Ok(2)]);
}

#[tokio::test]
async fn a_script_that_a_server_forgot_is_told_again() {
    let server = RedisServer::start();
    let link = link_to(address(&server));
    answered(&link).await;
    assert_eq!(counted(&link, &["a", "b"]).await, [Ok(1), Ok(1)]);
    server.command(&[b"SCRIPT", b"FLUSH"]);
    assert_eq!(counted(&link, &["a", "b"]).await, [Ok(2), Ok(2)]);
    assert!(link.status().connected);
}

#[tokio::test]
async fn many_callers_of_a_server_that_is_away_cause_one_attempt() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let attempts = Arc::new(AtomicU32::new(0));
    let counted_attempts = Arc::clone(&attempts);
    let listening = tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            silent.push(listener.accept().await.unwrap());
            counted_attempts.fetch_add(1, Ordering::Relaxed);
        }
    });
    let limits = Limits {
        connect: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let link = link_with(RedisAddress::parse(&url).unwrap(), limits);
    join_all((0..50).map(|_| counted(&link, &["a", "b"]))).await;
    join_all((0..50).map(|_| link.read("key", 9))).await;
    until("the attempt", || attempts.load(Ordering::Relaxed) > 0).await;
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
    listening.abort();
}
