//! Tokens with a MAC: only with the operator's secret, only for its issuer, and never with a key.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use oauthgate_core::{
    Audience, CompactJws, Issuer, Reason, SharedSecret, TokenError, UnixTime, Verifier, VerifierSet,
};
use serde_json::{Value, json};

use crate::support::*;

/// 64 bytes, enough for every algorithm.
const SECRET: &[u8] = b"1qJ8zvR0x5YtW3uNfH7mKcB2dLgE9sPaVo4iTjXyQwZrMlCkUhSbDnGeFpIaOA6_";
const NAMES: [(&str, hmac::Algorithm); 3] = [
    ("HS256", hmac::HMAC_SHA256),
    ("HS384", hmac::HMAC_SHA384),
    ("HS512", hmac::HMAC_SHA512),
];

fn token_with_mac(name: &str, secret: &[u8], header: &Value, claims: &Value) -> String {
    let algorithm = NAMES.iter().find(|(known, _)| *known == name).unwrap().1;
    let header = merged(json!({"alg": name, "typ": "at+jwt"}), header);
    let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let code = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", b64(code))
}

fn sharing(secret: &[u8]) -> Verifier {
    of(ISSUER, Some(secret))
}

fn of(issuer: &str, secret: Option<&[u8]>) -> Verifier {
    let builder = Verifier::builder()
        .issuer(Issuer::new(issuer).unwrap())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    match secret {
        Some(secret) => builder
            .shared_secret(SharedSecret::new(secret).unwrap())
            .build(),
        None => builder.build(),
    }
    .unwrap()
}

fn verify_mac(verifier: &Verifier, token: &str) -> Result<String, TokenError> {
    let token = CompactJws::parse(token)?;
    let verified = verifier.verify_mac(&token)?;
    assert_eq!(verified.key_id(), None);
    let validated = verifier.validate(verified, UnixTime::from_secs(NOW))?;
    Ok(verifier.user_context(&validated)?.user_id().to_owned())
}

fn mac_refusal(verifier: &Verifier, token: &str) -> Reason {
    verify_mac(verifier, token).unwrap_err().reason()
}

#[test]
fn a_token_with_a_mac_of_the_shared_secret_is_accepted() {
    for (name, _) in NAMES {
        let token = token_with_mac(name, SECRET, &json!({}), &claims());
        assert_eq!(
            verify_mac(&sharing(SECRET), &token).unwrap(),
            "user-1",
            "{name}"
        );
    }
}

#[test]
fn a2_without_a_secret_no_mac_is_taken_and_the_way_out_is_named() {
    for (name, _) in NAMES {
        let token = token_with_mac(name, SECRET, &json!({}), &claims());
        let error = verify_mac(&of(ISSUER, None), &token).unwrap_err();
        assert_eq!(error.reason(), Reason::AlgorithmNotAllowed);
        assert!(
            error.detail().contains("OAUTHGATE_HS_SECRET"),
            "{}",
            error.detail()
        );
    }
}

#[test]
fn a2_no_key_of_a_set_verifies_a_mac_also_where_a_secret_is_shared() {
    for pair in [&RSA, &P256, &ED25519] {
        let keys = key_set(&[pair.jwk_with(&json!({"kid": "k"}))]);
        let forms = [
            pair.public_bytes(),
            pair.jwk().to_string().into_bytes(),
            SECRET.to_vec(),
        ];
        for secret in forms {
            for (name, _) in NAMES {
                let token = token_with_mac(name, &secret, &json!({"kid": "k"}), &claims());
                let error = verify_with(&sharing(SECRET), &keys, &token, NOW).unwrap_err();
                assert_eq!(error.reason(), Reason::AlgorithmNotAllowed);
            }
        }
    }
}

#[test]
fn a2_the_secret_verifies_no_code_made_with_a_public_key() {
    for pair in [&RSA, &P256, &P384, &P521, &ED25519] {
        for key in [
            pair.public_bytes(),
            pair.jwk().to_string().into_bytes(),
            Vec::new(),
        ] {
            for (name, _) in NAMES {
                let token = token_with_mac(name, &key, &json!({}), &claims());
                assert_eq!(mac_refusal(&sharing(SECRET), &token), Reason::BadSignature);
            }
        }
    }
}

