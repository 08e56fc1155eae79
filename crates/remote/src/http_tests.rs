//! The limits of the fetcher, against servers that do not care.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use oauthgate_core::UnixTime;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use url::Url;

use super::{BODY_LIMIT, FetchError, HttpAnswer, HttpFetcher};
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
    fetcher(named).with_time_limit(Duration::from_millis(500))
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
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// A server that writes this, and then that again and again until nobody listens. Counts the bytes.
async fn endless(
    first: &'static str,
    then: &'static str,
    pause: Duration,
) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _head = stream.read(&mut [0; 4096]).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        while stream.write_all(then.as_bytes()).await.is_ok() {
            counter.fetch_add(then.len(), Ordering::SeqCst);
            tokio::time::sleep(pause).await;
        }
    });
    (url(&format!("http://{address}/keys")), written)
}

/// Beyond what the sockets of both ends hold.
const MUCH: usize = 16 * 1024 * 1024;

#[rstest]
#[case::header_lines("HTTP/1.1 200 OK\r\n", "x-more: of the same\r\n")]
#[case::one_header_line("HTTP/1.1 200 OK\r\nx-long: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
#[case::status_line("HTTP/1.1 200 ", "OKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOK")]
#[case::no_http("", "nothing that anybody would understand ")]
#[case::trailers(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    "x-more: of the same\r\n"
)]
#[case::chunk_extensions(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2",
    ";more=of-the-same"
)]
#[case::empty_looking_chunks(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "000001\r\n \r\n"
)]
#[case::a_gigabyte_as_announced(
    "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n",
    "        "
)]
#[case::a_body_until_the_end("HTTP/1.1 200 OK\r\n\r\n", "                ")]
#[tokio::test]
async fn d9_an_answer_without_an_end_is_cut(
    #[case] first: &'static str,
    #[case] then: &'static str,
) {
    let (url, written) = endless(first, then, Duration::ZERO).await;
    let cut = impatient(url.as_str()).get(&url, None).await;
    assert!(cut.is_err(), "{cut:?}");
    assert!(written.load(Ordering::SeqCst) < MUCH);
}

#[rstest]
#[case::early_hints("", "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n", 0)]
#[case::header_byte_by_byte("HTTP/1.1 200 OK\r\nx-long: ", "a", 50)]
#[case::body_byte_by_byte("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", " ", 50)]
#[tokio::test]
async fn d9_an_answer_that_takes_for_ever_ends_at_the_time_limit(
    #[case] first: &'static str,
    #[case] then: &'static str,
    #[case] pause: u64,
) {
    let (url, _) = endless(first, then, Duration::from_millis(pause)).await;
    let started = Instant::now();
    let cut = impatient(url.as_str()).get(&url, None).await;
    assert!(matches!(cut, Err(FetchError::Timeout(_))), "{cut:?}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn d9_a_body_shorter_than_announced_is_no_document() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(&format!("http://{}/keys", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _head = stream.read(&mut [0; 4096]).await.unwrap();
        let short = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}";
        stream.write_all(short).await.unwrap();
    });
    let broken = fetcher(url.as_str()).get(&url, None).await;
    assert!(matches!(broken, Err(FetchError::Broken(_))), "{broken:?}");
}

#[tokio::test]
async fn d9_a_compressed_body_is_refused_unread() {
    let bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for encoding in ["gzip", "br", "deflate, gzip", "x-unheard-of"] {
        let packed = Reply::With(
            bomb.clone(),
            vec![("content-encoding", encoding.to_owned())],
        );
        let refused = answer(packed).await;
        assert_eq!(refused, Err(FetchError::Compressed(encoding.to_owned())));
    }
    let plain = Reply::With(
        b"{}".to_vec(),
        vec![("content-encoding", "identity".to_owned())],
    );
    assert!(answer(plain).await.is_ok());
}

#[tokio::test]
async fn d9_no_encoding_is_offered() {
    let server = FakeIssuer::serving(&[]).await;
    let keys = url(&format!("{}/keys", server.name()));
    fetcher(server.name()).get(&keys, None).await.unwrap();
    let (_, headers) = server.seen().pop().unwrap();
    assert!(!headers.contains_key("accept-encoding"), "{headers:?}");
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
async fn a_status_says_what_it_means_to_whoever_configured_the_url() {
    for (status, meaning) in [
        (401, "OAUTHGATE_FETCH_HEADERS"),
        (403, "OAUTHGATE_FETCH_HEADERS"),
        (404, "nothing is there"),
        (410, "nothing is there"),
        (429, "too often"),
        (500, "in trouble"),
        (503, "in trouble"),
    ] {
        let refused = answer(Reply::Status(status, Vec::new())).await.unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains(&status.to_string()) && text.contains(meaning),
            "{text}"
        );
    }
}

#[tokio::test]
async fn retry_after_is_read_in_seconds_and_as_a_date() {
    let now = UnixTime::from_secs(1_792_567_680); // Wed, 21 Oct 2026 07:28:00 GMT
    for (text, pause) in [("7", 7), ("Wed, 21 Oct 2026 07:29:00 GMT", 60)] {
        let busy = Reply::Status(429, vec![("retry-after", text.to_owned())]);
        let busy = answer(busy).await.unwrap_err();
        assert_eq!(busy.retry_after(now), Some(Duration::from_secs(pause)));
    }
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
        matches!(refused, Err(FetchError::Refused(Refused::Private { .. }))),
        "{refused:?}"
    );
    assert!(server.seen().is_empty());
    let named = fetcher(by_name.as_str()).get(&by_name, None).await;
    assert!(named.is_ok(), "{named:?}");
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
async fn full_port() -> (std::net::SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_secs(1);
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
    let text = full.unwrap_err().to_string();
    assert!(text.contains("nobody answers there"), "{text}");
}
