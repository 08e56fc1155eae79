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
    const OPENINGS: Openings = Openings::of(&[IDENTITY]);
    OPENINGS.admit(name) && Canonical::of(name).is_among(IDENTITY)
}

/// Whether a header, however it is spelled, is for the gate alone to write or to read.
#[must_use]
pub fn is_protected(name: &HeaderName) -> bool {
    const OPENINGS: Openings = Openings::of(&[IDENTITY, ROUTING, CREDENTIALS]);
    if !OPENINGS.admit(name) {
        return false;
    }
    let name = Canonical::of(name);
    [IDENTITY, ROUTING, CREDENTIALS]
        .iter()
        .any(|names| name.is_among(names))
}

/// Whether a header, however it is spelled, names a session: it is judged in the head, and nowhere else.
#[must_use]
pub fn is_of_session(name: &HeaderName) -> bool {
    Canonical::of(name).is_among(&["mcp-session-id", "last-event-id"])
}

/// With which two characters canonical names of a list open. Nearly every header of an application opens
/// otherwise, so that nobody need compare it with the whole list.
struct Openings([u32; 26]);

impl Openings {
    const fn of(lists: &[&[&str]]) -> Self {
        let mut seconds = [0; 26];
        let mut list = 0;
        while list < lists.len() {
            let mut at = 0;
            while at < lists[list].len() {
                let name = lists[list][at].as_bytes();
                assert!(
                    name.len() < LONGEST,
                    "a name is longer than what is compared"
                );
                assert!(name[0].is_ascii_lowercase(), "a name opens with no letter");
                seconds[(name[0] - b'a') as usize] |= Self::bit(name[1]);
                at += 1;
            }
            list += 1;
        }
        Self(seconds)
    }

    /// One bit for each letter, and one for whatever separates words.
    const fn bit(byte: u8) -> u32 {
        match byte {
            b'a'..=b'z' => 1 << (byte - b'a'),
            b'0'..=b'9' => 1 << 27,
            _ => 1 << 26,
        }
    }

    /// Whether a name opens like one of them. Header names are lower-case here.
    fn admit(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        let start = name.iter().position(u8::is_ascii_alphanumeric);
        let [first, second, ..] = start.and_then(|start| name.get(start..)).unwrap_or(b"") else {
            return false;
        };
        let seconds = self.0.get(usize::from(first.wrapping_sub(b'a')));
        seconds.is_some_and(|seconds| seconds & Self::bit(*second) != 0)
    }
}

/// More than the longest of the names above has: what comes later in a name tells it from none of them.
const LONGEST: usize = 32;

/// The beginning of a name in lower case, with one hyphen for whatever separates the words.
struct Canonical {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Canonical {
    fn of(name: &HeaderName) -> Self {
        let mut canonical = Self {
            bytes: [0; LONGEST],
            length: 0,
        };
        let words = name
            .as_str()
            .as_bytes()
            .split(|byte| !byte.is_ascii_alphanumeric());
        for word in words.filter(|word| !word.is_empty()) {
            if canonical.length > 0 {
                canonical.append(b"-");
            }
            canonical.append(word);
        }
        canonical
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.bytes.iter_mut().skip(self.length);
        let written = room.zip(bytes).map(|(place, byte)| {
            *place = byte.to_ascii_lowercase();
        });
        self.length += written.count();
    }

    fn is_among(&self, names: &[&str]) -> bool {
        let name = self.bytes.get(..self.length).unwrap_or(&self.bytes);
        names.iter().any(|known| match known.strip_suffix('-') {
            Some(_) => name.len() > known.len() && name.starts_with(known.as_bytes()),
            None => name == known.as_bytes(),
        })
    }
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

    /// Of every list, so that a new name that is too long or opens strangely is noticed.
    #[test]
    fn f8_knows_every_listed_name_however_long_it_goes_on() {
        let lists = [IDENTITY, ROUTING, CREDENTIALS].concat();
        for known in &lists {
            let name = match known.ends_with('-') {
                true => format!("{known}{}", "x-1".repeat(40)),
                false => known.to_string(),
            };
            for alias in aliases(&name) {
                let header = HeaderName::from_bytes(alias.as_bytes()).unwrap();
                assert!(is_protected(&header), "{alias}");
            }
            let longer = format!("{name}{}", "y".repeat(40));
            let header = HeaderName::from_bytes(longer.as_bytes()).unwrap();
            let mut families = lists.iter().filter(|known| known.ends_with('-'));
            let expected = families.any(|family| longer.starts_with(family));
            assert_eq!(is_protected(&header), expected, "{longer}");
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
