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

    AUTHORIZATION_SERVERS: "OAUTHGATE_AUTHORIZATION_SERVERS", "authorization_servers", None,
    "https URLs without query, separated by blanks or commas, for example https://acme.scalekit.com/resources/res_123",
    "Where the resource's metadata sends clients for a token, byte for byte, when that is not the `iss` of the tokens: clients take each for the issuer of the metadata document that they find there. The default are the issuers. Which tokens are taken does not change.";

    TOKEN_CACHE_TTL: "OAUTHGATE_TOKEN_CACHE_TTL", "token_cache_ttl", Some("300"),
    "seconds, 0 to 900",
    "How long a token goes by one verification of its signature, in seconds, and never beyond its own end. It is verified anew at once when a key of its issuer is withdrawn or another set comes. With 0 every request is verified.";

    TOKEN_CACHE_MAX_TOKENS: "OAUTHGATE_TOKEN_CACHE_MAX_TOKENS", "token_cache_max_tokens", Some("20000"),
    "a number of tokens, 1 to 1000000",
    "How many verified tokens are remembered for the resource. Beyond it those that were not used lately are verified anew.";

    TOKEN_CACHE_MAX_BYTES: "OAUTHGATE_TOKEN_CACHE_MAX_BYTES", "token_cache_max_bytes", Some("134217728"),
    "a number of bytes, 1048576 to 17179869184",
    "How much memory the verified tokens of the resource may take, as estimated: their texts and what was read in them.";
}

