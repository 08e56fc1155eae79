//! The form of the token: bytes, dots, base64url, sizes, encryption.

use oauthgate_core::{Audience, Blame, CompactJws, Reason, Verifier};
use serde_json::json;

use crate::support::*;

#[test]
fn b9_refuses_any_byte_outside_the_alphabet_before_decoding() {
    let good = token(&claims());
    for byte in
        (0..=0x7f).filter(|byte: &u8| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte))
    {
        let odd = char::from(byte);
        let (start, end) = good.split_at(good.len() / 2);
        for spelling in [
            format!("{odd}{good}"),
            format!("{good}{odd}"),
            format!("{start}{odd}{end}"),
        ] {
            assert_eq!(refusal(&spelling), Reason::MalformedToken, "{odd:?}");
        }
    }
    for odd in ["\u{85}", "\u{a0}", "\u{2028}", "\u{feff}", "．", "ａ"] {
        assert_eq!(
            refusal(&format!("{good}{odd}")),
            Reason::MalformedToken,
            "{odd:?}"
        );
    }
    assert_eq!(
        refusal(&format!("{{\"a\":\"{good}\"}}")),
        Reason::MalformedToken,
        "a compact and JSON polyglot"
    );
}

#[test]
fn b10_counts_the_dots() {
    let part = "eyJhbGciOiJFUzI1NiJ9";
    for dots in [0, 1, 3, 5, 6, 100] {
        assert_eq!(
            refusal(&vec![part; dots + 1].join(".")),
            Reason::OpaqueToken,
            "{dots} dots"
        );
    }
    assert_eq!(refusal(&[part; 5].join(".")), Reason::EncryptedToken);
    assert_eq!(refusal(&".".repeat(8_000)), Reason::OpaqueToken);
    assert_eq!(refusal(""), Reason::MalformedToken);
    for empty in ["..", "a..", ".a.", "..a", "a.b.", ".a.b", "a..b"] {
        assert_eq!(refusal(empty), Reason::MalformedToken, "{empty}");
    }
    assert_eq!(refusal("...."), Reason::EncryptedToken);
}

#[test]
fn b11_refuses_lax_base64url_in_every_part() {
    let good = token(&claims());
    let parts: Vec<_> = good.split('.').map(str::to_owned).collect();
    let mut variants = 0;
    for (position, part) in parts.iter().enumerate() {
        let mut spellings: Vec<_> = ["=", "==", "+", "/", " ", "!", "\n", "\r\n", "\t", "%3D"]
            .iter()
            .map(|odd| format!("{part}{odd}"))
            .collect();
        spellings.push(format!("{part}A"));
        spellings.push(with_unused_bits(part));
        spellings.retain(|spelling| {
            spelling != part && !(spelling.len() % 4 != 1 && spelling == &format!("{part}A"))
        });
        for spelling in spellings {
            let mut changed = parts.clone();
            changed[position] = spelling;
            assert_eq!(
                refusal(&changed.join(".")),
                Reason::MalformedToken,
                "{changed:?}"
            );
            variants += 1;
        }
    }
    assert!(variants >= 30, "{variants}");
}

/// The same bytes to a lenient decoder: a unused bit of the last character set, where there is one.
fn with_unused_bits(part: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if part.len().is_multiple_of(4) {
        return part.to_owned();
    }
    let (start, last) = part.split_at(part.len() - 1);
    let value = ALPHABET
        .iter()
        .position(|byte| *byte == last.as_bytes()[0])
        .unwrap();
    format!("{start}{}", char::from(ALPHABET[value | 1]))
}

#[test]
fn b12_b13_refuse_encrypted_tokens_without_looking_inside() {
    let unsigned = format!(
        "{}.{}.",
        b64(r#"{"alg":"none"}"#),
        b64(claims().to_string())
    );
    let headers = [
        json!({"alg": "RSA-OAEP", "enc": "A128GCM", "cty": "JWT"}),
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128CBC-HS256", "p2c": 1_u64 << 31, "p2s": "AAAA"}),
        json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}),
        json!("not even an object"),
    ];
    for header in headers {
        let token = format!(
            "{}.{}.{}.{}.{}",
            b64(header.to_string()),
            b64("key"),
            b64("iv"),
            b64(&unsigned),
            b64("tag")
        );
        assert_eq!(refusal(&token), Reason::EncryptedToken, "{header}");
    }
}

#[test]
fn a19_refuses_several_signatures_in_either_order() {
    let good = token(&claims());
    let [header, payload, signature] = [0, 1, 2].map(|part| good.split('.').nth(part).unwrap());
    let signed = json!({ "protected": header, "signature": signature });
    let forged = json!({ "protected": header, "signature": b64([0; 64]) });
    for signatures in [
        json!([signed, forged]),
        json!([forged, signed]),
        json!([signed]),
    ] {
        let general = json!({ "payload": payload, "signatures": signatures }).to_string();
        let reason = refusal(&general);
        assert_eq!(reason.blame(), Blame::Token, "{general}");
    }
    let flattened =
        json!({ "payload": payload, "protected": header, "signature": signature }).to_string();
    assert_eq!(refusal(&flattened).blame(), Blame::Token);
}

