//! The layer.

use std::sync::Arc;

use oauthgate_remote::state::quotas::Quotas;
use tower_layer::Layer;

use super::{LimitPlan, QuotaService};

/// Counts requests by the limits of a plan, and answers those that are over one with 429. Goes behind
/// [`crate::ResourceServerLayer`], which says who is calling, and behind whatever else refuses requests: what
/// is refused for another reason then costs nothing.
#[derive(Debug, Clone)]
#[must_use]
pub struct QuotaLayer {
    counter: Arc<Counter>,
}

/// What counts.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    pub(super) plan: LimitPlan,
    pub(super) quotas: Arc<dyn Quotas>,
    pub(super) logs_refusals: bool,
}

impl QuotaLayer {
    /// Counts by this plan, in this store.
    pub fn new(plan: LimitPlan, quotas: Arc<dyn Quotas>) -> Self {
        let counter = Counter {
            plan,
            quotas,
            logs_refusals: true,
        };
        Self {
            counter: Arc::new(counter),
        }
    }

    /// Writes no log line about refusals, for an outer layer that writes its own out of the
    /// [`oauthgate_core::Denial`], the [`crate::Reference`] and the [`super::Counted`] in the response's extensions.
    pub fn without_refusal_log(self) -> Self {
        let mut counter = Arc::unwrap_or_clone(self.counter);
        counter.logs_refusals = false;
        Self {
            counter: Arc::new(counter),
        }
    }
}

impl<S> Layer<S> for QuotaLayer {
    type Service = QuotaService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        QuotaService::new(Arc::clone(&self.counter), inner)
    }
}
