//! Whose requests are counted together.

use std::net::IpAddr;

use http::request::Parts;
use oauthgate_core::UserContext;
use oauthgate_remote::state::quotas::QuotaKey;

use super::{Allowance, Claim, Claims, Ledger};
use crate::{ClientNetwork, subject};

/// One caller: a subject of an issuer (and tenant) however many tokens and clients it has, or, where nobody
/// in particular is calling, the network that the request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller(Whose);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Subject(QuotaKey),
    Network(ClientNetwork),
    /// Nobody said where it comes from: all of those together.
    Nobody,
}

impl Caller {
    /// The caller of a request, by the [`UserContext`] in its extensions, or else its [`ClientNetwork`].
    #[must_use]
    pub fn of(request: &Parts) -> Self {
        match request.extensions.get::<UserContext>() {
            Some(user) => Self::from(user),
            None => Self(ClientNetwork::of(request).map_or(Whose::Nobody, Whose::Network)),
        }
    }
}

impl From<&UserContext> for Caller {
    fn from(user: &UserContext) -> Self {
        Self(Whose::Subject(subject::key(user)))
    }
}

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        Self(Whose::Network(address.into()))
    }
}

/// Every caller may have as much under way as every other.
#[derive(Debug, Clone, Default)]
pub struct PerCaller {
    ledger: Ledger<Caller>,
    allowance: Allowance,
}

impl PerCaller {
    /// So much for each.
    #[must_use]
    pub fn new(allowance: Allowance) -> Self {
        Self {
            ledger: Ledger::default(),
            allowance,
        }
    }

    /// Who has how much under way.
    #[must_use]
    pub fn ledger(&self) -> &Ledger<Caller> {
        &self.ledger
    }
}

impl Claims for PerCaller {
    type Key = Caller;

    fn claims(&self, request: &Parts) -> impl IntoIterator<Item = Claim<Caller>> {
        let is_limited = self.allowance != Allowance::default();
        is_limited.then(|| self.ledger.claim(Caller::of(request), self.allowance, None))
    }
}
