//! The layer.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Method, Response, request::Parts};
use http_body_util::Full as FullBody;
use oauthgate_core::{Denial, ProtectedResource, UserContext};
use tower_layer::Layer;

use super::{Claims, Concurrency};
use crate::{
    Reference,
    response::{log_refusal, refusal},
};

/// Limits how much one caller has under way; goes behind [`crate::ResourceServerLayer`], which says who is
/// calling. See the [module](super) for what counts for how long.
///
/// ```
/// # fn layer(resource: &oauthgate_core::ProtectedResource) {
/// use oauthgate_tower::concurrency::{Allowance, ConcurrencyLayer, PerCaller};
///
/// let allowance = Allowance { in_flight: Some(100), streams: Some(20) };
/// let layer = ConcurrencyLayer::new(resource, PerCaller::new(allowance));
/// # let _ = layer;
/// # }
/// ```
#[must_use]
pub struct ConcurrencyLayer<C> {
    desk: Arc<Desk<C>>,
}

/// Where requests come by, and are told when there is no room.
pub(super) struct Desk<C> {
    pub(super) claims: Arc<C>,
    resource: ProtectedResource,
    logs_refusals: bool,
}

impl<C: Claims> ConcurrencyLayer<C> {
    /// Requests for this resource count against these.
    pub fn new(resource: &ProtectedResource, claims: C) -> Self {
        Self::shared(resource, Arc::new(claims))
    }

    /// As [`Self::new`], counted together with other resources.
    pub fn shared(resource: &ProtectedResource, claims: Arc<C>) -> Self {
        let desk = Desk {
            claims,
            resource: resource.clone(),
            logs_refusals: true,
        };
        Self {
            desk: Arc::new(desk),
        }
    }

    /// Writes no log line about refusals, for an outer layer that writes its own out of the
    /// [`oauthgate_core::Denial`] and the [`Reference`] in the response's extensions.
    pub fn without_refusal_log(self) -> Self {
        let desk = Desk {
            claims: Arc::clone(&self.desk.claims),
            resource: self.desk.resource.clone(),
            logs_refusals: false,
        };
        Self {
            desk: Arc::new(desk),
        }
    }
}

impl<C> Desk<C> {
    pub(super) fn refuse(&self, parts: &Parts, denial: Denial) -> Response<FullBody<Bytes>> {
        let mut response = self.answer(&parts.method, denial, Reference::of(parts));
        if let Some(user) = parts.extensions.get::<UserContext>() {
            response.extensions_mut().insert(user.clone());
        }
        response
    }

    pub(super) fn answer(
        &self,
        method: &Method,
        denial: Denial,
        reference: Reference,
    ) -> Response<FullBody<Bytes>> {
        if self.logs_refusals {
            log_refusal(&denial, &reference);
        }
        refusal(method, denial, &self.resource, reference)
    }
}

impl<C, S> Layer<S> for ConcurrencyLayer<C> {
    type Service = Concurrency<C, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Concurrency::new(Arc::clone(&self.desk), inner)
    }
}

impl<C> Clone for ConcurrencyLayer<C> {
    fn clone(&self) -> Self {
        Self {
            desk: Arc::clone(&self.desk),
        }
    }
}

impl<C> fmt::Debug for ConcurrencyLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLayer")
            .field("resource", &self.desk.resource)
            .finish_non_exhaustive()
    }
}
