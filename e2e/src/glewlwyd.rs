//! Debian's `glewlwyd`: an authorization server in C, with a JOSE library of its own on GnuTLS and nettle.
//! Its database is fresh, and it is set up as an administrator would: over its REST API.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    authorization_server::SCOPES,
    browser::{Browser, REDIRECT_URI, client},
    login::{Login, Tokens, client_credentials},
    parts::{Part, glewlwyd, new_key},
    process::{Process, free_port},
};

/// The administrator of the database that the package brings.
const ADMINISTRATOR: [&str; 2] = ["admin", "password"];
const PERSON: [&str; 2] = ["alice", "a-password-on-loopback"];
const SECRET: &str = "a-secret-on-loopback";
/// What a person's login asks for.
const SCOPE: &str = "openid mcp:read";

/// A running `glewlwyd`.
#[derive(Debug)]
pub struct Glewlwyd {
    /// Before the directory: it ends before its database goes.
    _process: Process,
    api: String,
    administrator: Browser,
    /// Private, the one that signs first.
    keys: Vec<Value>,
    resources: Vec<String>,
    _directory: TempDir,
}

impl Glewlwyd {
    /// Starts one that signs with this algorithm and issues tokens for nothing yet.
    ///
    /// # Panics
    /// When it is not installed (`cargo xtask setup` does it), or does not start.
    pub async fn start(algorithm: &str) -> Self {
        let port = free_port();
        let directory = directory_in_memory();
        let package = glewlwyd();
        make_database(&package, directory.path());
        let configuration = directory.path().join("glewlwyd.conf");
        fs::write(&configuration, configure(&package, directory.path(), port)).expect("a file");
        let mut command = Command::new(package.path().join("usr/bin/glewlwyd"));
        command.arg(format!("--config-file={}", configuration.display()));
        let mut process = Process::start("glewlwyd", command);
        process.until_listening(port).await;
        let mut server = Self {
            _process: process,
            api: format!("http://localhost:{port}/api"),
            administrator: Browser::default(),
            keys: vec![new_key(algorithm, "sig").await],
            resources: Vec::new(),
            _directory: directory,
        };
        server.set_up().await;
        server
    }

    /// Its issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/oidc", self.api)
    }

    /// Issues tokens for these resources from now on.
    pub async fn protect(&mut self, resources: &[&str]) {
        self.resources = resources.iter().map(|&name| name.to_owned()).collect();
        self.reload().await;
    }

    /// Signs with a new key of this algorithm from now on. With `keep_old` the others stay published.
    pub async fn rotate(&mut self, algorithm: &str, keep_old: bool) {
        if !keep_old {
            self.keys.clear();
        }
        self.keys.insert(0, new_key(algorithm, "sig").await);
        self.reload().await;
    }

    /// A program's access token.
    pub async fn machine_token(&self, resource: &str) -> String {
        self.client_token("machine", resource).await
    }

    /// A program's access token, encrypted to a key of that program.
    pub async fn encrypted_token(&self, resource: &str) -> String {
        self.client_token("sealed", resource).await
    }

    /// Signs Alice in, lets her consent, and plays the authorization code flow for her.
    pub async fn log_in(&self, resource: &str) -> Tokens {
        let mut browser = Browser::default();
        self.sign_in(&mut browser, PERSON).await;
        let consent = client().put(format!("{}/auth/grant/app", self.api));
        answer(&mut browser, consent.json(&json!({ "scope": SCOPE }))).await;
        let login = Login {
            authorization_endpoint: format!("{}/auth", self.issuer()),
            token_endpoint: self.token_endpoint(),
            client_id: "app",
            scope: SCOPE,
            resource,
            more: &[("g_continue", "")],
        };
        login.play(&mut browser).await
    }

    /// Takes a program's token back (RFC 7009).
    pub async fn revoke(&self, token: &str) {
        let request = client().post(format!("{}/revoke", self.issuer()));
        let request = request.basic_auth("machine", Some(SECRET));
        answer(&mut Browser::default(), request.form(&[("token", token)])).await;
    }

    /// The client that may introspect the tokens it got itself, and its secret.
    #[must_use]
    pub fn machine(&self) -> (&'static str, &'static str) {
        ("machine", SECRET)
    }

    async fn client_token(&self, client: &str, resource: &str) -> String {
        let credentials = (client, SECRET);
        client_credentials(&self.token_endpoint(), credentials, resource, "mcp:read").await
    }

    fn token_endpoint(&self) -> String {
        format!("{}/token", self.issuer())
    }

    async fn set_up(&mut self) {
        let mut administrator = std::mem::take(&mut self.administrator);
        self.sign_in(&mut administrator, ADMINISTRATOR).await;
        self.administrator = administrator;
        self.post("mod/plugin/", self.plugin()).await;
        for name in SCOPES.split(' ') {
            let scope = json!({
                "name": name, "display_name": name, "description": name,
                "password_required": true, "password_max_age": 0, "scheme": {},
            });
            self.post("scope", scope).await;
        }
        self.post("user", person()).await;
        self.post("client", application()).await;
        self.post("client", machine("machine")).await;
        self.post("client", sealed().await).await;
    }

    async fn sign_in(&self, browser: &mut Browser, [username, password]: [&str; 2]) {
        let request = client().post(format!("{}/auth/", self.api));
        let credentials = json!({ "username": username, "password": password });
        answer(browser, request.json(&credentials)).await;
    }

    /// Gives the plugin that issues tokens its present settings, and starts it anew inside of the process.
    async fn reload(&mut self) {
        let plugin = format!("{}/mod/plugin/oidc", self.api);
        let request = client().put(&plugin).json(&self.plugin());
        answer(&mut self.administrator, request).await;
        let request = client().put(format!("{plugin}/reset"));
        answer(&mut self.administrator, request).await;
    }

    async fn post(&mut self, path: &str, body: Value) {
        let request = client().post(format!("{}/{path}", self.api));
        answer(&mut self.administrator, request.json(&body)).await;
    }

    /// The settings of the plugin that issues tokens. Without a `default-kid` the first key signs.
    fn plugin(&self) -> Value {
        let allowed: serde_json::Map<_, _> = SCOPES
            .split(' ')
            .map(|scope| (scope.to_owned(), json!(self.resources)))
            .collect();
        json!({ "module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
            "iss": self.issuer(),
            "jwks-show": true,
            "jwks-private": json!({ "keys": self.keys }).to_string(),
            "default-kid": "",
            "jwt-type": "rsa", "jwt-key-size": "256",
            "access-token-duration": 300, "refresh-token-duration": 3600, "code-duration": 60,
            "refresh-token-rolling": true, "allow-non-oidc": true, "subject-type": "public",
            "auth-type-code-enabled": true, "auth-type-client-enabled": true, "auth-type-refresh-enabled": true,
            "auth-type-token-enabled": false, "auth-type-id-token-enabled": false,
            "auth-type-password-enabled": false, "auth-type-none-enabled": false,
            "pkce-allowed": true, "pkce-required": true, "pkce-method-plain-allowed": false,
            "resource-allowed": !self.resources.is_empty(), "resource-scope": allowed,
            "introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": true,
            "encrypt-out-token-allow": true,
            "client-enc-parameter": "enc", "client-alg-parameter": "alg", "client-alg_kid-parameter": "alg_kid",
            "client-encrypt_at-parameter": "encrypt_at", "client-jwks-parameter": "jwks",
            "name-claim": "no", "email-claim": "no", "scope-claim": "no",
        }})
    }
}

