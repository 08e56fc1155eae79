//! Header names that nobody but the gate may write.
//!
//! A name is compared after everything that is no letter and no digit has become one hyphen, because
//! some reader behind us treats `X_Auth_Tenant`, `X.Auth.Tenant` and `X--Auth-Tenant` as `X-Auth-Tenant`
//! (CGI, WSGI, PHP, some proxies).

use http::HeaderName;

/// Names under which somebody's upstream learns who is calling; a trailing hyphen marks a family.
/// Every preset of ours is in here, and what other gates and clouds call theirs: an upstream that
/// stood behind one of them yesterday still believes its headers today. The guide for operators
/// (`docs/guides/protect-an-mcp-server.md`) says whose names these are.
const IDENTITY: &[&str] = &[
    "x-auth-",
    "x-authenticated-",
    "x-authentik-",
    "x-authelia-",
    "x-webauth-",
    "x-vouch-",
    "x-remote-",
    "remote-user",
    "remote-email",
    "remote-name",
    "remote-groups",
    "x-user",
    "x-user-id",
    "x-user-name",
    "x-user-email",
    "x-user-group",
    "x-user-groups",
    "x-user-role",
    "x-user-roles",
    "x-user-scopes",
    "x-user-tenant",
    "x-user-info",
    "x-userinfo",
    "x-username",
    "x-email",
    "x-groups",
    "x-roles",
    "x-scopes",
    "x-tenant",
    "x-tenant-id",
    "x-proxy-user",
    "x-id-token",
    "x-access-token",
    "x-jwt-",
    "x-oidc-",
    "oidc-",
    "shib-",
    "eppn",
    "x-token-subject",
    "x-token-user-",
    "x-pomerium-",
    "cf-access-",
    "x-goog-iap-",
    "x-goog-authenticated-user-",
    "x-apigateway-api-userinfo",
    "x-endpoint-api-userinfo",
    "x-amzn-oidc-",
    "x-amzn-request-context",
    "x-amzn-lambda-context",
    "x-ms-client-principal",
    "x-ms-client-principal-",
    "x-ms-token-",
    "x-consumer-",
    "x-credential-",
    "x-anonymous-consumer",
    "x-hasura-",
    "x-scope-orgid",
    "impersonate-",
    "x-tailscale-",
    "tailscale-",
    "x-mcp-auth",
    "x-mcp-auth-",
    "client-cert",
    "client-cert-",
    "x-client-cert",
    "x-client-cert-",
    "x-ssl-",
    "ssl-client-",
];

/// Names with which proxies tell where a request came from and what it was before: believed by
/// upstreams, so written by us or not at all.
const ROUTING: &[&str] = &[
    "forwarded",
    "x-forwarded",
    "x-forwarded-",
    "x-original-",
    "x-originating-",
    "x-rewrite-",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-",
    "fastly-client-",
    "x-cluster-client-ip",
    "x-remote-ip",
    "x-azure-",
    "x-appengine-",
    "x-envoy-",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-script-name",
    "proxy",
];

/// Credentials for us, which end here; also under the names that stand in for `Authorization` where that
/// is taken.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-authorization",
    "x-serverless-authorization",
    "dpop",
];

/// Whether a header, however it is spelled, tells who is calling.
#[must_use]
pub fn is_identity(name: &HeaderName) -> bool {
    listed(&canonical(name), IDENTITY)
}

/// Whether a header, however it is spelled, is for the gate alone to write or to read.
#[must_use]
pub fn is_protected(name: &HeaderName) -> bool {
    let name = canonical(name);
    [IDENTITY, ROUTING, CREDENTIALS]
        .iter()
        .any(|names| listed(&name, names))
}

/// Whether a header, however it is spelled, names a session: it is judged in the head, and nowhere else.
#[must_use]
pub fn is_of_session(name: &HeaderName) -> bool {
    ["mcp-session-id", "last-event-id"].contains(&canonical(name).as_str())
}

fn listed(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| match known.strip_suffix('-') {
        Some(family) => name
            .strip_prefix(family)
            .is_some_and(|rest| rest.starts_with('-')),
        None => name == *known,
    })
}

