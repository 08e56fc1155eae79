//! The signature check alone, with a parsed key: what every validation pays, whoever wrote it.

use std::hint::black_box;

use aws_lc_rs::signature::ParsedPublicKey;

use crate::{Case, token::Fixture};

pub(crate) fn case(fixture: &Fixture) -> Case {
    let key =
        ParsedPublicKey::new(fixture.kind.verification(), &fixture.public_key).expect("our key");
    let (signed, signature) = fixture.signed_parts();
    Case::new(format!("signature {}", fixture.kind.name()), move || {
        key.verify_sig(black_box(&signed), black_box(&signature))
            .expect("our signature");
    })
}
