//! The traps that providers set, as far as this crate decides them.

use oauthgate_core::{
    Audience, CompactJws, Issuer, JwkSet, PrincipalKind, Profile, ProtectedResource, Reason,
    ScopeSet, SettingError, Verifier, VerifierSet,
    claims::{ClaimPointer, IssuerTemplate},
    context::Preset,
    keys::JwkSetError,
};
use serde_json::{Value, json};

use crate::{builder, judge, support::*};

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";

/// A token of the generic kind for an issuer.
fn plain(issuer: &str) -> Value {
    claims_with(&json!({"iss": issuer}))
}

fn generic(issuer: &str) -> Verifier {
    builder("generic", issuer, &[RESOURCE]).build().unwrap()
}

fn entra_issuer(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn entra_claims(more: &Value) -> Value {
    let claims = json!({
        "iss": entra_issuer(TENANT), "aud": API, "exp": NOW + 3600, "iat": NOW, "ver": "2.0",
        "azp": "1111", "oid": "6902", "sub": "HKZp", "tid": TENANT, "scp": "tools.read",
    });
    merged(claims, more)
}

fn entra() -> Verifier {
    builder("entra", &entra_issuer(TENANT), &[API])
        .build()
        .unwrap()
}

fn user_of_preset(preset: &str, more: &Value) -> Result<oauthgate_core::UserContext, Reason> {
    let claims = claims_with(more);
    let verifier = builder(preset, ISSUER, &[RESOURCE]).build().unwrap();
    let token_type = match preset {
        "duende" | "clerk" | "logto" | "oidc-provider" => Some("at+jwt"),
        _ => None,
    };
    judge(&verifier, token_type, &claims)
}

#[test]
fn trap_01_a_trailing_slash_is_part_of_the_issuer() {
    for issuer in [
        "https://acme.eu.auth0.com/",
        "https://acme.okta.com/oauth2/default",
    ] {
        let other = issuer
            .strip_suffix('/')
            .map_or_else(|| format!("{issuer}/"), str::to_owned);
        assert!(judge(&generic(issuer), None, &plain(issuer)).is_ok());
        assert_eq!(
            judge(&generic(issuer), None, &plain(&other)),
            Err(Reason::UnknownIssuer)
        );
        assert_ne!(
            Preset::for_issuer(&Issuer::new(issuer).unwrap()).map(|preset| preset.name),
            Preset::for_issuer(&Issuer::new(other).unwrap()).map(|preset| preset.name)
        );
    }
}

#[test]
fn trap_02_an_issuer_need_not_be_a_url() {
    for issuer in [
        "stytch.com/project-test-1",
        "P2abcProject",
        "acme.com",
        "accounts.google.com",
    ] {
        assert!(
            judge(&generic(issuer), None, &plain(issuer)).is_ok(),
            "{issuer}"
        );
        let url = format!("https://{issuer}");
        assert_eq!(
            judge(&generic(issuer), None, &plain(&url)),
            Err(Reason::UnknownIssuer)
        );
    }
}

#[test]
fn trap_03_an_address_for_all_tenants_is_no_tokens_issuer() {
    for all in ["common", "organizations"] {
        let issuer = Issuer::new(entra_issuer(all)).unwrap();
        let preset = Preset::for_issuer(&issuer).unwrap();
        let places = preset.places(&issuer);
        assert_eq!(preset.name, "entra");
        let template = IssuerTemplate::parse(&places.issuer_template.unwrap()).unwrap();
        assert_eq!(template.as_str(), entra_issuer("{tid}"));
        assert_eq!(
            places.metadata_url.unwrap(),
            format!("{}/.well-known/openid-configuration", issuer.as_str())
        );
        assert_eq!(places.metadata_issuer.unwrap(), entra_issuer("{tenantid}"));
    }
}

#[test]
fn trap_05_one_tenant_may_have_several_issuers() {
    let issuers = ["https://login.acme.example/", "https://acme.eu.auth0.com/"];
    let set = VerifierSet::new(issuers.map(generic).into()).unwrap();
    for (position, issuer) in issuers.into_iter().enumerate() {
        let token = token(&plain(issuer));
        let token = CompactJws::parse(&token).unwrap();
        assert_eq!(set.for_token(&token).unwrap().0, position);
    }
}

#[test]
fn trap_06_a_template_takes_the_tokens_own_tenant_and_one_spelling_of_it() {
    let template = IssuerTemplate::parse(&entra_issuer("{tid}")).unwrap();
    let every = Verifier::builder()
        .issuer_template(template)
        .audiences(Audience::new(API).unwrap(), [])
        .profile(Profile::entra())
        .build()
        .unwrap();
    let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
    assert!(judge(&every, None, &entra_claims(&json!({}))).is_ok());
    for (more, reason) in [
        (json!({"tid": consumers}), Reason::UnknownIssuer),
        (json!({"tid": null}), Reason::UnknownIssuer),
        (json!({"TID": consumers}), Reason::UnknownIssuer),
        (
            json!({"iss": entra_issuer("acme"), "tid": "acme"}),
            Reason::UnknownIssuer,
        ),
    ] {
        assert_eq!(
            judge(&every, None, &entra_claims(&more)),
            Err(reason),
            "{more}"
        );
    }
    // With one tenant's exact issuer too.
    for name in ["TID", "Tid", "tiD"] {
        let twice = entra_claims(&json!({ name: consumers }));
        assert_eq!(
            judge(&entra(), None, &twice),
            Err(Reason::MalformedClaims),
            "{name}"
        );
    }
}

#[test]
fn trap_07_a_v1_token_is_not_of_the_v2_issuer_and_the_refusal_shows_both() {
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    let claims = entra_claims(&json!({"iss": v1, "ver": "1.0", "azp": null, "appid": "1111"}));
    let token = sign(
        &P256,
        "ES256",
        &json!({"kid": "key-1", "typ": "JWT"}),
        &claims,
    );
    let refused = verify_with(&entra(), &keys(), &token, NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::UnknownIssuer);
    assert!(
        refused.detail().contains(&entra_issuer(TENANT)),
        "{refused}"
    );
    assert!(refused.detail().contains(&v1), "{refused}");
    let of_v1 = builder("entra", &v1, &[API]).build().unwrap();
    assert!(judge(&of_v1, Some("JWT"), &claims).is_ok());
}

#[test]
fn trap_08_an_entra_token_that_grants_nothing_is_refused_and_so_is_an_id_token() {
    let cases = [
        json!({"scp": null}),
        json!({"scp": null, "idtyp": "app"}),
        // What a user with app roles gets as ID token: roles, and no client.
        json!({"scp": null, "roles": ["Admin"], "azp": null}),
        json!({"scp": null, "roles": ["Admin"], "azp": null, "nonce": "n"}),
    ];
    for more in cases {
        assert_eq!(
            judge(&entra(), Some("JWT"), &entra_claims(&more)),
            Err(Reason::WrongTokenUse),
            "{more}"
        );
    }
}

#[test]
fn trap_09_groups_that_were_left_out_are_told_to_be() {
    let truncated = |more: &Value| {
        judge(&entra(), None, &entra_claims(more))
            .unwrap()
            .groups_truncated()
    };
    for more in [
        json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph"}}}),
        json!({"_claim_names": {"roles": "src1"}}),
        json!({"hasgroups": true}),
        json!({"hasgroups": "true"}),
    ] {
        assert!(truncated(&more), "{more}");
    }
    for more in [
        json!({}),
        json!({"_claim_names": {"address": "src1"}}),
        json!({"hasgroups": false}),
        json!({"groups": ["a"], "_claim_names": null}),
    ] {
        assert!(!truncated(&more), "{more}");
    }
}

#[test]
fn trap_10_cognito_binds_by_client_where_there_is_no_audience() {
    let verifier = builder("cognito", ISSUER, &["app"]).build().unwrap();
    let claims = |more: &Value| {
        let cognito =
            json!({"token_use": "access", "client_id": "app", "aud": null, "username": "ana"});
        claims_with(&merged(cognito, more))
    };
    assert!(judge(&verifier, None, &claims(&json!({}))).is_ok());
    assert!(judge(&verifier, None, &claims(&json!({"aud": RESOURCE}))).is_ok());
    for more in [
        json!({"client_id": "other"}),
        json!({"client_id": "other", "aud": RESOURCE}),
        json!({"aud": "https://other.example"}),
    ] {
        assert_eq!(
            judge(&verifier, None, &claims(&more)),
            Err(Reason::WrongAudience),
            "{more}"
        );
    }
}

#[test]
fn trap_11_a_missing_claim_is_never_a_checked_one() {
    for (claim, reason) in [
        ("aud", Reason::MissingAudience),
        ("iss", Reason::UnknownIssuer),
        ("exp", Reason::MissingExpiration),
    ] {
        assert_eq!(refusal_of(&json!({ claim: null })), reason);
    }
    assert_eq!(refusal_of(&json!({"nbf": NOW + 600})), Reason::NotYetValid);
    // One key that cannot be used spoils no set.
    let odd = json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"});
    let set = key_set(&[odd, P256.jwk_with(&json!({"kid": "key-1"}))]);
    assert!(verify_with(&verifier(), &set, &token(&claims()), NOW).is_ok());
}

fn refused(built: Result<Verifier, SettingError>) -> String {
    built.unwrap_err().to_string()
}

#[test]
fn trap_12_keycloaks_account_is_no_audience() {
    let realm = "https://sso.example.com/realms/acme";
    let told = refused(builder("keycloak", realm, &["account"]).build());
    assert!(told.contains("account"), "{told}");
    assert!(builder("keycloak", realm, &[RESOURCE]).build().is_ok());
}

#[test]
fn trap_13_a_client_id_as_audience_is_told_where_it_is_a_slip() {
    let of = |preset: &str| {
        builder(preset, ISSUER, &["web"])
            .allowed_clients(["web".to_owned()])
            .build()
            .unwrap()
            .warnings()
    };
    for preset in ["spring", "fusionauth", "dex", "authentik", "casdoor"] {
        assert!(of(preset).is_empty(), "{preset}");
    }
    let told = of("keycloak");
    assert!(told.len() == 1 && told[0].contains("\"web\""), "{told:?}");
    let without = builder("keycloak", ISSUER, &[RESOURCE]).build().unwrap();
    assert!(without.warnings().is_empty());
}

#[test]
fn trap_14_an_empty_audience_is_a_missing_one() {
    for preset in ["duende", "hydra", "scalekit", "workos"] {
        for aud in [json!([]), Value::Null] {
            let refused = user_of_preset(preset, &json!({ "aud": aud }));
            assert_eq!(refused, Err(Reason::MissingAudience), "{preset} {aud}");
        }
    }
}

#[test]
fn trap_15_supabases_audience_binds_nothing_without_clients() {
    let project = "https://abcd.supabase.co/auth/v1";
    let told = refused(builder("supabase", project, &["authenticated"]).build());
    assert!(told.contains("allowed clients"), "{told}");
    let listed = builder("supabase", project, &["authenticated"]);
    assert!(listed.allowed_clients(["a3f0".to_owned()]).build().is_ok());
    let empty = builder("supabase", project, &["authenticated"]).allowed_clients([]);
    assert!(empty.build().is_err(), "a list that admits nobody");
    // The app's own session names no client.
    let listed =
        builder("supabase", project, &["authenticated"]).allowed_clients(["a3f0".to_owned()]);
    let session = claims_with(&json!({"iss": project, "aud": "authenticated", "client_id": null}));
    assert_eq!(
        judge(&listed.build().unwrap(), None, &session),
        Err(Reason::ClientNotAllowed)
    );
}

#[test]
fn trap_16_scopes_are_found_in_each_spelling() {
    let cases = [
        ("auth0", json!({"scope": "a b"})),
        ("duende", json!({"scope": ["a", "b"]})),
        ("spring", json!({"scope": ["a", "b"], "nbf": NOW})),
        (
            "entra",
            json!({"scope": null, "scp": "a b", "oid": "1", "azp": "x"}),
        ),
        (
            "okta",
            json!({"scope": null, "scp": ["a", "b"], "uid": "1", "cid": "x"}),
        ),
        ("hydra", json!({"scope": null, "scp": ["a", "b"]})),
        ("scalekit", json!({"scope": null, "scopes": ["a", "b"]})),
        ("clerk", json!({"scope": null, "scopes": "a b"})),
    ];
    for (preset, more) in cases {
        let user = user_of_preset(preset, &more).unwrap();
        assert_eq!(user.scopes().to_string(), "a b", "{preset}");
    }
    let none = json!({"scope": null, "jti": "1", "aud": [RESOURCE, "client-1"]});
    assert!(
        user_of_preset("zitadel", &none)
            .unwrap()
            .scopes()
            .is_empty()
    );
    assert!(
        user_of_preset("dex", &json!({"scope": null}))
            .unwrap()
            .scopes()
            .is_empty()
    );
}

#[test]
fn trap_17_a_scope_may_be_advertised_longer_than_it_is_checked() {
    let mut profile = Profile::entra();
    profile.scope_prefix = Some("api://mcp/".to_owned());
    let verifier = builder("entra", &entra_issuer(TENANT), &[API]).profile(profile);
    let user = judge(
        &verifier.build().unwrap(),
        None,
        &entra_claims(&json!({"scp": "api://mcp/read write"})),
    );
    assert_eq!(
        user.unwrap().scopes(),
        &ScopeSet::parse("read write").unwrap()
    );
}

#[test]
fn trap_18_the_same_name_means_another_thing_elsewhere() {
    let more = json!({"oid": "by-oid", "tid": "by-tid", "uid": "by-uid", "azp": "x", "cid": "x", "scp": "a", "roles": [], "applicationId": "x"});
    let told = |preset: &str| {
        let user = user_of_preset(preset, &more).unwrap();
        (
            user.user_id().to_owned(),
            user.tenant_id().map(str::to_owned),
        )
    };
    let some = |user: &str, tenant: &str| (user.to_owned(), Some(tenant.to_owned()));
    assert_eq!(told("entra"), some("by-oid", "by-tid"));
    assert_eq!(told("scalekit"), some("user-1", "by-oid"));
    assert_eq!(told("fusionauth"), some("user-1", "by-tid"));
    assert_eq!(told("okta"), ("by-uid".to_owned(), None));
}

#[test]
fn trap_19_a_token_without_a_subject_is_a_programs() {
    for preset in ["duende", "pingone", "generic"] {
        let user = user_of_preset(preset, &json!({"sub": null})).unwrap();
        assert_eq!(
            (user.user_id(), user.kind()),
            ("client-1", PrincipalKind::Service),
            "{preset}"
        );
    }
}

#[test]
fn trap_20_claim_names_hold_colons_dots_and_slashes() {
    let cases = [
        ("/cognito:groups", json!({"cognito:groups": "x"})),
        (
            "/https:~1~1stytch.com~1organization/organization_id",
            json!({"https://stytch.com/organization": {"organization_id": "x"}}),
        ),
        (
            "/urn:zitadel:iam:org:project:roles",
            json!({"urn:zitadel:iam:org:project:roles": "x"}),
        ),
        ("/a.b/c~0d", json!({"a.b": {"c~d": "x"}})),
    ];
    for (text, claims) in cases {
        let pointer = ClaimPointer::parse(text).unwrap();
        assert_eq!(
            pointer.find(claims.as_object().unwrap()),
            Some(&json!("x")),
            "{text}"
        );
        assert_eq!(pointer.to_string(), text);
    }
    let dotted = json!({"a": {"b": "x"}});
    let pointer = ClaimPointer::parse("/a.b").unwrap();
    assert_eq!(pointer.find(dotted.as_object().unwrap()), None);
}

#[test]
fn trap_21_roles_may_be_member_names_or_hang_below_the_tenant() {
    let roles = json!({"jti": "1", "aud": [RESOURCE, "client-1"], "urn:zitadel:iam:org:project:roles": {"admin": {"1": "a"}, "dev": {}}});
    assert_eq!(
        user_of_preset("zitadel", &roles).unwrap().groups(),
        ["admin", "dev"]
    );

    let descope = |more: &Value| {
        let claims = json!({"drn": "DS", "tenants": {"T1": {"permissions": ["a"]}, "T2": {"permissions": ["b"]}, "a/b": {"permissions": ["c"]}, "": {"permissions": ["d"]}}});
        user_of_preset("descope", &merged(claims, more)).map(|user| user.groups().to_vec())
    };
    for (tenant, expected) in [
        (json!("T1"), vec!["a"]),
        (json!("T2"), vec!["b"]),
        (json!("T3"), vec![]),
        (json!("T1/permissions"), vec![]),
        (json!("a/b"), vec!["c"]),
        (json!("a~1b"), vec![]),
        (Value::Null, vec![]),
    ] {
        let found = descope(&json!({ "dct": tenant }));
        assert_eq!(found.unwrap(), expected, "{tenant}");
    }
    for tenant in [json!(["T1"]), json!(1), json!({"T1": 1}), json!("")] {
        assert_eq!(
            descope(&json!({ "dct": tenant })),
            Err(Reason::MalformedClaims),
            "{tenant}"
        );
    }
}

#[test]
fn trap_22_encryption_keys_spoil_no_set_and_verify_nothing() {
    let encryption = RSA.jwk_with(&json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}));
    let set = key_set(&[encryption, P256.jwk_with(&json!({"kid": "key-1"}))]);
    assert!(verify_with(&verifier(), &set, &token(&claims()), NOW).is_ok());
    let forged = sign(&RSA, "RS256", &json!({"kid": "enc"}), &claims());
    let refused = verify_with(&verifier(), &set, &forged, NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::UnknownKeyId);
}