#[test]
fn b16_refuses_deep_nesting() {
    for levels in [33, 1_000, 2_900] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" {
                String::new()
            } else {
                "1".to_owned()
            };
            let deep = format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
            if deep.len() > 11_000 {
                continue;
            }
            let payload = format!("{{\"iss\":\"{ISSUER}\",\"x\":{deep}}}");
            assert_eq!(
                refusal(&token_of_text(&payload)),
                Reason::MalformedClaims,
                "{levels} levels of {open}"
            );
            let header = format!("{{\"alg\":\"ES256\",\"x\":{deep}}}");
            let token = sign_raw(
                &P256,
                "ES256",
                header.as_bytes(),
                claims().to_string().as_bytes(),
            );
            assert_eq!(
                refusal(&token),
                Reason::MalformedToken,
                "{levels} levels of {open}"
            );
        }
    }
    // One level is the object itself.
    let allowed = claims_with(&json!({"x": (0..31).fold(json!(1), |inner, _| json!([inner]))}));
    assert!(verify(&token(&allowed)).is_ok());
    let refused = claims_with(&json!({"x": (0..32).fold(json!(1), |inner, _| json!([inner]))}));
    assert_eq!(refusal(&token(&refused)), Reason::MalformedClaims);
}

#[test]
fn b17_limits_token_and_header() {
    let padded = |length: usize| {
        let mut filler = length;
        loop {
            let token = token(&claims_with(&json!({"filler": "x".repeat(filler)})));
            if token.len() <= length {
                return token;
            }
            filler -= 1.max((token.len() - length) * 3 / 4);
        }
    };
    let largest = padded(CompactJws::MAX_LENGTH);
    assert!(CompactJws::MAX_LENGTH - largest.len() < 3);
    assert!(verify(&largest).is_ok());
    assert_eq!(
        refusal(&format!("{largest}{}", "A".repeat(3))),
        Reason::TokenTooLarge
    );
    assert_eq!(refusal(&"A".repeat(100_000_000)), Reason::TokenTooLarge);
    for (filler, accepted) in [(4_000, true), (4_096, false)] {
        let token = sign(
            &P256,
            "ES256",
            &json!({"kid": "key-1", "x": "x".repeat(filler)}),
            &claims(),
        );
        assert_eq!(verify(&token).is_ok(), accepted, "{filler}");
    }
}

#[test]
fn b17_a_verifier_may_set_another_limit() {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    let verifier = builder.max_token_length(100).build().unwrap();
    let error = verify_with(&verifier, &keys(), &token(&claims()), NOW).unwrap_err();
    assert_eq!(error.reason(), Reason::TokenTooLarge);
    let large = token(&claims_with(&json!({"filler": "x".repeat(20_000)})));
    assert!(CompactJws::parse(&large).is_err());
    assert!(CompactJws::parse_with_limit(&large, 64 * 1024).is_ok());
}

#[test]
fn e14_what_does_not_look_like_a_jwt_is_refused_too() {
    for token in [
        "sk-live-0123456789",
        "ghp_abcdefghijklmnop",
        "a.b.c",
        "x.y",
        "Bearer",
        "undefined",
        "null",
        "ya29.a0AfH6SMB",
    ] {
        assert_eq!(refusal(token).blame(), Blame::Token, "{token}");
    }
}

/// Goal R7: a few bytes of a stranger do not become kilobytes of ours.
#[test]
fn b17_limits_the_values_of_a_document() {
    let with = |element: &str, count: usize| {
        format!(
            "{{\"iss\":\"{ISSUER}\",\"x\":[{}]}}",
            vec![element; count].join(",")
        )
    };
    for (element, count) in [
        ("0", 5_000),
        ("[]", 3_000),
        ("{\"a\":1}", 1_000),
        ("\"\"", 3_500),
    ] {
        assert_eq!(
            refusal(&token_of_text(&with(element, count))),
            Reason::MalformedClaims,
            "{count} × {element}"
        );
    }
    let ordinary = [
        json!({"groups": vec!["11e0e928-7102-45b2-a966-8a7db1233bf7"; 200]}),
        json!({"roles": (0..600).map(|number| format!("r{number}")).collect::<Vec<_>>()}),
        json!({"bits": vec![1; 500]}),
        json!({"resource_access": (0..100).map(|number| (format!("client-{number}"), json!({"roles": ["view", "edit"]}))).collect::<serde_json::Map<_, _>>()}),
    ];
    for more in &ordinary {
        assert!(verify(&token(&claims_with(more))).is_ok(), "{more}");
    }
}

/// A key set of short keys, as many as may be.
#[test]
fn b17_a_thousand_keys_still_fit() {
    let key = ED25519.jwk();
    let set = json!({"keys": vec![key; 1_000]}).to_string();
    assert_eq!(
        oauthgate_core::JwkSet::parse(set.as_bytes())
            .unwrap()
            .keys()
            .len(),
        1_000
    );
}
