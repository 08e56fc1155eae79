//! Quotas that replicas count together.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{
    PATIENCE,
    keys::{SECRET, pace, redis},
    server::RedisServer,
    until,
};
use crate::{
    clock::SystemClock,
    state::{
        SharedKeys,
        quotas::{
            Charge, LocalQuotas, Quotas, Spent, Uncounted,
            tests::{charge, is_within},
        },
        redis::{Limits, QuotaSettings, RedisAddress, RedisKeys, RedisQuotas, WhenAway},
    },
    testing::FakeClock,
};

/// A replica's way to count.
pub(super) struct Gate {
    keys: Arc<RedisKeys>,
    quotas: RedisQuotas,
}

/// For those whom a slow Redis does not concern.
pub(super) fn patient_settings(when_away: WhenAway) -> QuotaSettings {
    QuotaSettings {
        timeout: PATIENCE,
        when_away,
    }
}

pub(super) const ALONE: WhenAway = WhenAway::Fallback { share: 100 };

impl Gate {
    pub(super) fn new(url: &str, settings: QuotaSettings) -> Self {
        Self::over(redis(url, SECRET, pace()), settings)
    }

    pub(super) fn over(keys: Arc<RedisKeys>, settings: QuotaSettings) -> Self {
        let local = LocalQuotas::new(1_000, Arc::new(SystemClock::new()));
        let quotas = keys.quotas(Arc::new(local), settings);
        Self { keys, quotas }
    }

    /// One that Redis answers.
    pub(super) async fn connected(url: &str, when_away: WhenAway) -> Self {
        let gate = Self::new(url, patient_settings(when_away));
        gate.is_connected().await;
        gate
    }

    pub(super) async fn is_connected(&self) {
        until("Redis is there", || !self.is_away()).await;
    }

    pub(super) async fn spend(&self, charges: &[Charge]) -> Spent {
        self.try_spend(charges).await.unwrap()
    }

    pub(super) async fn try_spend(&self, charges: &[Charge]) -> Result<Spent, Uncounted> {
        Quotas::spend(&self.quotas, charges).await
    }

    /// How many of so many were within.
    pub(super) async fn within(&self, charge: Charge, requests: usize) -> usize {
        let mut within = 0;
        for _ in 0..requests {
            within += usize::from(is_within(&self.spend(&[charge]).await));
        }
        within
    }

    pub(super) async fn remaining(&self, charge: Charge) -> u32 {
        match self.spend(&[Charge { cost: 0, ..charge }]).await {
            Spent::Within(standings) => standings[0].remaining,
            Spent::Over { .. } => panic!("looking is always within"),
        }
    }

    pub(super) fn is_away(&self) -> bool {
        !self.keys.status().connected
    }

    /// How many decisions were everybody's.
    pub(super) fn shared(&self) -> u64 {
        self.quotas.decisions().shared
    }
}

async fn three(server: &RedisServer) -> Vec<Gate> {
    let url = server.url();
    join_all((0..3).map(|_| Gate::connected(&url, ALONE))).await
}

#[tokio::test]
async fn three_replicas_give_a_caller_one_quota_and_not_three() {
    let server = RedisServer::start();
    let gates = three(&server).await;
    let daily = charge("anna", "1/day", 100, 1);
    let spending = gates.iter().map(|gate| gate.within(daily, 80));
    let within: usize = join_all(spending).await.into_iter().sum();
    assert_eq!(within, 100);
    for gate in &gates {
        assert_eq!(gate.remaining(daily).await, 0);
        assert_eq!(gate.quotas.decisions().local, 0);
    }
}

#[tokio::test]
async fn requests_of_one_moment_are_all_counted() {
    let server = RedisServer::start();
    let gates = three(&server).await;
    let tenant = charge("tenant", "1/day", 1_000, 2);
    let callers: Vec<_> = (0..300)
        .map(|number| charge(&(number % 10).to_string(), "1/day", 10, 1))
        .collect();
    let charges: Vec<_> = callers.iter().map(|caller| [tenant, *caller]).collect();
    let requests = charges.iter().enumerate();
    let spending = requests.map(|(number, charges)| gates[number % 3].spend(charges));
    let spent = join_all(spending).await;
    // Ten callers, ten each; what the others took for a moment is given back.
    assert_eq!(spent.iter().filter(|spent| is_within(spent)).count(), 100);
    let gate = Gate::connected(&server.url(), ALONE).await;
    assert_eq!(gate.remaining(tenant).await, 800);
}

