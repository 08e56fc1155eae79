use rstest::rstest;

use super::*;
use crate::upstream::protected::tests::{NAMES, aliases};

fn alice() -> Identity {
    Identity {
        issuer: "https://auth.example.com/".to_owned(),
        user: "alice".to_owned(),
        kind: PrincipalKind::User,
        client: Some("app".to_owned()),
        email: Some("alice@example.com".to_owned()),
        tenant: Some("acme".to_owned()),
        tier: "gold".to_owned(),
        groups: vec!["staff".to_owned(), "ops".to_owned()],
        groups_truncated: false,
        scopes: "a b".to_owned(),
    }
}

fn forwarded(sent: &[(&str, &str)], identity: &Identity, preset: IdentityHeaders) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in sent {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    strip(&mut headers);
    Prepared::of(identity, preset).write(&mut headers).unwrap();
    let host = Authority::parse("mcp.example.com").unwrap();
    let provenance = Provenance {
        client: [198, 51, 100, 1].into(),
        host: &host,
        scheme: "https",
    };
    write_provenance(&mut headers, provenance);
    headers
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

const OURS: [(&str, &str); 12] = [
    ("x-auth-request-user", "alice"),
    ("x-auth-issuer", "https://auth.example.com/"),
    ("x-auth-kind", "user"),
    ("x-auth-tenant", "acme"),
    ("x-auth-client", "app"),
    ("x-auth-scopes", "a b"),
    ("x-auth-tier", "gold"),
    ("x-auth-request-email", "alice@example.com"),
    ("x-auth-request-groups", "staff,ops"),
    ("x-forwarded-for", "198.51.100.1"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "mcp.example.com"),
];

fn assert_only_ours(headers: &HeaderMap) {
    for (name, value) in OURS {
        assert_eq!(all(headers, name), [value], "{name}");
    }
    let foreign: Vec<_> = headers
        .keys()
        .filter(|name| is_protected(name))
        .filter(|name| !OURS.iter().any(|(ours, _)| ours == &name.as_str()))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn f8_every_spelling_of_an_identity_header_is_stripped() {
    for name in NAMES {
        for alias in aliases(name) {
            let headers = forwarded(&[(&alias, "evil")], &alice(), IdentityHeaders::AuthRequest);
            assert_only_ours(&headers);
            assert!(headers.values().all(|value| value != "evil"), "{alias}");
        }
    }
}

#[test]
fn f9_one_value_is_left_and_it_is_ours() {
    let sent = [
        ("X-Auth-Request-User", "evil"),
        ("x-auth-request-user", "evil"),
        ("X-AUTH-REQUEST-USER", "evil"),
        ("X_Auth_Request_User", "evil"),
    ];
    assert_only_ours(&forwarded(&sent, &alice(), IdentityHeaders::AuthRequest));
}

#[test]
fn f10_a_value_that_we_do_not_have_is_not_the_clients_to_give() {
    let nameless = Identity {
        client: None,
        email: None,
        tenant: None,
        groups: Vec::new(),
        ..alice()
    };
    let sent = [
        ("x-auth-request-email", "evil"),
        ("x-auth-request-groups", "evil"),
        ("x-auth-tenant", "evil"),
        ("x-auth-client", "evil"),
        ("x-user-email", "evil"),
    ];
    let headers = forwarded(&sent, &nameless, IdentityHeaders::AuthRequest);
    assert!(headers.values().all(|value| value != "evil"));
    assert_eq!(all(&headers, "x-auth-request-user"), ["alice"]);
}

#[test]
fn f11_connection_cannot_name_our_headers_away() {
    for (name, _) in OURS
        .iter()
        .chain(&[("Authorization", ""), ("x-auth-evil", "")])
    {
        for named in [
            name.to_string(),
            name.to_uppercase(),
            format!("close, {name} ,te"),
        ] {
            let sent = [("connection", named.as_str()), (*name, "evil")];
            assert_only_ours(&forwarded(&sent, &alice(), IdentityHeaders::AuthRequest));
        }
    }
}

#[test]
fn f6_forwarded_headers_of_clients_are_replaced() {
    let sent = [
        ("forwarded", "for=1.1.1.1;host=evil"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-for", "2.2.2.2"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-server", "evil"),
        ("x-forwarded-uri", "/evil"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-real-ip", "1.1.1.1"),
    ];
    assert_only_ours(&forwarded(&sent, &alice(), IdentityHeaders::AuthRequest));
}

#[rstest]
#[case("authorization", "Bearer secret")]
#[case("proxy-authorization", "Basic secret")]
#[case("dpop", "secret")]
#[case("x-mcp-auth", "secret")]
#[case("x-http-method-override", "DELETE")]
#[case("proxy", "http://evil")]
#[case("expect", "100-continue")]
#[case("host", "evil.example")]
#[case("origin", "https://app.example")]
fn f25_what_is_for_the_gate_ends_at_the_gate(#[case] name: &str, #[case] value: &str) {
    let headers = forwarded(&[(name, value)], &alice(), IdentityHeaders::Nothing);
    assert!(!headers.contains_key(name), "{name}");
}

#[test]
fn the_applications_own_headers_go_on() {
    let sent = [
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-param-region", "=?base64?ZXU=?="),
        ("x-user-agent", "grpc-web"),
    ];
    let headers = forwarded(&sent, &alice(), IdentityHeaders::Nothing);
    assert_eq!(all(&headers, "cookie"), ["a=1; b=2"]);
    for (name, value) in &sent[2..] {
        assert_eq!(all(&headers, name), [*value]);
    }
    assert_eq!(headers.len(), 5 + 3, "and three about where it came from");
}

#[test]
fn the_remote_preset_names_persons_only() {
    let sent = [("remote-user", "evil"), ("remote-name", "evil")];
    let headers = forwarded(&sent, &alice(), IdentityHeaders::Remote);
    assert_eq!(all(&headers, "remote-user"), ["alice"]);
    assert_eq!(all(&headers, "remote-email"), ["alice@example.com"]);
    assert_eq!(all(&headers, "remote-groups"), ["staff,ops"]);
    assert_eq!(headers.len(), 3 + 3);
    let program = Identity {
        kind: PrincipalKind::Service,
        ..alice()
    };
    let headers = forwarded(&sent, &program, IdentityHeaders::Remote);
    assert_eq!(headers.len(), 3);
}

#[test]
fn c15_a_program_is_marked_as_one() {
    let program = Identity {
        kind: PrincipalKind::Service,
        ..alice()
    };
    let headers = forwarded(&[], &program, IdentityHeaders::AuthRequest);
    assert_eq!(all(&headers, "x-auth-kind"), ["service"]);
}

/// Text that no header carries unchanged.
const UNFIT: [&str; 12] = [
    "a\r\nx-auth-tier: gold",
    "a\nb",
    "a\rb",
    "a\0b",
    "a\tb",
    "a\x7f",
    "Ö",
    "🦀",
    " a",
    "a ",
    "\u{85}",
    "\u{2028}",
];

#[test]
fn f18_an_identity_that_fits_no_header_is_refused() {
    let long = "a".repeat(10 * 1024);
    for text in UNFIT.iter().copied().chain(["", long.as_str()]) {
        let unfit = [
            Identity {
                issuer: text.to_owned(),
                ..alice()
            },
            Identity {
                user: text.to_owned(),
                ..alice()
            },
            Identity {
                tenant: Some(text.to_owned()),
                ..alice()
            },
            Identity {
                client: Some(text.to_owned()),
                ..alice()
            },
        ];
        for identity in unfit {
            let mut headers = HeaderMap::new();
            let prepared = Prepared::of(&identity, IdentityHeaders::AuthRequest);
            let denial = prepared.write(&mut headers);
            assert_eq!(
                denial.unwrap_err().reason(),
                Reason::MalformedClaims,
                "{text:?}"
            );
        }
    }
}

#[test]
fn f18_other_values_are_left_out_or_encoded() {
    let long = "a".repeat(10 * 1024);
    for text in UNFIT.iter().copied().chain([long.as_str()]) {
        let identity = Identity {
            email: Some(text.to_owned()),
            tier: text.to_owned(),
            groups: vec!["staff".to_owned(), text.to_owned()],
            ..alice()
        };
        let headers = forwarded(&[], &identity, IdentityHeaders::AuthRequest);
        assert!(!headers.contains_key("x-auth-request-email"), "{text:?}");
        assert!(!headers.contains_key("x-auth-tier"), "{text:?}");
        let groups = all(&headers, "x-auth-request-groups").join("");
        assert!(
            groups.is_empty() || groups.starts_with("staff,"),
            "{groups}"
        );
        assert!(groups.is_ascii());
    }
}

#[test]
fn f18_a_group_cannot_pretend_to_be_two() {
    let identity = Identity {
        groups: vec!["a,admin".to_owned(), "50%".to_owned(), "Ö".to_owned()],
        ..alice()
    };
    assert_eq!(identity.groups().unwrap(), "a%2Cadmin,50%25,%C3%96");
}

#[test]
fn f12_the_upstream_cannot_name_a_caller_either() {
    let mut headers = HeaderMap::new();
    for name in [
        "x-auth-request-user",
        "X_Auth_Tenant",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "alt-svc",
        "connection",
        "keep-alive",
        "transfer-encoding",
    ] {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_static("x"));
    }
    headers.insert("mcp-session-id", HeaderValue::from_static("s"));
    headers.insert("server", HeaderValue::from_static("x"));
    to_client(&mut headers);
    assert_eq!(headers.len(), 2, "{headers:?}");
    assert!(headers.contains_key("mcp-session-id") && headers.contains_key("server"));
}

#[rstest]
#[case("text/event-stream", true)]
#[case("Text/Event-Stream; charset=utf-8", true)]
#[case("text/event-streams", false)]
#[case("application/json", false)]
fn row_47_event_streams_are_not_to_be_held_back(#[case] media_type: &str, #[case] expected: bool) {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(media_type).unwrap(),
    );
    to_client(&mut headers);
    assert_eq!(headers.contains_key("x-accel-buffering"), expected);
    headers.insert("x-accel-buffering", HeaderValue::from_static("yes"));
    to_client(&mut headers);
    assert_eq!(headers["x-accel-buffering"], "yes");
}

#[test]
fn f12_g5_trailers_carry_neither_identity_nor_session() {
    let mut trailers = HeaderMap::new();
    for name in [
        "x-auth-request-user",
        "authorization",
        "host",
        "content-length",
        "mcp-session-id",
        "mcp_session_id",
        "last-event-id",
        "x-checksum",
    ] {
        trailers.insert(name, HeaderValue::from_static("x"));
    }
    strip_trailers(&mut trailers);
    let left: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    assert_eq!(left, ["x-checksum"]);
}

/// Rule R30: an upstream that decides by groups must know that there are more of them than it reads.
#[test]
fn r30_groups_that_are_not_told_are_said_to_be_missing() {
    let truncated = |groups: Vec<String>, groups_truncated: bool| {
        let identity = Identity {
            groups,
            groups_truncated,
            ..alice()
        };
        let sent = [("x-auth-groups-truncated", "false")];
        let headers = forwarded(&sent, &identity, IdentityHeaders::AuthRequest);
        headers
            .get("x-auth-groups-truncated")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let some = || vec!["ops".to_owned()];
    assert_eq!(truncated(some(), false), None);
    assert_eq!(truncated(Vec::new(), false), None);
    assert_eq!(truncated(some(), true).as_deref(), Some("true"));
    assert_eq!(truncated(Vec::new(), true).as_deref(), Some("true"));
    let many = (0..10_000)
        .map(|number| format!("group-{number}"))
        .collect();
    assert_eq!(truncated(many, false).as_deref(), Some("true"));
}

#[test]
fn f8_nobody_is_nobody_however_the_headers_are_spelled() {
    use oauthgate_mcp::{
        Operation, Policy,
        policy::{Passage, Rule},
    };

    let open = Rule::builder()
        .methods(["ping"])
        .anonymous(true)
        .build()
        .unwrap();
    let operation = Operation::new("ping");
    let base = oauthgate_core::Requirement::authenticated();
    let decision = Policy::new().rule(open).decide([&operation], &base, None);
    let Passage::Anonymous(permit) = decision.unwrap().permit else {
        panic!("the rule is for everybody")
    };
    for name in NAMES {
        for alias in aliases(name) {
            let mut headers = HeaderMap::new();
            let name = HeaderName::from_bytes(alias.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_static("evil"));
            let host = Authority::parse("mcp.example.com").unwrap();
            let provenance = Provenance {
                client: [198, 51, 100, 1].into(),
                host: &host,
                scheme: "https",
            };
            to_upstream_for_nobody(&mut headers, &permit, provenance);
            let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(
                left,
                ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"],
                "{alias}"
            );
            assert!(headers.values().all(|value| value != "evil"), "{alias}");
        }
    }
}

/// One token may be good for two resources, whose upstreams are told different things.
#[test]
fn f10_what_was_prepared_under_one_setting_is_not_told_under_another() {
    use IdentityHeaders::{AuthRequest, Nothing, Remote};
    let prepared = Prepared::of(&alice(), AuthRequest);
    for (preset, told, untold) in [
        (AuthRequest, Some("x-auth-request-user"), "remote-user"),
        (Remote, Some("remote-user"), "x-auth-request-user"),
        (Nothing, None, "x-auth-request-user"),
    ] {
        let mut headers = HeaderMap::new();
        prepared.write_as(preset, alice, &mut headers).unwrap();
        assert!(told.is_none_or(|name| headers[name] == "alice"));
        assert!(!headers.contains_key(untold));
        assert_eq!(headers.is_empty(), preset == Nothing);
    }
}
