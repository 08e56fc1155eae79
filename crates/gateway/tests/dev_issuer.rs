//! Invariant 7: a gate refuses the throw-away keys of `dev-issuer`, unless it is told that this is a demo.
#![cfg(feature = "dev")]

use std::net::SocketAddr;

use axum::Router;
use oauthgate::{
    config::{Environment, ResourceSettings, Settings, Sources},
    gate::Gate,
};
use oauthgate_core::{Audience, Issuer, ResourceIdentifier};
use oauthgate_dev_issuer::{
    Algorithm, Changes, DevIssuer, DevIssuerOptions, Emulation, Kind, Resource, TokenSpec,
};
use oauthgate_remote::{IssuerSettings, ProviderSettings};
use tokio::net::TcpListener;

const RESOURCE: &str = "http://localhost:8080/mcp";

async fn dev_issuer() -> DevIssuer {
    let resources = vec![Resource::new(RESOURCE)];
    let options = DevIssuerOptions {
        resources,
        ..DevIssuerOptions::default()
    };
    DevIssuer::start(options).await.unwrap()
}

/// A gate before an upstream that says yes to everything; its keys come through discovery.
async fn gate(issuer: &DevIssuer, accept_dev_issuer: bool) -> SocketAddr {
    let url = upstream().await;
    let trusted = IssuerSettings::new(
        Issuer::new(issuer.issuer()).unwrap(),
        vec![Audience::new(RESOURCE).unwrap()],
    );
    let provider = ProviderSettings::new(ResourceIdentifier::parse(RESOURCE).unwrap(), trusted);
    let mut settings = Settings::new(vec![ResourceSettings::new(provider, url.parse().unwrap())]);
    settings.listen = "127.0.0.1:0".parse().unwrap();
    settings.admin_listen = "127.0.0.1:0".parse().unwrap();
    settings.accept_dev_issuer = accept_dev_issuer;
    run(settings).await
}

async fn run(settings: Settings) -> SocketAddr {
    let gate = Gate::bind(settings).await.unwrap();
    let address = gate.public_addr();
    tokio::spawn(gate.run(std::future::pending()));
    address
}

/// Says yes to everything.
async fn upstream() -> String {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let app = Router::new().fallback(|| async { "yes" });
    tokio::spawn(async move { axum::serve(upstream, app).await });
    url
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client of the test, not of the gate"
)]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn status(gate: SocketAddr, token: &str) -> u16 {
    let request = client()
        .get(format!("http://{gate}/mcp"))
        .bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a16_a_gate_refuses_the_keys_of_a_dev_issuer() {
    let issuer = dev_issuer().await;
    let gate = gate(&issuer, false).await;
    assert_eq!(
        status(gate, &issuer.mint(TokenSpec::new(RESOURCE))).await,
        503
    );
}

#[tokio::test]
async fn a16_a_gate_refuses_the_keys_of_a_dev_issuer_that_passes_itself_off_as_somebody() {
    for (accepted, answer) in [(false, 503), (true, 200)] {
        let options = DevIssuerOptions {
            emulation: Emulation::named("keycloak"),
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options).await.unwrap();
        let gate = gate(&issuer, accepted).await;
        let changes = Changes {
            audience: Some(RESOURCE.to_owned()),
            ..Changes::default()
        };
        let token = issuer.emulated_token(Kind::User, changes);
        assert_eq!(status(gate, &token).await, answer);
    }
}

/// A gate with these variables and none beside them but where it listens.
async fn gate_of(variables: Vec<(&'static str, String)>) -> SocketAddr {
    let own = [
        ("OAUTHGATE_UPSTREAM", upstream().await),
        ("OAUTHGATE_LISTEN", "127.0.0.1:0".to_owned()),
        ("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
    ];
    let directory = tempfile::tempdir().unwrap();
    let sources = Sources {
        environment: Environment::of(variables.into_iter().chain(own)),
        directory: directory.path().to_owned(),
        ..Sources::default()
    };
    let loaded = sources.load().unwrap_or_else(|error| panic!("{error}"));
    run(loaded.settings).await
}

/// Asks as a proxy before the gate does: under the name of the resource.
async fn status_at_its_name(gate: SocketAddr, token: &str) -> u16 {
    let client = client();
    let request = client.get(format!("http://{gate}/mcp"));
    let request = request.header("host", "mcp.example.com");
    let answer = request.bearer_auth(token).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn the_variables_of_an_emulation_let_its_tokens_in_while_they_are_good() {
    for emulation in Emulation::all() {
        let options = DevIssuerOptions {
            emulation: Some(*emulation),
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options).await.unwrap();
        let gate = gate_of(issuer.gate_settings()).await;
        let user = issuer.emulated_token(Kind::User, Changes::default());
        assert_eq!(status_at_its_name(gate, &user).await, 200, "{emulation:?}");
        let expired = Changes {
            expires_in: Some(-3600),
            ..Changes::default()
        };
        let expired = issuer.emulated_token(Kind::User, expired);
        assert_eq!(
            status_at_its_name(gate, &expired).await,
            401,
            "{emulation:?}"
        );
    }
}

#[tokio::test]
async fn a_demo_accepts_every_algorithm_of_its_dev_issuer() {
    let issuer = dev_issuer().await;
    let gate = gate(&issuer, true).await;
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        assert_eq!(
            status(gate, &issuer.mint(TokenSpec::new(RESOURCE).alg(algorithm))).await,
            200,
            "{algorithm:?}"
        );
    }
    let elsewhere = TokenSpec::new("http://localhost:8080/other");
    assert_eq!(status(gate, &issuer.mint(elsewhere)).await, 401);
}
