//! Metadata and keys, asked at the same time, with all that can go wrong on either side.

use std::time::{Duration, Instant};

use oauthgate_core::{Issuer, Reason};
use rstest::rstest;

use super::*;
use crate::{
    address::AddressRule,
    jwks::schedule::Demand,
    outbound::Outbound,
    testing::{FakeClock, FakeIssuer, Reply, TestKey, metadata, unix_now},
};

const HOUR: Duration = Duration::from_secs(3601);

struct Scene {
    server: FakeIssuer,
    clock: Arc<FakeClock>,
    source: HttpJwksSource,
}

impl Scene {
    /// A source that has fetched keys once, and whose metadata is due again.
    async fn with_metadata_due() -> Self {
        let scene = Self::new(true).await;
        scene.fetch().await.unwrap();
        scene.clock.advance(HOUR);
        scene
    }

    async fn new(in_background: bool) -> Self {
        let server = FakeIssuer::serving(&[&TestKey::new("first")]).await;
        let clock = Arc::new(FakeClock::default());
        let issuer = Issuer::new(server.name()).unwrap();
        let base = discovery::base_of(&issuer).unwrap();
        let http = HttpFetcher::new(AddressRule::new([&base]), &Outbound::default()).unwrap();
        let location = Location::Discovered(Wanted {
            member: "jwks_uri",
            candidates: discovery::candidates(&issuer, None).unwrap(),
            issuer,
            site: None,
        });
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let source = HttpJwksSource::new(http, location, shared, in_background);
        Self {
            server,
            clock,
            source,
        }
    }

    /// On a busy machine, metadata that comes a little later than the keys still comes in time.
    fn patient(mut self) -> Self {
        self.source.grace = Duration::from_secs(10);
        self
    }

    /// Fetches until the keys of the new place come.
    async fn fetch_until_moved(&self) {
        let moved = async { while !is_moved(&self.fetch().await.unwrap()) {} };
        tokio::time::timeout(Duration::from_secs(30), moved)
            .await
            .unwrap();
    }

    /// Waits until metadata has named the place.
    async fn place_known(&self) {
        let Found::Discovered(place) = &self.source.location else {
            panic!("metadata names the place")
        };
        let known = async {
            while !matches!(place.known(Demand::Upkeep), Known::Believed(_)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), known)
            .await
            .unwrap();
    }

    async fn fetch(&self) -> Result<Fetched, KeySourceError> {
        self.source.fetch(Ask::first()).await
    }

    /// Metadata that names this path, with other keys at it.
    fn moved_to(&self, path: &str) -> Reply {
        self.server
            .set_path(path, Reply::Json(b"{\"keys\":[\"moved\"]}".to_vec()));
        let jwks_uri = format!("{}{path}", self.server.name());
        Reply::Json(metadata(self.server.name(), &jwks_uri))
    }

    fn paths(&self) -> Vec<String> {
        self.server
            .seen()
            .into_iter()
            .map(|(path, _)| path)
            .collect()
    }
}

fn is_moved(fetched: &Fetched) -> bool {
    matches!(&fetched.set, FetchedSet::Document { body, .. } if body == b"{\"keys\":[\"moved\"]}")
}

fn late(milliseconds: u64, reply: Reply) -> Reply {
    Reply::Late(Duration::from_millis(milliseconds), Box::new(reply))
}

#[tokio::test]
async fn metadata_that_hangs_delays_no_key() {
    let scene = Scene::with_metadata_due().await;
    scene.server.set_metadata(Reply::Hang);
    scene
        .server
        .set_jwks(Reply::Json(b"{\"keys\":[\"new\"]}".to_vec()));
    for _ in 0..3 {
        let started = Instant::now();
        let fetched = scene.fetch().await.unwrap();
        assert!(
            matches!(&fetched.set, FetchedSet::Document { body, .. } if body == b"{\"keys\":[\"new\"]}")
        );
        assert_eq!(
            fetched.freshness.max_age,
            Some(UNCONFIRMED_LIFE),
            "asked again soon"
        );
        assert!(started.elapsed() < crate::http::TIME_LIMIT);
    }
    assert_eq!(scene.server.metadata_requests(), 2, "one look at a time");
}