settings! {
    /// Those of one issuer, in the order of the documentation.
    ISSUER:

    ISSUER_URL: "OAUTH_ISSUER_URL", "issuer_url", None,
    "the exact `iss` of your tokens, for example https://auth.example.com (for Cognito, USER_POOL_ID instead)",
    "The authorization server: the exact `iss` of its tokens, byte for byte, trailing slash included. Required unless `USER_POOL_ID` is set.";

    ISSUER_TEMPLATE: "OAUTHGATE_ISSUER_TEMPLATE", "issuer_template", None,
    "an issuer with one claim's name in braces, for example https://login.microsoftonline.com/{tid}/v2.0",
    "The issuers of a provider that has one for each tenant. A token is taken when this text, with its own value of the claim (a GUID) put in, is its whole `iss`. `OAUTH_ISSUER_URL` is then only advertised, and where metadata is looked for. An issuer that is configured exactly comes before a template. For an address that stands for all tenants of a known provider the preset says it unless set.";

    ISSUER_TENANTS: "OAUTHGATE_ISSUER_TENANTS", "issuer_tenants", None,
    "the tenants' GUIDs, for example 72f988bf-86f1-41af-91ab-2d7cd011db47",
    "The only tenants that the template admits, byte for byte. Without it, and without `OAUTHGATE_ALLOWED_TENANTS`, every tenant of the provider gets in whose token names the audience.";

    USER_POOL_ID: "USER_POOL_ID", "user_pool_id", None,
    "a Cognito user pool, for example us-east-1_AbCdEfGhI",
    "An Amazon Cognito user pool instead of `OAUTH_ISSUER_URL`; switches the `cognito` preset on.";

    REGION: "AWS_REGION", "region", None,
    "an AWS region, for example eu-central-1",
    "The region of the user pool; the one in the pool's id unless set. Only read together with `USER_POOL_ID`.";

    AUDIENCE: "OAUTH_AUDIENCE", "audience", None,
    "what your authorization server writes into `aud`, for example https://mcp.example.com/mcp",
    "The audiences of which a token must name one; several are separated by blanks or commas. Where tokens are issued for the resource it is the resource's URL unless set. Where they name the client (`cognito`, `spring`, `dex` and their like) or something of the provider's own (`entra`, `okta`) it is required, and the report of what is missing says what to write.";

    PRESET: "OAUTHGATE_PRESET", "preset", None,
    "the name of a known provider, for example keycloak, or generic",
    "How the authorization server writes its tokens, and where its documents are: the default of every setting of the issuer that says so. Found by the issuer's address where only one provider has such, else `generic`; which one holds is said at start, by `oauthgate config check`, and for each value by `oauthgate config show`.";

    JWKS_URL: "OAUTHGATE_JWKS_URL", "jwks_url", None,
    "the key set's URL, for example https://auth.example.com/keys",
    "The issuer's key set, when its metadata is not to be asked for it. For a known provider without usable metadata the preset says it where it follows from the issuer.";

    JWKS_FILE: "OAUTHGATE_JWKS_FILE", "jwks_file", None,
    "the absolute path of a JWK set with public keys, for example /etc/oauthgate/issuer-keys.json",
    "The issuer's key set in a file, when it cannot be fetched: no metadata is asked. Read at start, every minute, at a hangup and at `oauthgate keys refresh`; a file that breaks later leaves the last good set in use. Stands alone, without `OAUTHGATE_JWKS_URL` and `OAUTHGATE_METADATA_URL`.";

    FETCH_HEADERS: "OAUTHGATE_FETCH_HEADERS", "fetch_headers", None,
    "`Name: value`, several separated by line breaks or by `\\n`, for example Authorization: Bearer eyJ…",
    "Headers that are sent along when this issuer's metadata and keys are fetched, where those need a credential. They go to one origin only: that of `OAUTHGATE_JWKS_URL`, else of `OAUTHGATE_METADATA_URL`, else of the issuer. No redirect takes them elsewhere, and a `jwks_uri` on another origin gets none.",
    secret;

    HS_SECRET: "OAUTHGATE_HS_SECRET", "hs_secret", None,
    "the secret that the issuer signs with, at least 32 bytes (48 for HS384, 64 for HS512)",
    "The secret shared with this issuer: the only way in which its tokens with HS256, HS384 or HS512 are taken. The bytes of the text are the key. Whoever can read it can mint tokens: prefer an issuer that signs with an asymmetric key. Its signed tokens are taken as ever, if its keys can be found.",
    secret;

    METADATA_URL: "OAUTHGATE_METADATA_URL", "metadata_url", None,
    "the metadata document's URL, for example https://auth.example.com/.well-known/openid-configuration",
    "The issuer's metadata document, when it is not at one of the well-known places. For a known provider the preset says it where it follows from the issuer.";

    METADATA_ISSUER: "OAUTHGATE_METADATA_ISSUER", "metadata_issuer", None,
    "the `issuer` member of the metadata document, byte for byte",
    "The `issuer` that the metadata document names, when it differs from the `iss` of the tokens.";

    JWKS_SAME_SITE: "OAUTHGATE_JWKS_SAME_SITE", "jwks_same_site", Some("false"),
    "true or false",
    "Whether the key set that the issuer's metadata names must lie on the issuer's own site: under the same registrable domain, by the public suffix list. A key set that `OAUTHGATE_JWKS_URL` names may lie anywhere.";

    MISSING_AUDIENCE_CLIENTS: "OAUTHGATE_MISSING_AUDIENCE_CLIENTS", "missing_audience_clients", None,
    "client ids, separated by blanks or commas",
    "Clients whose tokens may lack an audience. Everybody else's are refused.";

    TOKEN_MODE: "OAUTHGATE_TOKEN_MODE", "token_mode", None,
    "jwt, opaque or auto",
    "How tokens are checked: `jwt` here, with the issuer's keys; `opaque` by asking the issuer about each (introspection), also about those that look like JWTs; `auto` by what they look like. The preset says it unless set; where it says `auto` and no `OAUTHGATE_INTROSPECTION_…` is set, `jwt` holds.";

    TOKEN_TYPES: "OAUTHGATE_TOKEN_TYPES", "token_types", None,
    "values of the header's `typ`, and `absent` for none, for example absent JWT at+jwt",
    "The values of the token header's `typ` that an access token may have, without regard to case, with or without `application/`. `dpop+jwt`, `logout+jwt`, `secevent+jwt`, `token-introspection+jwt` and `kb+jwt` are never access tokens. The preset says it unless set.";

    REQUIRED_CLAIMS: "OAUTHGATE_REQUIRED_CLAIMS", "required_claims", None,
    "items such as /token_use=access, /typ=Bearer|DPoP (one of the values) or /scp|/roles (one of the claims)",
    "What every access token says of itself, so that ID tokens and refresh tokens of the same issuer are told from it: all items must hold. The preset says it unless set; a list given here replaces the preset's.";

    AUDIENCE_CLAIM: "OAUTHGATE_AUDIENCE_CLAIM", "audience_claim", None,
    "a JSON Pointer (RFC 6901), for example /client_id",
    "The claim that `OAUTH_AUDIENCE` is compared with, for providers that write no `aud`: `/aud` unless the preset says another. Any other claim makes `OAUTH_AUDIENCE` a list of clients, and is warned about: a token of such a client is taken whatever service it was issued for.";

    CLIENT_AUDIENCE: "OAUTHGATE_CLIENT_AUDIENCE", "client_audience", None,
    "unexpected, expected or stands-in",
    "How a token's client and its audience belong together. `unexpected`: `aud` names the resource, and a token whose `aud` is its own client and that has no scope is refused as an ID token. `expected`: the provider writes the client's id into `aud` of access tokens. `stands-in`: it writes no `aud` unless a resource was asked for, and the client counts as one. With the last two `OAUTH_AUDIENCE` is a list of clients. The preset says it unless set.";

    ALLOWED_CLIENTS: "OAUTHGATE_ALLOWED_CLIENTS", "allowed_clients", None,
    "client ids, separated by blanks or commas",
    "The only clients whose tokens are taken, beside a right audience. Without it those of every client are.";

    SCOPE_CLAIMS: "OAUTHGATE_SCOPE_CLAIMS", "scope_claims", None,
    "JSON Pointers, for example /scope /scp",
    "Where the scopes are: text with blanks between, or an array. The first claim that is there counts, or all, see `OAUTHGATE_SCOPE_PLACES`. The preset says it unless set.";

    SCOPE_PLACES: "OAUTHGATE_SCOPE_PLACES", "scope_places", None,
    "first or all",
    "Whether the first of the scope claims that is there counts, or all of them together. The preset says it unless set.";

    SCOPE_PREFIX: "OAUTHGATE_SCOPE_PREFIX", "scope_prefix", None,
    "what the provider writes before each scope, for example tools/",
    "What is cut from the front of each scope that begins with it, so that `tools/read` in the token is `read` here.";

    GROUP_CLAIMS: "OAUTHGATE_GROUP_CLAIMS", "group_claims", None,
    "JSON Pointers, for example /groups /realm_access/roles",
    "Where groups, roles or permissions are; those of all claims that are there are taken together. A segment in braces stands for the value of another claim: `/tenants/{dct}/permissions`. The preset says it unless set.";

    GROUP_FORM: "OAUTHGATE_GROUP_FORM", "group_form", None,
    "values, value, list, array or member-names",
    "How groups are written: `values`, a string or an array of strings; `value`, one string that is one group; `list`, a string with blanks between; `array`, an array only; `member-names`, an object whose member names are the groups. The preset says it unless set.";

    USER_CLAIMS: "OAUTHGATE_USER_CLAIMS", "user_claims", None,
    "JSON Pointers, for example /oid /sub",
    "Where the user's id is; the first claim that is there counts. It must be one that is never given to another user, and no e-mail address. A token whose `sub` names somebody and that has none of these claims is refused, unless it is a program's. The preset says it unless set.";

    CLIENT_CLAIMS: "OAUTHGATE_CLIENT_CLAIMS", "client_claims", None,
    "JSON Pointers, for example /azp /client_id",
    "Where the id of the client is that the token was issued to; the first claim that is there counts. The preset says it unless set.";

    TENANT_CLAIMS: "OAUTHGATE_TENANT_CLAIMS", "tenant_claims", None,
    "JSON Pointers, for example /org_id",
    "Where the user's tenant or organization is; the first claim that is there counts. The preset says it unless set.";

    ALLOWED_TENANTS: "OAUTHGATE_ALLOWED_TENANTS", "allowed_tenants", None,
    "tenants as your tokens name them, separated by blanks or commas",
    "The only tenants that get in. A good token of another tenant, or of none, is answered 403.";

    TIER_CLAIMS: "OAUTHGATE_TIER_CLAIMS", "tier_claims", None,
    "JSON Pointers, for example /plan",
    "Where the user's tier or plan is; the first claim that is there counts. The preset says it unless set.";

    EMAIL_CLAIMS: "OAUTHGATE_EMAIL_CLAIMS", "email_claims", None,
    "JSON Pointers, for example /email",
    "Where the e-mail address is; the first claim that is there counts. It is passed on and never tells users apart. The preset says it unless set.";

    SERVICE_SIGNS: "OAUTHGATE_SERVICE_SIGNS", "service_signs", None,
    "items such as /gty=client-credentials, /sub^=mch_ (starts), /sub$=@clients (ends), /sub==/aud (is the other), /azp!=/aud (is none of the other), /cid (there), !/sub (not there), /roles!/scp (first there, second not); & joins several, {client} stands for the client",
    "Signs that a program got the token for itself, with no user behind it: one that holds is enough. A missing subject, and one that is the client, are signs always. The preset says it unless set; a list given here replaces the preset's.";

    OPAQUE_PREFIXES: "OAUTHGATE_OPAQUE_PREFIXES", "opaque_prefixes", None,
    "what the issuer's opaque tokens begin with, for example ory_at_",
    "Which opaque tokens are this issuer's, when several issuers of a resource have some: no other issuer is ever asked about them. The preset says it unless set.";

    INTROSPECTION_URL: "OAUTHGATE_INTROSPECTION_URL", "introspection_url", None,
    "the introspection endpoint's URL, for example https://auth.example.com/oauth2/introspect",
    "Where the authorization server is asked about a token (RFC 7662), when its metadata does not name the place or names one on another origin. For GitHub and Google the preset knows it.";

    INTROSPECTION_AUTH: "OAUTHGATE_INTROSPECTION_AUTH", "introspection_auth", None,
    "basic, post, bearer or private_key_jwt",
    "How the gate proves who is asking. Unless set it follows from the credentials: a bearer token, a private key, or else client id and secret in a Basic header.";

    INTROSPECTION_CLIENT_ID: "OAUTHGATE_INTROSPECTION_CLIENT_ID", "introspection_client_id", None,
    "the client id under which the gate is registered",
    "The client that asks, for `basic`, `post` and `private_key_jwt`; a signed answer (RFC 9701) names it with every method.";

    INTROSPECTION_CLIENT_SECRET: "OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "introspection_client_secret", None,
    "that client's secret",
    "The secret of the client that asks, for `basic` and `post`.",
    secret;

    INTROSPECTION_BEARER_TOKEN: "OAUTHGATE_INTROSPECTION_BEARER_TOKEN", "introspection_bearer_token", None,
    "a token that the authorization server gave for this",
    "The token that the gate shows when it asks, for `bearer`.",
    secret;

    INTROSPECTION_PRIVATE_KEY_FILE: "OAUTHGATE_INTROSPECTION_PRIVATE_KEY_FILE", "introspection_private_key_file", None,
    "the path of a private key, PEM (PKCS#8) or one JWK, for example /run/secrets/introspection.pem",
    "The key with which the gate signs who it is, for `private_key_jwt`. Read once, at start.";

    INTROSPECTION_ASSERTION_AUDIENCE: "OAUTHGATE_INTROSPECTION_ASSERTION_AUDIENCE", "introspection_assertion_audience", None,
    "the URL that the authorization server wants to be named by, for example https://acme.okta.com/oauth2/v1/introspect",
    "The `aud` of what the gate signs, for `private_key_jwt`, byte for byte. The default is the issuer; some servers, Okta among them, take only the URL of the endpoint that is asked, or that of the token endpoint (RFC 7523 §3).";

    INTROSPECTION_CACHE_TTL: "OAUTHGATE_INTROSPECTION_CACHE_TTL", "introspection_cache_ttl", Some("60"),
    "seconds, 0 to 3600",
    "How long an answer is believed, in seconds, and never beyond the token's end: a revoked token is good for so long. With 0 every request asks.";

    INTROSPECTION_FORM: "OAUTHGATE_INTROSPECTION_FORM", "introspection_form", None,
    "rfc7662, rfc9701, google-tokeninfo or github-application",
    "How the question is put and the answer read: token introspection, the same with a signed answer, Google's `tokeninfo`, GitHub's check of an application's token. The preset says it unless set.";

    ALGORITHMS: "OAUTHGATE_ALGORITHMS", "algorithms", Some("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"),
    "signature algorithms, for example RS256 ES256",
    "The signature algorithms allowed. `none` cannot be, and the HS family only by `OAUTHGATE_HS_SECRET`.";

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
