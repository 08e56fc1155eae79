//! Lists whose items each want a test that carries their number in its name.

use std::{collections::BTreeSet, fs, path::Path};

use crate::command::root;

/// The numbers after `prefix` in the names of functions with a test attribute.
fn tested(source: &str, prefix: &str) -> BTreeSet<usize> {
    let mut is_test = false;
    let mut numbers = BTreeSet::new();
    for line in source.lines().map(str::trim) {
        let named = line.trim_start_matches("async ").strip_prefix("fn ");
        if let Some(name) = named.filter(|_| is_test) {
            numbers.extend(numbers_in(name, prefix));
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

/// `c6_row_13_row_14_…` counts for both.
fn numbers_in(name: &str, prefix: &str) -> Vec<usize> {
    let name = name.split('(').next().unwrap_or(name);
    let words = name
        .match_indices(prefix)
        .filter(|(at, _)| *at == 0 || name.as_bytes()[at - 1] == b'_')
        .filter_map(|(at, _)| name[at + prefix.len()..].split('_').next());
    words.filter_map(|number| number.parse().ok()).collect()
}

fn tested_below(folder: &Path, prefix: &str) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            numbers.extend(tested_below(&path, prefix));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            numbers.extend(tested(&fs::read_to_string(&path).unwrap(), prefix));
        }
    }
    numbers
}

/// Fails when an item has no test, and when a test carries a number that no item has.
pub(crate) fn assert_tested<'a>(prefix: &str, items: impl IntoIterator<Item = (usize, &'a str)>) {
    let mut tested = tested_below(&root().join("crates"), prefix);
    tested.extend(tested_below(&root().join("e2e"), prefix));
    let items: Vec<_> = items.into_iter().collect();
    let missing: Vec<_> = items
        .iter()
        .filter(|(number, _)| !tested.contains(number))
        .collect();
    assert!(
        missing.is_empty(),
        "no test whose name holds `{prefix}NN_` for {missing:#?}"
    );
    let numbers = items.iter().map(|(number, _)| *number).collect();
    let unheard_of: Vec<_> = tested.difference(&numbers).collect();
    assert!(
        unheard_of.is_empty(),
        "`{prefix}` numbers without a name here: {unheard_of:?}"
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
        ("#[test]\nfn c6_trap_02_trap_13_a() {}", vec![2, 13]),
        ("fn trap_03_a() {}", vec![]),
        ("// fn trap_04_a() {}", vec![]),
        ("#[test]\nfn other() {\n}\nfn trap_05_a() {}", vec![]),
        ("#[test]\nfn trap_ab_a() {}", vec![]),
        ("#[test]\nfn mousetrap_06_a() {}", vec![]),
        ("#[test]\nfn other(trap_07_a: u8) {}", vec![]),
    ] {
        assert_eq!(
            tested(source, "trap_"),
            numbers.into_iter().collect(),
            "{source}"
        );
    }
}
