//! The layer, and what it can be told.

use std::{fmt, sync::Arc};

use oauthgate_core::Requirement;
use oauthgate_remote::AuthProvider;
use tower_layer::Layer;

use crate::{
    DecidesOnAnonymous, MetadataRoute, OptionalAuthentication, Reference, RefusedTokenBudget,
    ResourceServer, StreamExpiry, guard::Guard, stream_expiry::Observer,
};

/// Protects a service: puts a [`oauthgate_core::UserContext`] and a [`oauthgate_core::Permit`] into the
/// extensions of requests that may pass, and answers all others itself.
#[must_use]
pub struct ResourceServerLayer<P> {
    guard: Arc<Guard<P>>,
}

impl<P: AuthProvider> ResourceServerLayer<P> {
    /// Protects with this provider: every request needs a good token, the metadata document is served,
    /// and refused tokens are counted by [`RefusedTokenBudget::default`].
    pub fn new(provider: P) -> Self {
        Self::shared(Arc::new(provider))
    }

    /// As [`Self::new`], for a provider that others use too.
    pub fn shared(provider: Arc<P>) -> Self {
        let metadata_route = provider
            .is_enabled()
            .then(|| MetadataRoute::new(provider.resource()));
        let guard = Guard {
            provider,
            requirement: Requirement::authenticated(),
            metadata_route,
            budget: Some(Arc::new(RefusedTokenBudget::default())),
            forwards_preflight: false,
            strips_authorization: false,
            logs_refusals: true,
            admits_anonymous: false,
            stream_expiry: StreamExpiry::default(),
            stream_observer: Observer::default(),
        };
        Self {
            guard: Arc::new(guard),
        }
    }

    /// What every request needs beside a good token.
    pub fn require(self, requirement: Requirement) -> Self {
        self.with(|guard| guard.requirement = requirement)
    }

    /// Leaves the metadata document to you: mount a [`MetadataRoute`] where clients look for it.
    pub fn without_metadata_route(self) -> Self {
        self.with(|guard| guard.metadata_route = None)
    }

    /// Counts refused tokens here. Share one budget among the layers of one listener, or a client gets
    /// a fresh one for each.
    pub fn refused_token_budget(self, budget: Arc<RefusedTokenBudget>) -> Self {
        self.with(|guard| guard.budget = Some(budget))
    }

    /// Answers refused tokens with 401 however many there are. Only when something in front of the
    /// service counts them.
    pub fn danger_without_refused_token_budget(self) -> Self {
        self.with(|guard| guard.budget = None)
    }

    /// Passes CORS preflights on, unauthenticated, to a service that answers them itself.
    ///
    /// Better is a CORS layer outside this one: a browser can read a refusal only from there.
    pub fn forward_unauthenticated_preflight(self) -> Self {
        self.with(|guard| guard.forwards_preflight = true)
    }

    /// Removes `Authorization` from requests that pass, for a service that sends them on: the token
    /// is for this resource and nobody else (MCP, token passthrough).
    ///
    /// Off by default, because the service usually is the resource itself and the header stays in the process.
    pub fn strip_authorization(self) -> Self {
        self.with(|guard| guard.strips_authorization = true)
    }

    /// Writes no log line about refusals, for an outer layer that writes its own out of the
    /// [`oauthgate_core::Denial`] and the [`Reference`] in the response's extensions.
    pub fn without_refusal_log(self) -> Self {
        self.with(|guard| guard.logs_refusals = false)
    }

    /// What happens to streams of events whose token expires: they are ended, five seconds later at the
    /// latest, unless told otherwise.
    pub fn stream_expiry(self, expiry: StreamExpiry) -> Self {
        self.with(|guard| guard.stream_expiry = expiry)
    }

    /// Is told about each stream that ended because its token did, with the request's [`Reference`] if it
    /// came with one. Without it a log line says so.
    pub fn on_stream_expiry(
        self,
        told: impl Fn(Option<&Reference>) + Send + Sync + 'static,
    ) -> Self {
        self.with(|guard| guard.stream_observer = Observer::new(told))
    }

    /// Lets requests without any credentials go on to `behind`, if that layer has a use for them
    /// ([`DecidesOnAnonymous`]). They carry [`crate::Anonymous`] and no [`oauthgate_core::UserContext`]; bad
    /// credentials are refused as ever.
    ///
    /// Layers that stand between the two go into a tuple, outermost first.
    ///
    /// The result is all of them in one, so that a request of nobody cannot reach a service that was not
    /// asked about it.
    pub fn optional_authentication<L: DecidesOnAnonymous>(
        self,
        behind: L,
    ) -> OptionalAuthentication<P, L> {
        let admits = behind.admits_anonymous();
        let layer = self.with(|guard| guard.admits_anonymous = admits);
        OptionalAuthentication::new(layer.guard, behind)
    }

    fn with(self, change: impl FnOnce(&mut Guard<P>)) -> Self {
        let mut guard = Arc::unwrap_or_clone(self.guard);
        change(&mut guard);
        Self {
            guard: Arc::new(guard),
        }
    }
}

impl<P, S> Layer<S> for ResourceServerLayer<P> {
    type Service = ResourceServer<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        ResourceServer::new(Arc::clone(&self.guard), inner)
    }
}

impl<P> Clone for ResourceServerLayer<P> {
    fn clone(&self) -> Self {
        Self {
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<P: fmt::Debug> fmt::Debug for ResourceServerLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourceServerLayer")
            .field(&self.guard)
            .finish()
    }
}
