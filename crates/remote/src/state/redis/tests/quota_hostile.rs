//! Somebody else writes into Redis, or what answers is no Redis: nobody is locked out, and nobody gets more.

use std::time::{Duration, Instant};

use super::{
    PATIENCE,
    link::pretending,
    quotas::{ALONE, Gate},
    server::RedisServer,
};
use crate::state::{
    quotas::{
        Spent,
        tests::{charge, is_within},
    },
    redis::{QuotaSettings, WhenAway},
};

#[tokio::test]
async fn e9_what_somebody_plants_under_a_key_locks_a_caller_out_for_a_moment_at_most() {
    let server = RedisServer::start();
    let quick = charge("anna", "50/s", 10, 1);
    let gate = Gate::connected(&server.url(), WhenAway::Require).await;
    gate.spend(&[quick]).await;
    let name = server.key(":quota:");
    let long = "9".repeat(100_000);
    let in_a_year = "1999999999999999";
    let planted: [&[&str]; 9] = [
        &["SET", &name, in_a_year],
        &["SET", &name, &long],
        &["SET", &name, "inf"],
        &["SET", &name, "nan"],
        &["SET", &name, "anna"],
        &["SET", &name, "-1"],
        &["RPUSH", &name, "1"],
        &["HSET", &name, "1", "1"],
        &["XADD", &name, "*", "1", "1"],
    ];
    for words in planted {
        server.say(&["DEL", &name]);
        server.say(words);
        // One that knows nothing of the caller.
        let gate = Gate::connected(&server.url(), WhenAway::Require).await;
        let begun = Instant::now();
        let mut waited = Duration::ZERO;
        while let Spent::Over { wait, .. } = gate.spend(&[quick]).await {
            assert!(begun.elapsed() < PATIENCE, "{words:.40?}");
            assert!(wait <= Duration::from_millis(20), "{words:.40?}: {wait:?}");
            waited += wait;
            tokio::time::sleep(wait).await;
        }
        assert!(
            waited <= Duration::from_millis(200),
            "{words:.40?}: {waited:?}"
        );
        assert!(!gate.is_away(), "{words:.40?}");
        assert!(!server.say(&["PTTL", &name]).starts_with(":-1"));
    }
}

#[tokio::test]
async fn e9_who_empties_redis_gives_nobody_more_than_a_replica_alone() {
    let server = RedisServer::start();
    let gate = Gate::connected(&server.url(), ALONE).await;
    let daily = charge("anna", "1/day", 10, 1);
    let mut within = 0;
    for _ in 0..50 {
        within += gate.within(daily, 1).await;
        server.command(&[b"FLUSHALL"]);
    }
    assert_eq!(within, 10);
}

/// Greets like Redis, and answers every run of a script with this, but for the probe.
fn answering(answer: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> + Clone + use<> {
    let answer = answer.to_vec();
    move |request: &[u8]| {
        let words = || request.split(|byte| b"\r\n".contains(byte));
        let is_probe = words().any(|word| word == b"probe");
        words()
            .flat_map(|word| match word {
                b"CLIENT" => b"+OK\r\n".to_vec(),
                b"EVAL" => b":1\r\n".to_vec(),
                b"EVALSHA" if is_probe => b":1\r\n".to_vec(),
                b"EVALSHA" => answer.clone(),
                b"GETRANGE" => b"$0\r\n\r\n".to_vec(),
                _ => Vec::new(),
            })
            .collect()
    }
}

#[tokio::test]
async fn e9_what_no_script_of_ours_says_is_no_count() {
    for nonsense in [
        &b"*3\r\n:1\r\n:5\r\n:5\r\n"[..],
        b"*3\r\n:0\r\n:5\r\n:5\r\n",
        b"*3\r\n:1\r\n:5\r\n:4\r\n",
        b"*3\r\n:1\r\n:-1000000\r\n:0\r\n",
        b"*3\r\n:2\r\n:5\r\n:1000005\r\n",
        b"*3\r\n:1\r\n:5\r\n:9223372036854775807\r\n",
        b"*3\r\n$1\r\n1\r\n$1\r\n5\r\n$7\r\n1000005\r\n",
        b"*2\r\n:1\r\n:5\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"$-1\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b"-ERR \x1b[31m\r\n",
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        b"-BUSY Redis is busy running a script\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let (url, lying) = pretending(answering(nonsense)).await;
        let gate = Gate::connected(&url, ALONE).await;
        let spent = gate.spend(&[charge("anna", "60/min", 9, 1)]).await;
        assert!(is_within(&spent), "{}", nonsense.escape_ascii());
        assert_eq!(gate.shared(), 0, "{}", nonsense.escape_ascii());
        assert!(gate.is_away(), "{}", nonsense.escape_ascii());
        lying.abort();
    }
}

#[tokio::test]
async fn r3_who_hangs_in_the_middle_of_an_answer_costs_a_request_the_timeout_at_most() {
    let (url, hanging) = pretending(answering(b"*3\r\n:1\r\n:5")).await;
    let gate = Gate::new(&url, QuotaSettings::default());
    gate.is_connected().await;
    let both = [
        charge("anna", "60/min", 9, 1),
        charge("ben", "60/min", 9, 1),
    ];
    tokio::time::pause();
    for _ in 0..9 {
        let begun = tokio::time::Instant::now();
        assert!(is_within(&gate.spend(&both).await));
        let waited = begun.elapsed();
        assert!(waited <= Duration::from_millis(20 + 5), "{waited:?}");
    }
    assert!(!is_within(&gate.spend(&both).await));
    assert_eq!(gate.shared(), 0);
    hanging.abort();
}

#[tokio::test]
async fn e9_who_always_says_yes_gives_nobody_more_than_a_replica_alone() {
    // One second of sixty, at the beginning of time.
    let yes = b"*3\r\n:1\r\n:5\r\n:1000005\r\n";
    let (url, lying) = pretending(answering(yes)).await;
    let gate = Gate::connected(&url, ALONE).await;
    let minutely = charge("anna", "60/min", 1_000, 1);
    let begun = Instant::now();
    let within = gate.within(minutely, 1_200).await;
    let most = 1_000 + 1 + begun.elapsed().as_secs() as usize;
    assert!((1_000..=most).contains(&within), "{within} of {most}");
    assert!(gate.shared() > 0);
    lying.abort();
}

#[tokio::test]
async fn e9_who_always_says_no_makes_callers_wait_no_longer_than_their_quota_takes_to_come_back() {
    let no = b"*3\r\n:0\r\n:5\r\n:10000005\r\n";
    let (url, lying) = pretending(answering(no)).await;
    let gate = Gate::connected(&url, WhenAway::Require).await;
    let charges = [charge("ben", "60/min", 10, 10)];
    let Spent::Over { wait, .. } = gate.spend(&charges).await else {
        panic!("within");
    };
    assert_eq!(wait, Duration::from_secs(10));
    lying.abort();
}
