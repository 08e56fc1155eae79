//! Those where the audience is an API, a project or nothing at all.

use oauthgate_dev_issuer::{Changes, Kind};
use serde_json::json;

use super::support::{API, emulate, emulate_by_name};

#[tokio::test]
async fn resource_becomes_the_audience() {
    for (provider, audience) in [
        ("workos", json!(API)),
        ("scalekit", json!([API])),
        ("duende", json!(API)),
        ("logto", json!(API)),
        ("oidc-provider", json!(API)),
        ("pingone", json!([API])),
        ("hydra", json!([API])),
    ] {
        let it = emulate(provider).await;
        assert_eq!(it.token(Kind::User).claims["aud"], audience, "{provider}");
    }
}

#[tokio::test]
async fn resource_is_ignored() {
    let supabase = emulate("supabase").await;
    assert_eq!(supabase.token(Kind::User).claims["aud"], "authenticated");
    let clerk = emulate("clerk").await;
    assert!(clerk.token(Kind::User).claims.get("aud").is_none());
    let zitadel = emulate("zitadel").await;
    let audiences = zitadel.token(Kind::User).claims["aud"].clone();
    assert_eq!(audiences.as_array().unwrap().len(), 3);
    assert!(
        audiences
            .as_array()
            .unwrap()
            .contains(&json!("69234230000000001"))
    );
}

#[tokio::test]
async fn without_an_audience_hydra_writes_an_empty_one_and_duende_none() {
    let none = || Changes {
        audience: Some(String::new()),
        ..Changes::default()
    };
    let hydra = emulate("hydra").await;
    assert_eq!(hydra.changed(Kind::User, none()).claims["aud"], json!([]));
    let duende = emulate("duende").await;
    assert!(
        duende
            .changed(Kind::User, none())
            .claims
            .get("aud")
            .is_none()
    );
}

#[tokio::test]
async fn without_a_resource_logto_and_oidc_provider_issue_opaque_tokens() {
    for provider in ["logto", "oidc-provider"] {
        let it = emulate(provider).await;
        let changes = Changes {
            audience: Some(String::new()),
            ..Changes::default()
        };
        let token = it.server.issuer.emulated_token(Kind::User, changes);
        assert_eq!(token.split('.').count(), 1, "{provider}");
    }
}

#[tokio::test]
async fn opaque_tokens_have_the_providers_prefix() {
    for (provider, prefix) in [("hydra", "ory_at_"), ("clerk", "oat_")] {
        let it = emulate(provider).await;
        let token = it
            .server
            .issuer
            .emulated_token(Kind::Opaque, Changes::default());
        assert!(token.starts_with(prefix), "{provider}");
    }
}

#[tokio::test]
async fn programs_have_no_subject_at_duende_and_pingone_and_their_own_id_elsewhere() {
    for provider in ["duende", "pingone"] {
        let claims = emulate(provider).await.token(Kind::Machine).claims;
        assert!(claims.get("sub").is_none(), "{provider}");
    }
    for provider in ["hydra", "logto", "oidc-provider", "scalekit", "zitadel"] {
        let claims = emulate(provider).await.token(Kind::Machine).claims;
        assert_eq!(claims["sub"], claims["client_id"], "{provider}");
    }
}

#[tokio::test]
async fn scopes_are_spelled_as_each_provider_does() {
    let hydra = emulate("hydra").await.token(Kind::User).claims;
    assert_eq!(hydra["scp"], json!(["openid", "tools.read"]));
    let duende = emulate("duende").await.token(Kind::User).claims;
    assert_eq!(duende["scope"], json!(["openid", "mcp:tools"]));
    let scalekit = emulate("scalekit").await.token(Kind::Machine).claims;
    assert_eq!(scalekit["scopes"], json!(["tools:read"]));
    let clerk = emulate("clerk").await.token(Kind::Machine).claims;
    assert!(clerk["scopes"].is_string());
    let zitadel = emulate("zitadel").await.token(Kind::User).claims;
    assert!(zitadel.get("scope").is_none());
}

#[tokio::test]
async fn zitadels_roles_are_the_keys_of_an_object() {
    let claims = emulate("zitadel").await.token(Kind::User).claims;
    let roles = &claims["urn:zitadel:iam:org:project:roles"];
    assert!(roles["admin"].is_object());
}

