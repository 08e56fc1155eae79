//! What the binary carries, and what it must not.

use std::{collections::BTreeSet, fs, path::Path};

/// A fallback key set with a private key that anybody can read was somebody's CVSS 8.7. Ours has no key.
#[test]
fn a15_no_published_private_key_is_in_the_binary() {
    let binary = fs::read(env!("CARGO_BIN_EXE_oauthgate")).unwrap();
    let published = private_exponents();
    assert!(published.len() > 20, "the vectors are where they were");
    for text in long_texts(&binary) {
        let found = published
            .iter()
            .any(|secret| text.contains(secret.as_str()));
        assert!(!found, "a published private key is in the binary");
    }
}

/// The runs of base64url characters that could hold a key: few, so the search is quick.
fn long_texts(binary: &[u8]) -> impl Iterator<Item = &str> {
    let runs = binary.split(|byte| !(byte.is_ascii_alphanumeric() || b"-_".contains(byte)));
    runs.filter(|run| run.len() >= SECRET_LENGTH)
        .filter_map(|run| std::str::from_utf8(run).ok())
}

/// How much of a private exponent is looked for.
const SECRET_LENGTH: usize = 32;

/// The beginnings of the `d` members of every private JWK in the vectors, also of those quoted in strings.
fn private_exponents() -> BTreeSet<String> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(vectors).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = fs::read_to_string(path).unwrap().replace('\\', "");
            found.extend(text.split("\"d\"").skip(1).filter_map(exponent));
        }
    }
    found
}

/// The text after `"d"`: a colon, a quote, the value.
fn exponent(rest: &str) -> Option<String> {
    let value = rest.trim_start().strip_prefix(':')?.trim_start();
    let value = value.strip_prefix('"')?.split('"').next()?;
    (value.len() >= SECRET_LENGTH).then(|| value[..SECRET_LENGTH].to_owned())
}
