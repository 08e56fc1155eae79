//! The settings that a provider is made of, one row each. The gateway's table and the reference page are
//! made from these, so a setting is written down once.

use super::Setting;

macro_rules! settings {
    ($(#[$doc:meta])* $all:ident: $($id:ident: $name:literal, $key:literal, $default:expr, $expected:literal, $text:literal $(, $secret:ident)?;)+) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub static $id: Setting = Setting::new(
                ($name, $key), $default, $expected, $text, settings!(@file $name, $key $(, $secret)?),
            );
        )+
        $(#[$doc])*
        pub const $all: &[&Setting] = &[$(&$id),+];
    };
    (@file $name:literal, $key:literal) => { None };
    (@file $name:literal, $key:literal, secret) => {
        Some($crate::env::SecretFile::new(concat!($name, "_FILE"), concat!($key, "_file")))
    };
}

settings! {
    /// Those of the protected resource, in the order of the documentation.
    RESOURCE:

    SERVER_URL: "MCP_SERVER_URL", "server_url", None,
    "the resource's public URL, for example https://mcp.example.com/mcp",
    "The canonical URI of the protected resource, exactly as clients call it. Published as `resource` in its metadata.";
}

settings! {
    /// Those of one issuer, in the order of the documentation.
    ISSUER:

    ISSUER_URL: "OAUTH_ISSUER_URL", "issuer_url", None,
    "the exact `iss` of your tokens, for example https://auth.example.com (for Cognito, USER_POOL_ID instead)",
    "The authorization server: the exact `iss` of its tokens, byte for byte, trailing slash included. Required unless `USER_POOL_ID` is set.";

    ISSUER_TEMPLATE: "OAUTHGATE_ISSUER_TEMPLATE", "issuer_template", None,
    "an issuer with one claim's name in braces, for example https://login.microsoftonline.com/{tid}/v2.0",
    "The issuers of a provider that has one for each tenant. A token is taken when this text, with its own value of the claim (a GUID) put in, is its whole `iss`. `OAUTH_ISSUER_URL` is then only advertised, and where metadata is looked for. An issuer that is configured exactly comes before a template.";

    ISSUER_TENANTS: "OAUTHGATE_ISSUER_TENANTS", "issuer_tenants", None,
    "the tenants' GUIDs, for example 72f988bf-86f1-41af-91ab-2d7cd011db47",
    "The only tenants that the template admits, byte for byte. Without it every tenant of the provider gets in whose token names the audience.";

    USER_POOL_ID: "USER_POOL_ID", "user_pool_id", None,
    "a Cognito user pool, for example us-east-1_AbCdEfGhI",
    "An Amazon Cognito user pool instead of `OAUTH_ISSUER_URL`; switches the `cognito` preset on.";

    REGION: "AWS_REGION", "region", None,
    "an AWS region, for example eu-central-1",
    "The region of the user pool; the one in the pool's id unless set. Only read together with `USER_POOL_ID`.";

    AUDIENCE: "OAUTH_AUDIENCE", "audience", None,
    "what your authorization server writes into `aud`, for example https://mcp.example.com/mcp",
    "The audiences of which a token must name one (with the `cognito` preset: the client ids). Several are separated by blanks or commas.";

    PRESET: "OAUTHGATE_PRESET", "preset", None,
    "generic, cognito, auth0, okta, entra or keycloak",
    "How the authorization server writes its tokens. The default is `cognito` for a Cognito issuer, else `generic`.";

    JWKS_URL: "OAUTHGATE_JWKS_URL", "jwks_url", None,
    "the key set's URL, for example https://auth.example.com/keys",
    "The issuer's key set, when its metadata is not to be asked for it.";

    METADATA_URL: "OAUTHGATE_METADATA_URL", "metadata_url", None,
    "the metadata document's URL, for example https://auth.example.com/.well-known/openid-configuration",
    "The issuer's metadata document, when it is not at one of the well-known places.";

    METADATA_ISSUER: "OAUTHGATE_METADATA_ISSUER", "metadata_issuer", None,
    "the `issuer` member of the metadata document, byte for byte",
    "The `issuer` that the metadata document names, when it differs from the `iss` of the tokens.";

    JWKS_SAME_SITE: "OAUTHGATE_JWKS_SAME_SITE", "jwks_same_site", Some("false"),
    "true or false",
    "Whether the key set that the issuer's metadata names must lie on the issuer's own site: under the same registrable domain, by the public suffix list. A key set that `OAUTHGATE_JWKS_URL` names may lie anywhere.";

    MISSING_AUDIENCE_CLIENTS: "OAUTHGATE_MISSING_AUDIENCE_CLIENTS", "missing_audience_clients", None,
    "client ids, separated by blanks or commas",
    "Clients whose tokens may lack an audience. Everybody else's are refused.";

    ALGORITHMS: "OAUTHGATE_ALGORITHMS", "algorithms", Some("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"),
    "signature algorithms, for example RS256 ES256",
    "The signature algorithms allowed. `none` and the HS family cannot be.";

    CLOCK_SKEW: "OAUTHGATE_CLOCK_SKEW", "clock_skew", Some("60"),
    "seconds, 0 to 300",
    "How far the issuer's clock may be off, in seconds.";

    JWKS_CACHE_TTL: "OAUTH_JWKS_CACHE_TTL", "jwks_cache_ttl", Some("3600"),
    "seconds, 1 to 86400",
    "The ceiling of a key set's life in seconds. `Cache-Control` may shorten it, but not below 60. While nothing is set here, the issuer is asked every five minutes at the latest; a value set here is obeyed as it is, and the issuer is asked towards its end. Either way the set is served for its life or for `OAUTHGATE_JWKS_STALE_LIMIT`, whichever is longer.";

    JWKS_MAX_KEYS: "OAUTH_JWKS_MAX_KEYS", "jwks_max_keys", Some("16"),
    "a number of keys, 1 to 1000",
    "How many prepared signing keys of an issuer are held in memory. A larger set still works.";

    JWKS_STALE_LIMIT: "OAUTHGATE_JWKS_STALE_LIMIT", "jwks_stale_limit", Some("86400"),
    "seconds, 0 to 2592000",
    "How long keys are served since their issuer last confirmed them, in seconds, while it cannot be asked; then its tokens are answered 503. With 0 they are served for their own life and no longer.";

    PINNED_KIDS: "OAUTHGATE_PINNED_KIDS", "pinned_kids", None,
    "names of keys, separated by blanks or commas: each a `kid`, or an RFC 7638 thumbprint, for a `kid` with blanks or commas for example",
    "The only keys of the issuer that are used. A key that the issuer adds is refused until it is named here.";

    WITHDRAWN_KIDS: "OAUTHGATE_WITHDRAWN_KIDS", "withdrawn_kids", None,
    "names of keys, separated by blanks or commas: each a `kid`, or an RFC 7638 thumbprint, for a `kid` with blanks or commas for example",
    "Keys of the issuer that are never used, whatever it publishes. A running gate withdraws a key with `oauthgate keys withdraw`; what stands here cannot be given back without a restart.";
}

settings! {
    /// How fetches leave the process, in the order of the documentation.
    OUTBOUND:

    PRIVATE_NETWORKS: "OAUTHGATE_PRIVATE_NETWORKS", "private_networks", None,
    "private networks or addresses, for example 10.20.0.0/16 192.168.1.7",
    "Networks that are not public and may be named by the documents of authorization servers (`jwks_uri`, redirects) all the same. The hosts in your own settings may be private without it; link-local addresses, such as a cloud's metadata service, never may.";

    REDIRECT_HOSTS: "OAUTHGATE_REDIRECT_HOSTS", "redirect_hosts", None,
    "host names with an optional port, for example keys.example.com",
    "The hosts to which authorization servers may redirect from another origin. Redirects within an origin are followed anyway, three at most; never to plain http.";

    CA_FILE: "OAUTHGATE_CA_FILE", "ca_file", None,
    "the path of a PEM file, for example /etc/ssl/corp-ca.pem",
    "Certificate authorities that are trusted in addition to the system's, for authorization servers and for upstreams. Read once, at start.";
}
