//! Makes the tokens of a successful answer.

use serde_json::{Map, Value, json};

use super::{CodeGrant, Grant};
use crate::{
    clients::{Client, GrantType},
    clock,
    crypto::random_token,
    emulate::{Kind, Wanted},
    mint::{ClaimSource, access_token_claims, compact, jose_header},
    options::TokenFormat,
    state::{Claims, IssuerState},
};

/// Tokens for what a user allowed: an access token, a refresh token if the client can use one, an ID token if the code
/// was asked for with `openid`.
pub(super) fn for_user(
    state: &IssuerState,
    client: &Client,
    grant: &Grant,
    scopes: &[String],
    code: Option<&CodeGrant>,
) -> Value {
    let scope = scopes.join(" ");
    let wanted = Wanted {
        kind: Kind::User,
        for_client: false,
        client: &client.client_id,
        resource: &grant.resource,
        scope: &scope,
        nonce: code.and_then(|code| code.nonce.as_deref()),
    };
    let mut answer = bearer_answer(state, client, &wanted, Some(grant.family.clone()));
    if client.may_use(GrantType::RefreshToken) {
        answer["refresh_token"] = json!(refresh_token(state, grant, wanted));
    }
    if let Some(code) = code.filter(|_| scopes.iter().any(|scope| scope == "openid")) {
        answer["id_token"] = json!(id_token(state, client, scopes, code, wanted));
    }
    answer
}

/// A token that a client got for itself: no user, no refresh token (RFC 6749 §4.4.3).
pub(super) fn for_client(
    state: &IssuerState,
    client: &Client,
    resource: &str,
    scopes: &[String],
) -> Value {
    let wanted = Wanted {
        kind: Kind::Machine,
        for_client: true,
        client: &client.client_id,
        resource,
        scope: &scopes.join(" "),
        nonce: None,
    };
    bearer_answer(state, client, &wanted, None)
}

/// RFC 6749 §5.1.
fn bearer_answer(
    state: &IssuerState,
    client: &Client,
    wanted: &Wanted<'_>,
    family: Option<String>,
) -> Value {
    let (token, claims) = access_token(state, client, wanted);
    let lifetime = state.options.access_token_lifetime;
    let expires_at = clock::now() + lifetime;
    if let Some(claims) = claims {
        state
            .grants()
            .remember_access_token(&token, claims, wanted.client, family, expires_at);
    }
    let mut answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime});
    if !wanted.scope.is_empty() {
        answer["scope"] = json!(wanted.scope);
    }
    answer
}

/// An access token and what introspection says about it; nothing where an emulated provider has no such token.
fn access_token(
    state: &IssuerState,
    client: &Client,
    wanted: &Wanted<'_>,
) -> (String, Option<Claims>) {
    let is_opaque = state.options.token_format == TokenFormat::Opaque;
    if let Some(emulated) = &state.emulated {
        let kind = if is_opaque { Kind::Opaque } else { wanted.kind };
        let made = state.issue_emulated(emulated, &Wanted { kind, ..*wanted });
        return (made.token, made.claims);
    }
    let user = &state.options.user;
    let claims = access_token_claims(&ClaimSource {
        issuer: &state.issuer,
        audience: json!(wanted.resource),
        subject: match wanted.for_client {
            true => wanted.client,
            false => &user.subject,
        },
        client_id: wanted.client,
        scope: wanted.scope,
        lifetime: state.options.access_token_lifetime,
        user: (!wanted.for_client).then_some(user),
    });
    if is_opaque {
        return (random_token(), Some(claims));
    }
    let key = state.signing_key(client.access_token_algorithm);
    let header = jose_header(&key, "at+jwt");
    let token = compact(&header, &claims, |input| key.sign(input));
    (token, Some(claims))
}

/// A random string, except at providers that sign them.
fn refresh_token(state: &IssuerState, grant: &Grant, wanted: Wanted<'_>) -> String {
    let kind = Kind::Refresh;
    let token = match &state.emulated {
        None => random_token(),
        Some(emulated) => {
            state
                .issue_emulated(emulated, &Wanted { kind, ..wanted })
                .token
        }
    };
    let expires_at = clock::now() + state.options.refresh_token_lifetime;
    state
        .grants()
        .remember_refresh_token(&token, grant.clone(), expires_at);
    token
}

/// OpenID Connect Core §2.
fn id_token(
    state: &IssuerState,
    client: &Client,
    scopes: &[String],
    code: &CodeGrant,
    wanted: Wanted<'_>,
) -> String {
    if let Some(emulated) = &state.emulated {
        let kind = Kind::Id;
        return state
            .issue_emulated(emulated, &Wanted { kind, ..wanted })
            .token;
    }
    let user = &state.options.user;
    let now = clock::now();
    let mut claims = Map::from_iter([
        ("iss".to_owned(), json!(state.issuer)),
        ("sub".to_owned(), json!(user.subject)),
        ("aud".to_owned(), json!(client.client_id)),
        (
            "exp".to_owned(),
            json!(now + state.options.access_token_lifetime),
        ),
        ("iat".to_owned(), json!(now)),
        ("auth_time".to_owned(), json!(code.auth_time)),
    ]);
    if let Some(nonce) = &code.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    for (scope, claim, value) in [
        ("profile", "name", &user.name),
        ("email", "email", &user.email),
    ] {
        if scopes.iter().any(|granted| granted == scope) {
            claims.insert(claim.to_owned(), json!(value));
        }
    }
    let key = state.signing_key(client.id_token_algorithm);
    compact(&jose_header(&key, "JWT"), &claims, |input| key.sign(input))
}
