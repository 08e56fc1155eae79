//! The real gate: `oauthgate serve`, configured by environment variables only.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    authorization_server::{AuthorizationServer, SCOPES},
    names::Names,
    parts::binary,
    process::{Process, free_port},
    raw::{RawResponse, exchange, request_head, try_exchange},
};

/// The log is written beside the answer, not before it.
const LOG_LIMIT: Duration = Duration::from_secs(10);
const LOG_POLL: Duration = Duration::from_millis(10);

/// What a configuration file says instead of the environment.
const IN_THE_FILE: &[&str] = &[
    "MCP_SERVER_URL",
    "OAUTH_AUDIENCE",
    "OAUTH_ISSUER_URL",
    "OAUTHGATE_UPSTREAM",
    "OAUTHGATE_SCOPES",
];

/// The environment of one gate.
#[derive(Debug, Clone)]
pub struct GateBuilder {
    port: u16,
    admin_port: u16,
    resource: String,
    environment: BTreeMap<String, String>,
    /// Where its configuration file lies, if it has one.
    directory: Option<Arc<TempDir>>,
}

impl GateBuilder {
    /// A gate in front of `upstream` that trusts `server`. Its audience is its own canonical URI.
    #[must_use]
    pub fn new(upstream: &str, server: &AuthorizationServer) -> Self {
        let gate = Self::trusting(upstream, server.issuer());
        let variables = server.variables().into_iter();
        variables.fold(gate, |gate, (name, value)| gate.set(name, value))
    }

    /// A gate in front of `upstream` that trusts this issuer, throw-away keys included.
    #[must_use]
    pub fn trusting(upstream: &str, issuer: &str) -> Self {
        let (port, admin_port) = (free_port(), free_port());
        let resource = format!("http://localhost:{port}/mcp");
        let environment = [
            ("MCP_SERVER_URL", resource.clone()),
            ("OAUTH_AUDIENCE", resource.clone()),
            ("OAUTH_ISSUER_URL", issuer.to_owned()),
            ("OAUTHGATE_UPSTREAM", upstream.to_owned()),
            ("OAUTHGATE_LISTEN", format!("127.0.0.1:{port}")),
            ("OAUTHGATE_ADMIN_LISTEN", format!("127.0.0.1:{admin_port}")),
            ("OAUTHGATE_SCOPES", SCOPES.to_owned()),
            ("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true".to_owned()),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        Self {
            port,
            admin_port,
            resource,
            environment,
            directory: None,
        }
    }

    /// As [`Self::trusting`], for several issuers.
    ///
    /// # Panics
    /// When the configuration file cannot be written.
    #[must_use]
    pub fn trusting_all(upstream: &str, issuers: &[&str]) -> Self {
        let mut gate = Self::trusting(upstream, "");
        let file = resource_section(&gate.resource, upstream, issuers);
        for name in IN_THE_FILE {
            gate.environment.remove(*name);
        }
        gate.with_file(&file)
    }

    /// A gate with these variables and no others, but for what no page can know: free ports, the upstream's
    /// address, the way to the names, and that throw-away keys are meant.
    ///
    /// # Panics
    /// When the variables name no upstream or no resource.
    #[must_use]
    pub fn page_variables(variables: &[(String, String)], upstream: &str, names: &Names) -> Self {
        let mut environment: BTreeMap<_, _> = variables.iter().cloned().collect();
        let resource = environment.get("MCP_SERVER_URL");
        let resource = resource.expect("a page names the resource").clone();
        let (port, admin_port) = (free_port(), free_port());
        let place = environment.get_mut("OAUTHGATE_UPSTREAM");
        upstream.clone_into(place.expect("a page names the upstream"));
        let gate = Self {
            port,
            admin_port,
            resource,
            environment,
            directory: None,
        };
        gate.set("OAUTHGATE_LISTEN", format!("127.0.0.1:{port}"))
            .set("OAUTHGATE_ADMIN_LISTEN", format!("127.0.0.1:{admin_port}"))
            .set("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true")
            .set("OAUTHGATE_CA_FILE", names.authority().display().to_string())
            .set("HTTPS_PROXY", names.proxy())
    }

    /// Adds to the environment what only a file can say about the resource: rules, and scopes of tools.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn with_policy(self, text: &str) -> Self {
        self.with_file(&format!("[[resource]]\n{text}"))
    }

    fn with_file(mut self, text: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("oauthgate.toml");
        std::fs::write(&path, text).expect("a file");
        self.directory = Some(Arc::new(directory));
        self.set("OAUTHGATE_CONFIG", path.display().to_string())
    }

    /// Sets one more variable, or another value.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Makes the resource known under another port (an injector's, a proxy's).
    #[must_use]
    pub fn public_port(mut self, port: u16) -> Self {
        self.resource = format!("http://localhost:{port}/mcp");
        let resource = self.resource.clone();
        self.set("MCP_SERVER_URL", resource.clone())
            .set("OAUTH_AUDIENCE", resource)
    }

    /// Makes the resource of [`Self::trusting_all`] known under another port: replicas have one in common.
    ///
    /// # Panics
    /// When it has no configuration file.
    #[must_use]
    pub fn known_at(mut self, port: u16) -> Self {
        let directory = self.directory.as_ref().expect("a configuration file");
        let path = directory.path().join("oauthgate.toml");
        let text = std::fs::read_to_string(&path).expect("the file");
        let resource = format!("http://localhost:{port}/mcp");
        std::fs::write(&path, text.replace(&self.resource, &resource)).expect("a file");
        self.resource = resource;
        self
    }

