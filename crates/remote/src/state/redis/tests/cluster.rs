//! A cluster of real servers: keys are found wherever they are, and wherever they go.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    PATIENCE,
    fleet::Fleet,
    keys::{SECRET, pace, redis_at},
    link::{answered_at, counted, counted_within, link_to, link_with, pretending, trouble},
    patient,
    quotas::{Gate, patient_settings},
    server::RedisServer,
    tls::Files,
    until,
    withdrawals::replicas_share_all_through,
};
use crate::{
    state::{
        quotas::{
            Charge, Spent,
            tests::{charge, is_within},
        },
        redis::{
            RedisAddress, RedisServers, WhenAway,
            commands::Entry,
            link::{Limits, Link, NoAnswer},
            slots::slot_of,
        },
    },
    testing::TestAuthority,
};

fn cluster(urls: &[String]) -> RedisServers {
    let addresses = urls.iter().map(|url| RedisAddress::parse(url).unwrap());
    RedisServers::cluster(addresses.collect()).unwrap()
}

/// A key that is this server's at the start.
fn key_of(server: usize) -> String {
    named("key", server)
}

fn named(name: &str, server: usize) -> String {
    let mut keys = (0..1_000).map(|number| format!("{name}-{number}"));
    keys.find(|key| Fleet::owner_of(slot_of(key)) == server)
        .unwrap()
}

async fn put(link: &Arc<Link>, key: &str) {
    answered_at(link, key).await;
    assert_eq!(link.put(key, b"v", None).await, Ok(()), "{link:?}");
}

#[tokio::test]
async fn every_key_is_where_the_cluster_looks_for_it() {
    let fleet = Fleet::start().await;
    let link = link_to(cluster(&fleet.urls(&[1])));
    for server in 0..3 {
        let key = key_of(server);
        put(&link, &key).await;
        assert_eq!(fleet.servers[server].key("key"), key);
        assert_eq!(link.read(&key, 9).await, Ok(Entry::Text(b"v".to_vec())));
    }
    until("all are connected", || link.status().connected).await;
    let keys = [0, 1, 2].map(|server| named("count", server));
    let keys = keys.each_ref().map(String::as_str);
    assert_eq!(counted(&link, &keys).await, [Ok(1), Ok(1), Ok(1)]);
    assert_eq!(counted(&link, &keys).await, [Ok(2), Ok(2), Ok(2)]);
}

#[tokio::test]
async fn quotas_on_different_servers_are_charged_altogether_or_not_at_all() {
    let fleet = Fleet::start().await;
    let gate = async || {
        let keys = redis_at(cluster(&fleet.urls(&[0])), SECRET, pace());
        let gate = Gate::over(keys, patient_settings(WhenAway::Require));
        gate.is_connected().await;
        gate
    };
    let wide = |number: u32| charge(&number.to_string(), "1/day", 100, 1);
    let narrow = charge("narrow", "1/day", 2, 1);
    let mut charges: Vec<_> = (0..9).map(wide).collect();
    charges.insert(4, narrow);
    let first = gate().await;
    for _ in 0..2 {
        assert!(is_within(&first.spend(&charges).await));
    }
    let hold_some = |server: &RedisServer| server.keys().iter().any(|key| key.contains(":quota:"));
    assert!(
        fleet
            .servers
            .iter()
            .filter(|server| hold_some(server))
            .count()
            > 1
    );
    let second = gate().await;
    assert!(!is_within(&second.spend(&charges).await));
    for number in 0..9 {
        assert_eq!(second.remaining(wide(number)).await, 98);
    }
}

#[tokio::test]
async fn a_server_that_is_named_and_away_is_no_obstacle() {
    let fleet = Fleet::start().await;
    let mut urls = fleet.urls(&[2]);
    urls.insert(0, "redis://127.0.0.1:9".to_owned());
    let link = link_to(cluster(&urls));
    put(&link, &key_of(0)).await;
    until("all are connected", || link.status().connected).await;
}

