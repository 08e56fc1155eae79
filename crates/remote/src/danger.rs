//! Loosening, named for what it is.

use std::{net::IpAddr, sync::Arc};

use http::request::Parts;
use oauthgate_core::{Denial, ProtectedResource, UserContext, danger};

use crate::{
    AuthProvider,
    clock::{Clock, SystemClock},
};

/// Lets everybody in as nobody in particular: for a developer's own machine, and for nothing else.
///
/// The caller it names is anonymous, has no scopes, and its issuer is none that exists. Making one
/// warns once on the target `oauthgate::danger`.
#[derive(Debug, Clone)]
pub struct NoAuth {
    resource: ProtectedResource,
    clock: Arc<dyn Clock>,
}

impl NoAuth {
    /// Leaves this resource unprotected.
    #[must_use]
    pub fn new(resource: ProtectedResource) -> Self {
        tracing::warn!(
            target: "oauthgate::danger",
            resource = resource.identifier().as_str(),
            "authentication is OFF: every request is let in as an anonymous caller"
        );
        Self {
            resource,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl AuthProvider for NoAuth {
    fn is_enabled(&self) -> bool {
        false
    }

    fn resource(&self) -> &ProtectedResource {
        &self.resource
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    async fn user_context(&self, _: &Parts, _: Option<IpAddr>) -> Result<UserContext, Denial> {
        Ok(danger::anonymous())
    }
}
