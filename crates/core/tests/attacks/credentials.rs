//! The `Authorization` header and the query.

use http::{HeaderValue, Request, request::Parts};
use oauthgate_core::{BearerToken, Reason};

fn request(uri: &str, lines: &[&[u8]]) -> Parts {
    let mut request = Request::get(uri);
    for line in lines {
        request = request.header("authorization", HeaderValue::from_bytes(line).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

fn outcome(uri: &str, lines: &[&[u8]]) -> Result<String, Reason> {
    BearerToken::from_request(&request(uri, lines))
        .map(|token| token.expose().to_owned())
        .map_err(|denial| denial.reason())
}

fn of_line(line: &str) -> Result<String, Reason> {
    outcome("/mcp", &[line.as_bytes()])
}

#[test]
fn row_32_f1_reads_bearer_credentials_in_any_case() {
    for line in [
        "Bearer x.y-z_~+/==",
        "bearer x.y-z_~+/==",
        "BEARER x.y-z_~+/==",
        "bEaReR x.y-z_~+/==",
        "Bearer    x.y-z_~+/==",
    ] {
        assert_eq!(of_line(line).unwrap(), "x.y-z_~+/==", "{line}");
    }
    assert_eq!(
        of_line(&format!("Bearer{}x", " ".repeat(2_000))).unwrap(),
        "x"
    );
    let long = "x".repeat(1 << 20);
    assert_eq!(of_line(&format!("Bearer {long}")).unwrap(), long);
}

#[test]
fn f1_refuses_malformed_bearer_credentials() {
    let malformed = [
        "Bearer",
        "Bearer ",
        "bearer  ",
        "Bearer x y",
        "Bearer,x",
        "Bearer\tx",
        "Bearer \tx",
        "Bearer x,",
        "Bearer x, y",
        "Bearer =",
        "Bearer x=y",
        "Bearer \"x\"",
        "Bearer {x}",
        "Bearer x;y",
        "Bearer x%20y",
        "Bearer x:y",
        "Bearer=x",
        "Bearer:x",
        "Bearer/x",
        "",
        " ",
        ",",
        "=",
        "(x) y",
        "Bearer x ",
        "Bearer realm=\"x\"",
    ];
    for line in malformed {
        assert_eq!(
            of_line(line),
            Err(Reason::MalformedAuthorization),
            "{line:?}"
        );
    }
    for line in [
        &b"Bearer \xff"[..],
        b"Bearer x\xc3\xa9",
        b"\xff x",
        b"Bearer \x80",
    ] {
        assert_eq!(
            outcome("/mcp", &[line]),
            Err(Reason::MalformedAuthorization),
            "{line:?}"
        );
    }
}

#[test]
fn f1_another_scheme_is_no_credential() {
    for line in [
        "Basic dXNlcjpwYXNz",
        "DPoP x",
        "Digest username=\"a\", realm=\"b\"",
        "Bearerx y",
        "Negotiate",
        "BearerToken x",
        "basic",
    ] {
        assert_eq!(of_line(line), Err(Reason::NoCredentials), "{line}");
    }
    assert_eq!(outcome("/mcp", &[]), Err(Reason::NoCredentials));
}

#[test]
fn f2_refuses_two_credentials() {
    for lines in [
        [&b"Bearer a"[..], b"Bearer b"],
        [b"Bearer a", b"Bearer a"],
        [b"Basic a", b"Bearer a"],
        [b"Bearer a", b"Basic a"],
        [b"Basic a", b"Basic b"],
    ] {
        assert_eq!(
            outcome("/mcp", &lines),
            Err(Reason::MultipleCredentials),
            "{lines:?}"
        );
    }
    for line in [
        "Basic a, Bearer b",
        "Basic a,bearer b",
        "DPoP a ,  BEARER b",
        "Basic a, Bearer",
    ] {
        assert_eq!(of_line(line), Err(Reason::MultipleCredentials), "{line}");
    }
    for line in ["Bearer a, Bearer b", "Bearer a,Basic b"] {
        assert_eq!(of_line(line), Err(Reason::MalformedAuthorization), "{line}");
    }
    for query in [
        "access_token=x",
        "a=b&access_token=x",
        "access_token",
        "access%5Ftoken=x",
        "%61ccess_token=",
        "%61%63%63%65%73%73%5f%74%6f%6b%65%6e=x",
        "%=1&%2&%zz=3&access%5ftoken",
        "a&access_token=x#",
    ] {
        assert_eq!(
            outcome(&format!("/mcp?{query}"), &[b"Bearer a"]),
            Err(Reason::MultipleCredentials),
            "{query}"
        );
    }
    for query in [
        "",
        "token=x",
        "access_token_hint=x",
        "a=access_token",
        "a=access%5ftoken",
        "Access_Token=x",
        "access%5Ftoken%00",
        "%2561ccess_token=x",
        "access+token=x",
        "a;access_token=x",
    ] {
        assert_eq!(
            outcome(&format!("/mcp?{query}"), &[b"Bearer a"]).unwrap(),
            "a",
            "{query}"
        );
    }
}

#[test]
fn row_16_f3_a_token_in_the_query_alone_counts_as_none() {
    for query in ["access_token=x", "access%5Ftoken=x", "a=b&access_token=x"] {
        let denial =
            BearerToken::from_request(&request(&format!("/mcp?{query}"), &[])).unwrap_err();
        assert!(
            denial
                .detail()
                .is_some_and(|detail| detail.contains("in the query")),
            "{query}: {denial:?}"
        );
        assert_eq!(
            outcome(&format!("/mcp?{query}"), &[]),
            Err(Reason::NoCredentials),
            "{query}"
        );
        assert_eq!(
            outcome(&format!("/mcp?{query}"), &[b"Basic a"]),
            Err(Reason::NoCredentials),
            "{query}"
        );
    }
}

#[test]
fn h2_debug_and_denials_never_show_the_token() {
    let parts = request("/mcp", &[b"Bearer canary"]);
    let token = BearerToken::from_request(&parts).unwrap();
    assert!(!format!("{token:?}").contains("canary"));
    for (uri, line) in [
        ("/mcp", "Bearer canary x"),
        ("/mcp?access_token=canary", "Bearer canary"),
        ("/mcp", "Basic canary"),
    ] {
        let denial = BearerToken::from_request(&request(uri, &[line.as_bytes()])).unwrap_err();
        assert!(!format!("{denial:?}").contains("canary"), "{line}");
    }
}
