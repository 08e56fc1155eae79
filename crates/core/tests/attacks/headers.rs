//! Header members that bring their own key, point somewhere, or change the rules.

use oauthgate_core::Reason;
use serde_json::{Value, json};

use crate::support::*;

fn with_header(more: &Value) -> String {
    sign(
        &P256,
        "ES256",
        &merged(json!({"kid": "key-1", "typ": "at+jwt"}), more),
        &claims(),
    )
}

#[test]
fn b1_refuses_every_crit_and_b64() {
    let critical = [
        json!(["x"]),
        json!([]),
        json!("x"),
        json!(["alg"]),
        json!(["exp"]),
        json!(["b64"]),
        json!({}),
        json!(1),
        json!(true),
        json!(["x", "x"]),
        json!(["http://example.invalid/UNDEFINED"]),
    ];
    for value in &critical {
        assert_eq!(
            refusal(&with_header(&json!({"crit": value, "x": 1}))),
            Reason::UnsupportedCriticalHeader,
            "{value}"
        );
        for b64 in [true, false] {
            assert_eq!(
                refusal(&with_header(&json!({"crit": value, "b64": b64}))),
                Reason::UnsupportedCriticalHeader
            );
        }
    }
    for b64 in [json!(true), json!(false), json!("false")] {
        assert_eq!(
            refusal(&with_header(&json!({ "b64": b64 }))),
            Reason::UnsupportedCriticalHeader
        );
    }
    let null = sign_raw(
        &P256,
        "ES256",
        br#"{"alg":"ES256","kid":"key-1","crit":null}"#,
        claims().to_string().as_bytes(),
    );
    assert_eq!(refusal(&null), Reason::UnsupportedCriticalHeader);
}

#[test]
fn row_21_b2_b3_keys_that_a_token_brings_are_ignored() {
    let attacker = KeyPair::ec("ES256");
    let brought = [
        json!({"jwk": attacker.jwk()}),
        json!({"jwk": attacker.jwk_with(&json!({"kid": "key-1"}))}),
        json!({"x5c": ["MIIB"]}),
        json!({"x5t": "AAAA", "x5t#S256": "AAAA"}),
        json!({"jku": "https://evil.test/jwks.json"}),
        json!({"x5u": "https://evil.test/cert.pem"}),
        json!({"jku": "file:///etc/passwd", "x5u": "http://169.254.169.254/"}),
    ];
    for more in &brought {
        let forged = sign(
            &attacker,
            "ES256",
            &merged(json!({"kid": "key-1"}), more),
            &claims(),
        );
        assert_eq!(refusal(&forged), Reason::BadSignature, "{more}");
        let forged = sign(&attacker, "ES256", more, &claims());
        assert_eq!(refusal(&forged), Reason::BadSignature, "{more}");
        assert!(
            verify(&with_header(more)).is_ok(),
            "a genuine token with {more}"
        );
    }
}

#[test]
fn b4_a_kid_is_a_name_and_nothing_else() {
    let hostile = [
        "",
        " ",
        "../../etc/passwd",
        "..%2f..%2fetc",
        "%2e%2e/key-1",
        "/dev/null",
        "key-1/../key-1",
        "./key-1",
        "key-1 ",
        " key-1",
        "KEY-1",
        "key-1\n",
        "key-1\r\nx: y",
        "' OR 1=1--",
        "\"; DROP TABLE keys",
        "$(id)",
        "`id`",
        "|id",
        "https://evil.test/k",
        "key-1?x=1",
        "key-1#x",
        "*",
        "key-*",
        "{{7*7}}",
        "\u{202e}1-yek",
        "ｋey-1",
        "key\u{2011}1",
        "\u{1b}[31m",
        "%s%n",
    ];
    for kid in hostile {
        let error = verify(&with_header(&json!({ "kid": kid }))).unwrap_err();
        assert_eq!(error.reason(), Reason::UnknownKeyId, "{kid:?}");
        let line = error.to_string();
        assert!(
            line.len() < 600 && !line.chars().any(char::is_control),
            "{line:?}"
        );
    }
    for kid in [
        json!(1),
        json!(null),
        json!({}),
        json!([]),
        json!(true),
        json!("x".repeat(513)),
        json!("a\u{0}b"),
    ] {
        let header = format!("{{\"alg\":\"ES256\",\"kid\":{kid}}}");
        let token = sign_raw(
            &P256,
            "ES256",
            header.as_bytes(),
            claims().to_string().as_bytes(),
        );
        assert_eq!(refusal(&token), Reason::MalformedToken, "{kid}");
    }
    assert_eq!(
        refusal(&with_header(&json!({"kid": "x".repeat(10_000)}))),
        Reason::MalformedToken
    );
}

#[test]
fn b15_refuses_registered_header_members_of_another_type() {
    let odd = [
        json!(null),
        json!(true),
        json!(1),
        json!(1.5),
        json!([]),
        json!({}),
        json!([[]]),
        json!("x".repeat(5_000)),
    ];
    for name in ["alg", "kid", "typ", "cty", "jku", "x5u", "x5t", "x5t#S256"] {
        for value in &odd {
            let mut header = json!({"alg": "ES256", "kid": "key-1"});
            header[name] = value.clone();
            let token = sign_raw(
                &P256,
                "ES256",
                header.to_string().as_bytes(),
                claims().to_string().as_bytes(),
            );
            assert_eq!(refusal(&token), Reason::MalformedToken, "{name} {value}");
        }
        let header = format!("{{\"alg\":\"ES256\",\"{name}\":1e400}}");
        let token = sign_raw(
            &P256,
            "ES256",
            header.as_bytes(),
            claims().to_string().as_bytes(),
        );
        assert_eq!(refusal(&token), Reason::MalformedToken, "{name}");
    }
    for (name, value) in [
        ("jwk", json!("x")),
        ("jwk", json!([])),
        ("x5c", json!("x")),
        ("x5c", json!({})),
        ("enc", json!("A128GCM")),
        ("zip", json!("DEF")),
    ] {
        let mut more = json!({});
        more[name] = value;
        assert_eq!(
            refusal(&with_header(&more)),
            Reason::MalformedToken,
            "{more}"
        );
    }
}
