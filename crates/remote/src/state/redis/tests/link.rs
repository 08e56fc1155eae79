//! The connection, by itself: it comes and goes, and nobody waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{PATIENCE, patient, server::RedisServer};
use crate::{
    clock::SystemClock,
    state::redis::{
        RedisAddress, RedisServers,
        commands::{Claim, Entry},
        link::{Limits, Link, NoAnswer},
        script::{Call, Script},
    },
    testing::FakeClock,
};

pub(super) fn link(url: &str) -> Arc<Link> {
    link_with(RedisAddress::parse(url).unwrap(), patient())
}

/// As patient as in life.
fn lively_link(url: &str) -> Arc<Link> {
    link_with(RedisAddress::parse(url).unwrap(), Limits::default())
}

pub(super) fn link_to(servers: impl Into<RedisServers>) -> Arc<Link> {
    link_with(servers, patient())
}

pub(super) fn link_with(servers: impl Into<RedisServers>, limits: Limits) -> Arc<Link> {
    let limits = Limits {
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        ..limits
    };
    let clock = Arc::new(SystemClock::new());
    Arc::new(Link::new(servers, "oauthgate:1:probe:test".into(), limits, clock).unwrap())
}

pub(super) fn trouble(link: &Link) -> &'static str {
    link.status().trouble.map_or("none", |trouble| trouble.code)
}

/// Counts up under these keys, each by itself, and patiently.
pub(super) async fn counted(link: &Arc<Link>, keys: &[&str]) -> Vec<Result<i64, NoAnswer>> {
    counted_within(link, keys, PATIENCE).await
}

pub(super) async fn counted_within(
    link: &Arc<Link>,
    keys: &[&str],
    limit: Duration,
) -> Vec<Result<i64, NoAnswer>> {
    let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    let calls: Vec<_> = keys
        .iter()
        .map(|key| Call {
            key: (*key).to_owned(),
            arguments: vec!["1".to_owned()],
        })
        .collect();
    let number = |answer| match answer {
        redis::Value::Int(number) => Some(number),
        _ => None,
    };
    link.run(&script, &calls, limit, number).await
}

/// Timers are rounded up to whole milliseconds.
fn is_about(waited: Duration, expected: Duration) -> bool {
    (expected..expected + Duration::from_millis(5)).contains(&waited)
}

/// Asks until there is an answer.
pub(super) async fn answered(link: &Arc<Link>) {
    answered_at(link, "key").await;
}

/// Asks about this key until there is an answer.
pub(super) async fn answered_at(link: &Arc<Link>, key: &str) {
    let begun = std::time::Instant::now();
    while link.read(key, 10).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "{:?}", link.status());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_value_is_set_claimed_replaced_and_given_back() {
    let server = RedisServer::start();
    let link = link(&server.url());
    assert_eq!(link.read("key", 5).await, Ok(Entry::Missing));
    let claim = |value: &'static [u8], most| {
        let link = Arc::clone(&link);
        async move {
            link.claim("key", value, Duration::from_secs(9_999), most)
                .await
        }
    };
    let held = Ok(Claim::Held(Entry::Text(b"mine".to_vec())));
    assert_eq!(claim(b"mine", 9).await, Ok(Claim::Ours));
    assert_eq!(claim(b"other", 9).await, held);
    assert_eq!(claim(b"other", 4).await, held);
    assert_eq!(claim(b"other", 3).await, Ok(Claim::Held(Entry::Oversize)));
    let remaining = server.command(&[b"PTTL", b"key"]);
    assert!(remaining.starts_with(b":9"), "{remaining:?}");
    assert_eq!(link.replace("key", b"", b"other", None).await, Ok(false));
    assert_eq!(link.replace("key", b"mine", b"later", None).await, Ok(true));
    assert_eq!(
        link.read("key", 5).await,
        Ok(Entry::Text(b"later".to_vec()))
    );
    assert_eq!(link.read("key", 4).await, Ok(Entry::Oversize));
    assert_eq!(link.head("key").await, Ok(Entry::Text(b"later".to_vec())));
    assert_eq!(link.give_back("key", b"mine").await, Ok(false));
    assert_eq!(link.give_back("key", b"later").await, Ok(true));
    let life = Some(Duration::from_secs(1_999));
    assert_eq!(link.replace("key", b"", b"first", life).await, Ok(true));
    assert_eq!(link.put("key", b"over", life).await, Ok(()));
    assert!(link.status().connected);
    let remaining = server.command(&[b"PTTL", b"key"]);
    assert!(remaining.starts_with(b":1"), "{remaining:?}");
    assert_eq!(server.keys(), ["key"], "the probe leaves nothing behind");
}

