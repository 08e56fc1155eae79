//! What the client is told: golden bytes, and nothing of its own input.

use std::time::Duration;

use http::StatusCode;
use oauthgate_core::{
    Answer, Blame, Denial, Issuer, ProtectedResource, Reason, ResourceIdentifier, ScopeSet,
};
use serde_json::{Value, json};

use crate::support::*;

fn protected() -> ProtectedResource {
    let resource = ProtectedResource::new(
        ResourceIdentifier::parse("https://host/mcp").unwrap(),
        vec![issuer()],
    );
    resource.with_advertised_scopes(&ScopeSet::parse("b a offline_access").unwrap())
}

fn challenge(denial: &Denial) -> Option<String> {
    let headers = Answer::to(denial, &protected()).headers();
    headers
        .get("www-authenticate")
        .map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn row_27_row_28_row_29_row_30_golden_bytes_of_every_challenge() {
    let cases = [
        (
            Denial::new(Reason::NoCredentials),
            r#"Bearer resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a b""#,
        ),
        (
            Denial::new(Reason::BadSignature),
            r#"Bearer error="invalid_token", error_description="The access token is not valid here", resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a b""#,
        ),
        (
            Denial::new(Reason::Expired),
            r#"Bearer error="invalid_token", error_description="The access token has expired", resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a b""#,
        ),
        (
            Denial::new(Reason::WrongAudience),
            r#"Bearer error="invalid_token", error_description="The access token was not issued for this resource", resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a b""#,
        ),
        (
            Denial::new(Reason::MalformedToken),
            r#"Bearer error="invalid_token", error_description="The access token is malformed", resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a b""#,
        ),
        (
            Denial::new(Reason::NoCredentials).with_scopes(ScopeSet::parse("c a").unwrap()),
            r#"Bearer resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a c""#,
        ),
        (
            Denial::new(Reason::MultipleCredentials),
            r#"Bearer error="invalid_request", error_description="The request is malformed", resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a b""#,
        ),
        (
            Denial::new(Reason::InsufficientScope).with_scopes(ScopeSet::parse("a c").unwrap()),
            r#"Bearer error="insufficient_scope", error_description="The access token lacks a permission that this operation needs", resource_metadata="https://host/.well-known/oauth-protected-resource/mcp", scope="a c""#,
        ),
    ];
    for (denial, expected) in cases {
        assert_eq!(challenge(&denial).unwrap(), expected, "{}", denial.code());
    }
}

fn scope_of(advertised: &str, needed: &str) -> String {
    let resource = ProtectedResource::new(
        ResourceIdentifier::parse("https://host/mcp").unwrap(),
        vec![issuer()],
    );
    let resource = resource.with_advertised_scopes(&ScopeSet::parse(advertised).unwrap());
    let denial =
        Denial::new(Reason::InsufficientScope).with_scopes(ScopeSet::parse(needed).unwrap());
    let challenge = Answer::to(&denial, &resource)
        .challenge()
        .unwrap()
        .to_string();
    let (_, scope) = challenge.split_once("scope=\"").unwrap();
    scope.trim_end_matches('"').to_owned()
}

/// Entra's tokens hold `write`, and clients ask for `api://mcp/write`.
#[test]
fn row_30_a_challenge_names_scopes_as_clients_ask_for_them() {
    let cases = [
        ("api://mcp/read", "read", "api://mcp/read"),
        (
            "api://mcp/read",
            "read write",
            "api://mcp/read api://mcp/write",
        ),
        (
            "api://mcp/read openid offline_access",
            "write email",
            "api://mcp/write email",
        ),
        (
            "api://mcp/read api://mcp/list",
            "files.write",
            "api://mcp/files.write",
        ),
        (
            "api://mcp/read api://other/read",
            "read write",
            "read write",
        ),
        ("api://mcp/read tools", "write", "write"),
        (
            "api://mcp/read",
            "https://graph.example.com/User.Read",
            "https://graph.example.com/User.Read",
        ),
        ("mcp/read", "mcp/write", "mcp/write"),
        ("api://", "write", "write"),
        ("openid", "write", "write"),
        ("", "write", "write"),
    ];
    for (advertised, needed, expected) in cases {
        assert_eq!(
            scope_of(advertised, needed),
            expected,
            "{advertised} {needed}"
        );
    }
}

/// With `step_up = "cumulative"` a challenge repeats what the token holds.
#[test]
fn f27_no_scope_looks_like_a_parameter() {
    let held = "a error=x resource_metadata=https://evil scope=admin realm=x z=1";
    assert_eq!(scope_of("a", held), "a z=1");
}

#[test]
fn a_resource_without_scopes_advertises_none() {
    let resource = ProtectedResource::new(
        ResourceIdentifier::parse("https://host").unwrap(),
        vec![issuer()],
    );
    let answer = Answer::to(&Denial::new(Reason::NoCredentials), &resource);
    assert_eq!(
        answer.challenge().unwrap().to_string(),
        r#"Bearer resource_metadata="https://host/.well-known/oauth-protected-resource""#
    );
}

#[test]
fn row_26_every_reason_has_the_status_of_the_table() {
    let credentials = [Reason::MalformedAuthorization, Reason::MultipleCredentials];
    for reason in Reason::ALL {
        let answer = Answer::to(&Denial::new(*reason), &protected());
        let (status, challenged) = match reason.blame() {
            Blame::NoCredentials | Blame::Token => (401, true),
            Blame::Request if *reason == Reason::BodyTooLarge => (413, false),
            Blame::Request if *reason == Reason::SlowRequest => (408, false),
            Blame::Request => (400, credentials.contains(reason)),
            Blame::Scope => (403, true),
            Blame::Rights | Blame::Origin => (403, false),
            Blame::Route => (404, false),
            Blame::Limit => (429, false),
            Blame::Surroundings => (503, false),
            Blame::UpstreamUnreachable => (502, false),
            Blame::UpstreamSlow => (504, false),
        };
        assert_eq!(
            answer.status(),
            StatusCode::from_u16(status).unwrap(),
            "{reason}"
        );
        assert_eq!(answer.challenge().is_some(), challenged, "{reason}");
        assert_eq!(
            answer.retry_after().is_some(),
            [429, 503].contains(&status),
            "{reason}"
        );
        let headers = answer.headers();
        assert_eq!(headers["cache-control"], "no-store", "{reason}");
        assert_eq!(headers["content-type"], "application/json", "{reason}");
        let body: Value = serde_json::from_str(&answer.body("r-1")).unwrap();
        assert_eq!(body["reference"], "r-1");
        assert_eq!(body["error"], answer.error());
        assert!(
            body["error_description"]
                .as_str()
                .is_some_and(|text| text.len() > 10)
        );
    }
}

#[test]
fn retry_after_is_in_whole_seconds_and_never_zero() {
    let header = |denial: &Denial| {
        Answer::to(denial, &protected()).headers()["retry-after"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let outage = || Denial::new(Reason::JwksUnavailable);
    assert_eq!(header(&outage()), "10");
    assert_eq!(header(&Denial::new(Reason::TooManyRefusedTokens)), "60");
    for (after, expected) in [
        (Duration::ZERO, "1"),
        (Duration::from_millis(1), "1"),
        (Duration::from_millis(1001), "2"),
        (Duration::from_secs(30), "30"),
    ] {
        assert_eq!(header(&outage().with_retry_after(after)), expected);
    }
}

/// Unanchored parsers take the first hit, so no fixed text may hold what they look for.
#[test]
fn f27_fixed_texts_hold_nothing_that_a_client_searches_for() {
    for reason in Reason::ALL {
        let answer = Answer::to(&Denial::new(*reason), &protected());
        let body: Value = serde_json::from_str(&answer.body("")).unwrap();
        let text = body["error_description"].as_str().unwrap();
        for forbidden in [
            "scope=",
            "error=",
            "resource_metadata=",
            "\"",
            "\\",
            "realm=",
        ] {
            assert!(!text.to_lowercase().contains(forbidden), "{reason}: {text}");
        }
        assert!(
            text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)),
            "{reason}: {text}"
        );
    }
}

#[test]
fn f27_nothing_of_a_token_reaches_the_client() {
    let canary = "canary\",scope=\"admin\r\nSet-Cookie: a=b\\";
    let hostile = [
        sign(&P256, "ES256", &json!({"kid": canary}), &claims()),
        sign(
            &P256,
            "ES256",
            &json!({"kid": "key-1", "typ": canary}),
            &claims(),
        ),
        token(&claims_with(&json!({"iss": canary}))),
        token(&claims_with(&json!({"aud": canary}))),
        token(&claims_with(&json!({"aud": null, "client_id": canary}))),
        token(&claims_with(&json!({"scope": canary}))),
        token(&claims_with(&json!({"sub": canary}))),
        token(&claims_with(&json!({"resource": canary}))),
        token(&claims_with(&json!({"exp": canary}))),
        format!("canary{}", token(&claims())),
    ];
    for token in hostile {
        let error = verify(&token).unwrap_err();
        assert!(
            !error.to_string().contains(['\r', '\n']),
            "a log line stays one: {error}"
        );
        let denial = Denial::from(error);
        let answer = Answer::to(&denial, &protected());
        let seen = format!("{:?}{}", answer.headers(), answer.body("r-1"));
        assert!(
            !seen.contains("canary") && !seen.contains("admin"),
            "{seen}"
        );
    }
}

#[test]
fn row_02_row_06_row_07_row_08_g11_metadata_names_the_configured_resource() {
    let metadata = serde_json::to_value(protected().with_name("Tools").metadata()).unwrap();
    let expected = json!({
        "resource": "https://host/mcp", "authorization_servers": [ISSUER], "scopes_supported": ["a", "b"],
        "bearer_methods_supported": ["header"], "resource_name": "Tools",
    });
    assert_eq!(metadata, expected);
    let bare = ProtectedResource::new(
        ResourceIdentifier::parse("https://host/").unwrap(),
        vec![Issuer::new("https://a").unwrap()],
    );
    let bare = serde_json::to_value(bare.metadata()).unwrap();
    assert_eq!(
        bare,
        json!({"resource": "https://host", "authorization_servers": ["https://a"], "bearer_methods_supported": ["header"]})
    );
}

#[test]
fn row_10_g11_refuses_resource_identifiers_with_two_readings() {
    let wrong = [
        "",
        "mcp",
        "/mcp",
        "https://",
        "http://mcp.example.com/mcp",
        "http://10.0.0.1/mcp",
        "ftp://host/mcp",
        "https://host/mcp#x",
        "https://host/mcp?x=1",
        "https://user@host/mcp",
        "https://user:pw@host/mcp",
        "https://@host/mcp",
        "https://host/a/../mcp",
        "https://host/./mcp",
        "https://host/%2e/mcp",
        "https://höst/mcp",
        "https://host/mcp\"",
        "https://host\\mcp",
        "https://host/m cp",
        " https://host/mcp",
        "https://host/mcp\n",
        "https:host/mcp",
        "https://host/mcp\\x",
        "https://host/mcp<x>",
        "https:///mcp",
        "javascript:alert(1)",
        "https://host/ü",
        "https://host?",
        "https://host#",
    ];
    for text in wrong {
        assert!(ResourceIdentifier::parse(text).is_err(), "{text:?}");
    }
    let right = [
        ("https://host/mcp", "https://host/mcp"),
        ("https://host/", "https://host"),
        ("https://host", "https://host"),
        ("https://host:8443/mcp", "https://host:8443/mcp"),
        ("http://localhost:3000/mcp", "http://localhost:3000/mcp"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:1/mcp", "http://[::1]:1/mcp"),
        ("https://host/mcp/", "https://host/mcp/"),
        ("https://Host/Mcp", "https://Host/Mcp"),
        ("https://host:443/mcp", "https://host:443/mcp"),
        ("https://host/a%20b", "https://host/a%20b"),
    ];
    for (text, kept) in right {
        let resource = ResourceIdentifier::parse(text).unwrap();
        assert_eq!(resource.as_str(), kept);
        assert!(
            resource.is_named_by(text) && resource.is_named_by(kept),
            "{text}"
        );
        assert_eq!(
            resource.metadata_url(),
            format!("{}{}", resource.origin(), resource.metadata_path())
        );
    }
}

/// Rule R35, and what metrics and documentation rely on.
#[test]
fn r35_every_reason_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<_> =
        Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for code in &codes {
        assert!(
            code.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{code}"
        );
    }
    let promised = [
        "unknown_issuer",
        "metadata_unavailable",
        "metadata_issuer_mismatch",
        "no_usable_keys",
        "unknown_kid",
        "alg_not_allowed",
        "bad_signature",
        "expired",
        "not_yet_valid",
        "wrong_typ",
        "wrong_audience",
        "missing_audience",
        "wrong_token_use",
        "encrypted_token",
        "opaque_token",
        "sender_proof_missing",
        "insufficient_scope",
        "wrong_tenant",
    ];
    for code in promised {
        assert!(codes.contains(code), "{code}");
    }
    for reason in Reason::ALL {
        let text = reason.explanation();
        assert!(
            text.ends_with('.') && !text.starts_with(' '),
            "{reason}: {text:?}"
        );
    }
}
