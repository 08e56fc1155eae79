//! Values of RFC 6750, 7638, 8037 and 9728.

use oauthgate_core::{
    Answer, Denial, Issuer, ProtectedResource, Reason, ResourceIdentifier, ScopeSet,
};

use crate::{is_let_in, read, support::keys, usable_keys, verifies};

#[test]
fn computes_thumbprints_as_rfc_7638() {
    let file = read("rfc_protocol.json");
    let cases = file["thumbprints"].as_array().unwrap();
    for case in cases {
        let keys = usable_keys(&case["jwk"]).unwrap();
        assert_eq!(
            keys.keys()[0].thumbprint(),
            case["sha256"].as_str().unwrap(),
            "{}",
            case["ref"]
        );
    }
    assert_eq!(cases.len(), 2);
}

#[test]
fn verifies_the_ed25519_example_of_rfc_8037_and_no_copy_of_it() {
    let file = read("rfc_protocol.json");
    let cases = file["jws"].as_array().unwrap();
    for case in cases {
        let keys = usable_keys(&case["jwk"]).unwrap();
        assert_eq!(
            verifies(&keys, case["compact"].as_str().unwrap()),
            case["result"] == "valid",
            "{}",
            case["ref"]
        );
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn row_04_builds_metadata_urls_as_rfc_9728() {
    let file = read("rfc_protocol.json");
    let cases = file["resource_metadata_urls"].as_array().unwrap();
    for case in cases {
        let resource = ResourceIdentifier::parse(case["resource"].as_str().unwrap()).unwrap();
        assert_eq!(
            resource.metadata_url(),
            case["url"].as_str().unwrap(),
            "{}",
            case["ref"]
        );
    }
    assert_eq!(cases.len(), 4);
}

/// We write challenges and read none, so of the eight challenge values the one that RFC 9728 shows
/// for a resource server is compared, byte for byte.
#[test]
fn writes_the_challenge_of_rfc_9728() {
    let file = read("rfc_protocol.json");
    let cases = file["challenges"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    let case = cases
        .iter()
        .find(|case| case["ref"] == "RFC 9728 section 5.1")
        .unwrap();
    let resource = ResourceIdentifier::parse("https://resource.example.com").unwrap();
    let resource = ProtectedResource::new(
        resource,
        vec![Issuer::new("https://as.example.com").unwrap()],
    );
    let answer = Answer::to(
        &Denial::new(Reason::NoCredentials),
        &resource.with_advertised_scopes(&ScopeSet::empty()),
    );
    assert_eq!(
        answer.headers()["www-authenticate"],
        case["value"].as_str().unwrap()
    );
}

/// Proofs of possession are not read yet (tokens that need one are refused), so none of them may pass
/// for an access token; the two issuer URLs are the fetcher's business.
#[test]
fn lets_no_proof_pass_for_a_token() {
    let file = read("rfc_protocol.json");
    let proofs = file["dpop"].as_array().unwrap();
    for case in proofs {
        assert!(
            !is_let_in(&keys(), case["proof"].as_str().unwrap()),
            "{}",
            case["ref"]
        );
    }
    assert_eq!(
        (
            proofs.len(),
            file["issuer_metadata_urls"].as_array().unwrap().len()
        ),
        (5, 2)
    );
}
