//! JSON that two parsers read differently.

use oauthgate_core::Reason;
use serde_json::{Value, json};

use crate::support::*;

/// A good payload with this text put in as its first member.
fn payload_with(member: &str) -> String {
    claims()
        .to_string()
        .replacen('{', &format!("{{{member},"), 1)
}

#[test]
fn b18_refuses_duplicate_claims() {
    for (name, value) in claims().as_object().unwrap() {
        for spelling in [name.clone(), escaped(name)] {
            let token = token_of_text(&payload_with(&format!("\"{spelling}\":{value}")));
            assert_eq!(refusal(&token), Reason::MalformedClaims, "{spelling}");
        }
    }
    for nested in [
        r#""act":{"sub":"a","sub":"b"}"#,
        r#""x":[{"a":1,"\u0061":1}]"#,
        r#""cnf":{"jkt":"a","jkt":"b"}"#,
    ] {
        assert_eq!(
            refusal(&token_of_text(&payload_with(nested))),
            Reason::MalformedClaims,
            "{nested}"
        );
    }
}

#[test]
fn b18_refuses_duplicate_header_members() {
    for member in [
        r#""alg":"ES256""#,
        r#""\u0061lg":"ES256""#,
        r#""kid":"key-1""#,
        r#""k\u0069d":"key-1""#,
        r#""typ":"at+jwt""#,
        r#""x":1,"x":1"#,
    ] {
        let header = format!("{{{member},\"alg\":\"ES256\",\"kid\":\"key-1\",\"typ\":\"at+jwt\"}}");
        let token = sign_raw(
            &P256,
            "ES256",
            header.as_bytes(),
            claims().to_string().as_bytes(),
        );
        assert_eq!(refusal(&token), Reason::MalformedToken, "{member}");
    }
}

/// The first character as `\u00xx`.
fn escaped(name: &str) -> String {
    let first = name.chars().next().unwrap();
    format!("\\u{:04x}{}", u32::from(first), &name[1..])
}

#[test]
fn b19_refuses_other_encodings() {
    let text = claims().to_string();
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let utf32: Vec<u8> = text
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    let with_bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for payload in [
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        utf32,
        with_bom,
    ] {
        let token = sign_raw(
            &P256,
            "ES256",
            br#"{"alg":"ES256","kid":"key-1"}"#,
            &payload,
        );
        assert_eq!(refusal(&token), Reason::MalformedClaims);
        let token = sign_raw(
            &P256,
            "ES256",
            &[b"\xef\xbb\xbf", &br#"{"alg":"ES256","kid":"key-1"}"#[..]].concat(),
            text.as_bytes(),
        );
        assert_eq!(refusal(&token), Reason::MalformedToken);
    }
}

#[test]
fn b19_refuses_bad_utf_8_and_odd_code_points() {
    let odd: [&[u8]; 9] = [
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\x80",
        br"\ud800",
        br"\udc00\ud800",
        br"\u0000",
    ];
    for text in odd {
        for member in [
            [b"\"x\":\"", text, b"\","].concat(),
            [b"\"", text, b"\":1,"].concat(),
        ] {
            let payload = [
                b"{",
                member.as_slice(),
                &claims().to_string().as_bytes()[1..],
            ]
            .concat();
            let token = sign_raw(
                &P256,
                "ES256",
                br#"{"alg":"ES256","kid":"key-1"}"#,
                &payload,
            );
            assert_eq!(refusal(&token), Reason::MalformedClaims, "{text:?}");
        }
    }
}

#[test]
fn b20_refuses_payloads_that_are_no_object() {
    for payload in [
        "[]",
        "\"x\"",
        "1",
        "null",
        "true",
        "",
        " ",
        "{",
        "}",
        "{}{}",
        "[{}]",
        "{}x",
        "{'a':1}",
        "{\"a\":1,}",
        "{a:1}",
        "{xa\":1}",
        "{1\":1}",
        "{\"a\"1}",
        "{\"a\":1 \"b\":2}",
        "{,}",
        "NaN",
        "/**/{}",
    ] {
        assert_eq!(
            refusal(&token_of_text(payload)),
            Reason::MalformedClaims,
            "{payload}"
        );
    }
    assert_eq!(
        refusal(&token_of_text("{}")),
        Reason::UnknownIssuer,
        "an empty object names no issuer"
    );
}

/// Every registered claim × every JSON type that it must not have: refused, whichever check meets it.
#[test]
fn b15_refuses_registered_claims_of_another_type() {
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(""),
        json!([]),
        json!({}),
        json!([1]),
        json!([[]]),
        json!("x".repeat(8_000)),
    ];
    let mut variants = 0;
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "scope",
        "client_id",
        "resource",
        "cnf",
        "tenant_id",
        "tier",
    ] {
        for value in &odd {
            if is_right(name, value) {
                continue;
            }
            let mut odd = claims();
            odd[name] = value.clone();
            let error = verify(&token(&odd)).expect_err(&format!("{name} {value}"));
            assert!(error.to_string().len() < 1_200, "{error}");
            variants += 1;
        }
        let payload = claims_with(&json!({ name: null })).to_string().replacen(
            '{',
            &format!("{{\"{name}\":1e400,"),
            1,
        );
        assert!(verify(&token_of_text(&payload)).is_err(), "{name} 1e400");
    }
    assert!(variants > 90, "{variants}");
}

fn is_right(name: &str, value: &Value) -> bool {
    match name {
        "scope" => {
            value.is_null()
                || value == ""
                || value == &json!([])
                || value.as_str().is_some_and(|text| text.len() > 1)
        }
        "client_id" | "tenant_id" => value.is_null(),
        "tier" => !value.is_string(),
        _ => false,
    }
}

#[test]
fn h2_debug_shows_no_claim_and_no_signature() {
    let token = token(&claims_with(
        &json!({"sub": "canary", "email": "canary@example.com"}),
    ));
    let signature = token.rsplit_once('.').unwrap().1.to_owned();
    let jws = oauthgate_core::CompactJws::parse(&token).unwrap();
    let seen = format!("{jws:?}");
    let verifier = verifier();
    let verified = verifier.verify_signature(&jws, &keys()).unwrap();
    let seen = format!("{seen}{verified:?}");
    let validated = verifier
        .validate(verified, oauthgate_core::UnixTime::from_secs(NOW))
        .unwrap();
    let seen = format!("{seen}{validated:?}{:?}", keys());
    assert!(
        !seen.contains("canary") && !seen.contains(&signature) && !seen.contains(&token[..40]),
        "{seen}"
    );
    assert!(seen.contains("members"), "{seen}");
}