#[tokio::test]
async fn e9_a_key_of_another_type_is_no_reason_to_go_away() {
    let server = RedisServer::start();
    let link = link(&server.url());
    server.command(&[b"RPUSH", b"key", b"x"]);
    assert_eq!(link.read("key", 10).await, Ok(Entry::WrongType));
    assert_eq!(link.head("key").await, Ok(Entry::WrongType));
    assert_eq!(link.replace("key", b"", b"v", None).await, Ok(false));
    assert_eq!(link.give_back("key", b"x").await, Ok(false));
    assert_eq!(
        link.claim("key", b"v", Duration::from_secs(1), 10).await,
        Ok(Claim::Held(Entry::WrongType))
    );
    assert!(link.status().connected);
    assert_eq!(link.put("key", b"v", None).await, Ok(()));
    assert_eq!(link.read("key", 10).await, Ok(Entry::Text(b"v".to_vec())));
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_is_found_again() {
    let mut server = RedisServer::start();
    let link = link(&server.url());
    answered(&link).await;
    server.kill();
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&link), "unreachable");
    server.restart();
    answered(&link).await;
    assert!(link.status().connected);
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_found_later() {
    let mut server = RedisServer::start();
    server.kill();
    let link = link(&server.url());
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&link), "unreachable");
    server.restart();
    answered(&link).await;
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_command_its_time_and_the_next_ones_nothing() {
    let server = RedisServer::start();
    let clock = Arc::new(FakeClock::default());
    let address = RedisAddress::parse(&server.url()).unwrap();
    let link = Link::new(address, "probe".into(), Limits::default(), clock.clone()).unwrap();
    let link = Arc::new(link);
    answered(&link).await;
    server.hang();
    // From here on only timers make time pass: what is measured is what was waited for.
    tokio::time::pause();
    let begun = Instant::now();
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert!(is_about(begun.elapsed(), Limits::default().command));
    assert_eq!(trouble(&link), "too_slow");
    let begun = Instant::now();
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    tokio::time::resume();
    server.go_on();
    clock.advance(Limits::default().first_pause);
    answered(&link).await;
}

#[tokio::test]
async fn a_server_that_hangs_at_the_start_costs_a_caller_the_time_of_one_command() {
    let server = RedisServer::start();
    let link = lively_link(&server.url());
    server.hang();
    tokio::time::pause();
    let begun = Instant::now();
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert!(is_about(begun.elapsed(), Limits::default().command));
    tokio::time::resume();
    server.go_on();
    answered(&link).await;
}

#[tokio::test]
async fn a_server_that_refuses_us_is_away_until_it_lets_us_in() {
    let server = RedisServer::with(&["--requirepass", "right"]);
    let link = link(&format!("redis://:wrong@127.0.0.1:{}", server.port()));
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&link), "authentication_failed");
    assert!(!format!("{link:?}").contains("wrong@"));
    let open = super::link::link(&format!("redis://:right@127.0.0.1:{}", server.port()));
    answered(&open).await;
    let nothing = super::link::link(&server.url());
    assert_eq!(nothing.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&nothing), "authentication_failed");
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_away() {
    let server = RedisServer::with(&["--replicaof", "127.0.0.1", "9"]);
    let link = link(&server.url());
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&link), "read_only");
    server.command(&[b"REPLICAOF", b"NO", b"ONE"]);
    answered(&link).await;
    server.command(&[b"REPLICAOF", b"127.0.0.1", b"9"]);
    assert_eq!(link.put("key", b"v", None).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&link), "read_only");
}

#[tokio::test]
async fn a_server_where_we_may_not_run_a_script_is_away() {
    let server = RedisServer::start();
    server.command(&[b"ACL", b"SETUSER", b"default", b"-eval"]);
    let link = link(&server.url());
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&link), "not_permitted");
    let server = RedisServer::start();
    server.command(&[b"ACL", b"SETUSER", b"default", b"-getrange"]);
    let link = super::link::link(&server.url());
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert!(
        ["not_permitted", "refused"].contains(&trouble(&link)),
        "{}",
        trouble(&link)
    );
}

