use oauthgate_dev_issuer::{Changes, Kind};
use serde_json::json;

use super::support::{emulate, emulate_by_name, names, sorted};

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const OTHER: &str = "0b53d2c1-7aa0-4a53-bb1b-6d4d3a4f0001";

fn of_other_tenant() -> Changes {
    Changes {
        tenant: Some(OTHER.to_owned()),
        ..Changes::default()
    }
}

#[tokio::test]
async fn metadata_of_all_tenants_names_a_template() {
    let it = emulate("entra").await;
    let own = it
        .document(&format!("/{TENANT}/v2.0/.well-known/openid-configuration"))
        .await;
    assert_eq!(own["issuer"], it.at(&format!("/{TENANT}/v2.0")));
    assert_eq!(
        own["jwks_uri"],
        it.at(&format!("/{TENANT}/discovery/v2.0/keys"))
    );
    for name in ["common", "organizations"] {
        let shared = it
            .document(&format!("/{name}/v2.0/.well-known/openid-configuration"))
            .await;
        assert_eq!(shared["issuer"], it.at("/{tenantid}/v2.0"));
        assert_eq!(
            shared["jwks_uri"],
            it.at(&format!("/{name}/discovery/v2.0/keys"))
        );
        assert_eq!(shared.get("code_challenge_methods_supported"), None);
    }
    assert_eq!(
        it.status(&format!(
            "/.well-known/oauth-authorization-server/{TENANT}/v2.0"
        ))
        .await,
        404
    );
}

#[tokio::test]
async fn keys_have_no_alg_but_an_issuer_and_are_the_same_everywhere() {
    let it = emulate("entra").await;
    let keys = it.keys("/common/discovery/v2.0/keys").await;
    assert_eq!(
        keys,
        it.keys(&format!("/{TENANT}/discovery/v2.0/keys")).await
    );
    for key in &keys {
        assert_eq!(
            names(key),
            sorted("cloud_instance_name e issuer kid kty n oauthgate_dev_key use x5c x5t")
        );
        assert_eq!(key["kid"], key["x5t"]);
    }
    assert_eq!(keys[0]["issuer"], it.at("/{tenantid}/v2.0"));
    assert_eq!(keys[1]["issuer"], it.at(&format!("/{CONSUMERS}/v2.0")));
}

#[tokio::test]
async fn private_accounts_have_a_key_of_their_own() {
    let it = emulate("entra-organizations").await;
    let changes = Changes {
        tenant: Some(CONSUMERS.to_owned()),
        ..Changes::default()
    };
    let keys = it.keys("/organizations/discovery/v2.0/keys").await;
    let private = it.changed(Kind::User, changes);
    assert_eq!(private.header["kid"], keys[1]["kid"]);
    assert_eq!(private.claims["iss"], keys[1]["issuer"]);
    assert_eq!(it.token(Kind::User).header["kid"], keys[0]["kid"]);
}

#[tokio::test]
async fn a_users_v2_token() {
    let it = emulate("entra").await;
    let token = it.token(Kind::User);
    assert_eq!(names(&token.header), sorted("alg kid typ"));
    assert_eq!(
        names(&token.claims),
        sorted(
            "aio aud azp azpacr exp iat iss name nbf oid preferred_username rh scp sub tid uti ver"
        )
    );
    assert_eq!(token.claims["aud"], "6e74172b-be56-4843-9ff4-e66a39bb12e3");
    assert_eq!(token.claims["scp"], "tools.read");
    assert_eq!(token.claims["ver"], "2.0");
}

#[tokio::test]
async fn a_machines_token_has_roles_and_no_scp() {
    let it = emulate("entra").await;
    let claims = it.token(Kind::Machine).claims;
    assert_eq!(claims["roles"], json!(["Tools.Read.All"]));
    assert_eq!(claims["idtyp"], "app");
    assert_eq!(claims["oid"], claims["sub"]);
    assert_eq!(claims.get("scp"), None);
    assert_eq!(claims.get("preferred_username"), None);
}

#[tokio::test]
async fn v1_tokens_come_from_another_host_with_a_slash() {
    let it = emulate_by_name("entra-v1").await;
    let token = it.token(Kind::Machine);
    assert_eq!(names(&token.header), sorted("alg kid typ x5t"));
    assert_eq!(token.header["x5t"], token.header["kid"]);
    assert_eq!(
        token.claims["iss"],
        json!(format!("https://sts.windows.net/{TENANT}/"))
    );
    assert_eq!(token.claims["aud"], "api://mcp-example");
    assert_eq!(
        token.claims["appid"],
        "75dbe77f-10a3-4e59-85fd-8c127544f17c"
    );
    assert_eq!(token.claims["appidacr"], "1");
    assert_eq!(token.claims["ver"], "1.0");
    assert_eq!(token.claims.get("azp"), None);
    let metadata = it
        .document(&format!("/{TENANT}/.well-known/openid-configuration"))
        .await;
    assert_eq!(metadata["issuer"], token.claims["iss"]);
    assert_eq!(
        metadata["jwks_uri"],
        json!(format!(
            "https://login.microsoftonline.com/{TENANT}/discovery/keys"
        ))
    );
}

#[tokio::test]
async fn any_tenant_signs_with_the_same_keys() {
    let it = emulate("entra-organizations").await;
    let claims = it.changed(Kind::User, of_other_tenant()).claims;
    assert_eq!(claims["tid"], OTHER);
    assert_eq!(claims["iss"], it.at(&format!("/{OTHER}/v2.0")));
    let token = it
        .server
        .issuer
        .emulated_token(Kind::User, of_other_tenant());
    let keys = it.document("/organizations/discovery/v2.0/keys").await;
    assert!(it.verifies(&token, &keys));
}

#[tokio::test]
async fn the_api_can_be_named_by_its_app_id_uri() {
    let it = emulate("entra-v1").await;
    let changes = Changes {
        audience: Some("6e74172b-be56-4843-9ff4-e66a39bb12e3".to_owned()),
        ..Changes::default()
    };
    let claims = it.changed(Kind::User, changes).claims;
    assert_eq!(claims["aud"], "6e74172b-be56-4843-9ff4-e66a39bb12e3");
}

#[tokio::test]
async fn an_id_token_is_for_the_client() {
    let it = emulate("entra").await;
    let claims = it.token(Kind::Id).claims;
    assert_eq!(claims["aud"], "11111111-2222-3333-4444-555555555555");
    assert_eq!(claims.get("scp"), None);
    assert_eq!(claims.get("azp"), None);
}
