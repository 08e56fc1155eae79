//! The closed list of reasons for a refusal. Log lines, metric labels, documentation, tests and
//! `explain` share these codes; they never change meaning.

use std::fmt;

/// Who or what is to blame for a refusal; decides the kind of answer (see [`crate::challenge`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The request carried no credentials at all (RFC 6750 §3: no error code).
    NoCredentials,
    /// The request is malformed: two credentials, bad header grammar (`invalid_request`).
    Request,
    /// The token is bad (`invalid_token`).
    Token,
    /// The token is good and lacks a scope (`insufficient_scope`).
    Scope,
    /// The caller is known and may not do this, whatever scopes it gets (403 without a challenge).
    Rights,
    /// `Origin` or `Host` is foreign (403 without a challenge).
    Origin,
    /// The path or the method is not served here.
    Route,
    /// The client asks for more than it may: refused tokens, requests, streams (429).
    Limit,
    /// Our surroundings: keys, introspection or shared state cannot be reached, or everybody together asks for
    /// too much (503).
    Surroundings,
    /// The upstream cannot be reached (502).
    UpstreamUnreachable,
    /// The upstream is too slow (504).
    UpstreamSlow,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident, $code:literal, $blame:ident;)+) => {
        /// Why a request was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($(#[doc = $doc])+ $variant,)+ }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code, for log lines, metric labels and documentation.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Who is to blame, which decides the kind of answer.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)+ }
            }

            /// One sentence for the operator, the same as the documentation's.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// No `Authorization` header, or one of another scheme.
    NoCredentials, "no_credentials", NoCredentials;
    /// The `Authorization` header does not follow the grammar of RFC 6750 §2.1.
    MalformedAuthorization, "malformed_authorization", Request;
    /// More than one credential in one request (RFC 6750 §2).
    MultipleCredentials, "multiple_credentials", Request;
    /// The request itself is malformed (path, `Host`, framing).
    MalformedRequest, "malformed_request", Request;
    /// The body is compressed, of another media type, or broke off, so a policy on it cannot be decided.
    UnreadableBody, "unreadable_body", Request;
    /// The body is not one JSON-RPC message that every reader understands alike.
    MalformedMessage, "malformed_message", Request;
    /// `Mcp-Method` or `Mcp-Name` says something else than the body (MCP 2026-07-28).
    HeaderMismatch, "header_mismatch", Request;
    /// `MCP-Protocol-Version` names a revision that this gate does not know (MCP 2026-07-28, Versioning).
    UnsupportedRevision, "unsupported_revision", Request;
    /// The body is longer than what a policy may read.
    BodyTooLarge, "body_too_large", Request;
    /// A trusted proxy tells two stories about the client: its headers disagree with each other, or one says two things.
    AmbiguousClient, "ambiguous_client", Request;
    /// The request's body did not arrive in time.
    SlowRequest, "slow_request", Request;
    /// The token is longer than the limit.
    TokenTooLarge, "token_too_large", Token;
    /// The token is not a well-formed compact JWS (RFC 7515 §3.1, RFC 7519 §7.2).
    MalformedToken, "malformed_token", Token;
    /// The token is encrypted (five parts, RFC 7516) and no decryption is configured.
    EncryptedToken, "encrypted_token", Token;
    /// The token is opaque and no introspection is configured.
    OpaqueToken, "opaque_token", Token;
    /// The authorization server says that the token is not active: expired, revoked or unknown (RFC 7662 §2.2).
    InactiveToken, "inactive_token", Token;
    /// The header names a critical extension that is not implemented (RFC 7515 §4.1.11).
    UnsupportedCriticalHeader, "unsupported_critical_header", Token;
    /// The token's `alg` is not allowed, or does not fit the key.
    AlgorithmNotAllowed, "alg_not_allowed", Token;
    /// The token's `typ` names another kind of token (RFC 8725 §3.11).
    WrongType, "wrong_typ", Token;
    /// The token's `iss` is none of the configured issuers.
    UnknownIssuer, "unknown_issuer", Token;
    /// The token's `kid` is in no key set of its issuer.
    UnknownKeyId, "unknown_kid", Token;
    /// The key that the token names was withdrawn by the operator, or is none of the pinned ones.
    KeyWithdrawn, "key_withdrawn", Token;
    /// The signature does not verify.
    BadSignature, "bad_signature", Token;
    /// A claim has the wrong JSON type, or a member occurs twice.
    MalformedClaims, "malformed_claims", Token;
    /// The token has no `exp`.
    MissingExpiration, "missing_exp", Token;
    /// The token has expired.
    Expired, "expired", Token;
    /// The token's `nbf` lies in the future.
    NotYetValid, "not_yet_valid", Token;
    /// The token's `iat` lies in the future.
    IssuedInFuture, "issued_in_future", Token;
    /// The token lives longer than the configured maximum.
    LifetimeTooLong, "lifetime_too_long", Token;
    /// The token has no audience, and its client is not listed as one that may lack it.
    MissingAudience, "missing_audience", Token;
    /// The token was issued for another audience.
    WrongAudience, "wrong_audience", Token;
    /// The token's `resource` claim does not name this resource.
    WrongResource, "wrong_resource", Token;
    /// A required claim has another value: the token is of another kind (for example an ID or refresh token).
    WrongTokenUse, "wrong_token_use", Token;
    /// The token is an ID token: its audience is its own client and it carries no scope.
    IdToken, "id_token", Token;
    /// The token's client is not on the list of allowed clients.
    ClientNotAllowed, "client_not_allowed", Token;
    /// The token names no subject and no client, or a subject without the id that the profile wants.
    MissingSubject, "missing_subject", Token;
    /// The token is bound to a key (`cnf`) and the request proves none.
    SenderProofMissing, "sender_proof_missing", Token;
    /// The token is good, and lacks a scope that this operation needs.
    InsufficientScope, "insufficient_scope", Scope;
    /// The token belongs to a tenant that is not served here.
    WrongTenant, "wrong_tenant", Rights;
    /// A policy refuses this operation to this caller.
    PolicyRefused, "policy_refused", Rights;
    /// The `Origin` header names a foreign origin.
    OriginRefused, "origin_refused", Origin;
    /// The `Host` header names a foreign host.
    HostRefused, "host_refused", Origin;
    /// Nothing is served under this path.
    NotServed, "not_served", Route;
    /// The session is not one that this caller opened here (`Mcp-Session-Id`).
    UnknownSession, "unknown_session", Route;
    /// This client sent too many refused tokens.
    TooManyRefusedTokens, "too_many_refused_tokens", Limit;
    /// The caller used up what a limit grants it for now.
    QuotaExceeded, "quota_exceeded", Limit;
    /// The caller has as many requests under way as it may have.
    TooManyInFlight, "too_many_in_flight", Limit;
    /// The caller has as many streams open as it may have.
    TooManyStreams, "too_many_streams", Limit;
    /// There are as many requests under way as there may be, whoever sent them.
    Overloaded, "overloaded", Surroundings;
    /// The count that replicas share cannot be reached, and nothing may pass uncounted.
    QuotaUnavailable, "quota_unavailable", Surroundings;
    /// No authorization server metadata could be fetched, so no keys are known.
    MetadataUnavailable, "metadata_unavailable", Surroundings;
    /// The authorization server's metadata names another issuer (RFC 8414 §3.3).
    MetadataIssuerMismatch, "metadata_issuer_mismatch", Surroundings;
    /// The key set could not be fetched, and no usable copy is left.
    JwksUnavailable, "jwks_unavailable", Surroundings;
    /// The key set was fetched and holds no usable signing key.
    NoUsableKeys, "no_usable_keys", Surroundings;
    /// The operator suspended this issuer: none of its tokens is accepted until it is resumed.
    IssuerSuspended, "issuer_suspended", Surroundings;
    /// The introspection endpoint could not be asked, so nobody knows whether the token is active (RFC 7662).
    IntrospectionUnavailable, "introspection_unavailable", Surroundings;
    /// The introspection endpoint refuses our own credentials, or its answer does not follow RFC 7662.
    IntrospectionRefused, "introspection_refused", Surroundings;
    /// The upstream refuses connections or cannot be reached.
    UpstreamUnreachable, "upstream_unreachable", UpstreamUnreachable;
    /// The upstream's answer holds a list that could not be read, so nobody knows what of it the caller may see.
    UnreadableAnswer, "unreadable_answer", UpstreamUnreachable;
    /// The upstream did not answer in time.
    UpstreamTimeout, "upstream_timeout", UpstreamSlow;
}

impl Reason {
    /// Whether a refusal for this reason comes after the signature verified: the issuer did issue the
    /// token, and a stranger cannot make one like it. Its holder should learn what to do about it.
    #[must_use]
    pub const fn follows_a_verified_signature(self) -> bool {
        matches!(
            self,
            Self::MissingExpiration
                | Self::Expired
                | Self::NotYetValid
                | Self::IssuedInFuture
                | Self::LifetimeTooLong
                | Self::MissingAudience
                | Self::WrongAudience
                | Self::WrongResource
                | Self::WrongType
                | Self::WrongTokenUse
                | Self::IdToken
                | Self::ClientNotAllowed
                | Self::MissingSubject
                | Self::SenderProofMissing
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
