//! The leave to look at one token.

use http::request::Parts;
use oauthgate_core::Denial;

use super::{accounts::Account, budget::is_charged, known::TokenDigest};
use crate::{ClientNetwork, RefusedTokenBudget};

/// What a look at an unknown token of a client over budget is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Of tokens that come for the first time.
    First,
    /// Of tokens that were turned away and come back.
    Second,
}

impl Lane {
    /// Its arrival time.
    pub(super) fn of(self, account: &mut Account) -> &mut u64 {
        match self {
            Self::First => &mut account.first_looks,
            Self::Second => &mut account.second_looks,
        }
    }
}

/// The leave to look at one token. Whoever looked says what came of it.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Look<'a> {
    budget: &'a RefusedTokenBudget,
    client: ClientNetwork,
    /// Once it was worked out.
    token: Option<TokenDigest>,
    lane: Option<Lane>,
}

impl<'a> Look<'a> {
    pub(super) fn free(budget: &'a RefusedTokenBudget, client: ClientNetwork) -> Self {
        Self {
            budget,
            client,
            token: None,
            lane: None,
        }
    }

    pub(super) fn at(self, token: TokenDigest) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    pub(super) fn through(self, lane: Option<Lane>) -> Self {
        Self { lane, ..self }
    }

    /// The token is good, and known from now on.
    pub(crate) fn found_good(self, parts: &Parts) {
        self.give_back();
        if let Some(token) = self.token(parts) {
            self.budget.remember(token);
        }
    }

    /// The request is refused for this; what is to be said instead.
    pub(crate) fn found_bad(self, parts: &Parts, refusal: Denial) -> Denial {
        if is_charged(refusal.reason()) {
            return self.budget.charge(self.client, self.token(parts), refusal);
        }
        if refusal.reason().follows_a_verified_signature() {
            self.give_back();
        }
        refusal
    }

    fn token(self, parts: &Parts) -> Option<TokenDigest> {
        self.token.or_else(|| self.budget.digest(parts))
    }

    fn give_back(self) {
        if let Some(lane) = self.lane {
            self.budget.give_back(self.client, lane);
        }
    }
}
