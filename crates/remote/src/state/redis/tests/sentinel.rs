//! Real sentinels: whoever they call the master is used, and followed.

use super::{
    fleet::{MASTER, Watched},
    link::{answered_at, link_to, trouble},
    server::RedisServer,
    tls::Files,
    until,
    withdrawals::replicas_share_all_through,
};
use crate::{
    state::redis::{RedisAddress, RedisServers, link::NoAnswer},
    testing::TestAuthority,
};

/// The master of these sentinels, logged in at with this URL, whose host and port are nobody's.
fn master_of(sentinels: &[String], login: &str) -> RedisServers {
    named(sentinels, MASTER, login)
}

fn named(sentinels: &[String], name: &str, login: &str) -> RedisServers {
    let address = |url: &String| RedisAddress::parse(url).unwrap();
    let sentinels = sentinels.iter().map(address).collect();
    let login = RedisAddress::parse(login).unwrap();
    RedisServers::sentinels(sentinels, name, login).unwrap()
}

fn urls(watched: &Watched) -> Vec<String> {
    // The first is away.
    let away = "redis://127.0.0.1:9".to_owned();
    let sentinels = watched.sentinels.iter().map(RedisServer::url);
    [away].into_iter().chain(sentinels).collect()
}

#[tokio::test]
async fn a_master_that_is_killed_is_replaced_by_the_one_that_the_sentinels_choose() {
    let mut watched = Watched::start().await;
    let link = link_to(master_of(&urls(&watched), "redis://ignored"));
    answered_at(&link, "key").await;
    assert_eq!(link.put("key", b"first", None).await, Ok(()));
    assert_eq!(watched.master.text("key"), b"first");
    watched.master.kill();
    answered_at(&link, "key").await;
    assert_eq!(link.put("key", b"second", None).await, Ok(()));
    assert_eq!(watched.replica.text("key"), b"second");
    assert!(link.status().connected);
}

#[tokio::test]
async fn a_master_that_is_replaced_while_it_lives_is_left() {
    let watched = Watched::start().await;
    let link = link_to(master_of(&urls(&watched), "redis://ignored"));
    answered_at(&link, "key").await;
    watched.swap().await;
    let begun = std::time::Instant::now();
    while link.put("key", b"second", None).await.is_err() {
        assert!(begun.elapsed() < super::PATIENCE, "{:?}", link.status());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let arrived = || watched.replica.say(&["GET", "key"]).contains("second");
    until("it is written to the new master", arrived).await;
    assert!(watched.replica.say(&["ROLE"]).contains("master"));
}

#[tokio::test]
async fn a_sentinel_that_hangs_is_no_obstacle() {
    let watched = Watched::start().await;
    watched.sentinels[0].hang();
    let link = link_to(master_of(&urls(&watched), "redis://ignored"));
    answered_at(&link, "key").await;
    watched.sentinels[0].go_on();
}

#[tokio::test]
async fn replicas_share_keys_and_withdrawals_through_the_master_of_sentinels() {
    let watched = Watched::start().await;
    replicas_share_all_through(&master_of(&urls(&watched), "redis://ignored")).await;
}

#[tokio::test]
async fn sentinels_and_master_have_logins_of_their_own() {
    let watched = Watched::start().await;
    let guarded = ["ACL", "SETUSER", "default", "resetpass", ">watchers"];
    assert_eq!(watched.sentinels[1].say(&guarded), "+OK\r\n");
    let user = ["ACL", "SETUSER", "gate", "on", ">s3cret", "~*", "+@all"];
    assert_eq!(watched.master.say(&user), "+OK\r\n");
    let sentinel = |password: &str| {
        let port = watched.sentinels[1].port();
        vec![format!("redis://:{password}@127.0.0.1:{port}")]
    };
    let link = link_to(master_of(&sentinel("watchers"), "redis://gate:s3cret@x"));
    answered_at(&link, "key").await;
    for (sentinels, login) in [
        (sentinel("watchers"), "redis://gate:wrong@x"),
        (sentinel("wrong"), "redis://gate:s3cret@x"),
    ] {
        let refused = link_to(master_of(&sentinels, login));
        assert_eq!(refused.read("key", 9).await, Err(NoAnswer::Away));
        assert_eq!(trouble(&refused), "authentication_failed");
        let shown = format!("{refused:?}");
        assert!(!shown.contains("wrong") && !shown.contains("s3cret"));
        assert!(!shown.contains("watchers"), "{shown}");
    }
}

#[tokio::test]
async fn sentinels_that_know_no_such_master_and_servers_that_are_none_are_told_apart() {
    let watched = Watched::start().await;
    let unknown = link_to(named(&urls(&watched)[1..], "another", "redis://ignored"));
    assert_eq!(unknown.read("key", 9).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&unknown), "unknown_master");
    let server = RedisServer::start();
    let no_sentinel = link_to(master_of(&[server.url()], "redis://ignored"));
    assert_eq!(no_sentinel.read("key", 9).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&no_sentinel), "refused");
    let nobody = link_to(master_of(
        &["redis://127.0.0.1:9".to_owned()],
        "redis://ignored",
    ));
    assert_eq!(nobody.read("key", 9).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&nobody), "unreachable");
}

#[tokio::test]
async fn a_master_is_as_well_encrypted_as_its_url_says() {
    let authority = TestAuthority::new("redis authority");
    let files = Files::of(&authority, &["127.0.0.1", "localhost"]);
    let mut arguments = files.arguments();
    arguments.extend(["--tls-replication", "yes"]);
    let watched = Watched::with(&arguments).await;
    let servers = |trusted: &TestAuthority| {
        let login = RedisAddress::parse("rediss://ignored").unwrap();
        let login = login.with_authorities(trusted.pem().as_bytes()).unwrap();
        let sentinels = urls(&watched);
        let sentinels = sentinels
            .iter()
            .map(|url| RedisAddress::parse(url).unwrap());
        RedisServers::sentinels(sentinels.collect(), MASTER, login).unwrap()
    };
    let link = link_to(servers(&authority));
    answered_at(&link, "key").await;
    assert!(format!("{link:?}").contains("connected: true"));
    let suspicious = link_to(servers(&TestAuthority::new("another")));
    assert_eq!(suspicious.read("key", 9).await, Err(NoAnswer::Away));
    assert_eq!(trouble(&suspicious), "unreachable");
}
