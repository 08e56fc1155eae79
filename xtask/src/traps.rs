//! The traps that providers set for a validator, by number. Each has at least one test `trap_NN_…`, at the
//! level where our answer to it is decided.

use crate::numbered;

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

#[test]
fn every_trap_has_a_test_by_its_number() {
    numbered::assert_tested("trap_", (1..).zip(TRAPS));
}
