//! The traps that providers set for a validator, by number. Each has at least one test `trap_NN_…`, at the
//! level where our answer to it is decided.

use std::{collections::BTreeSet, fs, path::Path};

use crate::command::root;

const TRAPS: [&str; 35] = [
    "a trailing slash is part of the issuer",
    "an issuer need not be a URL",
    "the metadata's issuer is not always the token's",
    "issuers that follow from the name that was called",
    "several issuers of one tenant",
    "Entra: issuers of every tenant, and keys marked for one",
    "Entra: v1.0 tokens at a gate for v2.0 tokens",
    "Entra: tokens of programs that grant nothing",
    "Entra: groups that were left out",
    "Cognito: no audience",
    "a missing audience or issuer that passes silently",
    "Keycloak: the audience `account`",
    "the client's id as audience",
    "an empty audience",
    "`resource` that was sent and ignored",
    "spellings of scopes",
    "scopes that are requested by another name than they are checked",
    "one claim with two meanings",
    "no `sub`",
    "claim names with colons, dots and slashes",
    "roles as member names, and below the tenant",
    "keys for encryption in the set",
    "a set without keys",
    "keys without `alg`",
    "coordinates without their leading zeros",
    "keys that need a credential",
    "third parties' keys in the set",
    "refresh and ID tokens that verify as access tokens",
    "`nonce` and `at_hash` in access tokens",
    "tokens that look like JWTs and cannot be verified",
    "keys for each policy or application",
    "e-mail addresses and `email_verified`",
    "tokens bound to a key",
    "issuers advertised byte for byte",
    "who acts for the user",
];

/// The numbers of the traps that functions with a test attribute name.
fn tested(source: &str) -> BTreeSet<usize> {
    let mut is_test = false;
    let mut numbers = BTreeSet::new();
    for line in source.lines().map(str::trim) {
        let named = line.trim_start_matches("async ").strip_prefix("fn trap_");
        if let Some(name) = named.filter(|_| is_test) {
            numbers.extend(
                name.split('_')
                    .next()
                    .and_then(|number| number.parse::<usize>().ok()),
            );
        }
        // Cases and comments may stand between the attribute and the function.
        is_test = match line {
            "#[test]" | "#[rstest]" => true,
            _ if line.starts_with("#[tokio::test") => true,
            _ => is_test && !line.ends_with('}'),
        };
    }
    numbers
}

fn tested_below(folder: &Path) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            numbers.extend(tested_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            numbers.extend(tested(&fs::read_to_string(&path).unwrap()));
        }
    }
    numbers
}

#[test]
fn every_trap_has_a_test_by_its_number() {
    let mut tested = tested_below(&root().join("crates"));
    tested.extend(tested_below(&root().join("e2e")));
    let numbered = || (1..).zip(TRAPS);
    let missing: Vec<_> = numbered()
        .filter(|(number, _)| !tested.contains(number))
        .collect();
    assert!(
        missing.is_empty(),
        "no test named `trap_NN_…` for {missing:#?}"
    );
    let unheard_of: Vec<_> = tested
        .difference(&numbered().map(|(number, _)| number).collect())
        .copied()
        .collect();
    assert!(
        unheard_of.is_empty(),
        "traps without a name here: {unheard_of:?}"
    );
}

#[test]
fn only_functions_that_are_tests_count() {
    for (source, numbers) in [
        ("#[test]\nfn trap_01_a() {}", vec![1]),
        (
            "#[tokio::test(start_paused = true)]\nasync fn trap_35_a() {}",
            vec![35],
        ),
        (
            "#[rstest]\n#[case(1)]\nfn trap_02_a(#[case] n: u8) {}",
            vec![2],
        ),
        ("fn trap_03_a() {}", vec![]),
        ("// fn trap_04_a() {}", vec![]),
        ("#[test]\nfn other() {\n}\nfn trap_05_a() {}", vec![]),
        ("#[test]\nfn trap_ab_a() {}", vec![]),
    ] {
        assert_eq!(tested(source), numbers.into_iter().collect(), "{source}");
    }
}
