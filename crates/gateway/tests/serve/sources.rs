//! Keys out of a file, secrets that are shared, tokens that nobody can verify: with the real program.

use std::{fs, net::SocketAddr, process::Command, time::SystemTime};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use super::{
    gate::{Gate, ask},
    issuer::{Issuer, present, upstream},
};

const SECRET: &str = "1qJ8zvR0x5YtW3uNfH7mKcB2dLgE9sPaVo4iTjXyQwZrMlCk";

fn with_mac(issuer: &str) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({"iss": issuer, "sub": "alice", "aud": "api", "iat": now, "exp": now + 300});
    let message = format!(
        "{}.{}",
        BASE64.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string()),
        BASE64.encode(claims.to_string())
    );
    let code = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
        message.as_bytes(),
    );
    format!("{message}.{}", BASE64.encode(code))
}

fn page(listener: SocketAddr, request: &str) -> (bool, Value) {
    let answer = ask(listener, request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.starts_with("HTTP/1.1 200"),
        serde_json::from_str(body).unwrap(),
    )
}

#[test]
fn trap_26_a_key_file_is_read_at_start_and_at_a_hangup() {
    let (old, new) = (Issuer::start("key-1"), Issuer::start("key-2"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(&path, &old.key_set).unwrap();
    let mut gate = Gate::start(&[
        ("OAUTH_ISSUER_URL", "acme.com"),
        ("OAUTHGATE_JWKS_FILE", path.to_str().unwrap()),
        ("OAUTHGATE_UPSTREAM", &upstream()),
    ]);
    let trusting = gate.line("trusting");
    assert_eq!(trusting["keys_from"], path.to_str().unwrap());
    let (public, _) = gate.addresses();
    let of = |issuer: &Issuer| present(public, &issuer.token(&json!({"iss": "acme.com"}))).0;
    assert_eq!((of(&old), of(&new)), (200, 401));
    fs::write(&path, &new.key_set).unwrap();
    gate.signal("-HUP");
    assert_eq!(gate.line("keys refreshed")["outcome"], "ok");
    assert_eq!((of(&old), of(&new)), (401, 200));
    fs::write(&path, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}").unwrap();
    gate.signal("-HUP");
    let line = gate.line("keys not refreshed").to_string();
    assert!(
        line.contains("private member `k`") && !line.contains("c2VjcmV0"),
        "{line}"
    );
    assert_eq!(of(&new), 200, "the last good set is kept");
}

#[test]
fn trap_25_a_key_with_a_short_coordinate_is_named_in_the_log() {
    let issuer = Issuer::start("key-1");
    let mut set: Value = serde_json::from_str(&issuer.key_set).unwrap();
    let mut short = set["keys"][0].clone();
    short["kid"] = json!("cut");
    short["y"] = json!(BASE64.encode([7; 31]));
    set["keys"].as_array_mut().unwrap().push(short);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(&path, set.to_string()).unwrap();
    let mut gate = Gate::start(&[
        ("OAUTH_ISSUER_URL", &issuer.base),
        ("OAUTHGATE_JWKS_FILE", path.to_str().unwrap()),
        ("OAUTHGATE_UPSTREAM", &upstream()),
    ]);
    let line = gate.line("key not used");
    assert_eq!(
        (&line["kid"], &line["position"]),
        (&json!("cut"), &json!(1)),
        "{line}"
    );
    assert!(
        line["why"].as_str().unwrap().contains("leading zeros"),
        "{line}"
    );
}

#[test]
fn trap_23_an_issuer_that_shares_a_secret_is_served_and_ready_without_a_key() {
    let mut gate = Gate::start(&[
        ("OAUTH_ISSUER_URL", "acme.com"),
        ("OAUTHGATE_HS_SECRET", SECRET),
        ("OAUTHGATE_UPSTREAM", &upstream()),
    ]);
    let (public, admin) = gate.addresses();
    let (status, told) = present(public, &with_mac("acme.com"));
    assert_eq!(
        (status, told.contains("x-auth-request-user: alice")),
        (200, true),
        "{told}"
    );
    let (is_ready, report) = page(admin, "GET /readyz HTTP/1.1");
    assert!(
        is_ready && report["issuers"][0]["keys_optional"] == true,
        "{report}"
    );
    assert_eq!(report["warnings"], json!([]));
    assert!(!report.to_string().contains(SECRET));
    let listed = Command::new(env!("CARGO_BIN_EXE_oauthgate"))
        .args(["keys", "--admin", &format!("http://{admin}"), "list"])
        .env_clear()
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("its tokens need none"), "{listed}");
    let other = with_mac("acme.com").replace('.', ".e");
    assert_eq!(present(public, &other).0, 401);
}

#[test]
fn trap_34_other_servers_are_advertised_than_the_issuer_is_called() {
    let issuer = Issuer::start("key-1");
    let server = "https://acme.scalekit.com/resources/res_1";
    let keys = format!("{}/keys", issuer.base);
    let mut gate = Gate::start(&[
        ("OAUTH_ISSUER_URL", &issuer.base),
        ("OAUTHGATE_JWKS_URL", &keys),
        ("OAUTHGATE_AUTHORIZATION_SERVERS", server),
        ("OAUTHGATE_UPSTREAM", &upstream()),
    ]);
    let (public, _) = gate.addresses();
    let (_, document) = page(
        public,
        "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1",
    );
    assert_eq!(document["authorization_servers"], json!([server]));
    assert_eq!(issuer.status_at(public), 200);
}

#[test]
fn trap_30_what_to_change_is_told_to_the_operator_and_not_to_the_client() {
    let issuer = Issuer::start("key-1");
    let environment = issuer.environment();
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut gate = Gate::start(&environment);
    let (public, _) = gate.addresses();
    let header = BASE64.encode(json!({"alg": "RSA-OAEP-256", "enc": "A256GCM"}).to_string());
    for (token, reason, advice) in [
        (format!("{header}.a.b.c.d"), "encrypted_token", "authentik"),
        (
            "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned(),
            "opaque_token",
            "preset `github`",
        ),
        (
            with_mac(&issuer.base),
            "alg_not_allowed",
            "OAUTHGATE_HS_SECRET",
        ),
    ] {
        let (status, body) = present(public, &token);
        assert!(status == 401 && !body.contains(advice), "{body}");
        let line = gate.access_line();
        assert_eq!(line["reason"], reason, "{line}");
        let detail = line["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains(advice) && !detail.contains(&token),
            "{line}"
        );
    }
}