/// Lower case, and one hyphen for whatever separates the words.
fn canonical(name: &HeaderName) -> String {
    let name = name.as_str().to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
pub(crate) mod tests {
    use rstest::rstest;

    use super::*;

    /// Header names that must never reach an upstream as the client wrote them.
    pub(crate) const NAMES: [&str; 68] = [
        "X-Auth-Request-User",
        "X-Auth-Request-Email",
        "X-Auth-Request-Groups",
        "X-Auth-Request-Preferred-Username",
        "X-Auth-Request-Access-Token",
        "X-Auth-Tenant",
        "X-Auth-Tier",
        "X-Auth-Scopes",
        "X-Auth-Client",
        "X-Auth-Whatever-Comes",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Forwarded-Preferred-Username",
        "X-Forwarded-Access-Token",
        "Remote-User",
        "Remote-Email",
        "Remote-Name",
        "Remote-Groups",
        "X-Pomerium-Jwt-Assertion",
        "X-Pomerium-Claim-Email",
        "Cf-Access-Jwt-Assertion",
        "X-Goog-IAP-JWT-Assertion",
        "X-Amzn-Oidc-Data",
        "X-Forwarded-Client-Cert",
        "X-SSL-Client-Cert",
        "Client-Cert",
        "X-User-Email",
        "X-MS-CLIENT-PRINCIPAL-ID",
        "X-MCP-Auth-Token",
        "X-Apigateway-Api-Userinfo",
        "X-Endpoint-API-UserInfo",
        "X-Serverless-Authorization",
        "X-Authorization",
        "X-Amzn-Request-Context",
        "X-Amzn-Lambda-Context",
        "X-Token-Subject",
        "X-Token-User-Name",
        "X-Token-User-Email",
        "X-Token-User-Roles",
        "X-Scope-OrgID",
        "X-Hasura-Role",
        "X-Hasura-User-Id",
        "X-Hasura-Admin-Secret",
        "Impersonate-User",
        "Impersonate-Group",
        "Impersonate-Uid",
        "Impersonate-Extra-Scopes",
        "Shib-Session-ID",
        "Shib-Identity-Provider",
        "eppn",
        "X-Proxy-User",
        "X-Email",
        "X-Username",
        "X-User",
        "X-User-Id",
        "X-User-Name",
        "X-User-Role",
        "X-User-Roles",
        "X-User-Groups",
        "X-User-Info",
        "X-User-Scopes",
        "X-User-Tenant",
        "X-Tenant",
        "X-Tenant-Id",
        "X-Groups",
        "X-Roles",
        "X-Scopes",
    ];

    /// Other spellings of a name that HTTP lets through.
    pub(crate) fn aliases(name: &str) -> Vec<String> {
        let separators = ["-", "_", ".", "--", "__", "-_", "_-", "._", "~", "!", "'"];
        let replaced = separators.map(|separator| name.replace('-', separator));
        let mixed = ["_", "."].map(|separator| name.replacen('-', separator, 1));
        let affixed = ["-", "_", "."].map(|affix| format!("{name}{affix}"));
        let prefixed = ["-", "_"].map(|affix| format!("{affix}{name}"));
        let spelled: Vec<_> = [&replaced[..], &mixed, &affixed, &prefixed].concat();
        let cased = spelled.iter().flat_map(|spelling| {
            [
                spelling.to_lowercase(),
                spelling.to_uppercase(),
                every_other_upper(spelling),
            ]
        });
        cased.collect()
    }

    fn every_other_upper(text: &str) -> String {
        let mut upper = false;
        let flip = |c: char| {
            upper = !upper;
            if upper {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        };
        text.chars().map(flip).collect()
    }

    #[test]
    fn f8_knows_a_protected_name_in_every_spelling() {
        for name in NAMES {
            let aliases = aliases(name);
            assert!(aliases.len() >= 40);
            for alias in aliases {
                let header = HeaderName::from_bytes(alias.as_bytes()).unwrap();
                assert!(is_protected(&header), "{alias}");
            }
        }
    }

    #[rstest]
    #[case("X-Auth-Request-User ")]
    #[case(" X-Auth-Request-User")]
    #[case("X-Auth-Request-User\t")]
    #[case("X-Auth-Request-Us\u{435}r")]
    #[case("X\u{2010}Auth\u{2010}Request\u{2010}User")]
    #[case("X-Auth-Request-User\0")]
    #[case("X Auth Request User")]
    fn f8_look_alikes_and_blanks_are_no_header_names(#[case] name: &str) {
        assert!(HeaderName::from_bytes(name.as_bytes()).is_err());
    }

    #[rstest]
    #[case("x-forwarded-for")]
    #[case("X-Forwarded-Host")]
    #[case("x-forwarded-port")]
    #[case("x-forwarded-prefix")]
    #[case("x-forwarded-server")]
    #[case("x-forwarded-proto")]
    #[case("x-forwarded-uri")]
    #[case("x-forwarded-method")]
    #[case("x-forwarded")]
    #[case("forwarded")]
    #[case("x-original-url")]
    #[case("x-original-method")]
    #[case("x-rewrite-url")]
    #[case("x-real-ip")]
    #[case("x-envoy-external-address")]
    #[case("x-http-method-override")]
    #[case("proxy")]
    #[case("authorization")]
    #[case("Proxy-Authorization")]
    #[case("dpop")]
    fn f6_knows_the_whole_family(#[case] name: &str) {
        assert!(is_protected(&name.parse().unwrap()));
    }

    #[rstest]
    #[case("accept")]
    #[case("content-type")]
    #[case("cookie")]
    #[case("x-api-key")]
    #[case("x-user-agent")]
    #[case("x-user-timezone")]
    #[case("x-groupware")]
    #[case("x-amzn-trace-id")]
    #[case("x-author")]
    #[case("x-authority")]
    #[case("x-request-id")]
    #[case("traceparent")]
    #[case("mcp-protocol-version")]
    #[case("mcp-session-id")]
    #[case("mcp-method")]
    #[case("mcp-name")]
    #[case("mcp-param-region")]
    #[case("last-event-id")]
    #[case("remote-control")]
    #[case("proxy-hint")]
    fn lets_the_applications_own_headers_be(#[case] name: &str) {
        assert!(!is_protected(&name.parse().unwrap()));
    }
}
