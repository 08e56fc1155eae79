//! What tells the callers of a limit apart.

use std::{fmt, str::FromStr};

use oauthgate_core::SettingError;

/// One thing by which the callers of a limit are told apart; several together make one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum By {
    /// The caller: user or service, within its issuer and tenant. Whoever has no token is told by its network.
    Subject,
    /// The client (`client_id`) within its issuer; all callers without a token are one.
    Client,
    /// The tenant within its issuer; all callers without one are one.
    Tenant,
    /// The tier, whoever issued the token; all callers without a token are one.
    Tier,
    /// The tool that is called. Requests that call none are not counted.
    Tool,
    /// The network that the request comes from: an IPv4 address, or an IPv6 /64.
    Address,
}

impl By {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Subject,
        Self::Client,
        Self::Tenant,
        Self::Tier,
        Self::Tool,
        Self::Address,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Tenant => "tenant",
            Self::Tier => "tier",
            Self::Tool => "tool",
            Self::Address => "address",
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for By {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let found = Self::ALL.into_iter().find(|by| by.as_str() == text);
        found.ok_or_else(|| {
            SettingError::new(
                "callers cannot be told apart by this",
                "any of subject, client, tenant, tier, tool and address",
            )
        })
    }
}
