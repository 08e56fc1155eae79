//! A self-signed X.509 certificate around a key, for the providers that publish one in `x5c` (RFC 7517 §4.7). Nobody
//! trusts it; programs that take their key from `x5c` instead of `n` and `e` need it to be there and to be whole.

use super::Algorithm;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const VERSION: u8 = 0xa0;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const NAME: &str = "oauthgate dev-issuer: throw-away key";

/// The certificate in DER (RFC 5280 §4.1); `None` for an algorithm that no emulated provider puts into one.
pub(super) fn certificate(
    algorithm: Algorithm,
    subject_public_key_info: &[u8],
    serial: &[u8],
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let signature_algorithm = signature_algorithm(algorithm)?;
    let body = element(
        SEQUENCE,
        &[
            element(VERSION, &[element(INTEGER, &[vec![2]])]),
            integer(serial),
            signature_algorithm.clone(),
            name(),
            element(SEQUENCE, &[time("250101000000Z"), time("491231235959Z")]),
            name(),
            subject_public_key_info.to_vec(),
        ],
    );
    let signature = match algorithm.name() {
        ecdsa if ecdsa.starts_with("ES") => ecdsa_signature(&sign(&body)),
        _ => sign(&body),
    };
    let bits = element(BIT_STRING, &[vec![0], signature]);
    Some(element(SEQUENCE, &[body, signature_algorithm, bits]))
}

/// The `AlgorithmIdentifier`: with NULL parameters for RSA (RFC 4055 §5), without for ECDSA (RFC 5758 §3.2).
fn signature_algorithm(algorithm: Algorithm) -> Option<Vec<u8>> {
    let rsa = |last| vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last];
    let ecdsa = |last| vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last];
    let (object, is_rsa) = match algorithm {
        Algorithm::Rs256 => (rsa(11), true),
        Algorithm::Rs384 => (rsa(12), true),
        Algorithm::Rs512 => (rsa(13), true),
        Algorithm::Es256 => (ecdsa(2), false),
        Algorithm::Es384 => (ecdsa(3), false),
        Algorithm::Es512 => (ecdsa(4), false),
        _ => return None,
    };
    let mut parts = vec![element(OBJECT_IDENTIFIER, &[object])];
    if is_rsa {
        parts.push(element(NULL, &[]));
    }
    Some(element(SEQUENCE, &parts))
}

/// JWS writes r and s side by side (RFC 7518 §3.4), X.509 as two integers (RFC 3279 §2.2.3).
fn ecdsa_signature(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    element(SEQUENCE, &[integer(r), integer(s)])
}

fn name() -> Vec<u8> {
    let common_name = element(OBJECT_IDENTIFIER, &[COMMON_NAME.to_vec()]);
    let value = element(UTF8_STRING, &[NAME.as_bytes().to_vec()]);
    element(
        SEQUENCE,
        &[element(SET, &[element(SEQUENCE, &[common_name, value])])],
    )
}

fn time(text: &str) -> Vec<u8> {
    element(UTC_TIME, &[text.as_bytes().to_vec()])
}

/// An unsigned number: without leading zeros, but with one where it would read as negative.
fn integer(octets: &[u8]) -> Vec<u8> {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let significant = octets[zeros..].to_vec();
    match significant.first() {
        Some(first) if *first < 0x80 => element(INTEGER, &[significant]),
        _ => element(INTEGER, &[vec![0], significant]),
    }
}

/// Tag, length, value.
fn element(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let value = parts.concat();
    let mut encoded = vec![tag];
    let octets = value.len().to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    match &octets[zeros..] {
        [] => encoded.push(0),
        [short] if *short < 0x80 => encoded.push(*short),
        long => {
            let count = u8::try_from(long.len()).expect("a length has eight octets at most");
            encoded.push(0x80 | count);
            encoded.extend_from_slice(long);
        }
    }
    encoded.extend(value);
    encoded
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256,
        UnparsedPublicKey, VerificationAlgorithm,
    };
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn an_independent_parser_finds_the_key_and_the_key_signed_it() {
        let pairs: [(Algorithm, &'static dyn VerificationAlgorithm); 3] = [
            (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Es256, &ECDSA_P256_SHA256_ASN1),
            (Algorithm::Es384, &ECDSA_P384_SHA384_ASN1),
        ];
        for (algorithm, verification) in pairs {
            let key = SigningKey::generate(algorithm).unwrap();
            let der = key.certificate().unwrap();
            let (rest, certificate) = X509Certificate::from_der(der).unwrap();
            assert!(rest.is_empty() && certificate.subject() == certificate.issuer());
            let public_key = &certificate.public_key().subject_public_key.data;
            UnparsedPublicKey::new(verification, public_key)
                .verify(
                    certificate.tbs_certificate.as_ref(),
                    &certificate.signature_value.data,
                )
                .unwrap();
        }
    }

    #[test]
    fn numbers_are_never_negative_and_never_padded() {
        assert_eq!(integer(&[0, 0, 0x7f]), [INTEGER, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [INTEGER, 2, 0, 0x80]);
        assert_eq!(integer(&[0]), [INTEGER, 1, 0]);
    }
}
