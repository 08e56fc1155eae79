//! Who is compared, each with everything prepared that can be prepared once per key set.

use std::hint::black_box;

use aws_lc_rs::signature::ParsedPublicKey;
use jsonwebtoken::{DecodingKey, Validation};
use oauthgate_core::{Audience, CompactJws, Issuer, JwkSet, UnixTime, Verifier};
use serde_json::{Value, json};

use crate::token::{AUDIENCE, Fixture, ISSUER, Kind};

/// The signature check alone, with a parsed key: nobody can be faster.
#[derive(Debug)]
pub(crate) struct RawSignature {
    key: ParsedPublicKey,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl RawSignature {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        let key = ParsedPublicKey::new(fixture.kind.verification(), &fixture.public_key)
            .expect("our key");
        let (signed, signature) = fixture.signed_parts();
        Self {
            key,
            signed,
            signature,
        }
    }

    pub(crate) fn verify(&self) {
        self.key
            .verify_sig(black_box(&self.signed), black_box(&self.signature))
            .expect("our signature");
    }
}

/// Our whole path from the token's text to the user context.
#[derive(Debug)]
pub(crate) struct OAuthGate {
    verifier: Verifier,
    keys: JwkSet,
    token: String,
    now: UnixTime,
}

impl OAuthGate {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        let issuer = Issuer::new(ISSUER).expect("an issuer");
        let audience = Audience::new(AUDIENCE).expect("an audience");
        let verifier = Verifier::builder()
            .issuer(issuer)
            .audiences(audience, [])
            .build()
            .expect("a verifier");
        let keys = JwkSet::parse(json!({"keys": [fixture.jwk]}).to_string().as_bytes())
            .expect("a key set");
        Self {
            verifier,
            keys,
            token: fixture.token.clone(),
            now: UnixTime::from_secs(fixture.now),
        }
    }

    pub(crate) fn validate(&self) {
        let token = CompactJws::parse(black_box(&self.token)).expect("a token");
        let verified = self
            .verifier
            .verify_signature(&token, &self.keys)
            .expect("our signature");
        let validated = self
            .verifier
            .validate(verified, self.now)
            .expect("a good token");
        black_box(self.verifier.user_context(&validated).expect("a caller"));
    }
}

/// `jsonwebtoken`: header for the key's choice, then everything it checks.
pub(crate) struct Jsonwebtoken {
    key: DecodingKey,
    validation: Validation,
    token: String,
}

impl Jsonwebtoken {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        let member = |name: &str| fixture.jwk[name].as_str().unwrap_or_default();
        let (key, algorithm) = match fixture.kind {
            Kind::Rs256 => (
                DecodingKey::from_rsa_components(member("n"), member("e")),
                jsonwebtoken::Algorithm::RS256,
            ),
            Kind::Es256 => (
                DecodingKey::from_ec_components(member("x"), member("y")),
                jsonwebtoken::Algorithm::ES256,
            ),
            Kind::EdDsa => (
                DecodingKey::from_ed_components(member("x")),
                jsonwebtoken::Algorithm::EdDSA,
            ),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        Self {
            key: key.expect("our key"),
            validation,
            token: fixture.token.clone(),
        }
    }

    pub(crate) fn validate(&self) {
        let header = jsonwebtoken::decode_header(black_box(&self.token)).expect("a header");
        assert!(header.kid.is_some());
        let claims =
            jsonwebtoken::decode::<Value>(black_box(&self.token), &self.key, &self.validation);
        black_box(claims.expect("a good token"));
    }
}
