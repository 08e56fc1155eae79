//! Traps that providers set for whoever configures a gate: with the real program.

use std::{fs, net::SocketAddr, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    gate::{Gate, ask, exchange},
    issuer::{Issuer, present, upstream},
};

/// A gate for these issuers (the lines of their sections), and lines for its resource.
fn gate(folder: &TempDir, resource: &str, issuers: &[String]) -> Gate {
    let upstream = upstream();
    let sections = issuers
        .iter()
        .map(|issuer| format!("[[resource.issuer]]\n{issuer}\n"));
    let file = format!(
        "[[resource]]\nserver_url = \"https://mcp.example.com/mcp\"\nupstream = \"{upstream}\"\n{resource}\n{}",
        sections.collect::<String>()
    );
    let path = folder.path().join("gate.toml");
    fs::write(&path, file).unwrap();
    Gate::of_file(&path)
}

fn metadata(public: SocketAddr) -> Value {
    let answer = ask(
        public,
        "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1",
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// Auth0 signs for a tenant under its own name and under the customer's, with one set of keys.
#[test]
fn trap_05_a_tenant_and_its_custom_domain_open_one_resource() {
    const NAMES: [&str; 2] = ["https://acme.eu.auth0.com/", "https://login.acme.example/"];
    let tenant = Issuer::start("key-1");
    let folder = TempDir::new().unwrap();
    let sections = NAMES.map(|name| {
        let keys = format!("{}/keys", tenant.base);
        format!(
            "issuer_url = \"{name}\"\njwks_url = \"{keys}\"\npreset = \"auth0\"\naudience = \"api\""
        )
    });
    let mut gate = gate(&folder, "", &sections);
    let (public, _) = gate.addresses();
    for name in NAMES {
        let (status, told) = present(public, &tenant.token(&json!({"iss": name, "azp": "app"})));
        assert_eq!(status, 200, "{name}: {told}");
        // Whoever keys users by the name alone joins two people; the issuer is told beside it.
        assert!(told.contains(&format!("x-auth-issuer: {name}\n")), "{told}");
    }
    for other in ["https://login.acme.example", "https://acme.us.auth0.com/"] {
        assert_eq!(
            present(public, &tenant.token(&json!({"iss": other, "azp": "app"}))).0,
            401
        );
    }
    assert_eq!(metadata(public)["authorization_servers"], json!(NAMES));
}

/// A client that sends `resource` to a server that ignores it gets a token for whomever.
#[test]
fn trap_15_only_the_tokens_own_audience_counts_and_never_what_was_asked_for() {
    let issuer = Issuer::start("key-1");
    let environment = environment(&issuer, &[]);
    let mut gate = Gate::start(&borrowed(&environment));
    let (public, _) = gate.addresses();
    const RESOURCE: &str = "https://mcp.example.com/mcp";
    for (changes, reason) in [
        (json!({"aud": "authenticated"}), "wrong_audience"),
        (
            json!({"aud": "account", "resource": "api"}),
            "wrong_audience",
        ),
        (json!({"aud": [], "resource": RESOURCE}), "missing_audience"),
        (json!({"aud": RESOURCE}), "wrong_audience"),
    ] {
        let token = issuer.token(&changes);
        let head = format!(
            "GET /mcp?resource={RESOURCE}&audience=api HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer {token}"
        );
        let answer = exchange(public, &head);
        assert!(answer.starts_with("HTTP/1.1 401"), "{changes}: {answer}");
        assert_eq!(gate.access_line()["reason"], reason, "{changes}");
    }
    assert_eq!(issuer.status_at(public), 200);
}

/// Entra is asked for `api://mcp/read` and writes `read`.
#[test]
fn trap_17_one_name_is_advertised_and_the_other_checked() {
    let issuer = Issuer::start("key-1");
    let scopes = [
        ("OAUTHGATE_SCOPES", "api://mcp/read"),
        ("OAUTHGATE_REQUIRED_SCOPES", "read"),
    ];
    let environment = environment(&issuer, &scopes);
    let mut gate = Gate::start(&borrowed(&environment));
    let (public, _) = gate.addresses();
    assert_eq!(
        metadata(public)["scopes_supported"],
        json!(["api://mcp/read"])
    );
    let answer = |changes: &Value| {
        let token = issuer.token(changes);
        exchange(
            public,
            &format!("GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer {token}"),
        )
    };
    assert!(answer(&json!({"scp": "read"})).starts_with("HTTP/1.1 200"));
    for (changes, status) in [(json!({"scp": "write"}), 403), (json!({"exp": 1}), 401)] {
        let answer = answer(&changes);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(answer.contains("scope=\"api://mcp/read\""), "{answer}");
    }
}

/// The set holds a key whose private half somebody else has.
#[test]
fn trap_27_a_third_partys_key_in_the_issuers_set_signs_nothing_once_ours_are_pinned() {
    let (ours, theirs) = (Issuer::start("ours"), Issuer::start("theirs"));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(&path, together(&ours, &theirs).to_string()).unwrap();
    let forged = theirs.token(&json!({"iss": "acme.com"}));
    let genuine = ours.token(&json!({"iss": "acme.com"}));
    for (pinned, status) in [(None, 200), (Some("ours"), 401)] {
        let mut gate = pinning(&path, pinned);
        let (public, _) = gate.addresses();
        assert_eq!(present(public, &forged).0, status, "{pinned:?}");
        assert_eq!(present(public, &genuine).0, 200, "{pinned:?}");
    }
}

fn together(ours: &Issuer, theirs: &Issuer) -> Value {
    let sets = [ours, theirs].map(|issuer| {
        let set: Value = serde_json::from_str(&issuer.key_set).unwrap();
        set["keys"][0].clone()
    });
    json!({ "keys": sets })
}

fn pinning(keys: &Path, pinned: Option<&str>) -> Gate {
    let upstream = upstream();
    let mut environment = vec![
        ("OAUTH_ISSUER_URL", "acme.com"),
        ("OAUTHGATE_JWKS_FILE", keys.to_str().unwrap()),
        ("OAUTHGATE_UPSTREAM", &upstream),
    ];
    environment.extend(pinned.map(|kid| ("OAUTHGATE_PINNED_KIDS", kid)));
    Gate::start(&environment)
}

/// A bound token that comes as a bearer token may have been stolen; the proof is not checked here, and so
/// none is advertised and no scheme but `Bearer` is taken.
#[test]
fn trap_33_a_bound_token_is_refused_with_and_without_a_proof() {
    let issuer = Issuer::start("key-1");
    let environment = environment(&issuer, &[]);
    let mut gate = Gate::start(&borrowed(&environment));
    let (public, _) = gate.addresses();
    for cnf in [
        json!({"jkt": "x"}),
        json!({"x5t#S256": "x"}),
        json!({}),
        json!({"new": 1}),
    ] {
        let token = issuer.token(&json!({ "cnf": cnf }));
        for credentials in [
            format!("Authorization: Bearer {token}"),
            format!("Authorization: Bearer {token}\r\nDPoP: a.b.c"),
            format!("Authorization: DPoP {token}\r\nDPoP: a.b.c"),
        ] {
            let head = format!("GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\n{credentials}");
            let answer = exchange(public, &head);
            assert!(answer.starts_with("HTTP/1.1 40"), "{cnf}: {answer}");
        }
        assert_eq!(
            gate.access_line()["reason"],
            "sender_proof_missing",
            "{cnf}"
        );
        assert_eq!(
            gate.access_line()["reason"],
            "sender_proof_missing",
            "{cnf}"
        );
        assert_ne!(gate.access_line()["outcome"], "allowed", "{cnf}");
    }
    assert_eq!(
        metadata(public).get("dpop_signing_alg_values_supported"),
        None
    );
}

/// A client compares the document's `issuer` with what is advertised here, byte by byte.
#[test]
fn trap_34_a_slash_is_advertised_where_the_issuer_has_one_and_nowhere_else() {
    let keys = Issuer::start("key-1");
    for issuer in [
        "https://acme.eu.auth0.com/",
        "https://acme.okta.com",
        "https://Auth.Example.com:443/application/o/mcp/",
    ] {
        let folder = TempDir::new().unwrap();
        let section = format!(
            "issuer_url = \"{issuer}\"\npreset = \"generic\"\njwks_url = \"{}/keys\"\naudience = \"api\"",
            keys.base
        );
        let mut gate = gate(&folder, "", &[section]);
        let (public, _) = gate.addresses();
        assert_eq!(metadata(public)["authorization_servers"], json!([issuer]));
    }
}

fn environment(issuer: &Issuer, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut environment = issuer.environment();
    environment.extend(
        more.iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    environment
}

fn borrowed<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}
