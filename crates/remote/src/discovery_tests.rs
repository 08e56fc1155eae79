//! Where metadata is looked for, and what it must say (rows D13, D14).

use super::*;

fn issuer(text: &str) -> Issuer {
    Issuer::new(text).unwrap()
}

fn places(text: &str) -> Vec<String> {
    candidates(&issuer(text), None)
        .unwrap()
        .into_iter()
        .map(String::from)
        .collect()
}

#[test]
fn looks_in_the_order_of_rule_r3() {
    assert_eq!(
        places("https://auth.example.com/realms/a"),
        [
            "https://auth.example.com/realms/a/.well-known/openid-configuration",
            "https://auth.example.com/.well-known/oauth-authorization-server/realms/a",
            "https://auth.example.com/realms/a/.well-known/oauth-authorization-server",
            "https://auth.example.com/.well-known/openid-configuration/realms/a",
        ]
    );
}

#[test]
fn asks_each_place_once_and_adds_no_double_slash() {
    assert_eq!(
        places("https://tenant.eu.auth0.com/"),
        [
            "https://tenant.eu.auth0.com/.well-known/openid-configuration",
            "https://tenant.eu.auth0.com/.well-known/oauth-authorization-server",
        ]
    );
}

#[test]
fn an_explicit_url_comes_first() {
    let explicit = Url::parse("https://login.example.com/metadata").unwrap();
    let found = candidates(&issuer("https://sts.example.com/t/"), Some(&explicit)).unwrap();
    assert_eq!(found.first(), Some(&explicit));
    assert_eq!(found.len(), 5);
}

#[test]
fn an_issuer_that_is_no_url_needs_an_explicit_one() {
    assert!(candidates(&issuer("stytch.com/project-test"), None).is_err());
    let explicit = Url::parse("https://login.example.com/metadata").unwrap();
    assert_eq!(
        candidates(&issuer("P2abc"), Some(&explicit)).unwrap(),
        [explicit]
    );
}

fn wanted(site: Option<&str>) -> Wanted {
    Wanted {
        member: "jwks_uri",
        candidates: Vec::new(),
        issuer: issuer("https://a.example"),
        site: site.map(|site| Url::parse(site).unwrap()),
    }
}

fn read_at(place: &str, document: &str, site: Option<&str>) -> Result<Url, Miss> {
    let place = Url::parse(place).unwrap();
    read(document.as_bytes(), &place, &wanted(site))
}

fn miss(document: &str) -> Miss {
    read_at("https://a.example/m", document, None).unwrap_err()
}

fn naming(jwks_uri: &str) -> String {
    format!(r#"{{"issuer":"https://a.example","jwks_uri":"{jwks_uri}"}}"#)
}

#[test]
fn row_57_d13_metadata_over_https_names_no_place_without_it() {
    let plain = naming("http://127.0.0.1:9/keys");
    let refused = read_at("https://a.example/m", &plain, None);
    assert!(matches!(refused, Err(Miss::Document(why)) if why.contains("another scheme")));
    assert!(read_at("http://127.0.0.1:9/m", &plain, None).is_ok());
    for other in ["ftp://a.example/k", "file:///etc/passwd", "data:,{}"] {
        assert!(read_at("https://a.example/m", &naming(other), None).is_err());
    }
}

#[test]
fn keys_off_the_site_are_refused_where_that_is_wanted() {
    let site = Some("https://a.example/");
    for (jwks_uri, admitted) in [
        ("https://a.example/keys", true),
        ("https://keys.a.example:8443/k", true),
        ("https://b.example/keys", false),
        ("https://a.example.b.example/keys", false),
    ] {
        let found = read_at("https://a.example/m", &naming(jwks_uri), site);
        assert_eq!(found.is_ok(), admitted, "{jwks_uri}: {found:?}");
        assert!(read_at("https://a.example/m", &naming(jwks_uri), None).is_ok());
    }
}

#[test]
fn d14_refuses_metadata_of_another_issuer_and_shows_both() {
    for found in [
        "https://a.example/",
        "https://b.example",
        "http://a.example",
        "HTTPS://a.example",
    ] {
        let document = format!(r#"{{"issuer":"{found}","jwks_uri":"https://a.example/keys"}}"#);
        let Miss::OtherIssuer(detail) = miss(&document) else {
            panic!("{found} was taken")
        };
        assert!(
            detail.contains("\"https://a.example\"") && detail.contains(found),
            "{detail}"
        );
    }
    let slash = miss(r#"{"issuer":"https://a.example/","jwks_uri":"https://a.example/keys"}"#);
    assert!(format!("{slash:?}").contains("trailing slash"));
}

#[test]
fn refuses_documents_that_are_not_strict() {
    for document in [
        "",
        "<html>",
        "[]",
        "null",
        "{}",
        r#"{"issuer":"https://a.example"}"#,
        r#"{"issuer":"https://a.example","jwks_uri":7}"#,
        r#"{"issuer":"https://a.example","jwks_uri":"/keys"}"#,
        r#"{"issuer":["https://a.example"],"jwks_uri":"https://a.example/keys"}"#,
        r#"{"issuer":"https://b.example","issuer":"https://a.example","jwks_uri":"https://a.example/keys"}"#,
        r#"{"issuer":"https://a.example","jwks_uri":"https://b/","jwks_uri":"https://a.example/keys"}"#,
    ] {
        assert!(matches!(miss(document), Miss::Document(_)), "{document}");
    }
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(1_000), "]".repeat(1_000));
    assert!(matches!(miss(&deep), Miss::Document(_)));
}

#[test]
fn takes_a_good_document() {
    let document =
        r#"{"issuer":"https://a.example","jwks_uri":"https://keys.example/k","x":{"y":[1]}}"#;
    let found = read_at("https://a.example/m", document, None).unwrap();
    assert_eq!(found.as_str(), "https://keys.example/k");
}
