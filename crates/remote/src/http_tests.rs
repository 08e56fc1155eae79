//! The limits of the fetcher, against servers that do not care.

use std::time::{Duration, Instant};

use tokio::{net::TcpStream, time::timeout};
use url::Url;

use super::{BODY_LIMIT, FetchError, HttpAnswer, HttpFetcher, freshness};
use crate::{
    address::{AddressRule, Refused},
    outbound::Outbound,
    testing::{FakeIssuer, Reply},
};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn fetcher(named: &str) -> HttpFetcher {
    HttpFetcher::new(AddressRule::new([&url(named)]), &Outbound::default()).unwrap()
}

async fn answer(reply: Reply) -> Result<HttpAnswer, FetchError> {
    answer_to(fetcher, reply).await
}

async fn answer_to(
    fetcher: fn(&str) -> HttpFetcher,
    reply: Reply,
) -> Result<HttpAnswer, FetchError> {
    let server = FakeIssuer::serving(&[]).await;
    server.set_jwks(reply);
    let keys = url(&format!("{}/keys", server.name()));
    fetcher(server.name()).get(&keys, None).await
}

fn impatient(named: &str) -> HttpFetcher {
    let rule = AddressRule::new([&url(named)]);
    HttpFetcher::with_time_limit(rule, &Outbound::default(), Duration::from_millis(500)).unwrap()
}

#[tokio::test]
async fn d9_reads_a_body_up_to_the_limit_and_not_a_byte_more() {
    let exact = answer(Reply::Json(vec![b' '; BODY_LIMIT])).await;
    assert!(matches!(exact, Ok(HttpAnswer::Document { body, .. }) if body.len() == BODY_LIMIT));
    assert_eq!(
        answer(Reply::Json(vec![b' '; BODY_LIMIT + 1])).await,
        Err(FetchError::TooLarge)
    );
    assert_eq!(
        answer(Reply::Json(vec![b' '; 10 * 1024 * 1024])).await,
        Err(FetchError::TooLarge)
    );
}

#[tokio::test]
async fn d9_a_body_without_an_end_is_cut_at_the_limit() {
    assert_eq!(answer(Reply::Endless).await, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn d9_a_slow_drip_ends_at_the_time_limit() {
    let started = Instant::now();
    for reply in [Reply::Drip, Reply::Hang] {
        let cut = answer_to(impatient, reply).await;
        assert!(matches!(cut, Err(FetchError::Timeout(_))), "{cut:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn d9_a_compressed_body_is_not_unpacked() {
    let gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let packed = Reply::With(gzip.clone(), vec![("content-encoding", "gzip".to_owned())]);
    assert!(matches!(answer(packed).await, Ok(HttpAnswer::Document { body, .. }) if body == gzip));
}

#[tokio::test]
async fn only_200_brings_a_document() {
    for status in [201, 202, 203, 204, 206, 300, 304, 400, 401, 404, 500, 503] {
        let refused = answer(Reply::Status(status, Vec::new())).await;
        assert_eq!(
            refused,
            Err(FetchError::Status {
                status,
                retry_after: None
            })
        );
    }
}

#[tokio::test]
async fn retry_after_is_read_in_seconds() {
    let busy = answer(Reply::Status(429, vec![("retry-after", "7".to_owned())]))
        .await
        .unwrap_err();
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
    let dated = answer(Reply::Status(
        429,
        vec![("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT".to_owned())],
    ))
    .await;
    assert_eq!(dated.unwrap_err().retry_after(), None);
}

#[tokio::test]
async fn d12_a_name_is_judged_by_what_it_resolves_to() {
    let server = FakeIssuer::serving(&[]).await;
    let by_name = url(&format!(
        "{}/keys",
        server.name().replace("127.0.0.1", "localhost")
    ));
    let refused = fetcher("https://auth.example.com")
        .get(&by_name, None)
        .await;
    assert!(
        matches!(refused, Err(FetchError::Refused(Refused::Address { .. }))),
        "{refused:?}"
    );
    assert!(server.seen().is_empty());
    let named = fetcher(by_name.as_str()).get(&by_name, None).await;
    assert!(named.is_ok(), "{named:?}");
}

#[tokio::test]
async fn d13_a_redirect_to_the_same_host_is_not_followed_either() {
    let moved = answer(Reply::Status(
        301,
        vec![("location", "/elsewhere".to_owned())],
    ))
    .await;
    assert_eq!(
        moved,
        Err(FetchError::Redirected {
            status: 301,
            location: "/elsewhere".to_owned()
        })
    );
}

#[tokio::test]
async fn nobody_listening_is_told_apart_from_a_slow_server() {
    let gone = fetcher("http://127.0.0.1:1")
        .get(&url("http://127.0.0.1:1/keys"), None)
        .await;
    assert!(
        matches!(&gone, Err(error @ FetchError::Connect(_)) if error.concerns_the_host()),
        "{gone:?}"
    );
}

/// A port whose queue of connections is full and never emptied, and the connections that fill it.
async fn full_port() -> (
    std::net::SocketAddr,
    tokio::net::TcpListener,
    Vec<TcpStream>,
) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(connected) = timeout(patience, TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
    }
    (address, listener, waiting)
}

#[tokio::test]
async fn a_host_that_takes_no_connection_in_time_is_gone_for_all_its_paths() {
    let (address, _listener, _waiting) = full_port().await;
    let name = format!("http://{address}");
    let full = fetcher(&name)
        .get(&url(&format!("{name}/keys")), None)
        .await;
    assert!(
        matches!(&full, Err(error) if error.concerns_the_host()),
        "{full:?}"
    );
}

fn life(lines: &[&str]) -> Option<u64> {
    let mut headers = http::HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    freshness(&headers).map(|life| life.as_secs())
}

#[test]
fn d17_repeated_and_odd_cache_headers_have_one_meaning() {
    assert_eq!(life(&[]), None);
    assert_eq!(life(&["cache-control: public"]), None);
    assert_eq!(life(&["cache-control: public, max-age=600"]), Some(600));
    assert_eq!(
        life(&[
            "cache-control: max-age=600",
            "cache-control: Max-Age=\"300\""
        ]),
        Some(300)
    );
    assert_eq!(life(&["cache-control: max-age=600, no-store"]), Some(0));
    assert_eq!(life(&["cache-control: max-age=600", "age: 100"]), Some(500));
    assert_eq!(life(&["cache-control: max-age=600", "age: 1000"]), Some(0));
    assert_eq!(life(&["cache-control: max-age=-1"]), None);
    assert_eq!(life(&["cache-control: max-age=99999999999999999999"]), None);
    assert_eq!(
        life(&["cache-control: s-maxage=5, max-age=15, stale-if-error=86400"]),
        Some(15)
    );
}
