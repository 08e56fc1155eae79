//! Who asks: nobody, or somebody with these rights. Never a [`oauthgate_core::UserContext`]: no token was shown.

use std::path::PathBuf;

use clap::Args;
use oauthgate_core::{Caller, ScopeSet};
use serde_json::{Map, Value};

use crate::cli::{Failure, input};

/// The flags that say who wants to do something.
#[derive(Debug, Args)]
#[group(id = "caller", required = true, multiple = true)]
pub(super) struct CallerOptions {
    /// A caller without a token
    #[arg(long, help_heading = "Caller", conflicts_with_all = ["scopes", "roles", "tier", "tenant", "claims"])]
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
}

impl CallerOptions {
    /// The caller; `None` for one without a token.
    ///
    /// # Errors
    /// What is no scope, and a file that holds no claims.
    pub(super) fn caller(self) -> Result<Option<Caller<'static>>, Failure> {
        if self.anonymous {
            return Ok(None);
        }
        let scopes = self.scopes.as_deref().unwrap_or_default();
        let scopes = ScopeSet::parse(scopes)
            .map_err(|error| Failure::usage(format!("--scopes: {error}")))?;
        let claims = self.claims.map_or_else(|| Ok(Map::new()), claims)?;
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

fn claims(file: PathBuf) -> Result<Map<String, Value>, Failure> {
    let text = input::text(&file)?;
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