#[tokio::test]
async fn algorithms_follow_the_provider() {
    for (provider, algorithm) in [
        ("logto", "ES384"),
        ("supabase", "ES256"),
        ("hydra", "RS256"),
    ] {
        let token = emulate(provider).await.token(Kind::User);
        assert_eq!(token.header["alg"], algorithm, "{provider}");
    }
}

#[tokio::test]
async fn metadata_lies_where_each_provider_has_it() {
    for (provider, path, keys) in [
        (
            "hydra",
            "/.well-known/openid-configuration",
            "/.well-known/jwks.json",
        ),
        (
            "zitadel",
            "/.well-known/openid-configuration",
            "/oauth/v2/keys",
        ),
        (
            "workos",
            "/.well-known/oauth-authorization-server",
            "/oauth2/jwks",
        ),
        (
            "duende",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration/jwks",
        ),
        (
            "supabase",
            "/auth/v1/.well-known/openid-configuration",
            "/auth/v1/.well-known/jwks.json",
        ),
        (
            "logto",
            "/oidc/.well-known/openid-configuration",
            "/oidc/jwks",
        ),
        (
            "spring",
            "/.well-known/oauth-authorization-server",
            "/oauth2/jwks",
        ),
        ("dex", "/dex/.well-known/openid-configuration", "/dex/keys"),
        (
            "pingone",
            "/5c1e7a30-9b2d-4f0a-8f55-2c6d8e4b7a11/as/.well-known/openid-configuration",
            "/5c1e7a30-9b2d-4f0a-8f55-2c6d8e4b7a11/as/jwks",
        ),
    ] {
        let it = emulate(provider).await;
        let metadata = it.document(path).await;
        assert_eq!(metadata["issuer"], it.issuer(), "{provider}");
        assert_eq!(metadata["jwks_uri"], it.at(keys), "{provider}");
        assert!(!it.keys(keys).await.is_empty());
    }
    assert_eq!(
        emulate("workos")
            .await
            .status("/.well-known/openid-configuration")
            .await,
        404
    );
}

#[tokio::test]
async fn hydras_public_metadata_does_not_know_its_admin_port() {
    let it = emulate("hydra").await;
    let metadata = it.document("/.well-known/openid-configuration").await;
    assert!(metadata.get("introspection_endpoint").is_none());
    assert_eq!(json!(it.issuer()), it.at("/"));
}

#[tokio::test]
async fn scalekit_leads_clients_to_the_resources_own_entry() {
    let it = emulate("scalekit").await;
    let entry = "/resources/res_69038819013296423";
    let path = format!("/.well-known/oauth-authorization-server{entry}");
    assert_eq!(it.document(&path).await["issuer"], it.at(entry));
    assert_eq!(json!(it.issuer()), it.at(""));
}

#[tokio::test]
async fn each_has_its_own_name_when_real_names_are_written() {
    for (provider, issuer) in [
        ("hydra", "https://auth.example.com/"),
        ("zitadel", "https://acme.zitadel.cloud"),
        ("authentik", "https://auth.example.com/application/o/mcp/"),
        ("workos", "https://acme.authkit.app"),
        ("scalekit", "https://acme.scalekit.com"),
        ("duende", "https://id.example.com"),
        ("fusionauth", "https://acme.fusionauth.io"),
        ("clerk", "https://acme.clerk.accounts.dev"),
        ("supabase", "https://abcd.supabase.co/auth/v1"),
        ("logto", "https://acme.logto.app/oidc"),
        ("casdoor", "https://door.example.com"),
        ("spring", "https://auth.example.com"),
        ("oidc-provider", "https://auth.example.com"),
        ("dex", "https://dex.example.com/dex"),
        (
            "pingone",
            "https://auth.pingone.com/5c1e7a30-9b2d-4f0a-8f55-2c6d8e4b7a11/as",
        ),
    ] {
        let it = emulate_by_name(provider).await;
        assert_eq!(it.issuer(), issuer);
        assert_eq!(it.token(Kind::User).claims["iss"], issuer);
    }
}
