//! The layer.

use std::{fmt, sync::Arc};

use oauthgate_core::ProtectedResource;
use oauthgate_remote::clock::{Clock, SystemClock};
use tower_layer::Layer;

use super::{
    SessionBindingService, SessionSecret,
    binding::{Binding, seconds},
    claims::Claims,
};

/// Binds sessions to whoever opened them; goes behind [`oauthgate_tower::ResourceServerLayer`], in front
/// of [`crate::PolicyLayer`] where there is one. Reads and writes headers only.
///
/// Where the policy opens something to callers without a token, the two are one:
/// `ResourceServerLayer::new(provider).optional_authentication((sessions, policy))`.
#[derive(Clone)]
#[must_use]
pub struct SessionBindingLayer {
    binding: Arc<Binding>,
}

impl SessionBindingLayer {
    /// Binds the sessions of this resource.
    pub fn new(resource: &ProtectedResource, secret: SessionSecret) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        Self {
            binding: Arc::new(Binding {
                resource: resource.clone(),
                secret,
                claims: Arc::new(Claims::since(seconds(&*clock))),
                clock,
                advice: None,
                is_bound: true,
                logs_refusals: true,
            }),
        }
    }

    /// What the operator can do about sessions that end too early, for the detail of refusals in the log: for
    /// example which setting makes the secret outlive the process.
    pub fn advise(self, advice: impl Into<Arc<str>>) -> Self {
        self.with(|binding| binding.advice = Some(advice.into()))
    }

    /// Another clock, which says when a session without a token was opened, and that this process begins now.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|binding| {
            binding.claims = Arc::new(Claims::since(seconds(&*clock)));
            binding.clock = clock;
        })
    }

    /// Passes session ids as they are: whoever learns one can use it with any good token. Only for a
    /// server that checks by itself whose session it is.
    pub fn danger_unbound(self) -> Self {
        self.with(|binding| binding.is_bound = false)
    }

    /// Writes no log line about refusals, for an outer layer that writes its own out of the
    /// [`oauthgate_core::Denial`] and the [`oauthgate_tower::Reference`] in the response's extensions.
    pub fn without_refusal_log(self) -> Self {
        self.with(|binding| binding.logs_refusals = false)
    }

    fn with(self, change: impl FnOnce(&mut Binding)) -> Self {
        let mut binding = Arc::unwrap_or_clone(self.binding);
        change(&mut binding);
        Self {
            binding: Arc::new(binding),
        }
    }
}

impl fmt::Debug for SessionBindingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBindingLayer")
            .field("resource", &self.binding.resource)
            .field("is_bound", &self.binding.is_bound)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for SessionBindingLayer {
    type Service = SessionBindingService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionBindingService::new(Arc::clone(&self.binding), inner)
    }
}