#[tokio::test]
async fn a_server_where_we_may_not_run_a_script_by_its_name_is_away() {
    let server = RedisServer::start();
    server.command(&[b"ACL", b"SETUSER", b"default", b"-evalsha"]);
    let link = link(&server.url());
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&link), "not_permitted");
    server.command(&[b"ACL", b"SETUSER", b"default", b"+evalsha"]);
    answered(&link).await;
}

#[tokio::test]
async fn the_rights_that_the_guide_names_are_enough() {
    let guide = include_str!("../../../../../../docs/guides/replicas.md");
    let line = guide
        .lines()
        .find(|line| line.starts_with("ACL SETUSER"))
        .unwrap();
    let server = RedisServer::start();
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    assert_eq!(server.command(&words), b"+OK\r\n");
    let port = server.port();
    let link = link(&format!("redis://oauthgate:password@127.0.0.1:{port}"));
    let life = Duration::from_secs(9);
    let key = "oauthgate:1:keys:x";
    assert_eq!(link.claim(key, b"a", life, 9).await, Ok(Claim::Ours));
    assert_eq!(link.put(key, b"b", Some(life)).await, Ok(()));
    assert_eq!(link.replace(key, b"b", b"c", None).await, Ok(true));
    assert_eq!(link.head(key).await, Ok(Entry::Text(b"c".to_vec())));
    assert_eq!(link.give_back(key, b"c").await, Ok(true));
    assert!(link.status().connected);
}

/// A server that pretends to be Redis.
pub(super) async fn pretending(
    answer: impl Fn(&[u8]) -> Vec<u8> + Clone + Send + 'static,
) -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let talking = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut request).await {
                    let answer = answer(&request[..read]);
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, talking)
}

#[tokio::test]
async fn e9_what_no_redis_says_is_not_believed() {
    for nonsense in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"+OK\r\n+OK\r\n+OK\r\n:1\r\n+OK\r\n",
        b"-ERR \x1b[31m\r\n",
        b"$-1\r\n*-1\r\n",
        b"*1000000000\r\n",
        b"$99999999999999999999\r\n",
    ] {
        let (url, lying) = pretending(|_| nonsense.to_vec()).await;
        let link = lively_link(&url);
        let begun = Instant::now();
        let answer = link.read("key", 10).await;
        assert_eq!(answer, Err(NoAnswer::Away), "{}", nonsense.escape_ascii());
        assert!(begun.elapsed() < PATIENCE, "it is not waited for");
        lying.abort();
    }
}

/// As Redis would, but for the length of texts.
fn verbose(request: &[u8]) -> Vec<u8> {
    let words = request.split(|byte| b"\r\n".contains(byte));
    words
        .flat_map(|word| match word {
            b"CLIENT" => b"+OK\r\n".to_vec(),
            b"EVAL" | b"EVALSHA" => b":1\r\n".to_vec(),
            b"GETRANGE" => format!("$500\r\n{}\r\n", "x".repeat(500)).into_bytes(),
            _ => Vec::new(),
        })
        .collect()
}

#[tokio::test]
async fn e9_a_text_that_is_longer_than_was_asked_for_is_not_kept() {
    let (url, lying) = pretending(verbose).await;
    for head in [false, true] {
        let link = link(&url);
        let answer = if head {
            link.head("key").await
        } else {
            link.read("key", 10).await
        };
        assert_eq!((answer, trouble(&link)), (Err(NoAnswer::Away), "nonsense"));
    }
    lying.abort();
}

/// Greets as Redis would, and then talks without end, whatever it is asked.
pub(super) async fn endless() -> (u16, Arc<AtomicU64>, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&said);
    let talking = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"+OK\r\n+OK\r\n$500000000000\r\n").await;
        let piece = vec![b'x'; 1 << 16];
        while stream.write_all(&piece).await.is_ok() {
            counted.fetch_add(1 << 16, Ordering::Relaxed);
        }
    });
    (port, said, talking)
}

#[tokio::test]
async fn e9_a_server_that_talks_without_end_is_not_listened_to() {
    let (port, said, talking) = endless().await;
    let link = link(&format!("redis://127.0.0.1:{port}"));
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    tokio::time::timeout(PATIENCE, talking)
        .await
        .expect("the connection is closed")
        .unwrap();
    // What was listened to, and what the system holds back for both ends.
    let said = said.load(Ordering::Relaxed);
    assert!(said < 32 << 20, "{said}");
}
