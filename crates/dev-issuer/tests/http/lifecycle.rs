//! Start and stop.

use std::time::Duration;

use oauthgate_dev_issuer::{Algorithm, DevIssuer, DevIssuerOptions, StartError};
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{REDIRECT, Server, text};

fn options() -> DevIssuerOptions {
    DevIssuerOptions {
        algorithms: vec![Algorithm::Es256],
        ..DevIssuerOptions::default()
    }
}

#[tokio::test]
async fn listens_on_loopback_only() {
    let open = DevIssuerOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..options()
    };
    assert!(matches!(
        DevIssuer::start(open).await,
        Err(StartError::NotLoopback(_))
    ));
}

#[tokio::test]
async fn says_what_is_wrong_with_its_options() {
    let nothing = DevIssuerOptions {
        algorithms: Vec::new(),
        ..options()
    };
    assert!(matches!(
        DevIssuer::start(nothing).await,
        Err(StartError::NoAlgorithm)
    ));
    let path = DevIssuerOptions {
        issuer_path: Some("no-slash".to_owned()),
        ..options()
    };
    assert!(matches!(
        DevIssuer::start(path).await,
        Err(StartError::IssuerPath(_))
    ));
    let first = DevIssuer::start(options()).await.unwrap();
    let taken = DevIssuerOptions {
        listen: first.address(),
        ..options()
    };
    assert!(matches!(
        DevIssuer::start(taken).await,
        Err(StartError::Listen { .. })
    ));
}

#[tokio::test]
async fn a_shutdown_frees_the_address() {
    let first = DevIssuer::start(options()).await.unwrap();
    let address = first.address();
    first.shutdown().await;
    let second = DevIssuer::start(DevIssuerOptions {
        listen: address,
        ..options()
    })
    .await
    .unwrap();
    assert_eq!(second.address(), address);
}

#[tokio::test]
async fn stops_when_it_is_dropped() {
    let issuer = DevIssuer::start(options()).await.unwrap();
    let address = issuer.address();
    TcpStream::connect(address).await.unwrap();
    drop(issuer);
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused)
        .await
        .expect("nobody listens any more");
}

#[tokio::test]
async fn each_server_has_its_own_keys() {
    let (first, second) = (
        DevIssuer::start(options()).await.unwrap(),
        DevIssuer::start(options()).await.unwrap(),
    );
    assert_ne!(first.jwk_set(), second.jwk_set());
}

#[tokio::test]
async fn debug_output_holds_no_secret_and_no_token() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let (_, tokens) = server.log_in("notes:read").await;
    let (_, client) = server
        .register_with(&json!({"redirect_uris": [REDIRECT]}))
        .await;
    let debug = format!("{:?}", server.issuer);
    assert!(debug.contains("user-ada"), "it says something at all");
    let issued = [
        &tokens["access_token"],
        &tokens["refresh_token"],
        &client["client_secret"],
    ];
    for secret in issued.map(text).into_iter().chain(["service-secret"]) {
        assert!(!debug.contains(secret), "{secret}");
    }
}
