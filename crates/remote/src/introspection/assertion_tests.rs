use aws_lc_rs::{
    encoding::AsDer,
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, KeyPair as _,
        RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    },
};
use base64::engine::general_purpose::STANDARD;

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

/// The decoded parts of an assertion, and what was signed.
fn opened(key: &AssertionKey) -> (Value, Value, Vec<u8>, Vec<u8>) {
    let assertion = key
        .assertion("gate", "https://auth.example.com", NOW)
        .unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    (
        json(header),
        json(claims),
        signed.as_bytes().to_vec(),
        signature,
    )
}

#[test]
fn an_assertion_says_who_asks_and_lives_a_minute() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = AssertionKey::parse(&pem("PRIVATE KEY", pair.to_pkcs8().unwrap().as_ref())).unwrap();
    let (header, claims, signed, signature) = opened(&key);
    assert_eq!(header["alg"], "EdDSA");
    assert_eq!(header["typ"], "client-authentication+jwt");
    assert_eq!(header.get("kid"), None);
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("gate"), &json!("gate"))
    );
    // RFC 7523bis §4: the issuer as a string, and nobody else.
    assert_eq!(claims["aud"], "https://auth.example.com");
    assert_eq!(claims["iat"], NOW.as_secs());
    assert_eq!(claims["exp"], NOW.as_secs() + 60);
    let public = UnparsedPublicKey::new(&signature::ED25519, pair.public_key());
    public.verify(&signed, &signature).unwrap();
    let (_, other, ..) = opened(&key);
    assert_ne!(claims["jti"], other["jti"]);
    assert!(claims["jti"].as_str().unwrap().len() >= 22);
}

#[test]
fn rsa_keys_are_read_from_each_form() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let key = AssertionKey::parse(&pem("PRIVATE KEY", pkcs8.as_ref())).unwrap();
    let (header, _, signed, signature) = opened(&key);
    assert_eq!(header["alg"], "RS256");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
    public.verify(&signed, &signature).unwrap();
}

/// RFC 7517 appendix A.2 holds a private RSA key and a private P-256 key.
fn rfc_7517_rsa() -> Value {
    json!({"kty":"RSA","kid":"2011-04-29",
      "n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
      "e":"AQAB",
      "d":"X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q",
      "p":"83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfs",
      "q":"3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdpYzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ-1kYd_s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxk",
      "dp":"G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emTAue0UOa5dpgFGyBJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_NmtuYZc3C3m3I24G2GvR5sSDxUyAN2zq8Lfn9EUms6rY3Ob8YeiKkTiBj0",
      "dq":"s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8lqeW6vzznYY5SSQF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9GF4Dh7e74WbRsobRonujTYN1xCaP6TO61jvWrX-L18txXw494Q_cgk",
      "qi":"GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6Ia6zTKhAVRU"})
}

#[test]
fn private_jwks_are_read_with_their_kid_and_alg() {
    for (alg, expected) in [
        (None, "RS256"),
        (Some("RS512"), "RS512"),
        (Some("PS256"), "PS256"),
    ] {
        let mut jwk = rfc_7517_rsa();
        if let Some(alg) = alg {
            jwk["alg"] = alg.into();
        }
        let key = AssertionKey::parse(&jwk.to_string()).unwrap();
        let (header, ..) = opened(&key);
        assert_eq!(
            (&header["alg"], &header["kid"]),
            (&json!(expected), &json!("2011-04-29"))
        );
    }
    let p256 = json!({"kty":"EC","crv":"P-256","kid":"1",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"});
    let key = AssertionKey::parse(&p256.to_string()).unwrap();
    let (header, _, signed, signature) = opened(&key);
    assert_eq!(header["alg"], "ES256");
    let coordinate = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(p256[name].as_str().unwrap())
            .unwrap()
    };
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    public.verify(&signed, &signature).unwrap();
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    let key = AssertionKey::parse(&pem("PRIVATE KEY", pkcs8.as_ref())).unwrap();
    let (header, _, signed, signature) = opened(&key);
    assert_eq!(header["alg"], "ES384");
    let public = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, pair.public_key());
    public.verify(&signed, &signature).unwrap();
}

#[test]
fn what_is_no_private_key_is_refused_and_not_repeated() {
    let public_only = {
        let mut jwk = rfc_7517_rsa();
        for name in ["d", "p", "q", "dp", "dq", "qi"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        jwk.to_string()
    };
    let mut mismatch = rfc_7517_rsa();
    mismatch["alg"] = "ES256".into();
    let mut damaged = rfc_7517_rsa();
    damaged["p"] = damaged["q"].clone();
    let rows = [
        String::new(),
        "canary".to_owned(),
        "{".to_owned(),
        "{}".to_owned(),
        json!({"keys": [rfc_7517_rsa()]}).to_string(),
        json!({"kty": "oct", "k": "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"}).to_string(),
        json!({"kty": "OKP", "crv": "X25519", "d": "canary", "x": "canary"}).to_string(),
        public_only,
        mismatch.to_string(),
        damaged.to_string(),
        pem("PRIVATE KEY", b"canary"),
        pem("EC PRIVATE KEY", b"canary"),
        pem("ENCRYPTED PRIVATE KEY", b"canary"),
        pem("PUBLIC KEY", b"canary"),
        pem("CERTIFICATE", b"canary"),
        "x".repeat(LONGEST + 1),
    ];
    for row in rows {
        let error = AssertionKey::parse(&row).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn h2_debug_shows_the_algorithm_and_nothing_of_the_key() {
    let key = AssertionKey::parse(&rfc_7517_rsa().to_string()).unwrap();
    assert_eq!(format!("{key:?}"), "AssertionKey(RS256)");
    let same = AssertionKey::parse(&rfc_7517_rsa().to_string()).unwrap();
    assert_eq!(key, same);
}
