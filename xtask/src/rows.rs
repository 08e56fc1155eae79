//! What the MCP specification demands of a resource server and of a gateway in front of it, by the numbers of
//! our checklist. Each has at least one test with `row_NN_` in its name, at the level where it is decided.
//!
//! 54 and 55 (the integrity and the binding of `requestState`) are the MCP server's, whose state it is; 58 (consent)
//! is for those who stand in for an authorization server, which this gate does not.

use crate::numbered;

const ROWS: [(usize, &str); 56] = [
    (1, "protected resource metadata is implemented"),
    (2, "metadata names at least one authorization server"),
    (
        3,
        "the challenge points at the metadata, and the well-known places serve it",
    ),
    (4, "the well-known segment stands between host and path"),
    (
        5,
        "`resource` is the identifier that the URL was built from",
    ),
    (
        6,
        "`scopes_supported` is published, empty arrays are left out",
    ),
    (7, "`resource_signing_alg_values_supported` is not misused"),
    (8, "no `offline_access` in metadata or challenges"),
    (
        9,
        "the scopes for basic use are advertised, not all of them",
    ),
    (
        10,
        "the form without a trailing slash; upper case in scheme and host is accepted",
    ),
    (11, "authorization servers over https, but for loopback"),
    (12, "expired, foreign and insufficient tokens are refused"),
    (13, "the token was issued for this server"),
    (14, "no other token is accepted or forwarded"),
    (
        15,
        "nothing is processed or told before the token is validated",
    ),
    (16, "a token in the query is no credential"),
    (
        17,
        "authorization on every request, also inside a session or stream",
    ),
    (18, "a session id is never authentication"),
    (
        19,
        "sessions belong to the user, other principals are rejected",
    ),
    (20, "tokens that are kept are hashed, and never logged"),
    (
        21,
        "asymmetric algorithms bound to the key, keys in headers ignored, no `none`",
    ),
    (
        22,
        "`typ`, exact `iss`, `aud`, `exp` where the server issues at+jwt",
    ),
    (23, "scope hierarchies count"),
    (
        24,
        "down-scoped tokens are accepted, elevations are logged, scopes are not the only authorization",
    ),
    (25, "the client's token never goes upstream"),
    (26, "401, 403 and 400 each for their cause"),
    (
        27,
        "every 401 carries a Bearer challenge with parameters, each once",
    ),
    (28, "error codes as RFC 6750 section 3 says"),
    (29, "`scope` in the 401"),
    (
        30,
        "403 with `insufficient_scope`, `scope` and `resource_metadata`",
    ),
    (
        31,
        "all scopes of the operation in one challenge, the same way each time",
    ),
    (32, "the scheme in any case"),
    (33, "a refusal is an HTTP status, never a tool error"),
    (34, "a foreign Origin is 403 without a challenge"),
    (35, "a local run listens on loopback"),
    (36, "the version header equals the one in `_meta`"),
    (
        37,
        "unsupported versions are 400 and -32022; unknown methods are told by the server",
    ),
    (38, "without the header: an older revision, or refused"),
    (39, "`Mcp-Method` and `Mcp-Name` where they are required"),
    (
        40,
        "a header that differs, lacks or holds invalid characters is 400 and -32020",
    ),
    (41, "the base64 form is decoded before anything is compared"),
    (42, "unknown `Mcp-Param-*` headers pass untouched"),
    (43, "validation failures are a proper 4xx"),
    (
        44,
        "headers are believed only in revisions that demand their validation",
    ),
    (45, "modern requests carry no session and no resumption"),
    (
        46,
        "legacy: bad versions 400, ended sessions 404, ids of visible ASCII",
    ),
    (47, "event streams are not buffered"),
    (48, "a client that leaves cancels its request upstream"),
    (49, "error codes of our own obey the reserved ranges"),
    (
        50,
        "`initialize` at a modern-only server hears which versions it supports",
    ),
    (
        51,
        "identity comes from each request, never from the connection",
    ),
    (52, "`cacheScope` is the same on all pages of a list"),
    (53, "a filtered list is private"),
    (
        56,
        "access tokens by format, policy and audience, by introspection where it is configured",
    ),
    (57, "no tokens in URLs, TLS for metadata and keys"),
    (
        59,
        "fetches of issuers' URLs keep to https and public networks",
    ),
];

#[test]
fn every_row_of_the_checklist_has_a_test_by_its_number() {
    numbered::assert_tested("row_", ROWS);
}