#[rstest]
#[case::metadata_first(late(50, Reply::Json(Vec::new())), 0)]
#[case::keys_first(Reply::Json(Vec::new()), 50)]
#[tokio::test]
async fn fresh_metadata_is_preferred_to_a_remembered_place(
    #[case] at_old_place: Reply,
    #[case] metadata_takes: u64,
) {
    let scene = Scene::with_metadata_due().await.patient();
    scene.server.set_jwks(at_old_place);
    let moved = scene.moved_to("/moved");
    scene.server.set_metadata(late(metadata_takes, moved));
    assert!(is_moved(&scene.fetch().await.unwrap()));
    let before = scene.paths().len();
    assert!(is_moved(&scene.fetch().await.unwrap()));
    assert_eq!(scene.paths()[before..], ["/moved"], "believed for an hour");
}

#[rstest]
#[case::in_the_background(true)]
#[case::with_the_next_fetch_where_nothing_runs_by_itself(false)]
#[tokio::test]
async fn slow_metadata_counts_when_it_comes(#[case] in_background: bool) {
    let scene = Scene::new(in_background).await;
    scene.fetch().await.unwrap();
    scene.clock.advance(HOUR);
    let moved = scene.moved_to("/moved");
    scene.server.set_metadata(late(2_000, moved));
    assert!(!is_moved(&scene.fetch().await.unwrap()));
    scene.fetch_until_moved().await;
    assert_eq!(scene.server.metadata_requests(), 2, "one look");
}

#[tokio::test]
async fn a_look_that_runs_by_itself_needs_no_fetch() {
    let scene = Scene::with_metadata_due().await;
    let moved = scene.moved_to("/moved");
    scene.server.set_metadata(late(2_000, moved));
    assert!(!is_moved(&scene.fetch().await.unwrap()));
    scene.place_known().await;
    assert!(is_moved(&scene.fetch().await.unwrap()));
}

#[rstest]
#[case::at_once(0)]
#[case::after_the_keys(50)]
#[tokio::test]
async fn d14_metadata_that_now_names_another_issuer_refuses_its_keys(#[case] takes: u64) {
    let scene = Scene::with_metadata_due().await.patient();
    let keys = format!("{}/keys", scene.server.name());
    let foreign = Reply::Json(metadata("https://evil.example", &keys));
    scene.server.set_metadata(late(takes, foreign));
    let refused = scene.fetch().await.unwrap_err();
    assert_eq!(refused.reason(), Reason::MetadataIssuerMismatch);

    // And what it said before counts no longer, however long it takes to speak again.
    scene.server.set_metadata(Reply::Status(503, Vec::new()));
    let asked = scene.server.jwks_requests();
    let refused = scene.fetch().await.unwrap_err();
    assert_eq!(refused.reason(), Reason::MetadataUnavailable);
    assert_eq!(scene.server.jwks_requests(), asked);
}

#[tokio::test]
async fn metadata_that_is_away_leaves_the_remembered_place() {
    for away in [
        Reply::Status(503, Vec::new()),
        Reply::Status(404, Vec::new()),
        Reply::Json(b"<html>".to_vec()),
    ] {
        let scene = Scene::with_metadata_due().await;
        scene.server.set_metadata(away);
        assert!(scene.fetch().await.is_ok());
    }
}

#[tokio::test]
async fn a_dead_place_waits_for_metadata_that_knows_another() {
    let scene = Scene::with_metadata_due().await;
    scene.server.set_jwks(Reply::Status(404, Vec::new()));
    let moved = scene.moved_to("/moved");
    scene.server.set_metadata(late(100, moved));
    assert!(is_moved(&scene.fetch().await.unwrap()));
}

#[tokio::test]
async fn a_place_that_fails_is_doubted_and_metadata_asked_beside_it() {
    let scene = Scene::new(true).await;
    scene.fetch().await.unwrap();
    scene.server.set_jwks(Reply::Status(404, Vec::new()));
    let moved = scene.moved_to("/moved");
    scene.server.set_metadata(moved);
    let first = scene.fetch().await.unwrap_err();
    assert_eq!(first.reason(), Reason::JwksUnavailable);
    assert!(
        first
            .detail()
            .starts_with("jwks_uri of the metadata http://"),
        "{first}"
    );
    assert!(is_moved(&scene.fetch().await.unwrap()));
}

