//! How tokens look that nobody here can verify, whose they are, and what to change so that the next one can
//! be: advice for the operator's log, chosen by what a stranger wrote and so never by itself a reason.

use super::{base64url, header::JoseHeader, without_application_prefix};
use crate::{CompactJws, SignatureVerified, claims::Claims, json};

/// One look, and the advice that goes with it.
struct Sign<Look: 'static> {
    looks: Look,
    advice: &'static str,
}

/// By what the header's `alg` says; providers encrypt with RSA or ECDH, and none says who it is.
const ENCRYPTED: &[Sign<&str>] = &[Sign {
    looks: "dir",
    advice: "only its issuer can read it: Auth0 gives such tokens to clients that ask for no API, so let the client send your API's identifier as `audience`",
}];
const ENCRYPTED_OTHERWISE: &str = "switch the encryption of access tokens off at the issuer: Auth0 (\"JSON Web Encryption\" in the API's settings), authentik (the provider's encryption key), oidc-provider (`jwt.encrypt` of the resource server)";

/// By how it begins.
const OPAQUE: &[Sign<&[&str]>] = &[
    Sign {
        looks: &["ya29."],
        advice: "Google's access tokens are always opaque: preset `google` asks Google about them",
    },
    Sign {
        looks: &["gho_", "ghu_", "ghp_", "ghs_", "github_pat_"],
        advice: "GitHub's tokens are always opaque: preset `github` asks GitHub about them",
    },
    Sign {
        looks: &["ory_at_"],
        advice: "Hydra's tokens are opaque until `strategies.access_token` is `jwt`; or let its admin address be asked (OAUTHGATE_TOKEN_MODE=auto, OAUTHGATE_INTROSPECTION_URL)",
    },
    Sign {
        looks: &["ory_rt_"],
        advice: "this is a refresh token of Hydra, which the client must keep to itself",
    },
    Sign {
        looks: &["oat_", "mt_"],
        advice: "Clerk issues JWTs when the application's settings (or the machine token's) say so",
    },
];
const OPAQUE_OTHERWISE: &str = "let the issuer be asked about such tokens (OAUTHGATE_TOKEN_MODE=auto), or make it issue JWTs; Auth0 does when the client sends `audience`, Logto when it sends `resource`";

/// By `typ`, without `application/`.
const TYPES: &[Sign<&str>] = &[Sign {
    looks: "okta-internal-at+jwt",
    advice: "tokens of Okta's org authorization server are for Okta alone: use a custom one (its issuer contains /oauth2/), or preset `okta-org`, which asks Okta about them",
}];

/// By `aud`: Microsoft's own interfaces, by their names and by the ids of their applications.
const AUDIENCES: &[Sign<&[&str]>] = &[Sign {
    looks: &[
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/",
        "00000002-0000-0000-c000-000000000000",
        "https://graph.windows.net",
        "https://graph.windows.net/",
    ],
    advice: MICROSOFTS_OWN,
}];
const MICROSOFTS_OWN: &str = "Microsoft's tokens for its own interfaces (Graph) can be verified by nobody else: let the client ask for a scope of your own API (api://…/…)";

/// Between these, the tenant.
struct Form(&'static str, &'static str);

const ENTRA_V1: Form = Form("https://sts.windows.net/", "/");
const ENTRA_V2: Form = Form("https://login.microsoftonline.com/", "/v2.0");

/// By the form of `iss`, and of what is configured instead: two issuers of one tenant.
const ISSUERS: &[Sign<(Form, Form)>] = &[
    Sign {
        looks: (ENTRA_V1, ENTRA_V2),
        advice: "this is a v1.0 token of the same tenant: set `requestedAccessTokenVersion` to 2 in the manifest of your API, or write the v1.0 issuer",
    },
    Sign {
        looks: (ENTRA_V2, ENTRA_V1),
        advice: "this is a v2.0 token of the same tenant: the manifest of your API says 2 for `requestedAccessTokenVersion`, so write the v2.0 issuer",
    },
];
const OTHER_SLASH: &str =
    "a configured issuer differs only in the slash at its end, which is part of the name";

impl Form {
    fn tenant<'a>(&self, issuer: &'a str) -> Option<&'a str> {
        let tenant = issuer.strip_prefix(self.0)?.strip_suffix(self.1)?;
        (!tenant.contains('/')).then_some(tenant)
    }
}

/// Advice about an issuer that is none of the configured ones, which may be templates.
pub(crate) fn of_issuer(found: &str, configured: &[&str]) -> Option<&'static str> {
    let is_slash_apart = |issuer: &&str| *issuer != found && bare(issuer) == bare(found);
    if configured.iter().any(is_slash_apart) {
        return Some(OTHER_SLASH);
    }
    let is_other_form = |sign: &&Sign<(Form, Form)>| {
        let (form, other) = &sign.looks;
        form.tenant(found).is_some_and(|tenant| {
            let mut tenants = configured.iter().filter_map(|issuer| other.tenant(issuer));
            tenants.any(|expected| expected == tenant || expected.starts_with('{'))
        })
    };
    ISSUERS.iter().find(is_other_form).map(|sign| sign.advice)
}

fn bare(issuer: &str) -> &str {
    issuer.strip_suffix('/').unwrap_or(issuer)
}

/// Advice about a token of five parts. Its header is read for the name of one algorithm; no key of ours could
/// decrypt it.
pub(super) fn of_encrypted(token: &str) -> &'static str {
    let header = token.split('.').next().unwrap_or_default();
    let advice = (header.len() <= JoseHeader::MAX_LENGTH)
        .then(|| base64url::decode(header))
        .flatten()
        .and_then(|header| json::strict_object(&header, JoseHeader::MAX_LENGTH).ok())
        .and_then(|header| {
            let algorithm = header.get("alg")?.as_str()?;
            ENCRYPTED.iter().find(|sign| sign.looks == algorithm)
        });
    advice.map_or(ENCRYPTED_OTHERWISE, |sign| sign.advice)
}

/// Advice about a token that is no JWT at all.
pub(super) fn of_opaque(token: &str) -> &'static str {
    let begins = |sign: &&Sign<&[&str]>| sign.looks.iter().any(|look| token.starts_with(look));
    let sign = OPAQUE.iter().find(begins);
    sign.map_or(OPAQUE_OTHERWISE, |sign| sign.advice)
}

/// Advice about a JWS that did not verify, if it looks like one that cannot.
pub(crate) fn of_signed(token: &CompactJws<'_>) -> Option<&'static str> {
    let header = token.jws().header();
    of_type(header.token_type())
        .or_else(|| header.has_nonce().then_some(MICROSOFTS_OWN))
        .or_else(|| of_audience(token.unverified_claims()))
}

/// Advice about a token that verified and is for somebody else all the same.
pub(crate) fn of_verified(token: &SignatureVerified) -> Option<&'static str> {
    of_type(token.token_type()).or_else(|| of_audience(token.claims()))
}

fn of_type(token_type: Option<&str>) -> Option<&'static str> {
    let name = without_application_prefix(token_type?);
    let sign = TYPES
        .iter()
        .find(|sign| sign.looks.eq_ignore_ascii_case(name))?;
    Some(sign.advice)
}

fn of_audience(claims: &Claims) -> Option<&'static str> {
    let audiences = claims.texts("aud").ok().flatten()?;
    let names = |sign: &&Sign<&[&str]>| audiences.iter().any(|name| sign.looks.contains(name));
    AUDIENCES.iter().find(names).map(|sign| sign.advice)
}