/// Begins to move the slot of a key from the first server to the second, the key with it. What is returned
/// ends the move.
fn move_away<'a>(fleet: &'a Fleet, key: &str) -> impl FnOnce() + use<'a> {
    let (from, to) = (&fleet.servers[0], &fleet.servers[1]);
    let (from_id, to_id) = (fleet.id(0), fleet.id(1));
    let slot = slot_of(key).to_string();
    let set_slot = move |server: &RedisServer, what: &str, id: &str| {
        let answer = server.say(&["CLUSTER", "SETSLOT", &slot, what, id]);
        assert_eq!(answer, "+OK\r\n", "{what}");
    };
    set_slot(to, "IMPORTING", &from_id);
    set_slot(from, "MIGRATING", &to_id);
    let port = to.port().to_string();
    let moved = from.say(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    assert_eq!(moved, "+OK\r\n");
    move || {
        set_slot(to, "NODE", &to_id);
        set_slot(from, "NODE", &to_id);
    }
}

#[tokio::test]
async fn a_slot_that_moves_is_followed_all_the_way() {
    let fleet = Fleet::start().await;
    let link = link_to(cluster(&fleet.urls(&[0])));
    let key = key_of(0);
    put(&link, &key).await;
    answered_at(&link, &key_of(1)).await;
    let read = || link.read(&key, 9);
    let settle = move_away(&fleet, &key);
    assert_eq!(read().await, Ok(Entry::Text(b"v".to_vec())), "ASK");
    settle();
    assert_eq!(read().await, Ok(Entry::Text(b"v".to_vec())), "MOVED");
    assert_eq!(read().await, Ok(Entry::Text(b"v".to_vec())), "known");
    assert_eq!(link.put(&key, b"w", None).await, Ok(()));
    assert_eq!(fleet.servers[1].text(&key), b"w");
    assert!(link.status().connected, "{:?}", link.status());
}

#[tokio::test]
async fn a_server_that_is_killed_takes_its_own_keys_and_no_others() {
    let mut fleet = Fleet::with(&["--cluster-require-full-coverage", "no"]).await;
    let link = link_to(cluster(&fleet.urls(&[0, 1, 2])));
    for server in 0..3 {
        put(&link, &key_of(server)).await;
    }
    fleet.servers[1].kill();
    until("it is missed", || !link.status().connected).await;
    assert_eq!(trouble(&link), "unreachable");
    assert_eq!(link.read(&key_of(1), 9).await, Err(NoAnswer::Away));
    for server in [0, 2] {
        let found = link.read(&key_of(server), 9).await;
        assert_eq!(found, Ok(Entry::Text(b"v".to_vec())));
    }
    let keys = [0, 1, 2].map(|server| named("count", server));
    let keys = keys.each_ref().map(String::as_str);
    let counts = counted(&link, &keys).await;
    assert_eq!(counts, [Ok(1), Err(NoAnswer::Away), Ok(1)]);
    fleet.servers[1].restart();
    answered_at(&link, &key_of(1)).await;
    until("it is back", || link.status().connected).await;
}

/// A fleet whose second server is away, and charges out of a burst of two each: of those whose
/// server is there, and of those whose is not.
async fn fleet_with_a_gap() -> (Fleet, Vec<Charge>, Vec<Charge>) {
    let mut fleet = Fleet::with(&["--cluster-require-full-coverage", "no"]).await;
    let keys = redis_at(cluster(&fleet.urls(&[0, 2])), SECRET, pace());
    let probe = Gate::over(keys, patient_settings(WhenAway::Require));
    probe.is_connected().await;
    fleet.servers[1].kill();
    until("it is missed", || probe.is_away()).await;
    let (mut there, mut away) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let charge = charge(&number.to_string(), "1/day", 2, 1);
        match probe.try_spend(&[Charge { cost: 0, ..charge }]).await {
            Ok(_) => there.push(charge),
            Err(_) => away.push(charge),
        }
    }
    (fleet, there, away)
}

/// A gate that reaches the servers which are there.
async fn gate_beside_the_gap(fleet: &Fleet, there: &[Charge], when_away: WhenAway) -> Gate {
    let keys = redis_at(cluster(&fleet.urls(&[0, 2])), SECRET, pace());
    let gate = Gate::over(keys, patient_settings(when_away));
    for charge in there {
        let before = gate.shared();
        while gate.shared() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = gate.try_spend(&[Charge { cost: 0, ..*charge }]).await;
        }
    }
    gate
}

