//! From what is wanted to a token in the provider's shape.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Changes, Emulation, Kind,
    provider::{Ask, Provider, Token},
    shape::with,
    site::Site,
};
use crate::{
    clients::StaticClient,
    clock,
    crypto::random_token,
    keys::{Algorithm, KeyRing, SigningKey},
    mint::{forge, overlay},
    options::DevIssuerOptions,
    state::{Claims, IssuerState},
};

/// By which a resource server knows a throw-away key, when its `kid` looks like the provider's.
const DEV_KEY_MEMBER: &str = "oauthgate_dev_key";

/// Who calls when a test does not say it.
const DEFAULT_RESOURCE: &str = "https://mcp.example.com/mcp";

/// A running emulation.
#[derive(Debug)]
pub(crate) struct Emulated {
    pub(crate) emulation: Emulation,
    pub(crate) site: Site,
}

/// A token that a flow is to give out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) kind: Kind,
    pub(crate) for_client: bool,
    pub(crate) client: &'a str,
    /// Empty: none was asked for.
    pub(crate) resource: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) nonce: Option<&'a str>,
}

/// A token, and what introspection would say about it.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) token: String,
    /// `None`: the provider has no such token, and nobody knows this one.
    pub(crate) claims: Option<Claims>,
}

impl Emulated {
    pub(crate) fn new(emulation: Emulation, origin: String, real_names: bool) -> Self {
        let site = Site { origin, real_names };
        Self { emulation, site }
    }

    pub(crate) fn provider(&self) -> &'static dyn Provider {
        self.emulation.provider()
    }

    pub(crate) fn issuer(&self) -> String {
        self.provider().issuer(&self.site, None)
    }

    /// The provider's keys, and those that only lie beside them.
    pub(crate) fn keys(&self) -> Result<KeyRing, aws_lc_rs::error::Unspecified> {
        let ring = KeyRing::generate(self.provider().algorithms(), |key, place| {
            self.dress(key, place)
        })?;
        let Some(algorithm) = self.provider().encryption_key() else {
            return Ok(ring);
        };
        let mut key = self.dress(SigningKey::generate(Algorithm::Rs256)?, 0);
        key.jwk = with(key.jwk, json!({"use": "enc", "alg": algorithm}));
        Ok(ring.with_others(vec![key.jwk]))
    }

    /// Names a key as the provider would, writes its members, and marks it as one that nobody should trust.
    /// `place` is the key's in the provider's list.
    pub(crate) fn dress(&self, mut key: SigningKey, place: usize) -> SigningKey {
        key.kid = self.provider().kid(&key);
        let members = self.provider().jwk_at(&self.site, &key, place);
        let jwk = with(key.jwk.clone(), json!({"kid": key.kid}));
        key.jwk = with(with(jwk, members), json!({DEV_KEY_MEMBER: true}));
        key
    }

    /// The clients that exist from the start.
    pub(crate) fn clients(&self) -> Vec<StaticClient> {
        let [person, machine] = self.emulation.clients();
        let mut login = StaticClient::public(person, "http://127.0.0.1/callback");
        login
            .redirect_uris
            .push("http://localhost/callback".to_owned());
        if self.provider().login_needs_secret() {
            login.client_secret = Some(Emulation::CLIENT_SECRET.to_owned());
        }
        vec![
            login,
            StaticClient::confidential(machine, Emulation::CLIENT_SECRET),
        ]
    }

    /// The API that tokens are asked for when a test does not say it; empty where the provider would not listen.
    fn usual_resource<'a>(&self, options: &'a DevIssuerOptions) -> &'a str {
        let usual = self.provider().target(Some(default_resource(options)));
        usual.ok().flatten().unwrap_or_default()
    }

    /// The variables that make our gate take these tokens.
    pub(crate) fn gate_settings(&self, options: &DevIssuerOptions) -> Vec<(&'static str, String)> {
        let resource = default_resource(options);
        let mut settings = vec![
            ("MCP_SERVER_URL", resource.to_owned()),
            ("OAUTHGATE_PRESET", self.emulation.preset().to_owned()),
            ("OAUTH_ISSUER_URL", self.issuer()),
            ("OAUTH_AUDIENCE", self.provider().audience(resource)),
        ];
        let own = self.provider().settings(&self.site);
        settings.retain(|(name, _)| own.iter().all(|(own, _)| own != name));
        settings.extend(own);
        settings.push(("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true".to_owned()));
        settings
    }
}

