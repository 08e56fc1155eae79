//! The layer.

use std::{sync::Arc, time::Duration};

use oauthgate_core::{ProtectedResource, Requirement};
use oauthgate_tower::DecidesOnAnonymous;
use tower_layer::Layer;

use crate::{Costs, ParameterHeaders, Policy, PolicyService, inspector::Inspector};

/// How long a message may be, unless told otherwise: 4 MiB.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How long a list, or an event that may bring one, may be, unless told otherwise: 4 MiB.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;
/// How long it may take to arrive, unless told otherwise.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Decides on every tool call; goes behind [`oauthgate_tower::ResourceServerLayer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct PolicyLayer {
    inspector: Arc<Inspector>,
}

impl PolicyLayer {
    /// Enforces this policy for the tools of this resource, whose challenges it writes.
    pub fn new(policy: Policy, resource: &ProtectedResource) -> Self {
        let resource = resource.clone();
        let inspector = Inspector {
            policy,
            resource,
            requirement: Requirement::authenticated(),
            parameters: ParameterHeaders::new(),
            costs: None,
            max_body_bytes: MAX_BODY_BYTES,
            max_list_bytes: MAX_LIST_BYTES,
            body_read_timeout: BODY_READ_TIMEOUT,
            logs_refusals: true,
        };
        Self {
            inspector: Arc::new(inspector),
        }
    }

    /// What every request needs beside what rules ask of its operations, under the policy's hierarchy. Rather
    /// here than at [`oauthgate_tower::ResourceServerLayer::require`]: decided on together, one challenge names
    /// all scopes, and one login is enough.
    pub fn require(self, requirement: Requirement) -> Self {
        self.with(|inspector| {
            let hierarchy = inspector.policy.hierarchy().clone();
            inspector.requirement = requirement.under(hierarchy);
        })
    }

    /// Tells a [`QuotaLayer`](oauthgate_tower::QuotaLayer) behind which tools a message calls, and what the
    /// calls cost. For that messages are read also where no rule is, as strictly as for a rule: a call that two
    /// readers understand differently would be counted as one tool and run as another. No call is refused for
    /// its tool then.
    pub fn count_tools(self, costs: Costs) -> Self {
        self.with(|inspector| inspector.costs = Some(costs))
    }

    /// How many bytes a message may have, 4 MiB by default; a longer one is answered 413. Every request in
    /// flight may hold as many, for as long as its client may take to send them: the number of requests at
    /// a time is the server's to limit.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.with(|inspector| inspector.max_body_bytes = bytes)
    }

    /// How many bytes the answer to a list request may have, or one event of a stream that may bring lists; 4 MiB by
    /// default. A longer one is withheld. Answers to other requests pass unread, however long they are.
    pub fn max_list_bytes(self, bytes: usize) -> Self {
        self.with(|inspector| inspector.max_list_bytes = bytes)
    }

    /// How long a message may take to arrive, 30 seconds by default; a slower one is answered 408. A body that no
    /// policy reads is not limited here. Who limits the pauses within bodies leaves an
    /// [`oauthgate_tower::StoppedBody`] in the request's extensions, so that the answer says so.
    pub fn body_read_timeout(self, time: Duration) -> Self {
        self.with(|inspector| inspector.body_read_timeout = time)
    }

    /// Which `Mcp-Param-*` headers mirror which arguments. Clones of the table share what is learned.
    pub fn parameter_headers(self, parameters: ParameterHeaders) -> Self {
        self.with(|inspector| inspector.parameters = parameters)
    }

    /// Writes no log line about refusals, for an outer layer that writes its own out of the
    /// [`oauthgate_core::Denial`] and the [`oauthgate_tower::Reference`] in the response's extensions.
    pub fn without_refusal_log(self) -> Self {
        self.with(|inspector| inspector.logs_refusals = false)
    }

    fn with(self, change: impl FnOnce(&mut Inspector)) -> Self {
        let mut inspector = Arc::unwrap_or_clone(self.inspector);
        change(&mut inspector);
        Self {
            inspector: Arc::new(inspector),
        }
    }
}

impl<S> Layer<S> for PolicyLayer {
    type Service = PolicyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService::new(Arc::clone(&self.inspector), inner)
    }
}

/// Whoever has no token may do what rules with [`anonymous`](crate::policy::RuleBuilder::anonymous) are about.
impl DecidesOnAnonymous for PolicyLayer {
    fn admits_anonymous(&self) -> bool {
        self.inspector.policy.allows_anonymous()
    }
}
