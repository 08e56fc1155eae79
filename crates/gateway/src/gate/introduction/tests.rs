//! Who may begin a connection how.

use ipnet::IpNet;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::{issuers::Issuers, proxy::forwarded::ForwardedHeader};
use oauthgate_remote::KeyStores;

const PATIENCE: Duration = Duration::from_secs(30);
const PROXY: &str = "10.0.0.1:4711";
const STRANGER: &str = "203.0.113.9:4711";
const V1: &[u8] = b"PROXY TCP4 198.51.100.1 10.0.0.1 5000 80\r\n";
const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn introductions(expects_headers: bool) -> Arc<Introductions> {
    let networks: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
    let proxies = TrustedProxies::new(networks, ForwardedHeader::Auto);
    let issuers = Issuers::new(KeyStores::builder().build(), &[]);
    Arc::new(Introductions::new(
        Arc::new(proxies),
        expects_headers,
        &Arc::new(Metrics::new(issuers)),
    ))
}

impl Introductions {
    fn closed_for(&self, fault: &str) -> bool {
        let line = format!("oauthgate_proxy_headers_refused_total{{fault=\"{fault}\"}} 1");
        self.metrics.text().lines().any(|found| found == line)
    }
}

/// A client that has sent this, and what became of it.
async fn received(
    gate: &Arc<Introductions>,
    peer: &str,
    bytes: &[u8],
) -> (DuplexStream, Option<(Opening<DuplexStream>, String)>) {
    let (mut client, server) = duplex(8 * 1024);
    client.write_all(bytes).await.unwrap();
    let received = gate
        .receive(server, peer.parse().unwrap(), PATIENCE)
        .await
        .map(|(stream, peer)| (stream, peer.to_string()));
    (client, received)
}

async fn rest(client: DuplexStream, mut stream: Opening<DuplexStream>) -> io::Result<Vec<u8>> {
    drop(client);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.map(|_| bytes)
}

#[rstest]
#[case::v1(V1.to_vec(), "198.51.100.1:5000")]
#[case::unknown(b"PROXY UNKNOWN\r\n".to_vec(), PROXY)]
#[case::local(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), PROXY)]
#[tokio::test]
async fn a_proxys_header_says_whose_connection_it_is(
    #[case] header: Vec<u8>,
    #[case] expected: &str,
) {
    let bytes = [&header[..], HTTP].concat();
    let (client, received) = received(&introductions(true), PROXY, &bytes).await;
    let (stream, peer) = received.unwrap();
    assert_eq!(peer, expected);
    assert_eq!(rest(client, stream).await.unwrap(), HTTP);
}

#[rstest]
#[case::no_header(HTTP, "missing")]
#[case::malformed(b"PROXY TCP4 198.51.100.1 10.0.0.1 5000\r\n", "malformed")]
#[case::udp(
    b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0",
    "other_transport"
)]
#[case::too_long(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "too_long")]
#[tokio::test]
async fn a_proxy_without_a_good_header_is_sent_away(#[case] bytes: &[u8], #[case] fault: &str) {
    let gate = introductions(true);
    assert!(received(&gate, PROXY, bytes).await.1.is_none());
    assert!(gate.closed_for(fault), "{}", gate.metrics.text());
}

#[rstest]
#[case::off_and_a_proxy(false, PROXY)]
#[case::off_and_a_stranger(false, STRANGER)]
#[case::on_and_a_stranger(true, STRANGER)]
#[tokio::test]
async fn f6_a_header_from_whom_none_is_expected_ends_the_connection(
    #[case] expects_headers: bool,
    #[case] peer: &str,
) {
    for header in [V1, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let gate = introductions(expects_headers);
        let (client, received) = received(&gate, peer, &[header, HTTP].concat()).await;
        let (stream, found) = received.unwrap();
        assert_eq!(found, peer);
        let error = rest(client, stream).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(gate.closed_for("unexpected"));
    }
}

#[tokio::test]
async fn f6_a_header_in_pieces_is_a_header() {
    let gate = introductions(true);
    let (mut client, server) = duplex(64);
    let peer = STRANGER.parse().unwrap();
    let (mut stream, _) = gate.receive(server, peer, PATIENCE).await.unwrap();
    for byte in &V1[..5] {
        client.write_all(&[*byte]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), *byte);
    }
    client.write_all(b" ").await.unwrap();
    assert!(stream.read_u8().await.is_err());
}

#[rstest]
#[case(HTTP)]
#[case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
#[case(b"\r\nGET / HTTP/1.1\r\n")]
#[case(b"P")]
#[case(b"")]
#[tokio::test]
async fn what_is_no_header_passes_as_it_is(#[case] bytes: &[u8]) {
    let gate = introductions(true);
    let (client, received) = received(&gate, STRANGER, bytes).await;
    assert_eq!(rest(client, received.unwrap().0).await.unwrap(), bytes);
}

#[tokio::test(start_paused = true)]
async fn half_a_header_is_waited_for_in_all_only_so_long() {
    let gate = introductions(true);
    let (mut client, server) = duplex(64);
    tokio::spawn(async move {
        // Slow enough to be late, never silent for long.
        for byte in V1 {
            client.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    });
    let begun = Instant::now();
    let received = gate.receive(server, PROXY.parse().unwrap(), PATIENCE).await;
    assert!(received.is_none() && gate.closed_for("slow"));
    assert_eq!(begun.elapsed(), PATIENCE);
}

#[tokio::test]
async fn a_header_that_breaks_off_is_a_fault_and_a_silent_visit_is_none() {
    for (bytes, is_fault) in [(&V1[..20], true), (b"", false)] {
        let gate = introductions(true);
        let (mut client, server) = duplex(64);
        client.write_all(bytes).await.unwrap();
        drop(client);
        let peer = PROXY.parse().unwrap();
        assert!(gate.receive(server, peer, PATIENCE).await.is_none());
        assert_eq!(gate.closed_for("ended"), is_fault);
    }
}

#[tokio::test(start_paused = true)]
async fn h1_a_flood_of_bad_beginnings_is_a_line_in_ten_seconds() {
    let gate = introductions(true);
    let told = (0..1_000).filter(|_| gate.is_worth_telling()).count();
    assert_eq!(told, 1);
    tokio::time::advance(PAUSE).await;
    assert!(gate.is_worth_telling());
}
