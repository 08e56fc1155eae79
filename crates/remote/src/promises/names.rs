//! R6, the row of DNS: names that cannot be resolved, in every way.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use rstest::rstest;
use tokio::time::sleep;
use url::Url;

use super::{HOUR, ISSUER, Scene, Switched, forged_for, serving};
use crate::{
    Outbound,
    address::AddressRule,
    clock::SystemClock,
    http::{HttpFetcher, Lookup},
    jwks::{HttpJwksSource, Location},
    testing::TestKey,
};

/// A resolver that fails in one way.
#[derive(Debug, Clone, Copy)]
enum Names {
    Fail(io::ErrorKind, &'static str),
    Hang,
    /// Leads nowhere, or where no issuer is.
    Answer(&'static [&'static str]),
    /// The same, long after anybody should have given up.
    Crawl(&'static [&'static str]),
}

impl Lookup for Names {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let names = *self;
        let parse = |texts: &[&str]| Ok(texts.iter().map(|text| text.parse().unwrap()).collect());
        async move {
            match names {
                Self::Fail(kind, why) => Err(io::Error::new(kind, why)),
                Self::Hang => std::future::pending().await,
                Self::Answer(texts) => parse(texts),
                Self::Crawl(texts) => {
                    sleep(Duration::from_secs(30)).await;
                    parse(texts)
                }
            }
        }
        .boxed()
    }
}

/// The keys of an issuer whose names are resolved so.
fn named(names: Names) -> Arc<HttpJwksSource> {
    let url = Url::parse("https://keys.example.test/keys").unwrap();
    let rule = AddressRule::new([&url]);
    let fetcher = HttpFetcher::assemble(rule, &Outbound::default(), Arc::new(names)).unwrap();
    let clock = Arc::new(SystemClock::new());
    Arc::new(HttpJwksSource::new(
        fetcher,
        Location::Explicit(url),
        clock,
        true,
    ))
}

#[rstest]
#[case::refused(Names::Fail(io::ErrorKind::ConnectionRefused, "no resolver"))]
#[case::timeout(Names::Hang)]
#[case::server_error(Names::Fail(io::ErrorKind::Other, "SERVFAIL"))]
#[case::garbage(Names::Fail(io::ErrorKind::InvalidData, "not a DNS message"))]
#[case::slow_drip(Names::Crawl(&["169.254.169.254"]))]
#[case::wrong_type_nothing(Names::Answer(&[]))]
#[case::wrong_type_link_local(Names::Answer(&["169.254.169.254"]))]
#[case::wrong_type_mapped(Names::Answer(&["::ffff:169.254.169.254"]))]
#[case::wrong_type_one_of_two(Names::Answer(&["8.8.8.8", "224.0.0.1"]))]
#[tokio::test(start_paused = true)]
async fn r6_names_that_cannot_be_resolved_accept_nobody(#[case] names: Names) {
    let key = TestKey::new("1");
    let (token, forged) = (key.token(ISSUER), forged_for("1"));
    let cold = Scene::over(named(names));
    for _ in 0..3 {
        assert_eq!(cold.status(&token).await, 503);
        assert_eq!(cold.status(&forged).await, 503);
        sleep(Duration::from_secs(20)).await;
    }
    assert!(cold.keys.status()[0].last_failure.is_some());

    let source = Switched::new(serving(&key), named(names));
    let warm = Scene::over(source.clone());
    warm.keys.warm_up().await;
    source.switch(true);
    sleep(HOUR).await;
    assert!(warm.keys.status()[0].last_failure.is_some());
    assert_eq!(warm.status(&token).await, 200);
    assert_eq!(warm.status(&forged).await, 401);
    assert_eq!(warm.status(&forged_for("stranger")).await, 401);
    source.switch(false);
    sleep(HOUR).await;
    assert_eq!(warm.keys.status()[0].last_failure, None, "healed");
    assert_eq!(warm.status(&token).await, 200);
}
