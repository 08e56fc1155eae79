//! The introspectors of a process: like key stores, one for each issuer and its settings.

use std::sync::PoisonError;

use futures_util::future::join_all;

use super::KeyStores;
use crate::{
    IssuerSettings,
    error::Mistake,
    introspection::{Ground, IntrospectionStatus, Introspector, Plan},
};

/// One introspector, and what it was built from.
#[derive(Debug)]
pub(super) struct Desk {
    plan: Plan,
    introspector: Introspector,
}

impl KeyStores {
    /// Who asks this issuer about tokens; the same one for everybody who asks for the same. `None` when
    /// all of its tokens are verified here.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn introspector(&self, issuer: &IssuerSettings) -> Result<Option<Introspector>, Mistake> {
        let Some(plan) = Plan::of(issuer) else {
            return Ok(None);
        };
        let mut desks = self
            .shared
            .desks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(desk) = desks.iter().find(|desk| desk.plan == plan) {
            return Ok(Some(desk.introspector.clone()));
        }
        let keys = match plan.wants_signed_answers() {
            true => Some(self.store(&issuer.issuer, &issuer.key_settings())?),
            false => None,
        };
        let ground = Ground {
            outbound: &self.shared.outbound,
            clock: self.clock(),
            in_background: self.shared.surroundings.in_background,
        };
        let introspector = plan
            .build(&ground, keys)
            .map_err(|error| Mistake::new("introspection_url", Some(issuer.name()), error))?;
        desks.push(Desk {
            plan,
            introspector: introspector.clone(),
        });
        Ok(Some(introspector))
    }

    /// All introspectors, in the order in which they were asked for.
    #[must_use]
    pub fn introspectors(&self) -> Vec<Introspector> {
        let desks = self
            .shared
            .desks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        desks.iter().map(|desk| desk.introspector.clone()).collect()
    }

    /// How asking about tokens is doing, one status for each introspector.
    #[must_use]
    pub fn introspection_status(&self) -> Vec<IntrospectionStatus> {
        self.introspectors()
            .iter()
            .map(Introspector::status)
            .collect()
    }

    pub(super) async fn warm_introspectors(&self) {
        let introspectors = self.introspectors();
        join_all(introspectors.iter().map(Introspector::warm)).await;
    }
}