#[tokio::test]
async fn a_server_that_is_away_makes_no_caller_pay_for_what_is_refused() {
    let (fleet, there, away) = fleet_with_a_gap().await;
    let gate = gate_beside_the_gap(&fleet, &there, WhenAway::Require).await;
    for _ in 0..5 {
        let charges = [there[0], away[0]];
        assert!(gate.try_spend(&charges).await.is_err());
    }
    assert_eq!(gate.remaining(there[0]).await, 2);
    let alone = WhenAway::Fallback { share: 100 };
    let gate = gate_beside_the_gap(&fleet, &there, alone).await;
    for _ in 0..2 {
        assert!(is_within(&gate.spend(&[away[0]]).await));
    }
    for _ in 0..5 {
        let spent = gate.spend(&[there[0], away[0], there[1]]).await;
        assert!(matches!(spent, Spent::Over { which: 1, .. }), "{spent:?}");
    }
    assert_eq!(gate.remaining(there[0]).await, 2);
}

#[tokio::test]
async fn a_server_that_is_away_gives_nobody_more_of_what_lies_on_the_others() {
    let (fleet, there, away) = fleet_with_a_gap().await;
    let alone = WhenAway::Fallback { share: 100 };
    let first = gate_beside_the_gap(&fleet, &there, alone).await;
    let second = gate_beside_the_gap(&fleet, &there, alone).await;
    let charges = [away[0], there[0]];
    for _ in 0..2 {
        assert!(is_within(&first.spend(&charges).await));
    }
    let spent = second.spend(&charges).await;
    let Spent::Over {
        standings, which, ..
    } = &spent
    else {
        panic!("{spent:?}")
    };
    let left: Vec<_> = standings
        .iter()
        .map(|standing| standing.remaining)
        .collect();
    assert_eq!((&left[..], *which), (&[2, 0][..], 1));
}

#[tokio::test]
async fn a_replica_that_takes_over_is_followed() {
    let mut fleet = Fleet::with(&["--cluster-node-timeout", "2000"]).await;
    let replica = fleet.add_replica_of(1).await;
    let link = link_to(cluster(&fleet.urls(&[0])));
    let key = key_of(1);
    put(&link, &key).await;
    fleet.servers[1].kill();
    answered_at(&link, &key).await;
    until("all are connected", || link.status().connected).await;
    assert_eq!(link.put(&key, b"w", None).await, Ok(()));
    assert_eq!(fleet.servers[replica].text(&key), b"w");
}

#[tokio::test]
async fn replicas_share_keys_and_withdrawals_through_a_cluster() {
    let fleet = Fleet::start().await;
    replicas_share_all_through(&cluster(&fleet.urls(&[0, 2]))).await;
}

