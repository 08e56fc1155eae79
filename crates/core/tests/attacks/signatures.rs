//! Signatures that are malformed, missing, or belong to something else.

use oauthgate_core::{JwkSet, Reason, keys::JwkSetError};
use serde_json::json;

use crate::support::*;

/// The order of P-256, big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn with_signature(token: &str, signature: &[u8]) -> String {
    let (message, _) = token.rsplit_once('.').unwrap();
    format!("{message}.{}", b64(signature))
}

fn signature_of(token: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token.rsplit_once('.').unwrap().1)
        .unwrap()
}

#[test]
fn a7_refuses_ecdsa_signatures_with_special_numbers() {
    let mut order_plus_one = P256_ORDER;
    order_plus_one[31] += 1;
    let mut one = [0; 32];
    one[31] = 1;
    let numbers = [[0; 32], one, P256_ORDER, order_plus_one, [0xff; 32]];
    let good = token(&claims());
    let genuine = signature_of(&good);
    let halves: [&[u8]; 2] = [&genuine[..32], &genuine[32..]];
    for r in numbers.iter().map(<[u8; 32]>::as_slice).chain(halves) {
        for s in numbers.iter().map(<[u8; 32]>::as_slice).chain(halves) {
            let signature = [r, s].concat();
            if signature != genuine {
                assert_eq!(
                    refusal(&with_signature(&good, &signature)),
                    Reason::BadSignature
                );
            }
        }
    }
}

#[test]
fn a8_refuses_ecdsa_signatures_of_another_length_or_form() {
    let good = token(&claims());
    let genuine = signature_of(&good);
    for length in [0, 1, 32, 63, 65, 66, 96, 128, 132] {
        let mut signature = genuine.clone();
        signature.resize(length, 0);
        assert_eq!(
            refusal(&with_signature(&good, &signature)),
            Reason::BadSignature,
            "{length} bytes"
        );
        let mut signature = vec![0; length.saturating_sub(64)];
        signature.extend_from_slice(&genuine);
        if length > 64 {
            assert_eq!(
                refusal(&with_signature(&good, &signature)),
                Reason::BadSignature,
                "zeros in front"
            );
        }
    }
    assert_eq!(
        refusal(&with_signature(&good, &der(&genuine))),
        Reason::BadSignature,
        "DER form"
    );
}

/// `SEQUENCE { r INTEGER, s INTEGER }`.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let mut number: Vec<u8> = number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        if number.first().is_some_and(|first| *first >= 0x80) {
            number.insert(0, 0);
        }
        [vec![0x02, u8::try_from(number.len()).unwrap()], number].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

#[test]
fn a9_refuses_rsa_signatures_of_another_length() {
    let keys = key_set(&[RSA.jwk_with(&json!({"kid": "k"}))]);
    for algorithm in RSA.algorithms() {
        let good = sign(&RSA, algorithm, &json!({"kid": "k"}), &claims());
        let genuine = signature_of(&good);
        let variants = [
            genuine[1..].to_vec(),
            genuine[..255].to_vec(),
            [&[0], genuine.as_slice()].concat(),
            [genuine.as_slice(), &[0]].concat(),
            vec![0; 256],
            vec![0xff; 256],
            vec![1],
            Vec::new(),
        ];
        for signature in variants {
            let error = verify_with(&verifier(), &keys, &with_signature(&good, &signature), NOW)
                .unwrap_err();
            assert_eq!(
                error.reason(),
                Reason::BadSignature,
                "{algorithm}, {} bytes",
                signature.len()
            );
        }
    }
}

/// S + L is the same number to a lax verifier (RFC 8032 §5.1.7).
#[test]
fn a10_refuses_a_malleable_ed25519_signature() {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let keys = key_set(&[ED25519.jwk_with(&json!({"kid": "k"}))]);
    let good = sign(&ED25519, "EdDSA", &json!({"kid": "k"}), &claims());
    assert!(verify_with(&verifier(), &keys, &good, NOW).is_ok());
    let mut signature = signature_of(&good);
    let mut carry = 0;
    for (byte, addend) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    let error =
        verify_with(&verifier(), &keys, &with_signature(&good, &signature), NOW).unwrap_err();
    assert_eq!(error.reason(), Reason::BadSignature);
}

#[test]
fn a13_without_a_key_nothing_verifies() {
    assert!(matches!(
        JwkSet::parse(br#"{"keys":[]}"#),
        Err(JwkSetError::Empty)
    ));
    assert_eq!(
        refusal(&sign(&P256, "ES256", &json!({"kid": "other"}), &claims())),
        Reason::UnknownKeyId
    );
    let keys = key_set(&[RSA.jwk()]);
    let error = verify_with(
        &verifier(),
        &keys,
        &sign(&P256, "ES256", &json!({}), &claims()),
        NOW,
    )
    .unwrap_err();
    assert_eq!(error.reason(), Reason::AlgorithmNotAllowed);
}

#[test]
fn a14_refuses_missing_and_foreign_signatures() {
    let (good, other) = (
        token(&claims()),
        token(&claims_with(&json!({"sub": "user-2"}))),
    );
    let (message, _) = good.rsplit_once('.').unwrap();
    let (_, foreign) = other.rsplit_once('.').unwrap();
    for signature in ["", foreign] {
        assert_eq!(
            refusal(&format!("{message}.{signature}")),
            Reason::BadSignature
        );
    }
    // Another key under the same name.
    let forged = sign(
        &KeyPair::ec("ES256"),
        "ES256",
        &json!({"kid": "key-1"}),
        &claims(),
    );
    assert_eq!(refusal(&forged), Reason::BadSignature);
    // The payload of one token with header and signature of another.
    let parts: Vec<_> = good.split('.').collect();
    let payload = b64(claims_with(&json!({"sub": "admin"})).to_string());
    assert_eq!(
        refusal(&format!("{}.{payload}.{}", parts[0], parts[2])),
        Reason::BadSignature
    );
}
