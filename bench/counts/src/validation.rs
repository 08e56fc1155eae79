//! The whole path from a token's text to the user context.

use std::hint::black_box;

use oauthgate_core::{Audience, CompactJws, Issuer, JwkSet, UnixTime, Verifier};
use serde_json::json;

use crate::{
    Case,
    token::{AUDIENCE, Fixture, ISSUER},
};

pub(crate) fn case(fixture: &Fixture) -> Case {
    let verifier = Verifier::builder()
        .issuer(Issuer::new(ISSUER).expect("an issuer"))
        .audiences(Audience::new(AUDIENCE).expect("an audience"), [])
        .build()
        .expect("a verifier");
    let keys = JwkSet::parse(json!({"keys": [fixture.jwk]}).to_string().as_bytes());
    let keys = keys.expect("a key set");
    let token = fixture.token.clone();
    let now = UnixTime::from_secs(fixture.now);
    Case::new(format!("validation {}", fixture.kind.name()), move || {
        let token = CompactJws::parse(black_box(&token)).expect("a token");
        let verified = verifier.verify_signature(&token, &keys);
        let validated = verifier.validate(verified.expect("our signature"), now);
        let user = verifier.user_context(&validated.expect("a good token"));
        black_box(user.expect("a caller"));
    })
}