#[tokio::test]
async fn what_comes_back_is_shared_too() {
    let server = RedisServer::start();
    let gates = three(&server).await;
    let quick = charge("anna", "100/s", 10, 1);
    let begun = Instant::now();
    let spend = async |gate: &Gate| {
        let mut within = 0;
        while begun.elapsed() < Duration::from_millis(1_500) {
            within += usize::from(is_within(&gate.spend(&[quick]).await));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        within
    };
    let within: usize = join_all(gates.iter().map(spend)).await.into_iter().sum();
    let most = 10.0 + 100.0 * begun.elapsed().as_secs_f64();
    // A busy machine spends less; nobody spends more.
    assert!(within as f64 <= most + 1.0, "{within} of {most}");
    assert!(within > 30, "{within}");
}

#[tokio::test]
async fn a_caller_over_one_quota_spends_nothing_of_the_others_in_redis() {
    let server = RedisServer::start();
    let wide = charge("tenant", "1/day", 100, 3);
    let narrow = charge("anna", "1/day", 4, 1);
    let left = 88;
    for order in [[wide, narrow], [narrow, wide]] {
        // Each asks Redis: it does not know yet that the caller is over.
        for _ in 0..8 {
            let gate = Gate::connected(&server.url(), ALONE).await;
            let spent = gate.spend(&order).await;
            if let Spent::Over {
                standings,
                which,
                wait,
            } = spent
            {
                assert_eq!(order[which], narrow);
                assert!(wait > Duration::from_secs(86_000), "{wait:?}");
                assert_eq!(standings[which].remaining, 0);
                assert_eq!(standings[1 - which].remaining, left);
            }
            assert!(gate.remaining(wide).await >= left);
        }
        let gate = Gate::connected(&server.url(), ALONE).await;
        assert_eq!(gate.remaining(wide).await, left);
        assert_eq!(gate.remaining(narrow).await, 0);
    }
}

#[tokio::test]
async fn says_how_a_caller_stands_as_memory_does() {
    let server = RedisServer::start();
    let gate = Gate::connected(&server.url(), ALONE).await;
    let daily = charge("anna", "10/day", 10, 3);
    let Spent::Within(standings) = gate.spend(&[daily, charge("ben", "1/day", 5, 1)]).await else {
        panic!("over");
    };
    let shown = standings
        .iter()
        .map(|standing| (standing.limit, standing.remaining));
    assert_eq!(shown.collect::<Vec<_>>(), [(10, 7), (5, 4)]);
    assert_eq!(standings[0].reset, Duration::from_secs(3 * 8_640));
    assert!(is_within(&gate.spend(&[daily, daily]).await));
    let Spent::Over {
        wait, standings, ..
    } = gate.spend(&[daily]).await
    else {
        panic!("within");
    };
    assert_eq!(standings[0].remaining, 1);
    assert!((17_200..=17_280).contains(&wait.as_secs()), "{wait:?}");
    let never = Charge { cost: 11, ..daily };
    assert!(!is_within(&gate.spend(&[never]).await));
}

#[tokio::test]
async fn a_replica_that_is_started_again_finds_the_quotas_as_they_were() {
    let server = RedisServer::start();
    let daily = charge("anna", "1/day", 10, 1);
    let gate = Gate::connected(&server.url(), ALONE).await;
    assert_eq!(gate.within(daily, 7).await, 7);
    drop(gate);
    let gate = Gate::connected(&server.url(), ALONE).await;
    assert_eq!(gate.within(daily, 10).await, 3);
}

#[tokio::test]
async fn when_redis_goes_away_each_replica_goes_on_where_it_stood() {
    let mut server = RedisServer::start();
    let daily = charge("anna", "1/day", 30, 1);
    let first = Gate::connected(&server.url(), ALONE).await;
    let second = Gate::connected(&server.url(), ALONE).await;
    assert_eq!(first.within(daily, 19).await, 19);
    // What it hears of the other is all that it has to go by.
    assert_eq!(second.within(daily, 1).await, 1);
    server.kill();
    assert_eq!(second.within(daily, 30).await, 10);
    assert_eq!(first.within(daily, 30).await, 11);
    assert!(first.quotas.decisions().local > 0);
    server.restart();
    first.is_connected().await;
    assert_eq!(
        first.within(daily, 5).await,
        0,
        "though Redis knows nothing"
    );
}

#[tokio::test]
async fn a_replica_alone_gives_its_share() {
    let mut server = RedisServer::start();
    let gate = Gate::connected(&server.url(), WhenAway::Fallback { share: 40 }).await;
    server.kill();
    assert_eq!(gate.within(charge("anna", "1/day", 30, 1), 30).await, 12);
    let dear = charge("ben", "1/day", 30, 20);
    assert_eq!(gate.within(dear, 5).await, 1, "it costs all that there is");
    let too_dear = charge("cleo", "1/day", 30, 31);
    assert_eq!(gate.within(too_dear, 5).await, 0);
}

#[tokio::test]
async fn who_requires_redis_gets_no_answer_without_it() {
    let mut server = RedisServer::start();
    let gate = Gate::connected(&server.url(), WhenAway::Require).await;
    let daily = [charge("anna", "1/day", 2, 1)];
    assert!(is_within(&gate.spend(&daily).await));
    server.kill();
    assert_eq!(gate.try_spend(&daily).await, Err(Uncounted));
    assert_eq!(gate.quotas.decisions().uncounted, 1);
    assert_eq!(gate.quotas.decisions().local, 0);
    server.restart();
    gate.is_connected().await;
    assert!(is_within(&gate.spend(&daily).await));
}

#[tokio::test]
async fn no_request_fails_while_redis_is_killed_started_again_and_emptied() {
    let mut server = RedisServer::start();
    let gates = [
        Gate::connected(&server.url(), ALONE).await,
        Gate::connected(&server.url(), ALONE).await,
    ];
    let plenty = charge("anna", "10000/s", 1_000_000, 1);
    for round in 0..3 {
        let spending = gates.iter().map(|gate| gate.within(plenty, 50));
        let within: usize = join_all(spending).await.into_iter().sum();
        assert_eq!(within, 100);
        match round {
            0 => server.kill(),
            1 => server.restart(),
            _ => drop(server.command(&[b"FLUSHALL"])),
        }
        assert_eq!(gates[0].within(plenty, 50).await, 50);
    }
    gates[1].is_connected().await;
}

#[tokio::test]
async fn a_caller_who_is_known_to_be_over_does_not_reach_redis() {
    let server = RedisServer::start();
    let gate = Gate::connected(&server.url(), ALONE).await;
    let daily = charge("anna", "1/day", 5, 1);
    assert_eq!(gate.within(daily, 5).await, 5);
    let before = gate.quotas.decisions();
    assert_eq!(gate.within(daily, 100).await, 0);
    let after = gate.quotas.decisions();
    assert_eq!(after.foreseen - before.foreseen, 100);
    assert_eq!(after.shared, before.shared);
    // Another replica spent it all: Redis says so once.
    let other = Gate::connected(&server.url(), ALONE).await;
    let before = other.quotas.decisions();
    assert_eq!(other.within(daily, 100).await, 0);
    assert_eq!(other.quotas.decisions().shared - before.shared, 1);
}

/// Timers are rounded up to whole milliseconds.
const SHORT: Duration = Duration::from_millis(20 + 5);

#[tokio::test]
async fn a_redis_that_hangs_costs_requests_the_timeout_for_a_tenth_of_a_second_and_later_nothing() {
    let server = RedisServer::start();
    let clock = Arc::new(FakeClock::default());
    let limits = Limits::default();
    let address = RedisAddress::parse(&server.url()).unwrap();
    let keys = RedisKeys::with(address, SECRET, clock.clone(), limits, pace()).unwrap();
    let gate = Gate::over(Arc::new(keys), QuotaSettings::default());
    gate.is_connected().await;
    let both = [
        charge("anna", "1/day", 500, 1),
        charge("tenant", "1/day", 100_000, 1),
    ];
    server.hang();
    // From here on only timers make time pass: what is measured is what was waited for.
    tokio::time::pause();
    let begun = Instant::now();
    let at_once = join_all((0..50).map(|_| gate.spend(&both))).await;
    assert!(at_once.iter().all(is_within));
    assert!(begun.elapsed() <= SHORT, "{:?}", begun.elapsed());
    let mut waits = 0;
    for _ in 0..400 {
        let begun = Instant::now();
        assert!(is_within(&gate.spend(&both).await));
        assert!(begun.elapsed() <= SHORT, "{:?}", begun.elapsed());
        waits += u32::from(begun.elapsed() > Duration::ZERO);
    }
    assert!((1..10).contains(&waits), "{waits}");
    assert!(gate.is_away());
    // While it is tried again, nobody waits for that.
    clock.advance(limits.longest_pause);
    let begun = Instant::now();
    for _ in 0..50 {
        assert!(is_within(&gate.spend(&both).await));
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(gate.within(both[0], 1).await, 0, "all were counted");
    tokio::time::resume();
    server.go_on();
    until("it is found", || {
        clock.advance(limits.longest_pause);
        !gate.is_away()
    })
    .await;
}

#[tokio::test]
async fn a_script_that_redis_forgot_is_told_again() {
    let server = RedisServer::start();
    let gate = Gate::connected(&server.url(), ALONE).await;
    let daily = charge("anna", "1/day", 10, 1);
    for left in [9, 8, 7] {
        server.command(&[b"SCRIPT", b"FLUSH"]);
        assert!(is_within(&gate.spend(&[daily]).await));
        assert_eq!(gate.remaining(daily).await, left);
    }
    assert!(!gate.is_away());
    assert_eq!(gate.quotas.decisions().local, 0);
}

#[tokio::test]
async fn the_rights_that_the_guide_names_are_enough_for_quotas() {
    let guide = include_str!("../../../../../../docs/guides/replicas.md");
    let line = guide
        .lines()
        .find(|line| line.starts_with("ACL SETUSER"))
        .unwrap();
    let server = RedisServer::start();
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    assert_eq!(server.command(&words), b"+OK\r\n");
    let url = format!("redis://oauthgate:password@127.0.0.1:{}", server.port());
    let gate = Gate::connected(&url, WhenAway::Require).await;
    let (wide, narrow) = (charge("a", "1/day", 9, 1), charge("b", "1/day", 2, 1));
    assert!(is_within(&gate.spend(&[wide, narrow]).await));
    assert!(is_within(&gate.spend(&[wide, narrow]).await));
    let gate = Gate::connected(&url, WhenAway::Require).await;
    assert!(!is_within(&gate.spend(&[wide, narrow]).await));
    assert_eq!(gate.remaining(wide).await, 7, "it is given back");
    assert!(!gate.is_away());
}

#[tokio::test]
async fn e8_what_lies_in_redis_tells_nothing_of_callers_and_has_an_end() {
    let server = RedisServer::start();
    let gate = Gate::connected(&server.url(), ALONE).await;
    gate.spend(&[charge("anna@example.com", "1/s", 100, 30)])
        .await;
    let name = server.key(":quota:");
    assert_eq!(server.keys(), [name.as_str()]);
    assert!(!name.contains("anna"));
    let number: u64 = String::from_utf8(server.text(&name))
        .unwrap()
        .parse()
        .unwrap();
    assert!(number < 1 << 53);
    let life = server.command(&[b"PTTL", name.as_bytes()]);
    let life: u64 = String::from_utf8(life).unwrap()[1..]
        .trim()
        .parse()
        .unwrap();
    assert!((1..=30_000).contains(&life), "{life}");
}
