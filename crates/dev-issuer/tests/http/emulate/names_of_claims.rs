//! Which claims each kind of token has, name by name, as the providers document them.

use oauthgate_dev_issuer::Kind::{self, Id, Machine, Refresh, User};

use super::support::{emulate, names, sorted};

/// Provider, kind, `typ` of the header (empty for none), the claims.
const TOKENS: &[(&str, Kind, &str, &str)] = &[
    (
        "hydra",
        User,
        "JWT",
        "aud client_id exp ext iat iss jti nbf scp sub",
    ),
    (
        "hydra",
        Machine,
        "JWT",
        "aud client_id exp ext iat iss jti nbf scp sub",
    ),
    (
        "hydra",
        Id,
        "JWT",
        "at_hash aud auth_time exp iat iss jti rat sid sub",
    ),
    (
        "zitadel",
        User,
        "JWT",
        "aud azp client_id exp iat iss jti nbf sub urn:zitadel:iam:org:project:roles urn:zitadel:iam:user:resourceowner:id",
    ),
    (
        "zitadel",
        Id,
        "JWT",
        "amr at_hash aud auth_time azp client_id exp iat iss sid sub",
    ),
    (
        "authentik",
        User,
        "JWT",
        "acr amr aud auth_time azp email email_verified exp groups iat iss preferred_username scope sid sub uid",
    ),
    (
        "authentik",
        Id,
        "JWT",
        "acr amr aud auth_time email email_verified exp groups iat iss preferred_username sid sub",
    ),
    (
        "authentik",
        Machine,
        "JWT",
        "acr aud auth_time azp exp groups iat iss preferred_username scope sub uid",
    ),
    (
        "workos",
        User,
        "",
        "aud exp iat iss jti org_id scope sid sub",
    ),
    ("workos", Machine, "", "aud exp iat iss jti org_id sub"),
    (
        "scalekit",
        User,
        "JWT",
        "aud client_id exp iat iss jti nbf oid permissions roles scope sub",
    ),
    (
        "scalekit",
        Machine,
        "JWT",
        "client_id exp iat iss jti nbf oid scopes sub",
    ),
    (
        "scalekit",
        Id,
        "JWT",
        "at_hash aud azp email email_verified exp iat iss name oid sub",
    ),
    (
        "duende",
        User,
        "at+jwt",
        "amr aud auth_time client_id exp iat idp iss jti nbf scope sid sub",
    ),
    (
        "duende",
        Machine,
        "at+jwt",
        "aud client_id exp iat iss jti nbf scope",
    ),
    (
        "duende",
        Id,
        "JWT",
        "amr at_hash aud auth_time exp iat idp iss nbf sid sub",
    ),
    (
        "fusionauth",
        User,
        "JWT",
        "applicationId aud auth_time authenticationType email email_verified exp iat iss jti roles scope sid sub tid",
    ),
    (
        "fusionauth",
        Machine,
        "JWT",
        "aud exp iat iss jti permissions sub tid",
    ),
    (
        "fusionauth",
        Id,
        "JWT",
        "applicationId at_hash aud auth_time authenticationType email email_verified exp iat iss jti sid sub tid",
    ),
    (
        "clerk",
        User,
        "at+jwt",
        "client_id exp iat iss jti nbf org_id scope sub",
    ),
    ("clerk", Machine, "at+jwt", "exp iat iss jti nbf scopes sub"),
    (
        "clerk",
        Id,
        "JWT",
        "at_hash aud email email_verified exp iat iss name sub",
    ),
    (
        "supabase",
        User,
        "JWT",
        "aal amr app_metadata aud client_id email exp iat is_anonymous iss phone role scope session_id sub user_metadata",
    ),
    (
        "supabase",
        Id,
        "JWT",
        "aud auth_time email email_verified exp iat iss sub",
    ),
    (
        "logto",
        User,
        "at+jwt",
        "aud client_id exp iat iss jti scope sub",
    ),
    (
        "logto",
        Machine,
        "at+jwt",
        "aud client_id exp iat iss jti scope sub",
    ),
    (
        "logto",
        Id,
        "JWT",
        "at_hash aud exp iat iss name sub username",
    ),
    (
        "casdoor",
        User,
        "JWT",
        "aud azp exp iat iss jti name nbf owner scope sub tokenType",
    ),
    (
        "casdoor",
        Id,
        "JWT",
        "aud azp exp iat iss jti name nbf owner scope sub tokenType",
    ),
    (
        "casdoor",
        Refresh,
        "JWT",
        "aud azp exp iat iss jti name nbf owner scope sub tokenType",
    ),
    ("spring", User, "", "aud exp iat iss jti nbf scope sub"),
    ("spring", Machine, "", "aud exp iat iss jti nbf scope sub"),
    (
        "spring",
        Id,
        "",
        "aud auth_time azp exp iat iss jti sid sub",
    ),
    (
        "oidc-provider",
        User,
        "at+jwt",
        "aud client_id exp iat iss jti scope sub",
    ),
    (
        "oidc-provider",
        Machine,
        "at+jwt",
        "aud client_id exp iat iss jti scope sub",
    ),
    ("oidc-provider", Id, "", "at_hash aud exp iat iss sub"),
    (
        "dex",
        User,
        "",
        "at_hash aud email email_verified exp groups iat iss name sub",
    ),
    (
        "dex",
        Id,
        "",
        "at_hash aud email email_verified exp groups iat iss name sub",
    ),
    (
        "pingone",
        User,
        "",
        "aud client_id exp iat iss scope sid sub",
    ),
    ("pingone", Machine, "", "aud client_id exp iat iss scope"),
    (
        "pingone",
        Id,
        "",
        "acr amr at_hash aud auth_time env exp iat iss sid sub",
    ),
];

#[tokio::test]
async fn every_kind_of_token_has_the_claims_and_the_typ_of_its_provider() {
    for of_one in TOKENS.chunk_by(|one, next| one.0 == next.0) {
        let it = emulate(of_one[0].0).await;
        for (provider, kind, token_type, claims) in of_one {
            let token = it.token(*kind);
            let found = token.header.get("typ").and_then(|typ| typ.as_str());
            assert_eq!(
                found.unwrap_or_default(),
                *token_type,
                "{provider} {kind:?}"
            );
            assert_eq!(names(&token.claims), sorted(claims), "{provider} {kind:?}");
        }
    }
}
