//! Several issuers of one resource: the exact one before the template, each with its own keys and profile.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    gate::Gate,
    issuer::{Issuer, present, upstream},
};

const OURS: &str = "11111111-1111-4111-8111-111111111111";
const THEIRS: &str = "22222222-2222-4222-8222-222222222222";
const STRANGERS: &str = "33333333-3333-4333-8333-333333333333";

/// Three issuers whose keys all have one name: a tenant that has an entry of its own, the other tenants
/// of its provider, and another provider.
struct Trust {
    ours: Issuer,
    tenants: Issuer,
    other: Issuer,
    _directory: TempDir,
    gate: Gate,
}

impl Trust {
    fn start() -> Self {
        let [ours, tenants, other] = [(); 3].map(|()| Issuer::start("same"));
        let provider = &tenants.base;
        let file = format!(
            r#"
[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "{upstream}"

[[resource.issuer]]
issuer_url = "{provider}/common/v2.0"
issuer_template = "{provider}/{{tid}}/v2.0"
issuer_tenants = ["{OURS}", "{THEIRS}"]
jwks_url = "{provider}/keys"
preset = "entra"
audience = "api"

[[resource.issuer]]
issuer_url = "{provider}/{OURS}/v2.0"
jwks_url = "{ours}/keys"
preset = "okta"
audience = "api"

[[resource.issuer]]
issuer_url = "{other}"
jwks_url = "{other}/keys"
audience = "api"
"#,
            upstream = upstream(),
            ours = ours.base,
            other = other.base,
        );
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("gate.toml");
        fs::write(&path, file).unwrap();
        Self {
            gate: Gate::of_file(&path),
            _directory: directory,
            ours,
            tenants,
            other,
        }
    }

    fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.tenants.base)
    }
}

/// Claims that each of the profiles reads differently.
fn claims(issuer: &str, tenant: &str) -> Value {
    json!({ "iss": issuer, "tid": tenant, "sub": "by-sub", "oid": "by-oid", "uid": "by-uid", "azp": "app", "cid": "app", "scp": ["read"] })
}

#[test]
fn c9_c11_each_issuer_has_its_own_keys_and_profile() {
    let mut trust = Trust::start();
    let (public, _) = trust.gate.addresses();
    let (ours, theirs) = (trust.issuer(OURS), trust.issuer(THEIRS));
    let other = trust.other.base.clone();
    let good = [
        (&trust.ours, &ours, OURS, "by-uid"),
        (&trust.tenants, &theirs, THEIRS, "by-oid"),
        (&trust.other, &other, OURS, "by-sub"),
    ];
    for (signer, issuer, tenant, user) in good {
        let (status, told) = present(public, &signer.token(&claims(issuer, tenant)));
        assert_eq!(status, 200, "{issuer}: {told}");
        for line in [
            format!("x-auth-request-user: {user}\n"),
            format!("x-auth-issuer: {issuer}\n"),
        ] {
            assert!(told.contains(&line), "{line} is not in {told}");
        }
    }
    // The template would admit this tenant too; its own entry comes first, with its own keys.
    let signers = [&trust.ours, &trust.tenants, &trust.other];
    for (issuer, tenant, rightful) in [(&ours, OURS, 0), (&theirs, THEIRS, 1), (&other, OURS, 2)] {
        for (position, signer) in signers.into_iter().enumerate() {
            let token = signer.token(&claims(issuer, tenant));
            let expected = if position == rightful { 200 } else { 401 };
            assert_eq!(
                present(public, &token).0,
                expected,
                "{issuer} by {position}"
            );
        }
    }
}

#[rstest]
#[case::stranger(STRANGERS, STRANGERS)]
#[case::another_tenants_name(THEIRS, OURS)]
#[case::no_tenant("common", "common")]
#[case::suffix("22222222-2222-4222-8222-222222222222.evil", THEIRS)]
fn c11_no_other_tenant_gets_in(#[case] in_issuer: &str, #[case] in_claim: &str) {
    let mut trust = Trust::start();
    let (public, _) = trust.gate.addresses();
    let issuer = trust.issuer(in_issuer);
    let token = trust.tenants.token(&claims(&issuer, in_claim));
    assert_eq!(present(public, &token).0, 401);
    assert_eq!(trust.gate.access_line()["reason"], "unknown_issuer");
}
