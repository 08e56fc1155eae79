//! Makes the tokens of a successful answer.

use serde_json::{Map, Value, json};

use super::{CodeGrant, Grant};
use crate::{
    clients::{Client, GrantType},
    clock,
    crypto::random_token,
    mint::{ClaimSource, access_token_claims, compact, jose_header},
    options::TokenFormat,
    state::IssuerState,
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
    let source = ClaimSource {
        issuer: &state.issuer,
        audience: json!(grant.resource),
        subject: &state.options.user.subject,
        client_id: &client.client_id,
        scope: &scope,
        lifetime: state.options.access_token_lifetime,
        user: Some(&state.options.user),
    };
    let mut answer = bearer_answer(state, client, &source, Some(grant.family.clone()));
    if client.may_use(GrantType::RefreshToken) {
        let expires_at = clock::now() + state.options.refresh_token_lifetime;
        answer["refresh_token"] = json!(
            state
                .grants()
                .issue_refresh_token(grant.clone(), expires_at)
        );
    }
    if let Some(code) = code.filter(|_| scopes.iter().any(|scope| scope == "openid")) {
        answer["id_token"] = json!(id_token(state, client, scopes, code));
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
    let scope = scopes.join(" ");
    let source = ClaimSource {
        issuer: &state.issuer,
        audience: json!(resource),
        subject: &client.client_id,
        client_id: &client.client_id,
        scope: &scope,
        lifetime: state.options.access_token_lifetime,
        user: None,
    };
    bearer_answer(state, client, &source, None)
}

/// RFC 6749 §5.1.
fn bearer_answer(
    state: &IssuerState,
    client: &Client,
    source: &ClaimSource<'_>,
    family: Option<String>,
) -> Value {
    let claims = access_token_claims(source);
    let token = match state.options.token_format {
        TokenFormat::Opaque => random_token(),
        TokenFormat::Jwt => {
            let key = state.signing_key(client.access_token_algorithm);
            compact(&jose_header(&key, "at+jwt"), &claims, |input| {
                key.sign(input)
            })
        }
    };
    state
        .grants()
        .remember_access_token(&token, claims, family, clock::now() + source.lifetime);
    let mut answer =
        json!({"access_token": token, "token_type": "Bearer", "expires_in": source.lifetime});
    if !source.scope.is_empty() {
        answer["scope"] = json!(source.scope);
    }
    answer
}

/// OpenID Connect Core §2.
fn id_token(state: &IssuerState, client: &Client, scopes: &[String], code: &CodeGrant) -> String {
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
