//! Whether one request may pass.

use std::{
    ops::ControlFlow,
    sync::{Arc, Once},
};

use bytes::Bytes;
use http::{Extensions, Request, Response, header, request::Parts};
use http_body_util::Full;
use oauthgate_core::{BearerToken, Blame, Denial, Permit, Reason, Requirement, UserContext};
use oauthgate_remote::AuthProvider;

use crate::{
    Anonymous, AuthenticationOff, ClientAddress, ClientNetwork, ForwardedPreflight, MetadataRoute,
    Reference, RefusedTokenBudget,
    preflight::{grants_nothing, is_preflight},
    rate_limit::Look,
    response::{log_refusal, refusal},
    stream_expiry::{Observer, StreamDeadline, StreamExpiry, Terms},
};

/// The request as the service may see it, or the answer.
pub(crate) type Admission<B> = ControlFlow<Response<Full<Bytes>>, Request<B>>;

/// What becomes of a request at once.
pub(crate) enum Meeting<B> {
    /// It may pass.
    Admitted(Request<B>),
    /// It goes no further.
    Answered(Response<Full<Bytes>>),
    /// The provider has to be asked ([`Guard::ask`]).
    Unknown(Request<B>),
}

/// The provider and what the layer was told to do.
#[derive(Debug)]
pub(crate) struct Guard<P> {
    pub(crate) provider: Arc<P>,
    pub(crate) requirement: Requirement,
    pub(crate) metadata_route: Option<MetadataRoute>,
    pub(crate) budget: Option<Arc<RefusedTokenBudget>>,
    pub(crate) forwards_preflight: bool,
    pub(crate) strips_authorization: bool,
    pub(crate) logs_refusals: bool,
    /// Set only for a service behind that decides on requests of nobody.
    pub(crate) admits_anonymous: bool,
    pub(crate) stream_expiry: StreamExpiry,
    pub(crate) stream_observer: Observer,
}

// Not derived: a derive would ask for `P: Clone`, and the provider is shared.
impl<P> Clone for Guard<P> {
    fn clone(&self) -> Self {
        Self {
            provider: Arc::clone(&self.provider),
            requirement: self.requirement.clone(),
            metadata_route: self.metadata_route.clone(),
            budget: self.budget.clone(),
            stream_observer: self.stream_observer.clone(),
            ..*self
        }
    }
}

impl<P: AuthProvider> Guard<P> {
    /// Decides on a request as far as that needs no waiting: whoever came with the same token before is let in, with
    /// a user context and a permit in the request's extensions.
    pub(crate) fn meet<B>(&self, mut request: Request<B>) -> Meeting<B> {
        self.forget_outer_layers(request.extensions_mut());
        if let Some(document) = self.metadata_document(&request) {
            return Meeting::Answered(document);
        }
        if is_preflight(&request) {
            return self.answer_preflight(request);
        }
        let (mut parts, body) = request.into_parts();
        let Some(user) = self.provider.recall(&parts) else {
            return Meeting::Unknown(Request::from_parts(parts, body));
        };
        if let Err(denial) = self.permit(&mut parts, user) {
            return Meeting::Answered(self.refuse(&parts, denial));
        }
        self.strip_authorization(&mut parts);
        Meeting::Admitted(Request::from_parts(parts, body))
    }

    /// Lets a request in that [`Self::meet`] could not decide on, or answers it.
    pub(crate) async fn ask<B>(&self, request: Request<B>) -> Admission<B> {
        let (mut parts, body) = request.into_parts();
        match self.authorize(&mut parts).await {
            Ok(()) => ControlFlow::Continue(Request::from_parts(parts, body)),
            Err(denial) => ControlFlow::Break(self.refuse(&parts, denial)),
        }
    }

    fn metadata_document<B>(&self, request: &Request<B>) -> Option<Response<Full<Bytes>>> {
        let route = self.metadata_route.as_ref()?;
        route
            .serves(request.uri().path())
            .then(|| route.answer(request.method()))
    }

    fn answer_preflight<B>(&self, mut request: Request<B>) -> Meeting<B> {
        if self.forwards_preflight {
            request
                .extensions_mut()
                .insert(ForwardedPreflight::by_this_layer());
            Meeting::Admitted(request)
        } else {
            Meeting::Answered(grants_nothing())
        }
    }

