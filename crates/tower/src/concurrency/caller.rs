//! Whose requests are counted together.

use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};
use http::request::Parts;
use oauthgate_core::{PrincipalKind, UserContext};

use super::{Allowance, Claim, Claims, Ledger};
use crate::ClientNetwork;

/// One caller: a subject of an issuer (and tenant) however many tokens and clients it has, or, where nobody
/// in particular is calling, the network that the request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller(Whose);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    /// A digest, so that long names take no memory and nothing is readable.
    Subject([u8; 16]),
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
    /// A program whose client id happens to be somebody's user id is somebody else.
    fn from(user: &UserContext) -> Self {
        let kind = match user.kind() {
            PrincipalKind::User => "user",
            _ => "service",
        };
        let tenant = user.tenant_id();
        let parts = [
            user.issuer().as_str(),
            kind,
            tenant.map_or("", |_| "tenant"),
            tenant.unwrap_or_default(),
            user.user_id(),
        ];
        Self(Whose::Subject(digest(&parts)))
    }
}

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        Self(Whose::Network(address.into()))
    }
}

/// Each part after its length, so that no two lists read alike.
fn digest(parts: &[&str]) -> [u8; 16] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut short = [0; 16];
    for (byte, of_digest) in short.iter_mut().zip(context.finish().as_ref()) {
        *byte = *of_digest;
    }
    short
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

    fn claims(&self, request: &Parts) -> Vec<Claim<Caller>> {
        if self.allowance == Allowance::default() {
            return Vec::new();
        }
        vec![self.ledger.claim(Caller::of(request), self.allowance, None)]
    }
}