#[test]
fn trap_23_a_set_without_keys_and_no_set_are_two_things() {
    let empty = JwkSet::parse(br#"{"keys":[]}"#);
    assert!(matches!(empty, Err(JwkSetError::Empty)));
    let none = JwkSet::parse(b"{}");
    assert!(matches!(none, Err(JwkSetError::MissingKeys)));
}

#[test]
fn trap_24_a_key_without_alg_takes_what_its_type_takes_and_no_mac() {
    let set = key_set(&[RSA.jwk_with(&json!({"kid": "k", "use": "sig", "x5t": "k"}))]);
    for algorithm in ["RS256", "PS256"] {
        let token = sign(&RSA, algorithm, &json!({"kid": "k"}), &claims());
        assert!(
            verify_with(&verifier(), &set, &token, NOW).is_ok(),
            "{algorithm}"
        );
    }
    let token = sign_raw(&RSA, "RS256", br#"{"alg":"HS256","kid":"k"}"#, b"{}");
    let refused =
        CompactJws::parse(&token).and_then(|token| verifier().verify_signature(&token, &set));
    assert!(refused.is_err());
}

#[test]
fn trap_28_refresh_tokens_of_the_same_key_are_refused() {
    for (preset, claim, access, refresh) in [
        ("casdoor", "tokenType", "access-token", "refresh-token"),
        ("descope", "drn", "DS", "DSR"),
        ("keycloak", "typ", "Bearer", "Refresh"),
        ("keycloak", "typ", "Bearer", "Offline"),
    ] {
        assert!(
            user_of_preset(preset, &json!({ claim: access })).is_ok(),
            "{preset}"
        );
        for other in [json!(refresh), Value::Null] {
            let refused = user_of_preset(preset, &json!({ claim: other }));
            assert_eq!(refused, Err(Reason::WrongTokenUse), "{preset} {other}");
        }
    }
}

#[test]
fn trap_29_nonce_and_at_hash_alone_make_no_id_token() {
    let of_dex = json!({"nonce": "n", "at_hash": "h", "scope": null});
    assert!(user_of_preset("dex", &of_dex).is_ok());
    let old_keycloak = json!({"nonce": "n", "typ": "Bearer"});
    assert!(user_of_preset("keycloak", &old_keycloak).is_ok());
    // Without any scope beside them they do.
    for hash in ["nonce", "at_hash"] {
        let bare = json!({ hash: "x", "typ": "Bearer", "scope": null });
        assert_eq!(user_of_preset("keycloak", &bare), Err(Reason::IdToken));
    }
}

#[test]
fn trap_30_what_cannot_be_verified_here_is_named() {
    let parse = |token: &str| CompactJws::parse(token).unwrap_err().reason();
    let header = b64(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    assert_eq!(parse(&format!("{header}.a.b.c.d")), Reason::EncryptedToken);
    assert_eq!(parse("ory_at_abcdef"), Reason::OpaqueToken);
    let okta = sign(
        &P256,
        "ES256",
        &json!({"kid": "key-1", "typ": "application/okta-internal-at+jwt"}),
        &claims(),
    );
    assert_eq!(refusal(&okta), Reason::WrongType);
}

#[test]
fn trap_32_an_address_is_verified_only_by_its_own_claim() {
    let verified = |more: &Value| user_of_preset("generic", more).unwrap().email_verified();
    assert!(verified(
        &json!({"email": "a@x.example", "email_verified": "true"})
    ));
    assert!(verified(
        &json!({"email": "a@x.example", "email_verified": true})
    ));
    assert!(!verified(&json!({"email": "a@x.example"})));
    assert!(!verified(&json!({"email_verified": true})), "of no address");
    let mut elsewhere = Profile::generic();
    elsewhere.email = vec![ClaimPointer::claim("upn")];
    let claims =
        claims_with(&json!({"upn": "b@x.example", "email": "a@x.example", "email_verified": true}));
    let user = user_of(elsewhere, &claims).unwrap();
    assert_eq!(
        (user.email(), user.email_verified()),
        (Some("b@x.example"), false)
    );
    let mut nested = Profile::generic();
    nested.email = vec![ClaimPointer::parse("/ext/email").unwrap()];
    let claims = claims_with(&json!({"email_verified": true, "ext": {"email": "a@x.example"}}));
    assert!(
        !user_of(nested.clone(), &claims).unwrap().email_verified(),
        "of another address"
    );
    let claims = claims_with(&json!({"ext": {"email": "a@x.example", "email_verified": true}}));
    assert!(user_of(nested, &claims).unwrap().email_verified());
}

#[test]
fn trap_33_a_bound_token_is_no_bearer_token() {
    for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"})] {
        for preset in ["auth0", "okta", "oidc-provider"] {
            let more = json!({"cnf": cnf, "cid": "x", "uid": "1"});
            let refused = user_of_preset(preset, &more);
            assert_eq!(refused, Err(Reason::SenderProofMissing), "{preset} {cnf}");
        }
    }
}

#[test]
fn trap_34_the_issuer_is_advertised_byte_for_byte() {
    for issuer in ["https://acme.eu.auth0.com/", "https://acme.okta.com"] {
        let resource = ProtectedResource::new(resource(), vec![Issuer::new(issuer).unwrap()]);
        let document = serde_json::to_value(resource.metadata()).unwrap();
        assert_eq!(document["authorization_servers"], json!([issuer]));
    }
}

#[test]
fn trap_35_an_actor_is_never_the_caller() {
    let acting =
        json!({"act": {"sub": "agent-1", "act": {"sub": "agent-0", "act": {"client_id": "tool"}}}});
    let user = user_of_preset("auth0", &acting).unwrap();
    assert_eq!(
        (user.user_id(), user.kind()),
        ("user-1", PrincipalKind::User)
    );
    assert_eq!(user.actors(), ["agent-1", "agent-0", "tool"]);
    let mut deep = json!({"sub": "a0"});
    for level in 1..12 {
        deep = json!({"sub": format!("a{level}"), "act": deep});
    }
    let user = user_of_preset("generic", &json!({ "act": deep })).unwrap();
    assert_eq!(user.actors().len(), 8);
    assert_eq!(user.actors()[0], "a11", "who acts now comes first");
    for (act, expected) in [
        (json!({}), Ok(vec![])),
        (json!({"iss": "https://x"}), Ok(vec![])),
        (json!("agent"), Err(Reason::MalformedClaims)),
        (json!(["agent"]), Err(Reason::MalformedClaims)),
        (json!({"sub": "a\nb"}), Err(Reason::MalformedClaims)),
        (json!({"sub": ""}), Err(Reason::MalformedClaims)),
        (json!({"sub": "a", "act": 1}), Err(Reason::MalformedClaims)),
    ] {
        let found = user_of_preset("generic", &json!({ "act": act }));
        assert_eq!(found.map(|user| user.actors().to_vec()), expected, "{act}");
    }
}

/// Rule R28: another tenant's good token is refused for its rights (403), and everything that is wrong
/// with a token comes before.
#[test]
fn r28_a_tenant_that_is_not_served_is_refused_last() {
    let allowing = |tenants: &[&str]| {
        builder("entra", &entra_issuer(TENANT), &[API])
            .allowed_tenants(tenants.iter().map(ToString::to_string))
    };
    let verifier = allowing(&["other", TENANT]).build().unwrap();
    assert!(judge(&verifier, None, &entra_claims(&json!({}))).is_ok());
    let other = allowing(&["other"]).build().unwrap();
    assert_eq!(
        judge(&other, None, &entra_claims(&json!({}))),
        Err(Reason::WrongTenant)
    );
    assert_eq!(
        judge(&other, None, &entra_claims(&json!({"tid": null}))),
        Err(Reason::WrongTenant)
    );
    for (more, reason) in [
        (json!({"exp": NOW - 600}), Reason::Expired),
        (json!({"aud": "x"}), Reason::WrongAudience),
        (json!({"cnf": {}}), Reason::SenderProofMissing),
    ] {
        assert_eq!(
            judge(&other, None, &entra_claims(&more)),
            Err(reason),
            "{more}"
        );
    }
    for tenants in [&[][..], &[""], &[" "]] {
        assert!(allowing(tenants).build().is_err(), "{tenants:?}");
    }
    let without_claim = builder("duende", ISSUER, &["mcp"]);
    let mut profile = Profile::duende();
    profile.tenant = Vec::new();
    let nowhere = without_claim
        .profile(profile)
        .allowed_tenants(["a".to_owned()]);
    assert!(nowhere.build().is_err(), "no claim holds a tenant");
}

/// Rule R19: another claim than `aud` makes the audiences a list of clients, and is warned about.
#[test]
fn r19_the_audience_may_be_another_claim() {
    let mut profile = Profile::generic();
    profile.audience_claim = ClaimPointer::claim("azp");
    let verifier = builder("generic", ISSUER, &["web"])
        .profile(profile)
        .build()
        .unwrap();
    let outcome = |more: &Value| judge(&verifier, None, &claims_with(more)).map(|_| ());
    assert_eq!(outcome(&json!({"azp": "web"})), Ok(()));
    assert_eq!(
        outcome(&json!({"azp": "other"})),
        Err(Reason::WrongAudience)
    );
    assert_eq!(outcome(&json!({"azp": null})), Err(Reason::MissingAudience));
    assert_eq!(outcome(&json!({"azp": 1})), Err(Reason::MalformedClaims));
    assert_eq!(
        outcome(&json!({"azp": "web", "aud": "web", "scope": null, "client_id": null})),
        Err(Reason::IdToken),
        "an ID token of the same client"
    );
    let told = verifier.warnings();
    assert!(told.len() == 1 && told[0].contains("`/azp`"), "{told:?}");
}