fn person() -> Value {
    let [username, password] = PERSON;
    json!({
        "username": username, "password": password, "name": "Alice", "email": "alice@example.com",
        "enabled": true, "scope": ["openid", "mcp:read", "mcp:write"],
    })
}

fn application() -> Value {
    json!({
        "client_id": "app", "name": "app", "confidential": false, "enabled": true,
        "authorization_type": ["code", "refresh_token"], "scope": ["openid", "mcp:read"],
        "redirect_uri": [REDIRECT_URI],
    })
}

fn machine(name: &str) -> Value {
    json!({
        "client_id": name, "name": name, "confidential": true, "enabled": true,
        "password": SECRET, "client_secret": SECRET, "token_endpoint_auth_method": ["client_secret_basic"],
        "authorization_type": ["client_credentials"], "scope": SCOPES.split(' ').collect::<Vec<_>>(),
        "redirect_uri": [],
    })
}

/// A program that gets its access tokens encrypted.
async fn sealed() -> Value {
    let key = new_key("RSA-OAEP-256", "enc").await;
    let public =
        json!({ "kty": "RSA", "n": key["n"], "e": key["e"], "kid": key["kid"], "use": "enc" });
    let mut client = machine("sealed");
    client["alg"] = json!("RSA-OAEP-256");
    client["enc"] = json!("A256GCM");
    client["alg_kid"] = key["kid"].clone();
    client["encrypt_at"] = json!("1");
    client["jwks"] = json!({ "keys": [public] });
    client
}

/// Sends a request that must succeed.
async fn answer(browser: &mut Browser, request: reqwest::RequestBuilder) {
    let response = browser.send(request).await;
    let (url, status) = (response.url().clone(), response.status());
    let text = response.text().await.unwrap_or_default();
    assert!(
        status.is_success(),
        "glewlwyd refuses {url}: {status} {text}"
    );
}

/// SQLite waits for the disk at each of some hundred statements; in memory there is nothing to wait for.
fn directory_in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary directory")
}

/// The tables and the administrator that the package's own script makes.
fn make_database(package: &Part, directory: &Path) {
    let packed = "usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz";
    let mut gzip = Command::new("gzip");
    gzip.arg("-dc").arg(package.path().join(packed));
    let script = directory.join("init.sql");
    let output = File::create(&script).expect("a file");
    run(gzip.stdout(output));
    let mut sqlite = Command::new("sqlite3");
    sqlite.arg("-bail").arg(directory.join("glewlwyd.db"));
    run(sqlite.stdin(File::open(&script).expect("the script")));
}

fn run(command: &mut Command) {
    let output = command
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run `cargo xtask setup`"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
}

fn configure(package: &Part, directory: &Path, port: u16) -> String {
    let modules = package
        .path()
        .join("usr/lib/glewlwyd")
        .display()
        .to_string();
    let directory = directory.display();
    format!(
        r#"port={port}
bind_address="127.0.0.1"
external_url="http://localhost:{port}"
api_prefix="api"
login_url="login.html"
cookie_secure=0
log_mode="console"
log_level="WARNING"
hash_algorithm="SHA512"
user_module_path="{modules}/user"
user_middleware_module_path="{modules}/user_middleware"
user_auth_scheme_module_path="{modules}/scheme"
client_module_path="{modules}/client"
plugin_module_path="{modules}/plugin"
database={{ type="sqlite3" path="{directory}/glewlwyd.db" }}
"#
    )
}
