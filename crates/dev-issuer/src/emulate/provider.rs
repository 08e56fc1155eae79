//! What one provider's file says: data, as far as it goes, and small functions where a provider decides something.

use std::fmt;

use serde_json::{Value, json};

use super::{
    Emulation,
    kind::Kind,
    shape,
    site::{Document, Endpoints, Site},
};
use crate::{
    crypto::base64url,
    keys::{Algorithm, SigningKey},
    options::DemoUser,
    state::Claims,
};

/// A provider. Its tenant and its clients are fixed and fictional; everything it writes follows from them.
pub(crate) trait Provider: fmt::Debug + Sync {
    /// The host names it is known by; those of `real_names`.
    fn hosts(&self) -> &'static [&'static str];

    /// `iss` of its tokens, byte for byte; for another tenant than the usual one where it has tenants.
    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String;

    /// Where its endpoints are.
    fn endpoints(&self) -> Endpoints;

    /// The metadata documents it serves.
    fn documents(&self, site: &Site) -> Vec<Document>;

    /// What a token of this kind is.
    fn token(&self, ask: &Ask<'_>) -> Token;

    /// The header beside `alg` and `kid`; a `null` removes one of those.
    fn header(&self, _ask: &Ask<'_>, _key: &SigningKey) -> Value {
        json!({"typ": "JWT"})
    }

    /// A client that logs people in, and one that logs itself in: their ids are the provider's to choose.
    fn clients(&self) -> [&'static str; 2] {
        ["mcp-client", "scheduler"]
    }

    /// The client that logs people in has a secret, too.
    fn login_needs_secret(&self) -> bool {
        false
    }

    /// What is granted when a test does not say it, as clients ask for it.
    fn scope(&self, ask_for_client: bool) -> &'static str {
        match ask_for_client {
            true => "tools:read",
            false => "openid tools:read",
        }
    }

    /// One signing key is made for each.
    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256]
    }

    /// Which of them signs.
    fn signer(&self, _kind: Kind) -> usize {
        0
    }

    /// The same for a token of a tenant that has a key of its own.
    fn signer_of(&self, ask: &Ask<'_>) -> usize {
        self.signer(ask.kind)
    }

    /// The `alg` of a key in the set that signs nothing.
    fn encryption_key(&self) -> Option<&'static str> {
        None
    }

    /// How its `kid`s look, made from the key so that no two keys share one.
    fn kid(&self, key: &SigningKey) -> String {
        base64url(&key.thumbprint)
    }

    /// Members of a published key beside `kty`, its numbers, `kid`, `use` and `alg`; a `null` removes one of those.
    fn jwk(&self, _site: &Site, _key: &SigningKey) -> Value {
        json!({})
    }

    /// The same for the key at this place of the provider's list.
    fn jwk_at(&self, site: &Site, key: &SigningKey, _place: usize) -> Value {
        self.jwk(site, key)
    }

    /// The document at one of the key set's paths.
    fn key_set(&self, _path: &str, keys: Vec<Value>) -> Value {
        json!({ "keys": keys })
    }

    /// What becomes of the API that a client asked for: it, nothing (the provider ignores it), or an error.
    fn target<'a>(&self, asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(asked)
    }

    /// A parameter of its own that means what `resource` means elsewhere, and wins over it.
    fn audience_parameter(&self) -> Option<&'static str> {
        None
    }

    /// Writes `iss` into authorization responses (RFC 9207).
    fn names_itself(&self) -> bool {
        false
    }

    /// What introspection says of an active token.
    fn introspected(&self, claims: Claims) -> Value {
        shape::with(
            Value::Object(claims),
            json!({"active": true, "token_type": "Bearer"}),
        )
    }

    /// A question about tokens that is not RFC 7662.
    fn token_info(&self) -> Option<TokenInfo> {
        None
    }

    /// What our gate must expect as the audience.
    fn audience(&self, resource: &str) -> String {
        resource.to_owned()
    }

    /// What our gate must be told beside preset, issuer and audience, on loopback; or instead of those.
    fn settings(&self, _site: &Site) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A token, before it is signed.
#[derive(Debug)]
pub(crate) enum Token {
    /// A JWT with these claims; `null`s are left out.
    Signed(Value),
    /// A string and what introspection knows about it.
    Opaque {
        /// The token.
        text: String,
        /// Its claims.
        claims: Value,
    },
    /// The provider has no such token.
    Nothing,
}

impl Token {
    /// A random string with the provider's prefix.
    pub(crate) fn opaque(prefix: &str, claims: Value) -> Self {
        Self::Opaque {
            text: format!("{prefix}{}", crate::crypto::random_token()),
            claims,
        }
    }
}

/// A question about tokens in a provider's own form.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TokenInfo {
    /// `GET` or `POST` with `access_token`, by everybody.
    Google {
        /// Where.
        path: &'static str,
    },
    /// `POST` of `{"access_token": "…"}` by the client itself, with HTTP Basic.
    GitHub {
        /// Where, with the client's id in braces.
        path: &'static str,
    },
}

/// What a token is to say.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) site: &'a Site,
    pub(crate) kind: Kind,
    /// A client asks for itself, whatever the kind is.
    pub(crate) for_client: bool,
    /// `iss`.
    pub(crate) issuer: String,
    /// The API that the token was asked for, if one was and the provider listens to that.
    pub(crate) audience: Option<&'a str>,
    pub(crate) client: &'a str,
    /// As granted, separated by blanks.
    pub(crate) scope: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) user: &'a DemoUser,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) now: i64,
    pub(crate) expires: i64,
}

impl<'a> Ask<'a> {
    /// The granted scopes one by one.
    pub(crate) fn scopes(&self) -> Vec<&'a str> {
        self.scope.split_whitespace().collect()
    }

    /// The scope as a claim: absent when there is none.
    pub(crate) fn scope_claim(&self) -> Value {
        match self.scope {
            "" => Value::Null,
            scope => json!(scope),
        }
    }

    /// `sub`: what the test wants, or this.
    pub(crate) fn subject_or<'b>(&'b self, usual: &'b str) -> &'b str {
        self.subject.unwrap_or(usual)
    }

    /// The tenant that the test wants, or this.
    pub(crate) fn tenant_or<'b>(&'b self, usual: &'b str) -> &'b str {
        self.tenant.unwrap_or(usual)
    }

    /// `iat`: never after `exp`.
    pub(crate) fn issued_at(&self) -> i64 {
        self.now.min(self.expires)
    }

    /// `iss`, `iat`, `exp` and these claims.
    pub(crate) fn claims(&self, claims: Value) -> Value {
        let usual = json!({"iss": self.issuer, "iat": self.issued_at(), "exp": self.expires});
        shape::with(usual, claims)
    }
}

/// The variables with which our gate asks about tokens as this client.
pub(crate) fn introspection_by(client: &str) -> Vec<(&'static str, String)> {
    vec![
        ("OAUTHGATE_INTROSPECTION_CLIENT_ID", client.to_owned()),
        (
            "OAUTHGATE_INTROSPECTION_CLIENT_SECRET",
            Emulation::CLIENT_SECRET.to_owned(),
        ),
    ]
}
