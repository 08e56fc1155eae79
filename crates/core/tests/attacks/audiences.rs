//! Tokens for somebody else.

use oauthgate_core::{Audience, Profile, Reason, ResourceIdentifier, Verifier};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn c4_a_verifier_cannot_be_built_without_an_audience() {
    for text in ["", " ", "*", "\t", "a b", "a\n", "a\u{a0}b"] {
        assert!(Audience::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn c5_reads_arrays_of_strings_only() {
    assert!(verify(&token(&claims_with(&json!({"aud": [RESOURCE, "x"]})))).is_ok());
    assert!(verify(&token(&claims_with(&json!({"aud": ["x", RESOURCE]})))).is_ok());
    let cases = [
        (json!(["x"]), Reason::WrongAudience),
        (json!([]), Reason::MissingAudience),
        (json!([""]), Reason::WrongAudience),
        (json!([RESOURCE, 1]), Reason::MalformedClaims),
        (json!([[RESOURCE]]), Reason::MalformedClaims),
        (json!({"0": RESOURCE}), Reason::MalformedClaims),
        (json!([RESOURCE, null]), Reason::MalformedClaims),
        (json!(1), Reason::MalformedClaims),
        (json!(true), Reason::MalformedClaims),
        (json!(vec!["x"; 1_000]), Reason::WrongAudience),
    ];
    for (aud, reason) in cases {
        assert_eq!(refusal_of(&json!({ "aud": aud })), reason, "{aud}");
    }
    assert_eq!(
        refusal_of(&json!({"aud": vec!["x"; 10_000]})),
        Reason::TokenTooLarge
    );
}

fn lookalikes() -> Vec<String> {
    let mut foreign: Vec<_> = [
        "https://mcp.example.com/mc",
        "https://mcp.example.com/mcp/",
        "https://mcp.example.com/mcp//",
        "https://mcp.example.com/mcp2",
        "https://mcp.example.com/mcp/x",
        "https://mcp.example.com/MCP",
        "https://mcp.example.com/Mcp",
        "https://mcp.example.com//mcp",
        "https://mcp.example.com/./mcp",
        "https://mcp.example.com/x/../mcp",
        "https://mcp.example.com/%6dcp",
        "https://mcp.example.com%2Fmcp",
        "https://mcp.example.com",
        "https://mcp.example.com/",
        "https://mcp.example.com:443/mcp",
        "https://mcp.example.com:8443/mcp",
        "https://mcp.example.com./mcp",
        "http://mcp.example.com/mcp",
        "ftp://mcp.example.com/mcp",
        "mcp.example.com/mcp",
        "//mcp.example.com/mcp",
        "https://mcp.example.com/mcp?",
        "https://mcp.example.com/mcp#",
        "https://mcp.example.com/mcp?x=1",
        "https://mcp.example.com/mcp;x",
        "https://mcp.example.com\\mcp",
        "https:/mcp.example.com/mcp",
        "https://xn--mcp-example.com/mcp",
        "https://mcp.example.com/mcp.evil.test",
        "https://mcp.examp1e.com/mcp",
        "*",
        "https://*",
        "https://mcp.example.com/*",
        "",
    ]
    .map(str::to_owned)
    .to_vec();
    foreign.extend([
        format!("{RESOURCE}.evil.test"),
        format!("https://evil.test/?{RESOURCE}"),
        format!("https://evil.test/#{RESOURCE}"),
        RESOURCE.replace("://", "://mcp.example.com@"),
        RESOURCE.replace("mcp.example.com", "mcp.example.com@evil.test"),
        format!(" {RESOURCE}"),
        format!("{RESOURCE} "),
        format!("{RESOURCE}\n"),
        format!("{RESOURCE},x"),
        format!("{RESOURCE} x"),
        RESOURCE.replace("example", "ехample"),
    ]);
    foreign
}

#[test]
fn row_13_c6_compares_audiences_as_whole_strings() {
    let foreign = lookalikes();
    assert!(foreign.len() >= 40);
    for aud in &foreign {
        assert_eq!(
            refusal_of(&json!({ "aud": aud })),
            Reason::WrongAudience,
            "{aud:?}"
        );
        assert_eq!(
            refusal_of(&json!({"aud": [aud, "x"]})),
            Reason::WrongAudience,
            "{aud:?}"
        );
    }
    // The one documented freedom: the case of scheme and host.
    for aud in ["HTTPS://MCP.example.COM/mcp", "https://MCP.EXAMPLE.COM/mcp"] {
        assert!(
            verify(&token(&claims_with(&json!({ "aud": aud })))).is_ok(),
            "{aud}"
        );
    }
}

#[test]
fn c6_an_audience_that_is_no_resource_is_compared_byte_by_byte() {
    let builder = Verifier::builder().issuer(issuer()).audiences(
        Audience::new("api://Default").unwrap(),
        [Audience::new("second").unwrap()],
    );
    let verifier = builder.resource(resource()).build().unwrap();
    let cases = [
        ("api://Default", true),
        ("second", true),
        ("api://default", false),
        ("API://Default", false),
        ("Second", false),
        (RESOURCE, false),
    ];
    for (aud, accepted) in cases {
        let token = token(&claims_with(&json!({ "aud": aud })));
        assert_eq!(
            verify_with(&verifier, &keys(), &token, NOW).is_ok(),
            accepted,
            "{aud}"
        );
    }
}

#[test]
fn g3_a_token_for_one_endpoint_opens_no_other_on_the_same_host() {
    for (ours, theirs) in [
        ("https://host.example/mcp-a", "https://host.example/mcp-b"),
        ("https://host.example/mcp", "https://host.example"),
    ] {
        for (resource, aud, accepted) in [
            (ours, ours, true),
            (ours, theirs, false),
            (theirs, ours, false),
            (theirs, theirs, true),
        ] {
            let builder = Verifier::builder()
                .issuer(issuer())
                .audiences(Audience::new(resource).unwrap(), []);
            let verifier = builder
                .resource(ResourceIdentifier::parse(resource).unwrap())
                .build()
                .unwrap();
            let token = token(&claims_with(&json!({ "aud": aud })));
            assert_eq!(
                verify_with(&verifier, &keys(), &token, NOW).is_ok(),
                accepted,
                "{aud} at {resource}"
            );
        }
    }
}

#[test]
fn a_resource_claim_must_name_this_resource_as_a_whole_string() {
    for named in [
        json!(RESOURCE),
        json!([RESOURCE]),
        json!(["https://other.example", RESOURCE]),
    ] {
        assert!(
            verify(&token(&claims_with(&json!({ "resource": named })))).is_ok(),
            "{named}"
        );
    }
    for foreign in lookalikes() {
        assert_eq!(
            refusal_of(&json!({ "resource": foreign })),
            Reason::WrongResource,
            "{foreign:?}"
        );
    }
    assert_eq!(refusal_of(&json!({"resource": []})), Reason::WrongResource);
    for odd in [
        json!(1),
        json!({}),
        json!([1]),
        json!(true),
        json!([RESOURCE, null]),
    ] {
        assert_eq!(
            refusal_of(&json!({ "resource": odd })),
            Reason::MalformedClaims,
            "{odd}"
        );
    }
}

#[test]
fn r20_a_missing_audience_is_for_listed_clients_only() {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    let verifier = builder
        .missing_audience_clients(["machine".to_owned()])
        .build()
        .unwrap();
    let outcome = |more: Value| {
        verify_with(&verifier, &keys(), &token(&claims_with(&more)), NOW)
            .map_err(|error| error.reason())
    };
    assert!(outcome(json!({"aud": null, "client_id": "machine"})).is_ok());
    assert!(outcome(json!({"aud": [], "client_id": "machine"})).is_ok());
    assert_eq!(
        outcome(json!({"aud": null, "client_id": "other"})),
        Err(Reason::MissingAudience)
    );
    assert_eq!(
        outcome(json!({"aud": null, "client_id": null})),
        Err(Reason::MissingAudience)
    );
    assert_eq!(
        outcome(json!({"aud": "other", "client_id": "machine"})),
        Err(Reason::WrongAudience),
        "another audience is never missing"
    );
    assert_eq!(
        outcome(json!({"aud": "", "client_id": "machine"})),
        Err(Reason::WrongAudience)
    );
}

/// The seed's contract: for Cognito, the audience is the app client id.
#[test]
fn r19_for_cognito_the_client_stands_in_for_the_audience() {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new("app-client").unwrap(), []);
    let verifier = builder
        .resource(resource())
        .profile(Profile::cognito())
        .build()
        .unwrap();
    let outcome = |more: Value| {
        let claims = claims_with(&merged(
            json!({"token_use": "access", "client_id": "app-client", "aud": null}),
            &more,
        ));
        let token = sign(&P256, "ES256", &json!({"kid": "key-1"}), &claims);
        verify_with(&verifier, &keys(), &token, NOW).map_err(|error| error.reason())
    };
    assert!(outcome(json!({})).is_ok(), "no aud, our client");
    assert!(
        outcome(json!({"aud": RESOURCE})).is_ok(),
        "bound to our resource, by our client"
    );
    assert!(outcome(json!({"aud": "app-client"})).is_ok());
    assert_eq!(
        outcome(json!({"client_id": "other"})),
        Err(Reason::WrongAudience)
    );
    assert_eq!(
        outcome(json!({"client_id": null})),
        Err(Reason::WrongAudience)
    );
    assert_eq!(
        outcome(json!({"aud": RESOURCE, "client_id": "other"})),
        Err(Reason::WrongAudience)
    );
    assert_eq!(
        outcome(json!({"aud": "https://other.example"})),
        Err(Reason::WrongAudience)
    );
    assert_eq!(
        outcome(json!({"token_use": "id", "aud": "app-client"})),
        Err(Reason::WrongTokenUse)
    );
    let user = outcome(json!({"cognito:groups": ["ops"], "client_id": "app-client"})).unwrap();
    assert_eq!(user.groups(), ["ops"]);
}

#[test]
fn r19_a_list_of_clients_is_complete() {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    let verifier = builder
        .allowed_clients(["client-1".to_owned()])
        .build()
        .unwrap();
    let outcome = |client: Value| {
        verify_with(
            &verifier,
            &keys(),
            &token(&claims_with(&json!({ "client_id": client }))),
            NOW,
        )
        .map_err(|error| error.reason())
    };
    assert!(outcome(json!("client-1")).is_ok());
    for client in [json!("client-10"), json!("Client-1"), json!(null)] {
        assert_eq!(outcome(client), Err(Reason::ClientNotAllowed));
    }
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    assert!(builder.allowed_clients([]).build().is_err());
}

#[test]
fn r21_keycloaks_own_audience_is_no_audience_of_ours() {
    let build = |profile: Profile, audience: &str| {
        let builder = Verifier::builder().issuer(issuer()).audiences(
            Audience::new("mine").unwrap(),
            [Audience::new(audience).unwrap()],
        );
        builder.profile(profile).build().is_ok()
    };
    assert!(!build(Profile::keycloak(), "account"));
    assert!(build(Profile::keycloak(), "account2"));
    assert!(build(Profile::generic(), "account"));
}

/// What the operator reads: what was expected, what was found, and no more than fits a line.
#[test]
fn a_refused_audience_says_what_was_expected_and_found() {
    let detail = |aud: Value| {
        verify(&token(&claims_with(&json!({ "aud": aud }))))
            .unwrap_err()
            .detail()
            .to_owned()
    };
    assert_eq!(
        detail(json!("x")),
        format!("expected \"{RESOURCE}\", found \"x\"")
    );
    assert_eq!(
        detail(json!(["a", "b", "c"])),
        format!("expected \"{RESOURCE}\", found \"a\", \"b\", \"c\"")
    );
    assert_eq!(
        detail(json!(["a", "b", "c", "d", "e"])),
        format!("expected \"{RESOURCE}\", found \"a\", \"b\", \"c\", and 2 more")
    );
    assert_eq!(
        detail(json!(null)),
        format!("expected `aud` with \"{RESOURCE}\", found no `aud` and the client \"client-1\"")
    );
    let nothing = verify(&token(&claims_with(&json!({"resource": []})))).unwrap_err();
    assert!(nothing.detail().ends_with("found nothing"), "{nothing}");
    assert!(detail(json!("é\u{202e}".repeat(1_000))).len() < 600);
}
