//! Who asks: nobody, or somebody with these rights. Never a [`oauthgate_core::UserContext`]: no token was shown.

use std::path::{Path, PathBuf};

use clap::Args;
use oauthgate_core::{Caller, CompactJws, ScopeSet, TokenError, text::Printable};
use serde_json::{Map, Value};

use crate::{
    cli::{Failure, input},
    config::ResourceSettings,
};

/// The flags that say who wants to do something.
#[derive(Debug, Args)]
#[group(id = "caller", required = true, multiple = true)]
pub(super) struct CallerOptions {
    /// A caller without a token
    #[arg(long, help_heading = "Caller", conflicts_with_all = ["scopes", "roles", "tier", "tenant", "claims", "token"])]
    anonymous: bool,
    /// The scopes of the caller's token, separated by blanks; "" for none
    #[arg(long, value_name = "SCOPES", help_heading = "Caller")]
    scopes: Option<String>,
    /// The caller's roles (groups), each a word of its own
    #[arg(long, value_name = "ROLE", num_args = 1.., help_heading = "Caller")]
    roles: Vec<String>,
    /// The caller's tier
    #[arg(long, value_name = "TIER", help_heading = "Caller")]
    tier: Option<String>,
    /// The caller's tenant
    #[arg(long, value_name = "TENANT", help_heading = "Caller")]
    tenant: Option<String>,
    /// A file with the claims of the caller's token, a JSON object; - for standard input
    #[arg(long, value_name = "FILE", help_heading = "Caller")]
    claims: Option<PathBuf>,
    /// A file with an access token (a JWT), read as the resource's settings say and not verified; - for standard input
    #[arg(long, value_name = "FILE", help_heading = "Caller", conflicts_with_all = ["scopes", "roles", "tier", "tenant", "claims"])]
    token: Option<PathBuf>,
}

impl CallerOptions {
    /// The caller; `None` for one without a token.
    ///
    /// # Errors
    /// What is no scope, and a file that holds no claims or no token.
    pub(super) fn caller(
        self,
        resource: &ResourceSettings,
    ) -> Result<Option<Caller<'static>>, Failure> {
        if self.anonymous {
            return Ok(None);
        }
        if let Some(file) = self.token {
            return of_token(input::text(&file)?.trim(), resource).map(Some);
        }
        let scopes = self.scopes.as_deref().unwrap_or_default();
        let scopes = ScopeSet::parse(scopes)
            .map_err(|error| Failure::usage(format!("--scopes: {error}")))?;
        let claims = self
            .claims
            .as_deref()
            .map_or_else(|| Ok(Map::new()), claims)?;
        let rights = Rights {
            scopes,
            roles: self.roles,
            tier: self.tier,
            tenant: self.tenant,
            claims,
        };
        Ok(Some(rights.caller()))
    }
}

/// The caller that a token would make, were it good.
fn of_token(token: &str, resource: &ResourceSettings) -> Result<Caller<'static>, Failure> {
    let problem = |error: TokenError| Failure::usage(format!("the token cannot be read: {error}"));
    let token = CompactJws::parse(token).map_err(problem)?;
    let issuers = &resource.provider.issuers;
    let claimed = token.unverified_issuer().unwrap_or_default();
    let named = issuers
        .iter()
        .find(|issuer| issuer.issuer.as_str() == claimed);
    let issuer = match (named, &issuers[..]) {
        (Some(issuer), _) | (None, [issuer]) => issuer,
        _ => {
            return Err(Failure::usage(format!(
                "none of the resource's issuers is the token's, \"{}\"",
                Printable(claimed)
            )));
        }
    };
    anstream::eprintln!(
        "the token is taken at its word, as one of {}: its signature, issuer, audience and times are not checked",
        issuer.name()
    );
    Caller::claimed(token.unverified_claims(), &issuer.profile).map_err(problem)
}

fn claims(file: &Path) -> Result<Map<String, Value>, Failure> {
    let text = input::text(file)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: no JSON object: {error}", file.display())))
}

/// What a caller's token would say.
#[derive(Debug, Clone, Default)]
pub(super) struct Rights {
    pub(super) scopes: ScopeSet,
    pub(super) roles: Vec<String>,
    pub(super) tier: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) claims: Map<String, Value>,
}

impl Rights {
    pub(super) fn caller(self) -> Caller<'static> {
        let mut caller = Caller::hypothetical()
            .with_scopes(self.scopes)
            .with_roles(self.roles)
            .with_claims(self.claims);
        if let Some(tier) = self.tier {
            caller = caller.in_tier(tier);
        }
        if let Some(tenant) = self.tenant {
            caller = caller.in_tenant(tenant);
        }
        caller
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    use oauthgate_core::{Audience, Issuer, ResourceIdentifier, claims::ClaimPointer};
    use oauthgate_remote::{IssuerSettings, ProviderSettings};
    use serde_json::json;

    use super::*;

    fn issuer(name: &str) -> IssuerSettings {
        let audience = Audience::new("https://mcp.example.com/mcp").unwrap();
        IssuerSettings::new(Issuer::new(name).unwrap(), vec![audience])
    }

    fn resource() -> ResourceSettings {
        let identifier = ResourceIdentifier::parse("https://mcp.example.com/mcp").unwrap();
        let mut issuer = issuer("https://auth.example.com");
        issuer.profile.groups = vec![ClaimPointer::parse("/roles").unwrap()];
        let provider = ProviderSettings::new(identifier, issuer);
        ResourceSettings::new(provider, "http://127.0.0.1:1".parse().unwrap())
    }

    fn token(claims: &Value) -> String {
        let part = |value: &Value| BASE64.encode(value.to_string());
        let header = json!({ "alg": "ES256", "typ": "at+jwt" });
        format!("{}.{}.{}", part(&header), part(claims), BASE64.encode("x"))
    }

    #[test]
    fn a_token_is_read_as_its_issuer_writes_it() {
        let claims = json!({ "iss": "https://auth.example.com", "scope": "a b", "roles": ["x"], "tier": "pro", "tenant_id": "t" });
        let caller = of_token(&token(&claims), &resource()).unwrap();
        assert_eq!(caller.scopes().to_string(), "a b");
        assert_eq!(caller.roles(), ["x"]);
        assert_eq!((caller.tier(), caller.tenant()), ("pro", Some("t")));
        assert_eq!(caller.claims()["tier"], "pro");
    }

    #[test]
    fn a_token_of_nobody_we_know_is_no_caller_where_there_are_several_issuers() {
        let mut resource = resource();
        let others = token(&json!({ "iss": "https://evil.test", "scope": "a" }));
        assert!(of_token(&others, &resource).is_ok());
        resource
            .provider
            .issuers
            .push(issuer("https://other.example.com"));
        let problem = of_token(&others, &resource).unwrap_err().to_string();
        assert!(problem.contains("https://evil.test"), "{problem}");
    }

    #[test]
    fn what_is_no_token_is_no_caller_and_is_not_repeated() {
        for text in ["s3cret", "s3cret.s3cret.s3cret", ""] {
            let problem = of_token(text, &resource()).unwrap_err().to_string();
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }
}
