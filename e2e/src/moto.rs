//! PyPI `moto`: an emulation of Amazon Cognito user pools. Its tokens name the true address of a pool, and
//! it serves the documents of pools only to who calls it by that name; there are no other hosts to it.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    browser::client,
    login::Tokens,
    parts::moto_server,
    process::{Process, free_port},
};

const REGION: &str = "eu-west-1";
const SERVICE: &str = "AWSCognitoIdentityProviderService";
/// Nobody checks it: `moto` reads the region and the service out of it.
const CREDENTIALS: &str = "AWS4-HMAC-SHA256 Credential=nobody/20260101/eu-west-1/cognito-idp/aws4_request, \
    SignedHeaders=host, Signature=none";
const PASSWORD: &str = "A-password-0n-loopback";

/// A running `moto_server`.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    _process: Process,
}

impl Moto {
    /// Starts one, without any pool.
    ///
    /// # Panics
    /// When it is not installed (`cargo xtask setup` does it), or does not start.
    pub async fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(moto_server().path());
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut process = Process::start("moto_server", command);
        process.until_listening(port).await;
        Self {
            port,
            _process: process,
        }
    }

    /// Its port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a pool with one user, Alice, who is in the group `ops`.
    ///
    /// # Panics
    /// When `moto` refuses.
    pub async fn pool(&self) -> UserPool<'_> {
        let answer = self
            .call("CreateUserPool", json!({ "PoolName": "any" }))
            .await;
        let id = text(&answer["UserPool"]["Id"]);
        let pool = UserPool { moto: self, id };
        pool.add_user().await;
        pool
    }

    /// One call of Cognito's API.
    async fn call(&self, action: &str, body: Value) -> Value {
        let request = client().post(format!("http://127.0.0.1:{}/", self.port));
        let request = request
            .header("authorization", CREDENTIALS)
            .header("x-amz-target", format!("{SERVICE}.{action}"))
            .json(&body)
            .header("content-type", "application/x-amz-json-1.1");
        let response = request.send().await.expect("moto answers");
        let status = response.status();
        let answer = response.text().await.unwrap_or_default();
        assert!(
            status.is_success(),
            "moto refuses {action}: {status} {answer}"
        );
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }
}

/// A user pool.
#[derive(Debug)]
pub struct UserPool<'a> {
    moto: &'a Moto,
    id: String,
}

impl UserPool<'_> {
    /// The host by which pools are called.
    #[must_use]
    pub fn host() -> String {
        format!("cognito-idp.{REGION}.amazonaws.com")
    }

    /// The issuer identifier, which is also the address of its metadata.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://{}/{}", Self::host(), self.id)
    }

    /// Where its keys lie.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.issuer())
    }

    /// Makes an app client; returns its id.
    ///
    /// # Panics
    /// When `moto` refuses.
    pub async fn app_client(&self) -> String {
        let flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let answer = self
            .call(
                "CreateUserPoolClient",
                json!({ "ClientName": "any", "ExplicitAuthFlows": flows }),
            )
            .await;
        text(&answer["UserPoolClient"]["ClientId"])
    }

    /// Alice's tokens for an app client.
    ///
    /// # Panics
    /// When `moto` refuses.
    pub async fn log_in(&self, client_id: &str) -> Tokens {
        let credentials = json!({ "USERNAME": "alice", "PASSWORD": PASSWORD });
        let login = json!({
            "ClientId": client_id, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": credentials,
        });
        let answer = self.call("AdminInitiateAuth", login).await;
        let members = ["AccessToken", "IdToken", "RefreshToken"];
        Tokens::read(&answer["AuthenticationResult"], members)
    }

    async fn add_user(&self) {
        let alice = || json!({ "Username": "alice" });
        self.call("AdminCreateUser", alice()).await;
        let mut password = alice();
        password["Password"] = json!(PASSWORD);
        password["Permanent"] = json!(true);
        self.call("AdminSetUserPassword", password).await;
        self.call("CreateGroup", json!({ "GroupName": "ops" }))
            .await;
        let mut group = alice();
        group["GroupName"] = json!("ops");
        self.call("AdminAddUserToGroup", group).await;
    }

    async fn call(&self, action: &str, mut body: Value) -> Value {
        body["UserPoolId"] = json!(self.id);
        self.moto.call(action, body).await
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}
