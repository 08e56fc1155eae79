//! Everything the server knows while it runs. No lock here is ever held across an await.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value};
use url::Url;

use crate::{
    clients::ClientStore,
    clock,
    control::{Counts, Faults},
    emulate::Emulated,
    error::OAuthError,
    keys::{Algorithm, KeyRing, SigningKey},
    mint::TokenSpec,
    options::{DevIssuerOptions, Resource, ResourceScope},
    parameters::Parameters,
    scope::IDENTITY_SCOPES,
    token::Grants,
};

/// Resources are few; a control API that adds without end is refused by dropping the oldest.
const MAX_RESOURCES: usize = 100;

#[derive(Debug)]
pub(crate) struct IssuerState {
    /// The issuer identifier, byte for byte as in `iss`.
    pub(crate) issuer: String,
    /// Path of the issuer identifier, empty if it has none.
    pub(crate) path: String,
    pub(crate) options: DevIssuerOptions,
    /// The provider that this server passes itself off as.
    pub(crate) emulated: Option<Emulated>,
    pub(crate) clients: ClientStore,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    grants: Mutex<Grants>,
    resources: RwLock<Vec<Resource>>,
    keys: RwLock<KeyRing>,
}

impl IssuerState {
    pub(crate) fn new(
        issuer: String,
        path: String,
        options: DevIssuerOptions,
        emulated: Option<Emulated>,
        keys: KeyRing,
    ) -> Self {
        let usual = emulated.iter().flat_map(Emulated::clients);
        // The caller's word counts where both know a client.
        let clients: Vec<_> = usual.chain(options.clients.iter().cloned()).collect();
        Self {
            issuer,
            path,
            clients: ClientStore::new(&clients),
            faults: Faults::default(),
            counts: Counts::default(),
            grants: Mutex::new(Grants::default()),
            resources: RwLock::new(options.resources.clone()),
            keys: RwLock::new(keys),
            options,
            emulated,
        }
    }

    /// Authorization responses say whose they are (RFC 9207).
    pub(crate) fn names_itself(&self) -> bool {
        self.emulated
            .as_ref()
            .is_none_or(|emulated| emulated.provider().names_itself())
    }

    /// The provider's own host names stand for the loopback origin.
    pub(crate) fn has_real_names(&self) -> bool {
        self.emulated.is_some() && self.options.real_names
    }

