//! Credentials as bytes on the wire, through a real HTTP/1.1 server.

use std::net::SocketAddr;

use axum::{Router, routing::any};
use oauthgate_tower::{ResourceServerLayer, UserContext};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::*;

async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route(
            "/",
            any(|user: UserContext| async move { user.user_id().to_owned() }),
        )
        .layer(ResourceServerLayer::new(Provider::default()));
    tokio::spawn(async move {
        axum::serve(
            listener,
            app.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .await
    });
    address
}

/// The status, and the whole response as text.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    (response.get(9..12).unwrap().parse().unwrap(), response)
}

async fn send(request: &str) -> (u16, String) {
    exchange(start().await, request).await
}

fn request(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: mcp.example.com\r\nConnection: close\r\n{headers}\r\n")
}

#[rstest]
#[case("Bearer good", 200)]
#[case("bearer good", 200)]
#[case("BEARER good", 200)]
#[case("Bearer  good", 200)]
#[case("   Bearer good   ", 200)]
#[case("", 400)]
#[case("Bearer", 400)]
#[case("Bearer ", 400)]
#[case("Bearer,good", 400)]
#[case("Bearer good x", 400)]
#[case("Bearer good,", 400)]
#[case("Bearer\tgood", 400)]
#[case("Bearer \"good\"", 400)]
#[case("Bearer göod", 400)]
#[case("Bearer token=good", 400)]
#[case("Bearer:good", 400)]
#[case("good", 401)]
#[case("Bearergood", 401)]
#[case("Basic Z29vZDpnb29k", 401)]
#[case("Basic good", 401)]
#[case("DPoP good", 401)]
#[case("Token good", 401)]
#[case("Bearer good1", 401)]
#[case("Bearer Good", 401)]
#[case("Bearer good=", 401)]
#[tokio::test]
async fn f1_reads_the_credential_by_its_grammar(#[case] credential: &str, #[case] expected: u16) {
    let (status, response) = send(&request("/", &format!("Authorization: {credential}\r\n"))).await;
    assert_eq!(status, expected, "{response}");
}

#[tokio::test]
async fn f1_survives_two_thousand_blanks() {
    let blanks = " ".repeat(2_000);
    let (status, _) = send(&request(
        "/",
        &format!("Authorization: Bearer{blanks}good\r\n"),
    ))
    .await;
    assert_eq!(status, 200);
    let (status, _) = send(&request("/", &format!("Authorization: Bearer{blanks}\r\n"))).await;
    assert_eq!(status, 400);
}

#[rstest]
#[case::two_lines("/", "Authorization: Bearer good\r\nAuthorization: Bearer good\r\n")]
#[case::two_lines_of_two_cases(
    "/",
    "Authorization: Bearer good\r\nauthorization: Bearer stale\r\n"
)]
#[case::list("/", "Authorization: Bearer good, Bearer good\r\n")]
#[case::list_of_two_schemes("/", "Authorization: Basic eDp5, Bearer good\r\n")]
#[case::header_and_query("/?access_token=good", "Authorization: Bearer good\r\n")]
#[case::header_and_escaped_query("/?%61ccess%5ftoken=good", "Authorization: Bearer good\r\n")]
#[tokio::test]
async fn f2_refuses_two_credentials(#[case] target: &str, #[case] headers: &str) {
    let (status, response) = send(&request(target, headers)).await;
    assert_eq!(status, 400, "{response}");
    assert!(response.contains("invalid_request"), "{response}");
}

#[tokio::test]
async fn f3_takes_a_token_in_the_query_for_none() {
    let (status, response) = send(&request("/?access_token=good", "")).await;
    assert_eq!(status, 401);
    assert!(response.contains(CHALLENGE), "{response}");
    assert!(!response.contains("good"), "{response}");
}

#[rstest]
#[case("AUTHORIZATION")]
#[case("authorization")]
#[case("aUTHORIZATION")]
#[case("AuThOrIzAtIoN")]
#[tokio::test]
async fn f4_reads_the_header_in_any_case(#[case] name: &str) {
    assert_eq!(
        send(&request("/", &format!("{name}: Bearer good\r\n")))
            .await
            .0,
        200
    );
    assert_eq!(
        send(&request("/", &format!("{name}: Bearer stale\r\n")))
            .await
            .0,
        401
    );
}

#[rstest]
#[case("ORIGIN: https://a.example\r\nACCESS-CONTROL-REQUEST-METHOD: GET\r\n")]
#[case("origin: https://a.example\r\naccess-control-request-method: GET\r\n")]
#[tokio::test]
async fn f4_sees_a_preflight_in_any_case(#[case] headers: &str) {
    let preflight = request("/", headers).replacen("GET /", "OPTIONS /", 1);
    assert_eq!(send(&preflight).await.0, 204);
    let with_token = request("/", &format!("{headers}AUTHORIZATION: Bearer stale\r\n")).replacen(
        "GET /",
        "OPTIONS /",
        1,
    );
    assert_eq!(send(&with_token).await.0, 401);
}
