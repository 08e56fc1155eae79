//! Sessions of a real server that were opened without a token.

use oauthgate_e2e::{Gate, GateBuilder, Upstream};
use reqwest::Method;
use serde_json::json;

use super::wire::{Site, Wire, call_echo};
use crate::limit;

const POLICY: &str = r#"
[[rule]]
methods = ["initialize", "notifications/initialized", "tools/list"]
anonymous = true

[[rule]]
tools = ["echo"]
scopes = ["mcp:read"]
"#;

async fn gate(site: &Site, directory: &tempfile::TempDir) -> Gate {
    let policy = directory.path().join("policy.toml");
    std::fs::write(&policy, POLICY).expect("a file");
    let gate = GateBuilder::trusting(&site.upstream.url, site.one.name());
    let policy = policy.display().to_string();
    gate.set("OAUTHGATE_POLICY_FILE", policy).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_19_the_first_caller_with_a_token_keeps_a_session_of_nobody() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let directory = tempfile::tempdir().expect("a directory");
    let gate = gate(&site, &directory).await;
    let (ada, bob) = (site.ada(&gate.resource), site.bob(&gate.resource));
    let wire = Wire::to(&gate);
    let session = wire.open_as(None).await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let lists = async |token: Option<&str>| {
        let answer = wire.post(token, Some(&session), &list).await;
        answer.status().as_u16()
    };
    let listens = async |token: Option<&str>| {
        let answer = wire.send(Method::GET, token, Some(&session), &[], None);
        answer.await.status().as_u16()
    };
    assert_eq!((lists(None).await, listens(None).await), (200, 200));
    let call = wire.post(None, Some(&session), &call_echo("hello")).await;
    assert_eq!(call.status().as_u16(), 401, "it asks for a login");
    assert!(
        wire.echoes(&ada, &session, "logged in").await,
        "and the session goes on after it"
    );
    assert_eq!(wire.statuses(Some(&bob), &session).await, [404; 3]);
    assert_eq!((lists(None).await, listens(None).await), (404, 404));
    assert!(wire.echoes(&ada, &session, "still here").await);
}

/// Without a session, and with one that has an owner, there is nothing for nobody to listen to or to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_18_nobody_listens_to_a_session_with_an_owner() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let directory = tempfile::tempdir().expect("a directory");
    let gate = gate(&site, &directory).await;
    let ada = site.ada(&gate.resource);
    let wire = Wire::to(&gate);
    let session = wire.open(&ada).await;
    assert_eq!(wire.statuses(None, &session).await, [401; 3]);
    for method in [Method::GET, Method::DELETE] {
        let answer = wire.send(method, None, None, &[], None).await;
        assert_eq!(answer.status().as_u16(), 401);
    }
    assert!(wire.echoes(&ada, &session, "undisturbed").await);
}