#[test]
fn a2_a_public_key_or_any_other_key_is_no_secret() {
    let rsa = RSA.jwk();
    let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
    for text in [
        pem.to_owned(),
        format!("# the key\n{pem}"),
        pem.replace("PUBLIC KEY", "CERTIFICATE"),
        pem.replace("PUBLIC KEY", "RSA PRIVATE KEY"),
        rsa.to_string(),
        format!("  {rsa}"),
        json!({ "keys": [rsa] }).to_string(),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCBub3QgYSBzZWNyZXQ somebody@example".to_owned(),
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY somebody".to_owned(),
    ] {
        let error = SharedSecret::new(text.as_bytes()).unwrap_err();
        assert!(
            error.problem.contains("no secret"),
            "{text}: {}",
            error.problem
        );
    }
}

/// As Keycloak's console shows the key of a realm, and as `x5c` holds certificates.
#[test]
fn a2_a_public_key_without_the_lines_of_a_pem_is_no_secret_either() {
    const P256_HEAD: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    const ED25519_HEAD: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
    for key in [
        [P256_HEAD, &P256.public_bytes()].concat(),
        [ED25519_HEAD, &ED25519.public_bytes()].concat(),
        RSA.public_bytes(),
    ] {
        let text = STANDARD.encode(&key);
        let lines: Vec<_> = text.as_bytes().chunks(64).collect();
        for text in [
            text.clone(),
            text.trim_end_matches('=').to_owned(),
            format!(" {text}\n"),
            String::from_utf8(lines.join(&b'\n')).unwrap(),
            b64(&key),
        ] {
            let error = SharedSecret::new(text.as_bytes()).unwrap_err();
            assert!(error.problem.contains("no secret"), "{text}: {error}");
        }
        // Another length: something else that starts alike.
        let longer = STANDARD.encode([&key[..], b"more"].concat());
        assert!(SharedSecret::new(longer.as_bytes()).is_ok());
    }
}

#[test]
fn a11_a12_a16_a_secret_that_is_short_or_known_is_refused() {
    let refused: [&[u8]; 9] = [
        b"",
        b" ",
        b"secret",
        &SECRET[..31],
        &[0; 64],
        &[b' '; 64],
        b"abcabcabcabcabcabcabcabcabcabcabcabcabcabc",
        b"a-string-secret-at-least-256-bits-long",
        b"super-secret-jwt-token-with-at-least-32-characters-long",
    ];
    for secret in refused {
        let error = SharedSecret::new(secret).unwrap_err();
        assert!(error.expected.contains("32 bytes"), "{error}");
        let text = String::from_utf8_lossy(secret);
        assert!(
            text.len() < 7 || !error.to_string().contains(&*text),
            "{error}"
        );
    }
}

#[test]
fn a11_a_secret_serves_only_the_hashes_it_is_as_long_as() {
    for (length, served) in [(32, 1), (47, 1), (48, 2), (63, 2), (64, 3)] {
        let secret = &SECRET[..length];
        for (position, (name, _)) in NAMES.iter().enumerate() {
            let token = token_with_mac(name, secret, &json!({}), &claims());
            let outcome = verify_mac(&sharing(secret), &token);
            if position < served {
                assert!(outcome.is_ok(), "{name} with {length} bytes");
            } else {
                let error = outcome.unwrap_err();
                assert_eq!(
                    error.reason(),
                    Reason::AlgorithmNotAllowed,
                    "{name} {length}"
                );
                assert!(error.detail().contains("RFC 7518"), "{error}");
            }
        }
    }
}

