//! Clients and upstreams that take their time, and what they hold meanwhile.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    between::{Between, ends_soon, read_until, rest, write, write_chunk},
    lines::Log,
    recorder::head,
    support::{PATIENCE, Running},
};
use crate::config::Settings;

/// What is waited for where the test wants an end.
pub(super) const HASTE: Duration = Duration::from_millis(300);
const UPLOAD: &str = "POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n";
const DOWNLOAD: &str = "GET /mcp HTTP/1.1\r\n";
const ENDLESS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";

/// In a hurry about what a test is about, and about nothing else.
pub(super) fn patient(settings: &mut Settings) {
    let limits = &mut settings.limits;
    for time in [
        &mut limits.head,
        &mut limits.idle,
        &mut limits.body,
        &mut limits.send,
    ] {
        *time = 10 * PATIENCE;
    }
    let timeouts = &mut settings.resources[0].timeouts;
    timeouts.response = 10 * PATIENCE;
    timeouts.pause = 10 * PATIENCE;
}

pub(super) async fn hasty(change: impl FnOnce(&mut Settings)) -> Between {
    Between::with(|settings| {
        patient(settings);
        change(settings);
    })
    .await
}

/// A metric's value.
pub(super) async fn metric(gate: &Running, name: &str) -> i64 {
    let text = gate.ask_admin("/metrics").await.body;
    let line = |line: &str| Some(line.strip_prefix(name)?.trim().parse::<f64>().ok()? as i64);
    text.lines()
        .find_map(line)
        .unwrap_or_else(|| panic!("no {name}: {text}"))
}

pub(super) async fn slow_peers(gate: &Running, reason: &str) -> i64 {
    let name = format!("oauthgate_slow_peers_total{{reason=\"{reason}\"}}");
    metric(gate, &name).await
}

