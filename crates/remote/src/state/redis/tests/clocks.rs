//! Replicas whose clocks disagree.

use std::{sync::Arc, time::Duration};

use oauthgate_core::{Audience, Issuer, ResourceIdentifier};
use rstest::rstest;

use super::{
    keys::{ISSUER, Replica, SECRET, pace, serving},
    patient,
    server::RedisServer,
    until,
};
use crate::{
    IssuerSettings, KeyStores, OAuth21Provider, ProviderSettings,
    clock::{Clock, SystemClock},
    core::UnixTime,
    jwks::JwksSource,
    state::redis::{RedisAddress, RedisKeys},
    testing::{AUDIENCE, ScriptedSource, TestKey, jwks},
};

/// The machine's clocks, with the time of day set wrong.
#[derive(Debug)]
struct WrongClock {
    clock: SystemClock,
    ahead: i64,
}

impl Clock for WrongClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.clock.now().as_secs() + self.ahead)
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }
}

fn replica(server: &RedisServer, source: &Arc<ScriptedSource>, ahead: i64) -> Replica {
    let clock = Arc::new(WrongClock {
        clock: SystemClock::new(),
        ahead,
    });
    let address = RedisAddress::parse(&server.url()).unwrap();
    let redis = RedisKeys::with(address, SECRET, clock.clone(), patient(), pace()).unwrap();
    let issuer = Issuer::new(ISSUER).unwrap();
    let stores = KeyStores::builder()
        .clock(clock)
        .source(issuer.clone(), Arc::clone(source) as Arc<dyn JwksSource>)
        .shared(Arc::new(redis))
        .build();
    let audience = Audience::new(AUDIENCE).unwrap();
    let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
    let mut issuer = IssuerSettings::new(issuer, vec![audience]);
    issuer.skew = Duration::from_secs(300);
    let settings = ProviderSettings::new(resource, issuer);
    Replica {
        gate: OAuth21Provider::with_key_stores(settings, &stores).unwrap(),
        stores,
    }
}

#[rstest]
#[case::slightly(40)]
#[case::slightly_the_other_way(-40)]
#[case::far(200)]
#[case::far_the_other_way(-200)]
#[tokio::test]
async fn a_new_key_is_found_at_first_sight_whatever_the_clocks_say(#[case] ahead: i64) {
    let server = RedisServer::start();
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&old);
    let wrong = replica(&server, &source, ahead);
    wrong.gate.warm_up().await;
    let right = replica(&server, &source, 0);
    right.gate.warm_up().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    source.now(jwks(&[&new]));
    assert!(right.accepts_at_first_sight(&new).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(right.accepts(&new).await, "and half a second later");
    assert!(!right.accepts(&old).await);
    let both_agree = ahead.abs() < 60;
    if both_agree {
        assert!(wrong.accepts_at_first_sight(&new).await, "without asking");
        assert_eq!(source.fetches(), 2);
        assert_eq!(wrong.status().refused + right.status().refused, 0);
    } else {
        assert!(wrong.accepts_at_first_sight(&new).await, "by asking itself");
        until("it is told", || {
            wrong.status().refused + right.status().refused > 0
        })
        .await;
    }
    for replica in [&wrong, &right] {
        assert!(replica.gate.key_status()[0].age.unwrap() < Duration::from_secs(100));
    }
}

#[tokio::test]
async fn replicas_with_different_secrets_share_nothing_and_do_not_fight() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving(&key);
    let ours = Replica::over(&server, &source);
    let redis = super::keys::redis(
        &server.url(),
        b"a secret that differs from the others",
        pace(),
    );
    let theirs = Replica::with(redis, &source);
    for replica in [&ours, &theirs] {
        replica.gate.warm_up().await;
        assert!(replica.accepts(&key).await);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(source.fetches(), 2);
    for replica in [&ours, &theirs] {
        let status = replica.status();
        assert_eq!(status.adopted, 0);
        assert!(status.refused <= 6, "{status:?}");
        assert!(status.published <= 4, "{status:?}");
    }
    let refused = ours.status().refused + theirs.status().refused;
    assert!(refused >= 1);
}