#[tokio::test]
async fn a_dead_place_and_metadata_that_hangs_end_soon() {
    let scene = Scene::with_metadata_due().await;
    scene
        .server
        .set_jwks(Reply::Status(503, vec![("retry-after", "7".to_owned())]));
    scene.server.set_metadata(Reply::Hang);
    let started = Instant::now();
    let refused = scene.fetch().await.unwrap_err();
    assert!(started.elapsed() < crate::http::TIME_LIMIT);
    assert_eq!(refused.reason(), Reason::JwksUnavailable);
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_still_finds_the_place() {
    let scene = Scene::new(true).await;
    let good = Reply::Json(metadata(
        scene.server.name(),
        &format!("{}/keys", scene.server.name()),
    ));
    scene.server.set_metadata(late(1_000, good));
    let cut = tokio::time::timeout(Duration::from_millis(50), scene.fetch()).await;
    assert!(cut.is_err());
    scene.place_known().await;
    assert!(scene.fetch().await.is_ok());
    assert_eq!(scene.server.metadata_requests(), 1);
}

#[tokio::test]
async fn a_metadata_url_whose_host_is_down_does_not_hide_the_issuers_own_places() {
    let server = FakeIssuer::serving(&[]).await;
    let issuer = Issuer::new(server.name()).unwrap();
    let dead = Url::parse("http://127.0.0.1:1/metadata").unwrap();
    let http = HttpFetcher::new(AddressRule::new([&dead]), &Outbound::default()).unwrap();
    let wanted = Wanted {
        member: "jwks_uri",
        candidates: discovery::candidates(&issuer, Some(&dead)).unwrap(),
        issuer,
        site: None,
    };
    let now = oauthgate_core::UnixTime::from_secs(unix_now());
    assert!(discovery::discover(&http, &wanted, None, now).await.is_ok());

    server.set_metadata(Reply::Status(500, Vec::new()));
    let missed = discovery::discover(&http, &wanted, None, now)
        .await
        .unwrap_err();
    let detail = missed.detail();
    assert!(
        detail.contains("nobody listens") && detail.contains("answered 500"),
        "{detail}"
    );
}

#[tokio::test]
async fn metadata_that_lies_nowhere_names_the_settings_that_help() {
    let scene = Scene::new(true).await;
    scene.server.set_metadata(Reply::Status(404, Vec::new()));
    let missed = scene.fetch().await.unwrap_err();
    for part in [
        "/.well-known/openid-configuration: answered 404",
        "metadata_url",
        "jwks_url",
    ] {
        assert!(missed.detail().contains(part), "{missed}");
    }
}

#[tokio::test]
async fn a_host_that_is_gone_is_asked_for_one_candidate_only() {
    let issuer = Issuer::new("http://127.0.0.1:1/realm").unwrap();
    let base = discovery::base_of(&issuer).unwrap();
    let http = HttpFetcher::new(AddressRule::new([&base]), &Outbound::default()).unwrap();
    let wanted = Wanted {
        member: "jwks_uri",
        candidates: discovery::candidates(&issuer, None).unwrap(),
        issuer,
        site: None,
    };
    let now = oauthgate_core::UnixTime::from_secs(unix_now());
    let missed = discovery::discover(&http, &wanted, None, now)
        .await
        .unwrap_err();
    assert_eq!(
        missed.detail().matches("nobody listens").count(),
        1,
        "{missed}"
    );
}

#[rstest]
#[case::keys(FakeIssuer::set_jwks)]
#[case::metadata(FakeIssuer::set_metadata)]
#[tokio::test]
async fn a_date_to_come_back_at_is_counted_from_the_clock(#[case] set: fn(&FakeIssuer, Reply)) {
    let now = Duration::from_secs(u64::try_from(unix_now()).unwrap());
    let date = std::time::UNIX_EPOCH + now + Duration::from_secs(60);
    let scene = Scene::new(true).await;
    let busy = vec![("retry-after", httpdate::fmt_http_date(date))];
    set(&scene.server, Reply::Status(429, busy));
    let busy = scene.fetch().await.unwrap_err();
    let pause = busy.retry_after().unwrap().as_secs();
    assert!((55..=60).contains(&pause), "{pause}");
}

#[tokio::test]
async fn a_look_that_nobody_carries_on_keeps_nothing_alive() {
    let scene = Scene::new(false).await;
    scene.server.set_metadata(Reply::Hang);
    assert!(scene.fetch().now_or_never().is_none());
    let Scene { clock, source, .. } = scene;
    drop(source);
    assert_eq!(Arc::strong_count(&clock), 1);
}

/// A program with several runtimes, as tests have them.
#[test]
fn a_look_that_died_with_its_runtime_is_begun_anew() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let servers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let scene = servers.block_on(Scene::new(true));
    scene.server.set_metadata(Reply::Hang);
    let first = runtime();
    let hung = first
        .block_on(async { tokio::time::timeout(Duration::from_millis(100), scene.fetch()).await });
    assert!(hung.is_err());
    drop(first);
    let jwks_uri = format!("{}/keys", scene.server.name());
    let back = metadata(scene.server.name(), &jwks_uri);
    scene.server.set_metadata(Reply::Json(back));
    let second = runtime();
    let fetch = || second.block_on(std::panic::AssertUnwindSafe(scene.fetch()).catch_unwind());
    let found = (0..3).any(|_| matches!(fetch(), Ok(Ok(_))));
    assert!(found);
}

