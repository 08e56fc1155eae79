//! The layer.

use std::sync::Arc;

use oauthgate_core::Requirement;
use oauthgate_remote::AuthProvider;

/// Protects a service: puts a [`oauthgate_core::UserContext`] and a [`oauthgate_core::Permit`] into the
/// extensions of requests that may pass, and answers all others itself.
#[derive(Debug)]
#[must_use]
pub struct ResourceServerLayer<P> {
    provider: Arc<P>,
    requirement: Requirement,
}

impl<P: AuthProvider> ResourceServerLayer<P> {
    /// Protects with this provider.
    pub fn new(provider: P) -> Self {
        Self { provider: Arc::new(provider), requirement: Requirement::authenticated() }
    }

    /// What every request needs beside a good token.
    pub fn require(mut self, requirement: Requirement) -> Self {
        self.requirement = requirement;
        self
    }
}

impl<P, S> tower_layer::Layer<S> for ResourceServerLayer<P> {
    type Service = ResourceServer<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        ResourceServer { provider: Arc::clone(&self.provider), requirement: self.requirement.clone(), inner }
    }
}

/// A protected service.
#[derive(Debug)]
pub struct ResourceServer<P, S> {
    provider: Arc<P>,
    requirement: Requirement,
    inner: S,
}

impl<P, S> ResourceServer<P, S> {
    /// The service behind.
    pub fn inner(&self) -> &S {
        let _ = (&self.provider, &self.requirement);
        &self.inner
    }
}
