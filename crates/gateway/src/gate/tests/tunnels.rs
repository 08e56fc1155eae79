//! Only a WebSocket becomes a tunnel, and only when both sides agree.

use std::time::Duration;

use rstest::rstest;
use tokio::{io::AsyncReadExt, time::timeout};

use super::between::{Between, ends_soon, read_until, write};

const ASKED: &str =
    "GET /mcp HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n";
const AGREED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[tokio::test]
async fn bytes_pass_both_ways_until_one_side_leaves() {
    let between = Between::start().await;
    let (mut client, mut upstream, head) = between.request(ASKED).await;
    assert!(head.contains("upgrade: websocket"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
    // What the upstream says right after its head is not lost.
    write(&mut upstream, &format!("{AGREED}hello")).await;
    read_until(&mut client, "hello").await;
    for number in 0..3 {
        write(&mut client, &format!("ping {number}")).await;
        read_until(&mut upstream, &format!("ping {number}")).await;
        write(&mut upstream, &format!("pong {number}")).await;
        read_until(&mut client, &format!("pong {number}")).await;
    }
    drop(client);
    ends_soon(&mut upstream).await;
}

#[tokio::test]
async fn an_upstream_that_leaves_ends_the_tunnel() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(ASKED).await;
    write(&mut upstream, AGREED).await;
    read_until(&mut client, "\r\n\r\n").await;
    drop(upstream);
    ends_soon(&mut client).await;
}

/// After a refusal, what the client sends is the next request, and needs a token again.
#[tokio::test]
async fn f28_an_upstream_that_refuses_the_upgrade_gets_no_bytes_of_a_tunnel() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(ASKED).await;
    write(
        &mut upstream,
        "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    )
    .await;
    read_until(&mut client, "426 Upgrade Required").await;
    let smuggled = "GET /mcp/smuggled HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n";
    write(&mut client, smuggled).await;
    read_until(&mut client, "401 Unauthorized").await;
}

#[rstest]
#[case::agreed(AGREED, "101 Switching Protocols")]
#[case::refused(
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "401 Unauthorized"
)]
#[tokio::test]
async fn f19_bytes_before_the_switch_wait_for_it(#[case] answer: &str, #[case] then: &str) {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(ASKED).await;
    let early = "GET /mcp/early HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n";
    write(&mut client, early).await;
    let mut first = [0; 64];
    let before = upstream.read(&mut first);
    let before = timeout(Duration::from_millis(200), before).await;
    assert!(before.is_err(), "bytes of a tunnel that there is not");
    write(&mut upstream, answer).await;
    read_until(&mut client, then).await;
    if answer == AGREED {
        read_until(&mut upstream, early).await;
    }
}

#[rstest]
#[case::h2c("GET /mcp HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")]
#[case::a_list("GET /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n")]
#[case::two_lines(
    "GET /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"
)]
#[case::not_named("GET /mcp HTTP/1.1\r\nUpgrade: websocket\r\n")]
#[case::tls("GET /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n")]
#[case::with_a_body(
    "POST /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n"
)]
#[case::http10("GET /mcp HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")]
#[tokio::test]
async fn f28_what_is_no_websocket_is_an_ordinary_request(#[case] lines: &str) {
    let between = Between::start().await;
    let (mut client, mut upstream, head) = between.request(lines).await;
    assert!(!head.contains("upgrade"), "{head}");
    // An upstream that switches nevertheless gets no tunnel.
    write(&mut upstream, AGREED).await;
    read_until(&mut client, "502 Bad Gateway").await;
}

#[tokio::test]
async fn f28_an_upstream_cannot_switch_to_another_protocol() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(ASKED).await;
    let other = AGREED.replace("websocket", "h2c");
    write(&mut upstream, &other).await;
    read_until(&mut client, "502 Bad Gateway").await;
}