/// Nothing is held any more.
pub(super) async fn is_free(gate: &Running) {
    for gauge in [
        "oauthgate_requests_in_flight",
        "oauthgate_open_streams",
        "oauthgate_connections",
    ] {
        let begun = Instant::now();
        while metric(gate, gauge).await != 0 {
            assert!(begun.elapsed() < PATIENCE, "{gauge}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[rstest]
#[case::half_a_head("GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nX-Slow: ")]
#[case::half_a_preface("PRI * HTTP/2.0\r\n")]
#[case::one_byte("G")]
#[tokio::test]
async fn f21_half_a_head_is_waited_for_as_long_as_a_head_may_take(#[case] begun: &str) {
    let between = hasty(|settings| settings.limits.head = HASTE).await;
    let mut client = TcpStream::connect(between.gate.public).await.unwrap();
    write(&mut client, begun).await;
    assert_eq!(rest(&mut client).await, "");
    is_free(&between.gate).await;
    assert_eq!(slow_peers(&between.gate, "slow_head").await, 1);
}

/// One byte after the other, each in time for a clock that every byte winds up again.
#[tokio::test]
async fn f21_a_head_that_comes_byte_by_byte_takes_too_long() {
    let between = hasty(|settings| settings.limits.head = HASTE).await;
    let mut client = TcpStream::connect(between.gate.public).await.unwrap();
    let begun = Instant::now();
    write(&mut client, "GET /mcp HTTP/1.1\r\nX-Slow: ").await;
    while client.write_all(b"x").await.is_ok() {
        assert!(begun.elapsed() < PATIENCE);
        sleep(HASTE / 10).await;
    }
    assert!(begun.elapsed() >= HASTE);
}

#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let gate = Running::with("test-1", |settings| {
        patient(settings);
        settings.limits.head = HASTE;
    })
    .await;
    let mut client = TcpStream::connect(gate.public).await.unwrap();
    for _ in 0..2 {
        sleep(3 * HASTE).await;
        let request = "GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n";
        write(&mut client, request).await;
        read_until(&mut client, "401 Unauthorized").await;
    }
}

#[rstest]
#[case::chunked("Transfer-Encoding: chunked", "4\r\nhalf\r\n")]
#[case::half_the_length("Content-Length: 8", "half")]
#[tokio::test]
async fn f21_a_body_that_stops_coming_is_answered_408_and_never_looks_whole(
    #[case] framing: &str,
    #[case] begin: &str,
) {
    let between = hasty(|settings| settings.limits.body = 4 * HASTE).await;
    let lines = format!("POST /mcp HTTP/1.1\r\n{framing}\r\n");
    let (mut client, mut upstream, _) = between.request(&lines).await;
    write(&mut client, begin).await;
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"));
    let passed = rest(&mut upstream).await;
    assert_eq!(passed, begin);
    is_free(&between.gate).await;
    assert_eq!(slow_peers(&between.gate, "slow_request").await, 1);
}

#[tokio::test]
async fn f21_a_body_that_comes_byte_by_byte_is_answered_408() {
    let between = hasty(|settings| settings.limits.body = HASTE).await;
    let (mut client, _upstream, _) = between.request(UPLOAD).await;
    let (mut reading, mut writing) = client.split();
    let drip = async {
        while writing.write_all(b"1\r\nx\r\n").await.is_ok() {
            sleep(HASTE / 10).await;
        }
    };
    let mut answer = [0; 12];
    let answered = async { reading.read_exact(&mut answer).await.unwrap() };
    timeout(PATIENCE, async {
        tokio::select! { () = drip => {} _ = answered => {} }
    })
    .await
    .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

/// The upstream began to answer, and is to have no part in it.
#[tokio::test]
async fn f21_a_body_that_stops_coming_after_the_answer_began_is_cut_and_logged() {
    let (log, _guard) = Log::of_this_thread("info");
    let between = hasty(|settings| settings.limits.body = 4 * HASTE).await;
    let (mut client, mut upstream, _) = between.request(UPLOAD).await;
    write(&mut upstream, &format!("{ENDLESS}half")).await;
    let answer = rest(&mut client).await;
    assert!(answer.ends_with("half"), "{answer}");
    ends_soon(&mut upstream).await;
    is_free(&between.gate).await;
    assert_eq!(slow_peers(&between.gate, "slow_request").await, 1);
    let text = log.text();
    let cut = text.lines().find(|line| line.contains("\"cut\"")).unwrap();
    assert!(cut.contains("\"slow_request\""), "{cut}");
    assert!(cut.contains("\"resource\":\"mcp\""), "{cut}");
    assert!(!text.contains("broke off"), "{text}");
}

/// Slow, and faster than the least rate.
#[tokio::test]
async fn a_slow_upload_arrives_whole() {
    let between = hasty(|settings| {
        settings.limits.body = 20 * HASTE;
        settings.limits.rate = std::num::NonZeroU32::new(1);
    })
    .await;
    let (mut client, mut upstream, _) = between.request(UPLOAD).await;
    for _ in 0..12 {
        sleep(2 * HASTE).await;
        write_chunk(&mut client, "piece").await;
        read_until(&mut upstream, "piece").await;
    }
    write(&mut client, "0\r\n\r\n").await;
    read_until(&mut upstream, "0\r\n\r\n").await;
    write(&mut upstream, "HTTP/1.1 204 No Content\r\n\r\n").await;
    read_until(&mut client, "204 No Content").await;
}

/// The time is the client's until its body is whole, and none of the upstream's is taken for it.
#[tokio::test]
async fn a_client_that_pauses_is_no_fault_of_the_upstream() {
    let between = hasty(|settings| settings.resources[0].timeouts.response = 4 * HASTE).await;
    let (mut client, mut upstream, _) = between.request(UPLOAD).await;
    sleep(8 * HASTE).await;
    write_chunk(&mut client, "piece").await;
    write(&mut client, "0\r\n\r\n").await;
    read_until(&mut upstream, "0\r\n\r\n").await;
    read_until(&mut client, "504 Gateway Timeout").await;
}

#[tokio::test]
async fn who_is_answered_by_a_stream_may_pause_in_its_body() {
    let between = hasty(|settings| settings.limits.body = 4 * HASTE).await;
    let (mut client, mut upstream, _) = between.request(UPLOAD).await;
    let events =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n";
    write(&mut upstream, events).await;
    read_until(&mut client, "\r\n\r\n").await;
    sleep(8 * HASTE).await;
    write_chunk(&mut client, "late").await;
    read_until(&mut upstream, "late").await;
    write_chunk(&mut upstream, "data: later\n\n").await;
    read_until(&mut client, "data: later\n\n").await;
}

#[rstest]
#[case::known(
    "POST /mcp HTTP/1.1\r\nContent-Length: 2001\r\nExpect: 100-continue\r\n",
    ""
)]
#[case::not_known(UPLOAD, "x")]
#[tokio::test]
async fn f21_a_body_beyond_the_limit_is_answered_413(#[case] lines: &str, #[case] piece: &str) {
    let between = hasty(|settings| settings.resources[0].sizes.request_body = 2000).await;
    let mut client = TcpStream::connect(between.gate.public).await.unwrap();
    let bearer = between.gate.bearer(json!({}));
    let head_text = format!("{lines}Host: mcp.example.com\r\n{bearer}\r\n\r\n");
    write(&mut client, &head_text).await;
    if piece.is_empty() {
        let answer = rest(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        let early = timeout(HASTE, between.upstream.accept()).await;
        assert!(early.is_err(), "the upstream heard of it");
        return;
    }
    let (mut upstream, _) = between.upstream.accept().await.unwrap();
    head(&mut upstream).await;
    for _ in 0..4 {
        write_chunk(&mut client, &piece.repeat(500)).await;
        read_until(&mut upstream, "x\r\n").await;
    }
    write_chunk(&mut client, &piece.repeat(500)).await;
    // It goes on sending, and can read the answer nevertheless.
    for _ in 0..100 {
        write_chunk(&mut client, &piece.repeat(5000)).await;
    }
    client.shutdown().await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(!rest(&mut upstream).await.contains("0\r\n\r\n"));
    is_free(&between.gate).await;
}

#[tokio::test]
async fn a_body_of_the_longest_length_passes() {
    let between = hasty(|settings| settings.resources[0].sizes.request_body = 2000).await;
    let lines = "POST /mcp HTTP/1.1\r\nContent-Length: 2000\r\n";
    let (mut client, mut upstream, _) = between.request(lines).await;
    write(&mut client, &format!("{}!", "x".repeat(1999))).await;
    read_until(&mut upstream, "!").await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_left_and_the_upstream_with_it() {
    let (log, _guard) = Log::of_this_thread("info");
    let between = hasty(|settings| settings.limits.send = HASTE).await;
    let (client, mut upstream, _) = between.request(DOWNLOAD).await;
    write(&mut upstream, ENDLESS).await;
    let piece = vec![b'x'; 64 * 1024];
    let flood = async { while upstream.write_all(&piece).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("an end");
    is_free(&between.gate).await;
    assert_eq!(slow_peers(&between.gate, "stalled_client").await, 1);
    let text = log.text();
    let cut = text.lines().find(|line| line.contains("\"cut\"")).unwrap();
    assert!(cut.contains("\"stalled_client\""), "{cut}");
    drop(client);
}

#[tokio::test]
async fn a_tunnel_whose_client_takes_nothing_ends() {
    let between = hasty(|settings| settings.limits.send = HASTE).await;
    let asked = "GET /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let (mut client, mut upstream, _) = between.request(asked).await;
    let agreed =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    write(&mut upstream, agreed).await;
    read_until(&mut client, "\r\n\r\n").await;
    let piece = vec![0; 64 * 1024];
    let flood = async { while upstream.write_all(&piece).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("an end");
    is_free(&between.gate).await;
    assert_eq!(slow_peers(&between.gate, "stalled_client").await, 1);
}

#[tokio::test]
async fn a_silent_tunnel_ends_where_that_is_wanted() {
    let between = hasty(|settings| {
        settings.resources[0].timeouts.tunnel_idle = Some(HASTE);
    })
    .await;
    let asked = "GET /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let (mut client, mut upstream, _) = between.request(asked).await;
    let agreed =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    write(&mut upstream, agreed).await;
    read_until(&mut client, "\r\n\r\n").await;
    ends_soon(&mut client).await;
    ends_soon(&mut upstream).await;
    is_free(&between.gate).await;
    assert_eq!(slow_peers(&between.gate, "idle_tunnel").await, 1);
}

#[tokio::test]
async fn an_upstream_that_stops_in_the_middle_is_left() {
    let between = hasty(|settings| settings.resources[0].timeouts.pause = HASTE).await;
    let (mut client, mut upstream, _) = between.request(DOWNLOAD).await;
    write(&mut upstream, &format!("{ENDLESS}half")).await;
    let answer = rest(&mut client).await;
    assert!(answer.ends_with("half"), "{answer}");
    ends_soon(&mut upstream).await;
    is_free(&between.gate).await;
    assert_eq!(slow_peers(&between.gate, "stalled_upstream").await, 1);
}

/// Silent for longer than anything else may be.
#[tokio::test]
async fn a_stream_may_be_silent() {
    let between = hasty(|settings| {
        settings.resources[0].timeouts.pause = 4 * HASTE;
        let limits = &mut settings.limits;
        for time in [
            &mut limits.head,
            &mut limits.idle,
            &mut limits.body,
            &mut limits.send,
        ] {
            *time = 4 * HASTE;
        }
    })
    .await;
    let (mut client, mut upstream, _) = between.request(DOWNLOAD).await;
    let events =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n";
    write(&mut upstream, events).await;
    read_until(&mut client, "\r\n\r\n").await;
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        sleep(8 * HASTE).await;
        write_chunk(&mut upstream, event).await;
        read_until(&mut client, event).await;
    }
}

#[rstest]
#[case::in_one_line("X-Filler: ", 1)]
#[case::in_many("X-Filler: 1\r\n", 5500)]
#[tokio::test]
async fn an_answer_whose_head_is_too_long_is_none(#[case] line: &str, #[case] lines: usize) {
    let between = hasty(|_| {}).await;
    let (mut client, mut upstream, _) = between.request(DOWNLOAD).await;
    let filler = match lines {
        1 => format!("{line}{}\r\n", "a".repeat(65 * 1024)),
        lines => line.repeat(lines),
    };
    let answer = format!("HTTP/1.1 200 OK\r\n{filler}\r\n");
    let _ = upstream.write_all(answer.as_bytes()).await;
    let mut status = [0; 12];
    client.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 502");
}

/// hyper looks at the length when it has read more, so that a head which comes at once may be longer.
#[tokio::test]
async fn f21_a_head_is_as_long_as_it_may_be_and_no_longer() {
    let gate = Running::with("test-1", |settings| {
        patient(settings);
        settings.limits.header_bytes = 8 * 1024;
    })
    .await;
    let start = "GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nX-Filler: ";
    let room = 8 * 1024 - start.len() - "\r\n\r\n".len();
    for (length, statuses) in [
        (room, &["401"][..]),
        (room + 1, &["400", "431"]),
        (9 * room, &["431"]),
    ] {
        let mut client = TcpStream::connect(gate.public).await.unwrap();
        let head = format!("{start}{}\r\n\r\n", "a".repeat(length));
        let _ = client.write_all(head.as_bytes()).await;
        let mut status = [0; 12];
        client.read_exact(&mut status).await.unwrap();
        let status = String::from_utf8_lossy(&status[9..]).into_owned();
        assert!(statuses.contains(&status.as_str()), "{length}: {status}");
    }
    assert_eq!(gate.reached(), 0);
}
