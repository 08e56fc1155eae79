//! Where an emulated provider is reached, and what it says about that.

use serde_json::{Value, json};

use super::shape::with;

/// The one loopback origin that stands for all hosts of a provider, or those hosts' own names.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Such as `http://127.0.0.1:9000`, without a slash.
    pub(crate) origin: String,
    pub(crate) real_names: bool,
}

impl Site {
    /// The URL of a path at one of the provider's hosts.
    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        match self.real_names {
            true => format!("https://{host}{path}"),
            false => format!("{}{path}", self.origin),
        }
    }
}

/// The paths of a provider's endpoints. The first of a kind is the one that its metadata names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoints {
    host: &'static str,
    keys_host: Option<&'static str>,
    pub(crate) authorize: Vec<String>,
    pub(crate) token: Vec<String>,
    pub(crate) jwks: Vec<String>,
    pub(crate) register: Vec<String>,
    pub(crate) revoke: Vec<String>,
    pub(crate) introspect: Vec<String>,
}

macro_rules! paths {
    ($($name:ident)+) => {$(
        #[doc = concat!("Adds a `", stringify!($name), "` path.")]
        pub(crate) fn $name(mut self, path: impl Into<String>) -> Self {
            self.$name.push(path.into());
            self
        }
    )+};
}

impl Endpoints {
    /// All endpoints are at this host, unless [`Self::keys_at`] says otherwise.
    pub(crate) fn at(host: &'static str) -> Self {
        Self {
            host,
            ..Self::default()
        }
    }

    /// The key set is at another host.
    pub(crate) fn keys_at(mut self, host: &'static str) -> Self {
        self.keys_host = Some(host);
        self
    }

    paths! { authorize token jwks register revoke introspect }

    /// The URL of the key set.
    pub(crate) fn jwks_uri(&self, site: &Site) -> Value {
        first(site, self.keys_host.unwrap_or(self.host), &self.jwks)
    }

    /// What most providers say; a provider lays its own members over it ([`with`]).
    pub(crate) fn metadata(&self, site: &Site, issuer: &str) -> Value {
        let url = |paths: &[String]| first(site, self.host, paths);
        let usual = json!({
            "issuer": issuer,
            "authorization_endpoint": url(&self.authorize),
            "token_endpoint": url(&self.token),
            "jwks_uri": self.jwks_uri(site),
            "registration_endpoint": url(&self.register),
            "revocation_endpoint": url(&self.revoke),
            "introspection_endpoint": url(&self.introspect),
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        with(usual, json!({}))
    }
}

fn first(site: &Site, host: &str, paths: &[String]) -> Value {
    paths
        .first()
        .map_or(Value::Null, |path| json!(site.url(host, path)))
}

/// A metadata document and its path.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Document {
    pub(crate) fn new(path: impl Into<String>, body: Value) -> Self {
        Self {
            path: path.into(),
            body,
        }
    }

    /// The same body at several paths.
    pub(crate) fn everywhere(paths: &[&str], body: &Value) -> Vec<Self> {
        paths
            .iter()
            .map(|path| Self::new(*path, body.clone()))
            .collect()
    }
}