    /// The absolute URL of an endpoint such as `/token`.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    pub(crate) fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn jwk_set(&self) -> Value {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .jwk_set()
    }

    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .algorithms()
    }

    /// The active key of an algorithm; made and published if there is none yet.
    pub(crate) fn signing_key(&self, algorithm: Option<Algorithm>) -> Arc<SigningKey> {
        let active = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .active(algorithm);
        active.unwrap_or_else(|| {
            let key = SigningKey::generate(algorithm.unwrap_or(Algorithm::Rs256))
                .expect("the crypto library makes keys");
            let key = self.dress(key, 0);
            self.keys
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .add(key)
        })
    }

    /// The active key at this place of the provider's list.
    pub(crate) fn signing_key_at(&self, place: usize) -> Arc<SigningKey> {
        let active = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .active_at(place);
        active.unwrap_or_else(|| self.signing_key(None))
    }

    /// What is said of an active token (RFC 7662 §2.2).
    pub(crate) fn introspected(&self, mut claims: Claims) -> Value {
        if let Some(emulated) = &self.emulated {
            return emulated.provider().introspected(claims);
        }
        claims.insert("active".to_owned(), Value::Bool(true));
        claims.insert("token_type".to_owned(), Value::from("Bearer"));
        Value::Object(claims)
    }

    fn dress(&self, key: SigningKey, place: usize) -> SigningKey {
        match &self.emulated {
            Some(emulated) => emulated.dress(key, place),
            None => key,
        }
    }

    /// Replaces every active key. Blocks while RSA keys are made.
    pub(crate) fn rotate_keys(&self, keep_old: bool) {
        let successor = KeyRing::generate(&self.algorithms(), |key, place| self.dress(key, place))
            .expect("the crypto library makes keys");
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .rotate(successor, keep_old);
    }

    pub(crate) fn add_resource(&self, resource: Resource) {
        let mut resources = self
            .resources
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        resources.retain(|known| known.uri != resource.uri);
        if resources.len() >= MAX_RESOURCES {
            resources.remove(0);
        }
        resources.push(resource);
    }

    pub(crate) fn resources(&self) -> Vec<Resource> {
        self.resources
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets grants, registered clients, faults and counts. Keys, resources and static clients stay.
    pub(crate) fn reset(&self) {
        *self.grants() = Grants::default();
        self.clients.forget_registered();
        self.faults.clear();
        self.counts.reset();
    }

    /// Makes a token without a flow. Introspection knows it, unless its signature was bent.
    pub(crate) fn mint(&self, spec: &TokenSpec) -> String {
        let claims = spec.claims(
            &self.issuer,
            &self.options.user,
            self.options.access_token_lifetime,
        );
        let token = spec.sign(&self.signing_key(spec.alg), &claims);
        if spec.signature == crate::SignatureForgery::None {
            let now = clock::now();
            let expires_at = claims.get("exp").and_then(Value::as_i64).unwrap_or(now);
            self.grants()
                .remember_minted(&token, claims, &spec.client_id, expires_at);
        }
        token
    }

    /// The resource that a request names, in the words of the provider.
    pub(crate) fn asked_resource<'a>(
        &self,
        parameters: &'a Parameters,
    ) -> Result<Option<&'a str>, OAuthError> {
        let own = self
            .emulated
            .as_ref()
            .and_then(|emulated| emulated.provider().audience_parameter())
            .and_then(|name| parameters.find(name));
        match own {
            Some(audience) => Ok(Some(audience)),
            None => parameters.resource(),
        }
    }

    /// The resource a client asked for (RFC 8707 §2); the first one if it asked for none, unless the provider makes
    /// tokens for none.
    pub(crate) fn target(&self, asked: Option<&str>) -> Result<Target, OAuthError> {
        let Some(emulated) = &self.emulated else {
            return self.known_target(asked);
        };
        let heard = emulated
            .provider()
            .target(asked)
            .map_err(OAuthError::invalid_target)?;
        match heard {
            None => Ok(Target {
                uri: String::new(),
                scopes: None,
            }),
            Some(uri) if self.options.resources.is_empty() => Ok(Target {
                uri: uri.to_owned(),
                scopes: None,
            }),
            Some(_) => self.known_target(heard),
        }
    }

    fn known_target(&self, asked: Option<&str>) -> Result<Target, OAuthError> {
        let resources = self
            .resources
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let found = match asked {
            None => resources.first(),
            Some(uri) => resources.iter().find(|resource| names(uri, &resource.uri)),
        };
        match (found, asked) {
            (Some(resource), _) => Ok(Target {
                uri: resource.uri.clone(),
                scopes: Some(resource.scopes.clone()),
            }),
            (None, Some(uri)) if self.options.accept_any_resource && is_resource_uri(uri) => {
                Ok(Target {
                    uri: uri.to_owned(),
                    scopes: None,
                })
            }
            (None, Some(_)) => Err(OAuthError::invalid_target(
                "this resource is not known here",
            )),
            (None, None) => Err(OAuthError::invalid_target(
                "name the resource that the token is for",
            )),
        }
    }
}

/// A bare origin may be spelled with a slash, because URL libraries add it; every other spelling must be exact.
fn names(asked: &str, uri: &str) -> bool {
    asked == uri
        || (asked.strip_suffix('/') == Some(uri)
            && Url::parse(uri).is_ok_and(|url| url.path() == "/"))
}

fn is_resource_uri(uri: &str) -> bool {
    Url::parse(uri)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.fragment().is_none())
}

/// The resource that a grant is for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) uri: String,
    /// `None`: any scope exists there.
    scopes: Option<Vec<ResourceScope>>,
}

impl Target {
    /// What a scope means, in words; `None` if it does not exist at this resource.
    pub(crate) fn describe(&self, scope: &str) -> Option<String> {
        if let Some((_, words)) = IDENTITY_SCOPES.iter().find(|(name, _)| *name == scope) {
            return Some((*words).to_owned());
        }
        match &self.scopes {
            None => Some(scope.to_owned()),
            Some(scopes) => scopes
                .iter()
                .find(|known| known.name == scope)
                .map(|known| known.description.clone()),
        }
    }

    /// Those of the requested scopes that exist and that the client may have (RFC 6749 §3.3).
    pub(crate) fn select(
        &self,
        requested: &[String],
        client_limit: Option<&[String]>,
    ) -> Result<Vec<String>, OAuthError> {
        let allowed = |scope: &&String| {
            self.describe(scope).is_some() && client_limit.is_none_or(|limit| limit.contains(scope))
        };
        let granted: Vec<String> = requested.iter().filter(allowed).cloned().collect();
        if granted.is_empty() && !requested.is_empty() {
            return Err(OAuthError::invalid_scope(
                "none of these scopes exists at this resource for this client",
            ));
        }
        Ok(granted)
    }
}

/// Claims by name.
pub(crate) type Claims = Map<String, Value>;