/// Many a server answers every path with its start page.
#[rstest]
#[case(b"<!doctype html><title>Welcome</title>")]
#[case(b"{}")]
#[case(b"{\"keys\":[]}")]
#[tokio::test]
async fn a_place_without_keys_is_doubted(#[case] page: &[u8]) {
    let scene = Scene::new(true).await;
    scene.fetch().await.unwrap();
    scene.server.set_jwks(Reply::Json(page.to_vec()));
    let moved = scene.moved_to("/moved");
    scene.server.set_metadata(moved);
    assert!(!is_moved(&scene.fetch().await.unwrap()));
    assert!(is_moved(&scene.fetch().await.unwrap()));
}

#[tokio::test]
async fn h1_a_place_as_long_as_a_document_is_told_in_a_line() {
    let scene = Scene::new(true).await;
    let name = scene.server.name().to_owned();
    scene
        .server
        .point_to(&format!("{name}/{}", "k".repeat(40_000)));
    let error = scene.fetch().await.unwrap_err();
    assert!(error.detail().contains("/kkk"), "{}", error.detail());
    assert!(error.detail().len() < 1_000, "{}", error.detail().len());
}

#[tokio::test]
async fn h1_a_redirect_as_long_as_a_document_is_told_in_a_line() {
    let scene = Scene::new(true).await;
    let location = format!("{}/{}", scene.server.name(), "k".repeat(10_000));
    let redirect = Reply::Status(302, vec![("location", location)]);
    scene.server.set_jwks(redirect);
    let error = scene.fetch().await.unwrap_err();
    assert!(error.detail().contains("/kkk"), "{}", error.detail());
    assert!(error.detail().len() < 1_000, "{}", error.detail().len());
}

#[rstest]
#[case::a_stranger_after_a_while(Demand::Stranger, 301, true)]
#[case::an_operator_at_once(Demand::Operator, 1, true)]
#[case::a_stranger_soon(Demand::Stranger, 290, false)]
#[case::upkeep_within_the_hour(Demand::Upkeep, 3_000, false)]
#[tokio::test]
async fn keys_that_moved_are_found_while_the_old_place_still_answers(
    #[case] demand: Demand,
    #[case] seconds: u64,
    #[case] finds: bool,
) {
    let scene = Scene::new(true).await.patient();
    scene.fetch().await.unwrap();
    scene.server.set_metadata(scene.moved_to("/moved"));
    scene.clock.advance(Duration::from_secs(seconds));
    let ask = Ask {
        demand,
        ..Ask::first()
    };
    let fetched = scene.source.fetch(ask).await.unwrap();
    assert_eq!(is_moved(&fetched), finds);
}

#[tokio::test]
async fn d3_strangers_cost_one_request_each_while_all_is_away() {
    let scene = Scene::with_metadata_due().await;
    let gone = || Reply::Status(503, Vec::new());
    scene.server.set_jwks(gone());
    scene.server.set_metadata(gone());
    scene.fetch().await.unwrap_err();
    let before = scene.paths().len();
    for _ in 0..5 {
        scene.clock.advance(Duration::from_secs(10));
        let ask = Ask {
            demand: Demand::Stranger,
            ..Ask::first()
        };
        scene.source.fetch(ask).await.unwrap_err();
    }
    assert_eq!(scene.paths()[before..], ["/keys"; 5]);
}

#[tokio::test]
async fn metadata_in_trouble_is_asked_where_it_was_and_everywhere_in_the_end() {
    let scene = Scene::with_metadata_due().await;
    scene.server.set_jwks(Reply::Status(503, Vec::new()));
    scene.server.set_metadata(Reply::Status(503, Vec::new()));
    let mut looks = Vec::new();
    for _ in 0..4 {
        let before = scene.paths().len();
        scene.fetch().await.unwrap_err();
        let asked = scene.paths().split_off(before);
        looks.push(asked.iter().filter(|path| *path != "/keys").count());
        scene.clock.advance(HOUR);
    }
    assert_eq!(looks, [1, 1, 1, 2]);
}
