//! The leave to look at one token.

use http::request::Parts;
use oauthgate_core::Denial;

use super::{accounts::Account, budget::is_charged};
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
    lane: Option<Lane>,
}

impl<'a> Look<'a> {
    pub(super) fn free(budget: &'a RefusedTokenBudget, client: ClientNetwork) -> Self {
        Self {
            budget,
            client,
            lane: None,
        }
    }

    pub(super) fn through(
        budget: &'a RefusedTokenBudget,
        client: ClientNetwork,
        lane: Lane,
    ) -> Self {
        Self {
            lane: Some(lane),
            ..Self::free(budget, client)
        }
    }

    /// The token is good, and known from now on.
    pub(crate) fn found_good(self, parts: &Parts) {
        self.give_back();
        self.budget.remember(parts);
    }

    /// The request is refused for this; what is to be said instead.
    pub(crate) fn found_bad(self, parts: &Parts, refusal: Denial) -> Denial {
        if is_charged(refusal.reason()) {
            return self.budget.charge(self.client, parts, refusal);
        }
        if refusal.reason().follows_a_verified_signature() {
            self.give_back();
        }
        refusal
    }

    fn give_back(self) {
        if let Some(lane) = self.lane {
            self.budget.give_back(self.client, lane);
        }
    }
}
