//! What was granted: codes, refresh tokens, access tokens, and the consent pages that wait for an answer. Every map is
//! bounded and keyed by digest: what is kept here cannot be used as a token.

use crate::{
    authorize::AuthorizationRequest,
    clock,
    crypto::{base64url, random_token, sha256},
    error::OAuthError,
    state::Claims,
    store::ExpiringMap,
};

const MAX_PENDING: usize = 200;
const MAX_CODES: usize = 1000;
const MAX_TOKENS: usize = 10_000;

/// What one user allowed one client to do at one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) resource: String,
    pub(crate) scopes: Vec<String>,
    /// Everything that descends from one consent is revoked together. Not a secret.
    pub(crate) family: String,
}

/// A grant that waits to be redeemed with its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeGrant {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: String,
    /// OpenID Connect: goes into the ID token as it came.
    pub(crate) nonce: Option<String>,
    pub(crate) auth_time: i64,
}

/// A code or refresh token: it stays after its use, so that a second use is noticed.
#[derive(Debug)]
struct Single<V> {
    value: V,
    used: bool,
}

#[derive(Debug)]
struct AccessToken {
    claims: Claims,
    /// Who may revoke it.
    client_id: String,
    /// Absent in tokens that no user consented to.
    family: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Grants {
    pending: ExpiringMap<AuthorizationRequest>,
    codes: ExpiringMap<Single<CodeGrant>>,
    refresh_tokens: ExpiringMap<Single<Grant>>,
    access_tokens: ExpiringMap<AccessToken>,
    /// The families that are not revoked.
    families: ExpiringMap<()>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            pending: ExpiringMap::with_capacity(MAX_PENDING),
            codes: ExpiringMap::with_capacity(MAX_CODES),
            refresh_tokens: ExpiringMap::with_capacity(MAX_TOKENS),
            access_tokens: ExpiringMap::with_capacity(MAX_TOKENS),
            families: ExpiringMap::with_capacity(MAX_TOKENS),
        }
    }
}

impl Grants {
    /// Keeps a request until its consent page is answered with this ticket.
    pub(crate) fn hold(&mut self, ticket: &str, request: AuthorizationRequest, expires_at: i64) {
        self.pending.insert(digest(ticket), request, expires_at);
    }

    /// The request that waits for this ticket; a ticket works once.
    pub(crate) fn release(&mut self, ticket: &str, now: i64) -> Option<AuthorizationRequest> {
        self.pending.take(&digest(ticket), now)
    }

    /// A new code for a new family.
    pub(crate) fn issue_code(&mut self, code_grant: CodeGrant, expires_at: i64) -> String {
        let code = random_token();
        self.families
            .insert(code_grant.grant.family.clone(), (), i64::MAX);
        self.codes.insert(
            digest(&code),
            Single {
                value: code_grant,
                used: false,
            },
            expires_at,
        );
        code
    }

    /// Uses up a code. A second use revokes what the first one got (RFC 6749 §4.1.2). Another client's attempt leaves
    /// the code alone, so that nobody can spoil what is not theirs.
    pub(crate) fn redeem_code(
        &mut self,
        code: &str,
        client_id: &str,
        now: i64,
    ) -> Result<CodeGrant, OAuthError> {
        let known = self
            .codes
            .find_mut(&digest(code), now)
            .filter(|code| code.value.grant.client_id == client_id);
        let code = known.ok_or_else(|| {
            OAuthError::invalid_grant("this code is not known, expired or another client's")
        })?;
        let redeemed = code.value.clone();
        if std::mem::replace(&mut code.used, true) {
            self.revoke_family(&redeemed.grant.family, now);
            return Err(OAuthError::invalid_grant(
                "this code was used before; its tokens are revoked now",
            ));
        }
        Ok(redeemed)
    }

    pub(crate) fn remember_refresh_token(&mut self, token: &str, grant: Grant, expires_at: i64) {
        self.refresh_tokens.insert(
            digest(token),
            Single {
                value: grant,
                used: false,
            },
            expires_at,
        );
    }

    /// Uses up a refresh token if `check` agrees. A second use means that it was stolen, from either side: the whole
    /// family is revoked (RFC 9700 §4.14.2).
    pub(crate) fn redeem_refresh_token<T>(
        &mut self,
        token: &str,
        client_id: &str,
        now: i64,
        check: impl FnOnce(&Grant) -> Result<T, OAuthError>,
    ) -> Result<(Grant, T), OAuthError> {
        let known = self
            .refresh_tokens
            .find_mut(&digest(token), now)
            .filter(|token| token.value.client_id == client_id);
        let single = known.ok_or_else(|| {
            OAuthError::invalid_grant(
                "this refresh token is not known, expired or another client's",
            )
        })?;
        let grant = single.value.clone();
        if single.used {
            self.revoke_family(&grant.family, now);
            return Err(OAuthError::invalid_grant(
                "this refresh token was used before; its family is revoked now",
            ));
        }
        if self.families.find(&grant.family, now).is_none() {
            return Err(OAuthError::invalid_grant("this grant was revoked"));
        }
        let checked = check(&grant)?;
        single.used = true;
        Ok((grant, checked))
    }

    pub(crate) fn remember_access_token(
        &mut self,
        token: &str,
        claims: Claims,
        client_id: &str,
        family: Option<String>,
        expires_at: i64,
    ) {
        let known = AccessToken {
            claims,
            client_id: client_id.to_owned(),
            family,
        };
        self.access_tokens.insert(digest(token), known, expires_at);
    }

    /// A token that was made on demand; one that cannot be good is not remembered.
    pub(crate) fn remember_minted(
        &mut self,
        token: &str,
        claims: Claims,
        client_id: &str,
        expires_at: i64,
    ) {
        if expires_at > clock::now() {
            self.remember_access_token(token, claims, client_id, None, expires_at);
        }
    }

    /// The claims of an access token that is neither expired nor revoked.
    pub(crate) fn active_claims(&self, token: &str, now: i64) -> Option<&Claims> {
        let token = self.access_tokens.find(&digest(token), now)?;
        let alive = token
            .family
            .as_ref()
            .is_none_or(|family| self.families.find(family, now).is_some());
        alive.then_some(&token.claims)
    }

    /// RFC 7009 §2.1: a refresh token takes its family with it, an access token only itself. A token of another
    /// client is as good as unknown.
    pub(crate) fn revoke(&mut self, token: &str, client_id: &str, now: i64) {
        let key = digest(token);
        if let Some(refresh) = self
            .refresh_tokens
            .find(&key, now)
            .filter(|refresh| refresh.value.client_id == client_id)
        {
            let family = refresh.value.family.clone();
            self.revoke_family(&family, now);
        }
        let own = |access: &AccessToken| access.client_id == client_id;
        if self.access_tokens.find(&key, now).is_some_and(own) {
            self.access_tokens.take(&key, now);
        }
    }

    fn revoke_family(&mut self, family: &str, now: i64) {
        self.families.take(family, now);
    }
}

fn digest(secret: &str) -> String {
    base64url(&sha256(secret.as_bytes()))
}