#[tokio::test]
async fn one_server_of_a_cluster_alone_says_what_is_wrong() {
    let fleet = Fleet::start().await;
    let alone = link_to(RedisAddress::parse(&fleet.urls(&[0])[0]).unwrap());
    let begun = std::time::Instant::now();
    while trouble(&alone) != "cluster" {
        let keys = (0..3).map(key_of).collect::<Vec<_>>();
        for key in keys {
            let _ = alone.put(&key, b"v", None).await;
        }
        assert!(begun.elapsed() < PATIENCE, "{:?}", alone.status());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let server = RedisServer::start();
    let lonely = link_to(cluster(&[server.url()]));
    assert_eq!(lonely.read("key", 9).await, Err(NoAnswer::Away));
    until("the trouble is told", || trouble(&lonely) != "none").await;
}

#[tokio::test]
async fn all_servers_of_a_cluster_are_as_well_encrypted_and_logged_in_at_as_the_first() {
    let authority = TestAuthority::new("redis authority");
    let files = Files::of(&authority, &["127.0.0.1", "localhost"]);
    let mut arguments = files.arguments();
    arguments.extend(["--tls-cluster", "yes"]);
    let fleet = Fleet::with(&arguments).await;
    for server in &fleet.servers {
        let user = ["ACL", "SETUSER", "gate", "on", ">s3cret", "~*", "+@all"];
        assert_eq!(server.say(&user), "+OK\r\n");
    }
    let first = fleet.servers[0].tls;
    let address = |login: &str| {
        let url = format!("rediss://{login}@localhost:{first}");
        let address = RedisAddress::parse(&url).unwrap();
        address.with_authorities(authority.pem().as_bytes())
    };
    let servers = |login: &str| RedisServers::cluster(vec![address(login).unwrap()]).unwrap();
    let link = link_to(servers("gate:s3cret"));
    for server in 0..3 {
        put(&link, &key_of(server)).await;
    }
    until("all are connected", || link.status().connected).await;
    let stranger = link_to(servers("gate:wrong"));
    assert_eq!(stranger.read("key", 9).await, Err(NoAnswer::Away));
    let refused = || trouble(&stranger) == "authentication_failed";
    until("the trouble is told", refused).await;
}

#[tokio::test]
async fn the_rights_that_the_guide_names_are_enough_for_a_cluster() {
    let guide = include_str!("../../../../../../docs/guides/replicas.md");
    let orders = guide.lines().filter(|line| line.starts_with("ACL SETUSER"));
    let orders: Vec<Vec<_>> = orders.map(|line| line.split(' ').collect()).collect();
    assert_eq!(orders.len(), 2);
    let fleet = Fleet::start().await;
    for server in &fleet.servers {
        for order in &orders {
            assert_eq!(server.say(order), "+OK\r\n");
        }
    }
    let port = fleet.servers[0].port();
    let url = format!("redis://oauthgate:password@127.0.0.1:{port}");
    let link = link_to(cluster(&[url]));
    let key = |server| named("oauthgate:1:keys:x", server);
    for server in 0..3 {
        put(&link, &key(server)).await;
    }
    until("all are connected", || link.status().connected).await;
    let _settle = move_away(&fleet, &key(0));
    assert_eq!(link.read(&key(0), 9).await, Ok(Entry::Text(b"v".to_vec())));
    assert!(link.status().connected);
}

#[tokio::test]
async fn a_server_that_hangs_keeps_its_own_keys_to_itself_and_no_others() {
    let fleet = Fleet::with(&["--cluster-require-full-coverage", "no"]).await;
    let limits = Limits {
        command: Duration::from_secs(2),
        ..patient()
    };
    let link = link_with(cluster(&fleet.urls(&[0, 1, 2])), limits);
    for server in 0..3 {
        put(&link, &key_of(server)).await;
    }
    fleet.servers[2].hang();
    let keys = [0, 1, 2].map(|server| named("count", server));
    let keys = keys.each_ref().map(String::as_str);
    let limit = Duration::from_secs(1);
    let counts = counted_within(&link, &keys, limit).await;
    assert_eq!(counts, [Ok(1), Ok(1), Err(NoAnswer::Away)]);
    until("it is missed", || !link.status().connected).await;
    let found = link.read(&key_of(0), 9).await;
    assert_eq!(found, Ok(Entry::Text(b"v".to_vec())));
    fleet.servers[2].go_on();
    answered_at(&link, &key_of(2)).await;
    until("it is back", || link.status().connected).await;
}

/// A server that has all slots, and sends everybody to itself.
fn in_circles(request: &[u8], port: u16) -> Vec<u8> {
    let has = |word: &[u8]| request.windows(word.len()).any(|part| part == word);
    if has(b"SLOTS") {
        return format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:{port}\r\n").into_bytes();
    }
    let moved = format!("-MOVED 1 :{port}\r\n");
    let greetings = request.windows(6).filter(|part| part == b"CLIENT");
    let mut answer = b"+OK\r\n".repeat(greetings.count());
    if has(b"EVAL") || has(b"GETRANGE") {
        answer.extend_from_slice(moved.as_bytes());
    }
    answer
}

#[tokio::test]
async fn e9_who_is_sent_in_circles_stops() {
    let port = Arc::new(OnceLock::new());
    let known = Arc::clone(&port);
    let (url, lying) = pretending(move |request| in_circles(request, *known.get().unwrap())).await;
    let own: u16 = url.rsplit_once(':').unwrap().1.parse().unwrap();
    port.set(own).unwrap();
    let link = link_to(cluster(&[url]));
    link.begin();
    until("it is believed", || link.status().connected).await;
    assert_eq!(link.read("key", 9).await, Err(NoAnswer::Away));
    assert_eq!(counted(&link, &["key"]).await, [Err(NoAnswer::Away)]);
    lying.abort();
}
