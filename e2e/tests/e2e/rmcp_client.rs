//! The Rust client, crate `rmcp` with `auth`.

use std::{sync::Mutex, time::Instant};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use oauthgate_e2e::{
    Browser, Call, ClientReport, Job, REDIRECT_URI, Step, StepUpJob, StepUpReport,
};
use rmcp::{
    ClientHandler, RoleClient,
    model::{CallToolRequestParams, CallToolResult, ProgressNotificationParam, ProtocolVersion},
    service::{
        ClientLifecycleMode, ClientServiceExt, NotificationContext, RunningService, ServiceError,
    },
    transport::{
        AuthClient, AuthorizationManager, StreamableHttpClientTransport,
        auth::{AuthorizationCallback, AuthorizationRequest, OAuthState, WWWAuthenticateParams},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use url::Url;

/// Notes when progress arrives.
#[derive(Debug, Default)]
pub(crate) struct Handler {
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
    let (client, start) = log_in(&job.url).await;
    let authorize = asked_for(&start);
    let client = connect(client, &job.url).await;
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
    let report = ClientReport {
        protocol: protocol(&client),
        tools: tools
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect(),
        answer: first_text(&said),
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

/// Logs in, lists the tools, and calls some; logs in again when a tool needs more.
pub(crate) async fn rmcp_step_up(job: &StepUpJob) -> StepUpReport {
    let (auth, start) = log_in(&job.url).await;
    let mut steps = vec![Step::Registered, authorize(&start), token(&auth).await];
    let client = connect(auth.clone(), &job.url).await;
    let tools = client.list_all_tools().await.expect("tools/list");
    let names = tools.into_iter().map(|tool| tool.name.into_owned());
    steps.push(Step::Listed(names.collect()));
    for wanted in &job.calls {
        let mut said = client
            .call_tool(call(&wanted.tool, &wanted.arguments))
            .await;
        if let Some(scope) = said
            .as_ref()
            .err()
            .and_then(|error| missing(error, &job.url))
        {
            steps.push(upgrade(&*auth.auth_manager.lock().await, &scope).await);
            steps.push(token(&auth).await);
            said = client
                .call_tool(call(&wanted.tool, &wanted.arguments))
                .await;
        }
        steps.push(outcome(wanted, said));
    }
    let protocol = Some(protocol(&client));
    client.cancel().await.expect("rmcp ends");
    StepUpReport {
        protocol,
        steps,
        sessions: Vec::new(),
    }
}

fn outcome(wanted: &Call, said: Result<CallToolResult, ServiceError>) -> Step {
    let tool = wanted.tool.clone();
    match said {
        Ok(result) => Step::Called {
            tool,
            said: first_text(&result),
        },
        Err(error) => Step::Failed {
            tool,
            error: error.to_string(),
        },
    }
}

/// What the challenge behind this error asks for.
fn missing(error: &ServiceError, url: &str) -> Option<String> {
    let url = Url::parse(url).expect("a URL");
    let challenge = WWWAuthenticateParams::parse(error.auth_challenge()?, &url);
    challenge
        .is_insufficient_scope()
        .then_some(challenge.scope)?
}

/// Authorizes again, for more.
async fn upgrade(manager: &AuthorizationManager, scope: &str) -> Step {
    let upgrade = manager.request_scope_upgrade(scope).await;
    let start = upgrade.expect("an authorization URL");
    let back = Browser::default().log_in(&start).await;
    let back = AuthorizationCallback::from_redirect_url(back.as_str()).expect("a code");
    manager
        .exchange_code_for_token_with_issuer(&back.code, &back.csrf_token, back.issuer.as_deref())
        .await
        .expect("the code buys a token");
    authorize(&start)
}

/// The scopes of the token that is in use now.
async fn token(auth: &AuthClient<reqwest::Client>) -> Step {
    let token = auth.get_access_token().await.expect("a token");
    let claims = token.split('.').nth(1).expect("a JWT");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    let scope = claims["scope"].as_str().expect("scopes").to_owned();
    Step::Token { scope }
}

fn authorize(start: &str) -> Step {
    Step::Authorize {
        scope: parameter(start, "scope"),
        resource: parameter(start, "resource"),
    }
}

/// A connection in the newest revision that the server speaks.
pub(crate) async fn connect(
    auth: AuthClient<reqwest::Client>,
    url: &str,
) -> RunningService<RoleClient, Handler> {
    let transport = StreamableHttpClientTransport::with_client(
        auth,
        StreamableHttpClientTransportConfig::with_uri(url),
    );
    let newest_first = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    };
    Handler::default()
        .serve_with_lifecycle(transport, newest_first)
        .await
        .expect("rmcp connects")
}

pub(crate) fn protocol(client: &RunningService<RoleClient, Handler>) -> String {
    let server = client.peer_info().expect("a server introduces itself");
    server.protocol_version.to_string()
}

pub(crate) fn first_text(result: &CallToolResult) -> String {
    let text = result.content.first().and_then(|content| content.as_text());
    text.expect("a text").text.clone()
}

/// Discovery, registration, authorization and the token; also where the browser began.
pub(crate) async fn log_in(url: &str) -> (AuthClient<reqwest::Client>, String) {
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
    (AuthClient::new(http, manager), start)
}

/// The same words as the other clients use.
fn asked_for(start: &str) -> String {
    format!(
        "authorize scope={} resource={} pkce={}",
        parameter(start, "scope"),
        parameter(start, "resource"),
        parameter(start, "code_challenge_method")
    )
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).expect("a URL");
    let value = url.query_pairs().find(|(key, _)| key == name);
    value.map_or_else(String::new, |(_, value)| value.into_owned())
}

pub(crate) fn call(tool: &str, arguments: &serde_json::Value) -> CallToolRequestParams {
    let arguments = arguments.as_object().expect("an object").clone();
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)
}
