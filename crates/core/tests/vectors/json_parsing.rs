//! JSONTestSuite, through the reader of headers, claims, key sets and metadata.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use oauthgate_core::json::strict_object;
use serde_json::Value;

use crate::read;

/// Accepted by the grammar and refused here.
const REFUSED_THOUGH_ACCEPTED: &[(&str, &str)] = &[
    ("y_object_duplicated_key_and_value.json", "a member twice"),
    ("y_object_escaped_null_in_key.json", "U+0000"),
];

/// Neither forbidden nor demanded by the grammar, and accepted here: numbers that round to 0, or are
/// integers beyond 64 bits (which no claim takes as a time).
const ACCEPTED_OF_EITHER: &[&str] = &[
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
];

#[test]
fn reads_json_documents_as_labelled() {
    let file = read("json_parsing.json");
    let tests = file["tests"].as_array().unwrap();
    let (mut accept, mut reject, mut either) = (0, 0, 0);
    for test in tests {
        let (name, document) = (test["name"].as_str().unwrap(), document(&test["b64"]));
        let accepted = is_read_as_a_member(&document);
        match test["expect"].as_str().unwrap() {
            "accept" => {
                accept += 1;
                let refused = REFUSED_THOUGH_ACCEPTED
                    .iter()
                    .any(|(refused, _)| *refused == name);
                assert_eq!(accepted, !refused, "{name}");
            }
            "reject" => {
                reject += 1;
                assert!(!accepted, "{name}");
            }
            _ => {
                either += 1;
                assert_eq!(accepted, ACCEPTED_OF_EITHER.contains(&name), "{name}");
            }
        }
    }
    assert_eq!((tests.len(), accept, reject, either), (211, 64, 124, 23));
}

/// As headers and claims, only objects are read at all.
#[test]
fn reads_only_objects_at_the_top() {
    let file = read("json_parsing.json");
    for test in file["tests"].as_array().unwrap() {
        let document = document(&test["b64"]);
        if strict_object(&document, 1 << 20).is_ok() {
            assert_eq!(
                document.trim_ascii().first(),
                Some(&b'{'),
                "{}",
                test["name"]
            );
            assert_eq!(test["expect"], "accept", "{}", test["name"]);
        }
    }
}

#[test]
fn refuses_a_hundred_thousand_brackets() {
    let file = read("json_parsing.json");
    let big = file["big"].as_array().unwrap();
    assert_eq!(big.len(), 1);
    let (unit, length) = (
        document(&big[0]["repeat"]["b64"]),
        big[0]["repeat"]["bytes"].as_u64().unwrap(),
    );
    let text: Vec<u8> = unit
        .iter()
        .copied()
        .cycle()
        .take(usize::try_from(length).unwrap())
        .collect();
    assert!(!is_read_as_a_member(&text));
}

fn document(base64: &Value) -> Vec<u8> {
    STANDARD.decode(base64.as_str().unwrap()).unwrap()
}

/// The suite's documents are of every type; as a member's value they reach the same reader.
fn is_read_as_a_member(document: &[u8]) -> bool {
    let object = [b"{\"member\":".as_slice(), document, b"}"].concat();
    strict_object(&object, 1 << 20).is_ok()
}
