//! How often memory is allocated for one token.

use oauthgate_counts::{Case, REPETITIONS, all};

/// What a validation may allocate, with the caller that it ends in.
const VALIDATION: u64 = 69;

fn allocations(name: &str) -> u64 {
    let mut case = all()
        .into_iter()
        .find(|case| case.name() == name)
        .expect("a case of this name");
    case.warm_up();
    let counted = allocation_counter::measure(|| Case::repeat(&mut case));
    counted.count_total / REPETITIONS as u64
}

#[test]
fn a_validation_allocates_no_more_than_it_did() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let allocations = allocations(&format!("validation {algorithm}"));
        assert!(allocations <= VALIDATION, "{algorithm}: {allocations}");
    }
}

#[test]
fn a_token_that_is_known_is_recalled_without_memory() {
    assert_eq!(allocations("recall"), 0);
}