fn default_resource(options: &DevIssuerOptions) -> &str {
    options
        .resources
        .first()
        .map_or(DEFAULT_RESOURCE, |resource| &resource.uri)
}

impl IssuerState {
    /// A token of this kind, changed; `None` without an emulation. Introspection knows it, unless its signature was
    /// bent.
    pub(crate) fn emulated_token(&self, kind: Kind, changes: &Changes) -> Option<String> {
        let emulated = self.emulated.as_ref()?;
        let for_client = kind == Kind::Machine;
        let [person, machine] = emulated.emulation.clients();
        let usual_client = if for_client { machine } else { person };
        let usual_scope = emulated.provider().scope(for_client);
        let wanted = Wanted {
            kind,
            for_client,
            client: changes.client_id.as_deref().unwrap_or(usual_client),
            resource: match &changes.audience {
                Some(audience) => audience,
                None => emulated.usual_resource(&self.options),
            },
            scope: changes.scope.as_deref().unwrap_or(usual_scope),
            nonce: None,
        };
        let made = self.make_emulated(emulated, &wanted, changes);
        let is_good = changes.signature == crate::SignatureForgery::None;
        if let Some(claims) = made.claims.filter(|_| kind.is_access_token() && is_good) {
            let expires = clock::now().saturating_add(self.lifetime(changes));
            self.grants()
                .remember_minted(&made.token, claims, wanted.client, expires);
        }
        Some(made.token)
    }

    /// A token for a flow.
    pub(crate) fn issue_emulated(&self, emulated: &Emulated, wanted: &Wanted<'_>) -> Made {
        self.make_emulated(emulated, wanted, &Changes::default())
    }

    fn make_emulated(&self, emulated: &Emulated, wanted: &Wanted<'_>, changes: &Changes) -> Made {
        let provider = emulated.provider();
        let ask = self.ask(emulated, wanted, changes);
        match provider.token(&ask) {
            Token::Nothing => Made {
                token: random_token(),
                claims: None,
            },
            Token::Opaque { text, claims } => Made {
                token: text,
                claims: Some(changed(claims, &changes.claims)),
            },
            Token::Signed(claims) => {
                let claims = changed(claims, &changes.claims);
                let key = self.emulated_key(provider.signer_of(&ask), changes.alg);
                let usual = json!({"alg": key.algorithm.name(), "kid": key.kid});
                let header = with(usual, provider.header(&ask, &key));
                let header = changed(header, &changes.header);
                Made {
                    token: forge(&header, &claims, &key, changes.signature),
                    claims: Some(claims),
                }
            }
        }
    }

    fn ask<'a>(
        &'a self,
        emulated: &'a Emulated,
        wanted: &Wanted<'a>,
        changes: &'a Changes,
    ) -> Ask<'a> {
        let provider = emulated.provider();
        let tenant = changes.tenant.as_deref();
        let asked = Some(wanted.resource).filter(|resource| !resource.is_empty());
        // A provider that would refuse the parameter has other ways to know the API.
        let audience = provider.target(asked).unwrap_or(asked);
        let now = clock::now();
        Ask {
            site: &emulated.site,
            kind: wanted.kind,
            for_client: wanted.for_client,
            issuer: changes
                .issuer
                .clone()
                .unwrap_or_else(|| provider.issuer(&emulated.site, tenant)),
            audience,
            client: wanted.client,
            scope: wanted.scope,
            tenant,
            subject: changes.subject.as_deref(),
            user: &self.options.user,
            nonce: wanted.nonce,
            now,
            expires: now.saturating_add(self.lifetime(changes)),
        }
    }

    fn lifetime(&self, changes: &Changes) -> i64 {
        changes
            .expires_in
            .unwrap_or(self.options.access_token_lifetime)
    }

    fn emulated_key(&self, place: usize, algorithm: Option<Algorithm>) -> Arc<SigningKey> {
        match algorithm {
            Some(algorithm) => self.signing_key(Some(algorithm)),
            None => self.signing_key_at(place),
        }
    }
}

/// The members of an object, changed by a test.
fn changed(object: Value, changes: &Map<String, Value>) -> Map<String, Value> {
    let Value::Object(mut members) = with(object, json!({})) else {
        return changes.clone();
    };
    overlay(&mut members, changes);
    members
}
