//! `rediss://`: the server is checked, and there is no switch for it.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{
    PATIENCE,
    link::{endless, link_to},
    patient,
    server::RedisServer,
};
use crate::{
    clock::SystemClock,
    state::redis::{
        RedisAddress,
        link::{Limits, Link, NoAnswer},
    },
    testing::{TestAuthority, self_signed},
};

/// What a server needs to speak TLS by itself.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
    _directory: TempDir,
}

impl Files {
    pub(super) fn of(authority: &TestAuthority, names: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let (certificate, key) = authority.certificate_pem(names);
        let write = |name: &str, pem: String| {
            let path = directory.path().join(name);
            fs::write(&path, pem).unwrap();
            path
        };
        Self {
            certificate: write("certificate.pem", certificate),
            key: write("key.pem", key),
            authority: write("authority.pem", authority.pem()),
            _directory: directory,
        }
    }

    pub(super) fn arguments(&self) -> Vec<&str> {
        vec![
            "--tls-cert-file",
            self.certificate.to_str().unwrap(),
            "--tls-key-file",
            self.key.to_str().unwrap(),
            "--tls-ca-cert-file",
            self.authority.to_str().unwrap(),
            "--tls-auth-clients",
            "no",
        ]
    }
}

/// TLS in front of a server; returns the port.
async fn in_front_of(server: &RedisServer, acceptor: TlsAcceptor) -> u16 {
    in_front_of_port(server.port(), acceptor).await
}

async fn in_front_of_port(behind: u16, acceptor: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut client = acceptor.accept(stream).await.ok()?;
                let mut redis = TcpStream::connect(("127.0.0.1", behind)).await.ok()?;
                tokio::io::copy_bidirectional(&mut client, &mut redis)
                    .await
                    .ok()
            });
        }
    });
    port
}

/// What became of a connection to this address: the code of the trouble, or `connected`.
async fn outcome(address: RedisAddress) -> &'static str {
    outcome_with(patient(), address).await
}

async fn outcome_with(limits: Limits, address: RedisAddress) -> &'static str {
    let clock = Arc::new(SystemClock::new());
    let link = Arc::new(Link::new(address, "probe".into(), limits, clock).unwrap());
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let _ = link.read("key", 1).await;
        let status = link.status();
        if let Some(trouble) = status.trouble {
            return trouble.code;
        }
        if status.connected {
            return "connected";
        }
    }
    "nothing"
}

fn address(scheme: &str, host: &str, port: u16) -> RedisAddress {
    RedisAddress::parse(&format!("{scheme}://{host}:{port}")).unwrap()
}

fn trusting(authority: &TestAuthority, address: RedisAddress) -> RedisAddress {
    let pem = authority.pem();
    address.with_authorities(pem.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_server_that_a_trusted_authority_vouches_for_is_used() {
    let server = RedisServer::start();
    let authority = TestAuthority::new("redis authority");
    for host in ["localhost", "127.0.0.1"] {
        let port = in_front_of(&server, authority.acceptor(&[host])).await;
        let address = trusting(&authority, address("rediss", host, port));
        assert_eq!(outcome(address).await, "connected", "{host}");
    }
}

#[tokio::test]
async fn d15_a_server_that_nobody_vouches_for_is_not_used() {
    let server = RedisServer::start();
    let (known, unknown) = (TestAuthority::new("known"), TestAuthority::new("unknown"));
    let name = &["localhost"];
    let port = in_front_of(&server, unknown.acceptor(name)).await;
    let by_system = address("rediss", "localhost", port);
    assert_eq!(outcome(by_system.clone()).await, "unreachable");
    let by_another = trusting(&known, by_system);
    assert_eq!(outcome(by_another).await, "unreachable");
    let port = in_front_of(&server, self_signed(name)).await;
    let by_itself = trusting(&known, address("rediss", "localhost", port));
    assert_eq!(outcome(by_itself).await, "unreachable");
    let port = in_front_of(&server, known.acceptor(&["redis.example"])).await;
    let another_name = trusting(&known, address("rediss", "localhost", port));
    assert_eq!(outcome(another_name).await, "unreachable");
}

#[tokio::test]
async fn there_is_no_way_from_one_to_the_other() {
    let server = RedisServer::start();
    let authority = TestAuthority::new("redis authority");
    let encrypted = trusting(&authority, address("rediss", "localhost", server.port()));
    let hasty = Limits::default();
    assert_ne!(
        outcome_with(hasty, encrypted).await,
        "connected",
        "a server without TLS"
    );
    let port = in_front_of(&server, authority.acceptor(&["localhost"])).await;
    let plain = address("redis", "localhost", port);
    assert_ne!(
        outcome_with(hasty, plain).await,
        "connected",
        "a server with TLS"
    );
}

#[tokio::test]
async fn e9_a_server_that_talks_without_end_is_not_listened_to_over_tls_either() {
    let authority = TestAuthority::new("redis authority");
    let (behind, said, talking) = endless().await;
    let port = in_front_of_port(behind, authority.acceptor(&["localhost"])).await;
    let address = trusting(&authority, address("rediss", "localhost", port));
    let link = link_to(address);
    assert_eq!(link.read("key", 10).await, Err(NoAnswer::Away));
    tokio::time::timeout(PATIENCE, talking)
        .await
        .expect("the connection is closed")
        .unwrap();
    let said = said.load(Ordering::Relaxed);
    assert!(said < 32 << 20, "{said}");
}
