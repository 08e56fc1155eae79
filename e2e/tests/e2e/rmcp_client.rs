//! The Rust client, crate `rmcp` with `auth`.

use std::{sync::Mutex, time::Instant};

use oauthgate_e2e::{Browser, ClientReport, Job, REDIRECT_URI};
use rmcp::{
    ClientHandler, RoleClient,
    model::{CallToolRequestParams, ProgressNotificationParam, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt, NotificationContext},
    transport::{
        AuthClient, StreamableHttpClientTransport,
        auth::{AuthorizationRequest, OAuthState},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use url::Url;

/// Notes when progress arrives.
#[derive(Debug, Default)]
struct Handler {
    arrivals: Mutex<Vec<Instant>>,
}

impl ClientHandler for Handler {
    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.arrivals
            .lock()
            .expect("no holder panics")
            .push(Instant::now());
    }
}

/// The full login and two tools.
pub(crate) async fn rmcp_client(job: &Job) -> ClientReport {
    let (client, authorize) = log_in(&job.url).await;
    let transport = StreamableHttpClientTransport::with_client(
        client,
        StreamableHttpClientTransportConfig::with_uri(job.url.as_str()),
    );
    let newest_first = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    };
    let client = Handler::default()
        .serve_with_lifecycle(transport, newest_first)
        .await
        .expect("rmcp connects");
    let tools = client.list_all_tools().await.expect("tools/list");
    let said = client
        .call_tool(call("echo", &serde_json::json!({"message": job.echo})))
        .await
        .expect("tools/call echo");
    client
        .call_tool(call(job.progress.tool, &job.progress.arguments))
        .await
        .expect("tools/call with progress");
    let arrivals = client
        .service()
        .arrivals
        .lock()
        .expect("no holder panics")
        .clone();
    let protocol = client
        .peer_info()
        .expect("a server introduces itself")
        .protocol_version
        .to_string();
    let report = ClientReport {
        protocol,
        tools: tools
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect(),
        answer: said
            .content
            .first()
            .and_then(|content| content.as_text())
            .expect("a text")
            .text
            .clone(),
        progress: arrivals.len(),
        spread_ms: arrivals
            .first()
            .zip(arrivals.last())
            .map_or(0, |(first, last)| {
                last.duration_since(*first).as_millis() as u64
            }),
        steps: vec!["registered".to_owned(), authorize, "token".to_owned()],
    };
    client.cancel().await.expect("rmcp ends");
    report
}

/// Discovery, registration, authorization and the token; also what the authorization request asked for.
async fn log_in(url: &str) -> (AuthClient<reqwest::Client>, String) {
    let mut state = OAuthState::new(url, None).await.expect("an OAuth client");
    let request = AuthorizationRequest::new(REDIRECT_URI)
        .with_initial_scope_selection()
        .with_client_name("OAuthGate end-to-end");
    state
        .start_authorization(request)
        .await
        .expect("discovery and registration");
    let start = state
        .get_authorization_url()
        .await
        .expect("an authorization URL");
    let back = Browser::default().log_in(&start).await;
    state
        .handle_callback_url(back.as_str())
        .await
        .expect("the code buys a token");
    let manager = state
        .into_authorization_manager()
        .expect("an authorized state");
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("an HTTP client");
    (AuthClient::new(http, manager), asked_for(&start))
}

/// The same words as the other clients use.
fn asked_for(url: &str) -> String {
    let url = Url::parse(url).expect("a URL");
    let parameter = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map_or_else(String::new, |(_, value)| value.into_owned())
    };
    format!(
        "authorize scope={} resource={} pkce={}",
        parameter("scope"),
        parameter("resource"),
        parameter("code_challenge_method")
    )
}

fn call(tool: &str, arguments: &serde_json::Value) -> CallToolRequestParams {
    let arguments = arguments.as_object().expect("an object").clone();
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)
}
