//! Tokens that nobody here can verify: each reason is its own, and the operator is told what to change.

use oauthgate_core::{Answer, CompactJws, Denial, ProtectedResource, Reason, VerifierSet};
use serde_json::{Value, json};

use crate::support::*;

fn advice(token: &str, reason: Reason) -> String {
    let error = verify(token).unwrap_err();
    assert_eq!(error.reason(), reason, "{error}");
    let answer = Answer::to(
        &Denial::from(error.clone()),
        &ProtectedResource::new(resource(), vec![issuer()]),
    );
    let told = format!("{:?} {:?}", answer.headers(), answer.body("ref"));
    let said = error
        .detail()
        .split_once("; ")
        .map_or("", |(_, advice)| advice)
        .to_owned();
    assert!(
        said.is_empty() || !told.contains(&said),
        "the client is told: {told}"
    );
    said
}

fn encrypted(header: &Value) -> String {
    format!("{}.a.b.c.d", b64(header.to_string()))
}

#[test]
fn trap_30_an_encrypted_token_is_named_with_the_switches_that_end_it() {
    for header in [
        json!({"alg": "RSA-OAEP-256", "enc": "A256GCM"}),
        json!({"alg": "RSA-OAEP-256", "enc": "A256CBC-HS512", "cty": "JWT"}),
        json!({"alg": 1}),
        json!([]),
    ] {
        let advice = advice(&encrypted(&header), Reason::EncryptedToken);
        for provider in ["Auth0", "authentik", "oidc-provider"] {
            assert!(advice.contains(provider), "{advice}");
        }
    }
    let without_audience =
        json!({"alg": "dir", "enc": "A256GCM", "iss": "https://acme.eu.auth0.com/"});
    assert!(advice(&encrypted(&without_audience), Reason::EncryptedToken).contains("`audience`"));
}

#[test]
fn trap_30_b13_the_header_of_an_encrypted_token_is_read_within_bounds() {
    let long = json!({"alg": "dir", "x": "x".repeat(10_000)});
    let nested = format!("{}.a.b.c.d", b64("[".repeat(3_000)));
    for token in [
        encrypted(&long),
        nested,
        "!.a.b.c.d".to_owned(),
        "....".to_owned(),
    ] {
        assert!(advice(&token, Reason::EncryptedToken).contains("authentik"));
    }
}

#[test]
fn trap_30_an_opaque_token_is_told_by_its_first_letters() {
    for (token, part) in [
        ("ya29.a0AfH6SMBx", "preset `google`"),
        (
            "gho_16C7e42F292c6912E7710c838347Ae178B4a",
            "preset `github`",
        ),
        ("github_pat_11AAAA", "preset `github`"),
        ("ory_at_Zx.y", "strategies.access_token"),
        ("ory_rt_Zx.y", "refresh token"),
        ("oat_abc", "Clerk"),
        ("dGhpcyBpcyBvcGFxdWU", "OAUTHGATE_TOKEN_MODE=auto"),
        ("xya29.a0", "`audience`"),
    ] {
        let advice = advice(token, Reason::OpaqueToken);
        assert!(advice.contains(part), "{token}: {advice}");
    }
}

#[test]
fn trap_30_a_token_for_microsofts_own_interfaces_is_named() {
    let nonce = json!({"kid": "key-1", "typ": "JWT", "nonce": "dGVzdA"});
    // The signature is over a header with the hash of the nonce: nobody else can verify it.
    let graph = sign(&OTHER_RSA, "RS256", &nonce, &claims());
    let set = key_set(&[RSA.jwk_with(&json!({"kid": "key-1"}))]);
    let error = verify_with(&verifier(), &set, &graph, NOW).unwrap_err();
    assert_eq!(error.reason(), Reason::BadSignature);
    assert!(error.detail().contains("Graph"), "{error}");
    for audience in [
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
    ] {
        let token = token(&claims_with(&json!({"aud": audience})));
        assert!(advice(&token, Reason::WrongAudience).contains("Graph"));
    }
    // The issuer of the other version is not configured: the cause is told all the same.
    let foreign = claims_with(&json!({
        "iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
        "aud": "00000003-0000-0000-c000-000000000000",
    }));
    let set = VerifierSet::new(vec![verifier()]).unwrap();
    let token = token(&foreign);
    let error = set
        .for_token(&CompactJws::parse(&token).unwrap())
        .unwrap_err();
    assert_eq!(error.reason(), Reason::UnknownIssuer);
    assert!(error.detail().contains("Graph"), "{error}");
}

#[test]
fn trap_30_a_token_of_oktas_org_server_is_named() {
    let typ = json!({"kid": "key-1", "typ": "application/okta-internal-at+jwt"});
    let published = sign(&P256, "ES256", &typ, &claims());
    assert!(advice(&published, Reason::WrongType).contains("okta-org"));
    let unpublished = sign(
        &P256,
        "ES256",
        &merged(typ, &json!({"kid": "hidden"})),
        &claims(),
    );
    assert!(advice(&unpublished, Reason::UnknownKeyId).contains("okta-org"));
}

#[test]
fn trap_30_a_good_token_and_a_plain_forgery_get_no_advice() {
    assert!(verify(&token(&claims())).is_ok());
    let forged = sign(
        &KeyPair::ec("ES256"),
        "ES256",
        &json!({"kid": "key-1"}),
        &claims(),
    );
    assert_eq!(advice(&forged, Reason::BadSignature), "");
}