    /// Starts it and waits until `/readyz` says so.
    pub async fn start(self) -> Gate {
        self.start_until("/readyz").await
    }

    /// Starts it and waits until it answers at all, with keys or without.
    pub async fn start_unready(self) -> Gate {
        self.start_until("/livez").await
    }

    async fn start_until(self, page: &str) -> Gate {
        let mut process = Process::start("oauthgate serve", self.command());
        let question = request_head("GET", page, self.admin_port, &[]);
        process
            .until(page, async |_| {
                let answer = try_exchange(self.admin_port, &question).await?;
                (answer.status == 200).then_some(())
            })
            .await;
        process.until_listening(self.port).await;
        Gate {
            port: self.port,
            admin_port: self.admin_port,
            resource: self.resource,
            process,
            _directory: self.directory,
        }
    }

    /// Where it will listen on loopback, for whatever stands before it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The canonical URI of the protected resource.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The command itself, for tests that expect it to end.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary("oauthgate").path());
        command.arg("serve").env_clear().envs(&self.environment);
        command
    }
}

/// A running gate.
#[derive(Debug)]
pub struct Gate {
    /// Its public port on loopback.
    pub port: u16,
    /// Its admin port on loopback.
    pub admin_port: u16,
    /// The canonical URI of the protected resource.
    pub resource: String,
    /// The process.
    pub process: Process,
    _directory: Option<Arc<TempDir>>,
}

impl Gate {
    /// A metric's text from the admin listener.
    ///
    /// # Panics
    /// When the listener does not answer.
    pub async fn metrics(&self) -> String {
        self.page("/metrics").await.1
    }

    /// What `/readyz` says: its status, and its report.
    ///
    /// # Panics
    /// When the listener does not answer JSON.
    pub async fn readiness(&self) -> (u16, Value) {
        let (status, text) = self.page("/readyz").await;
        let report = serde_json::from_str(&text).expect("a report in JSON");
        (status, report)
    }

    /// How often keys were fetched, over all issuers.
    ///
    /// # Panics
    /// When the report counts no fetches.
    pub async fn fetches(&self) -> u64 {
        let (_, report) = self.readiness().await;
        let issuers = report["issuers"].as_array().expect("a list of issuers");
        let fetches = issuers.iter().map(|issuer| issuer["fetches"].as_u64());
        fetches.sum::<Option<u64>>().expect("every issuer counts")
    }

    /// A request with this token, on a connection of its own.
    pub async fn call(&self, token: &str) -> RawResponse {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str())];
        exchange(self.port, &request_head("GET", "/mcp", self.port, &headers)).await
    }

    /// The status of a request with this token.
    pub async fn status(&self, token: &str) -> u16 {
        self.call(token).await.status
    }

    /// The status of a request with this token, and the reason for it by the access log.
    ///
    /// # Panics
    /// When the gate does not log the request that it answered.
    pub async fn verdict(&self, token: &str) -> (u16, String) {
        let answer = self.call(token).await;
        let Some((_, body)) = answer.text.split_once("\r\n\r\n") else {
            panic!("no answer: {}", answer.text)
        };
        let told = serde_json::from_str::<Value>(body).ok();
        let Some(reference) = told.as_ref().and_then(|told| told["reference"].as_str()) else {
            return (answer.status, "ok".to_owned());
        };
        (answer.status, self.logged_reason(reference).await)
    }

    /// The reason of every request that the access log says was refused, in order.
    ///
    /// # Panics
    /// When a refusal has no reason.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        let output = self.process.output();
        let entries = output
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries
            .filter(|entry| fields_of(entry)["outcome"] == "refused")
            .map(|entry| reason_of(&entry).expect("a refusal has a reason"))
            .collect()
    }

    async fn logged_reason(&self, reference: &str) -> String {
        let begin = Instant::now();
        loop {
            let output = self.process.so_far();
            let mut entries = output
                .lines()
                .filter(|line| line.contains(reference))
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(reason) = entries.find_map(|entry| reason_of(&entry)) {
                return reason;
            }
            assert!(
                begin.elapsed() < LOG_LIMIT,
                "not logged: {reference}\n{output}"
            );
            tokio::time::sleep(LOG_POLL).await;
        }
    }

    /// What the admin listener answers to an operator.
    pub async fn admin(&self, method: &str, path: &str) -> RawResponse {
        let question = request_head(method, path, self.admin_port, &[]);
        exchange(self.admin_port, &question).await
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let answer = self.admin("GET", path).await;
        let body = answer.text.split_once("\r\n\r\n");
        let (_, body) = body.expect("an answer has a head");
        (answer.status, body.to_owned())
    }
}

fn reason_of(entry: &Value) -> Option<String> {
    fields_of(entry)["reason"].as_str().map(str::to_owned)
}

fn fields_of(entry: &Value) -> &Value {
    entry.get("fields").unwrap_or(entry)
}

fn resource_section(resource: &str, upstream: &str, issuers: &[&str]) -> String {
    let head = format!(
        "[[resource]]\nserver_url = {resource:?}\nupstream = {upstream:?}\nscopes = {SCOPES:?}\n"
    );
    let issuers = issuers.iter().map(|issuer| {
        format!("[[resource.issuer]]\nissuer_url = {issuer:?}\naudience = {resource:?}\n")
    });
    std::iter::once(head).chain(issuers).collect()
}