#[test]
fn a5_the_algorithm_of_the_header_is_the_one_that_is_computed() {
    for (named, _) in NAMES {
        for (used, algorithm) in NAMES.iter().filter(|(used, _)| *used != named) {
            let message = format!(
                "{}.{}",
                b64(json!({"alg": named}).to_string()),
                b64(claims().to_string())
            );
            let code = hmac::sign(&hmac::Key::new(*algorithm, SECRET), message.as_bytes());
            let token = format!("{message}.{}", b64(code));
            assert_eq!(
                mac_refusal(&sharing(SECRET), &token),
                Reason::BadSignature,
                "{named} {used}"
            );
        }
    }
}

#[test]
fn a14_no_bit_of_the_token_may_change_and_no_byte_of_the_code_be_missing() {
    let good = token_with_mac("HS256", SECRET, &json!({}), &claims());
    let (message, code) = good.rsplit_once('.').unwrap();
    for length in 0..code.len() {
        assert!(verify_mac(&sharing(SECRET), &format!("{message}.{}", &code[..length])).is_err());
    }
    for at in 0..good.len() {
        for bit in 0..7 {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let text = String::from_utf8(bytes).unwrap();
            assert!(verify_mac(&sharing(SECRET), &text).is_err(), "{at} {bit}");
        }
    }
}

#[test]
fn a1_none_and_names_near_those_of_macs_are_refused() {
    for name in [
        "none", "hs256", "HS256 ", "HS1", "HS224", "HS256/64", "HMAC", "",
    ] {
        let message = format!(
            "{}.{}",
            b64(json!({"alg": name}).to_string()),
            b64(claims().to_string())
        );
        let code = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, SECRET),
            message.as_bytes(),
        );
        for token in [format!("{message}."), format!("{message}.{}", b64(code))] {
            assert_eq!(
                mac_refusal(&sharing(SECRET), &token),
                Reason::AlgorithmNotAllowed,
                "{name}"
            );
        }
    }
}

#[test]
fn c9_a_secret_is_for_its_own_issuer_only() {
    let (ours, other) = (ISSUER, "https://other.example.com");
    let set = VerifierSet::new(vec![of(ours, Some(SECRET)), of(other, None)]).unwrap();
    let token = token_with_mac(
        "HS256",
        SECRET,
        &json!({}),
        &claims_with(&json!({"iss": other})),
    );
    let parsed = CompactJws::parse(&token).unwrap();
    let (position, verifier) = set.for_token(&parsed).unwrap();
    assert_eq!(position, 1);
    assert_eq!(mac_refusal(verifier, &token), Reason::AlgorithmNotAllowed);
    assert_eq!(
        mac_refusal(&set.verifiers()[0], &token),
        Reason::UnknownIssuer
    );
}

#[test]
fn a_secret_verifies_no_signature_and_changes_nothing_for_tokens_with_one() {
    let good = token(&claims());
    assert_eq!(
        mac_refusal(&sharing(SECRET), &good),
        Reason::AlgorithmNotAllowed
    );
    assert!(verify_with(&sharing(SECRET), &keys(), &good, NOW).is_ok());
}

#[test]
fn every_check_holds_for_tokens_with_a_mac() {
    let verifier = sharing(SECRET);
    for (more, reason) in [
        (json!({"exp": NOW - 3_600}), Reason::Expired),
        (
            json!({"aud": "https://other.example.com"}),
            Reason::WrongAudience,
        ),
        (json!({"cnf": {"jkt": "x"}}), Reason::SenderProofMissing),
    ] {
        let token = token_with_mac("HS256", SECRET, &json!({}), &claims_with(&more));
        assert_eq!(mac_refusal(&verifier, &token), reason);
    }
    let long = claims_with(&json!({"x": "x".repeat(20_000)}));
    let token = token_with_mac("HS256", SECRET, &json!({}), &long);
    assert_eq!(mac_refusal(&verifier, &token), Reason::TokenTooLarge);
}

#[test]
fn h2_a_secret_is_never_shown() {
    let shown = format!(
        "{:?} {:?}",
        SharedSecret::new(SECRET).unwrap(),
        sharing(SECRET)
    );
    assert!(shown.contains("SharedSecret(redacted)"));
    assert!(!shown.contains(std::str::from_utf8(&SECRET[..8]).unwrap()));
}