    async fn authorize(&self, parts: &mut Parts) -> Result<(), Denial> {
        let look = self.look(parts)?;
        let peer = ClientAddress::of(parts);
        match self.provider.user_context(parts, peer).await {
            Ok(user) => {
                if let Some(look) = look {
                    look.found_good(parts);
                }
                self.permit(parts, user)?;
            }
            Err(denial) if self.is_anonymous(parts, &denial) => {
                let anonymous = Anonymous::who_would_need(self.requirement.clone());
                parts.extensions.insert(anonymous);
            }
            Err(denial) => return Err(self.found_bad(look, parts, denial)),
        }
        self.strip_authorization(parts);
        Ok(())
    }

    fn strip_authorization(&self, parts: &mut Parts) {
        if self.strips_authorization {
            parts.headers.remove(header::AUTHORIZATION);
        }
    }

    /// The leave to look at the request's token, where tokens are counted.
    fn look(&self, parts: &Parts) -> Result<Option<Look<'_>>, Denial> {
        match (&self.budget, ClientNetwork::of(parts)) {
            (Some(budget), Some(client)) if self.provider.is_enabled() => {
                budget.look(client, parts).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn found_bad(&self, look: Option<Look<'_>>, parts: &Parts, denial: Denial) -> Denial {
        if let Some(look) = look {
            return look.found_bad(parts, denial);
        }
        if self.budget.is_some() && denial.reason().blame() == Blame::Token {
            warn_of_no_address();
        }
        denial
    }

    /// The caller stays in the extensions when refused: those who log and count want to know whom.
    fn permit(&self, parts: &mut Parts, user: UserContext) -> Result<(), Denial> {
        let decision = match self.provider.is_enabled() {
            true => self.requirement.decide(&user),
            // Without authentication nobody can hold a scope, so none is asked for.
            false => Requirement::authenticated().decide(&user),
        };
        if let Some(deadline) = self.stream_deadline(&user, parts) {
            parts.extensions.insert(deadline);
        }
        parts.extensions.insert(user);
        parts.extensions.insert(decision?);
        Ok(())
    }

    /// Whoever offers any credentials is somebody, and is refused if they are bad (C22).
    fn is_anonymous(&self, parts: &Parts, denial: &Denial) -> bool {
        self.admits_anonymous
            && denial.reason() == Reason::NoCredentials
            && !BearerToken::is_offered(parts)
    }

    /// Where nobody is authenticated, no token can expire.
    fn stream_deadline(&self, user: &UserContext, parts: &Parts) -> Option<StreamDeadline> {
        let StreamExpiry::Close { grace } = self.stream_expiry else {
            return None;
        };
        if !self.provider.is_enabled() {
            return None;
        }
        let terms = Terms {
            clock: Arc::clone(self.provider.clock()),
            grace,
            observer: self.stream_observer.clone(),
        };
        let reference = parts.extensions.get::<Reference>().cloned();
        Some(StreamDeadline::new(terms, user, reference))
    }

    /// What an outer layer found out is about another resource: it must not outlive a decision here, nor
    /// ride on a forwarded preflight.
    fn forget_outer_layers(&self, extensions: &mut Extensions) {
        extensions.remove::<UserContext>();
        extensions.remove::<Permit>();
        extensions.remove::<Anonymous>();
        extensions.remove::<StreamDeadline>();
        extensions.remove::<AuthenticationOff>();
        extensions.remove::<ForwardedPreflight>();
        if !self.provider.is_enabled() {
            extensions.insert(AuthenticationOff::of_this_layer());
        }
    }

    fn refuse(&self, parts: &Parts, denial: Denial) -> Response<Full<Bytes>> {
        let reference = parts
            .extensions
            .get::<Reference>()
            .cloned()
            .unwrap_or_else(Reference::random);
        if self.logs_refusals {
            log_refusal(&denial, &reference);
        }
        let mut response = refusal(&parts.method, denial, self.provider.resource(), reference);
        if let Some(user) = parts.extensions.get::<UserContext>() {
            response.extensions_mut().insert(user.clone());
        }
        response
    }
}

/// Once a process: the mistake is in how the service is started, and each request would repeat it.
fn warn_of_no_address() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            "refused tokens are not counted, because requests come without a client address: serve with \
             `into_make_service_with_connect_info::<SocketAddr>()`, or insert a `ClientAddress`"
        );
    });
}
