//! The reverse proxy: an authorized request goes to the upstream, its answer comes back, both streamed.
//!
//! No body is buffered in either direction, and a client that leaves takes its request along: dropping
//! the response body ends the upstream's side.

use std::{
    convert::Infallible,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, Version, request::Parts};
use http_body::Body;
use oauthgate_core::{Denial, ProtectedResource, Reason, UserContext};
use oauthgate_mcp::policy::AnonymousPermit;
use oauthgate_remote::{ConfigurationError, error::Mistake, outbound::CertificateAuthorities};
use oauthgate_tower::{Reference, StoppedBody, response::refusal};
use tokio::time::timeout;
use tower::Service;

use super::{
    client::{UpstreamClient, unanswered},
    destination::Destination,
    headers::{Provenance, to_upstream, to_upstream_for_nobody},
    passing::{Passing, Upload},
    response::{AnswerLimits, Answering},
    upgrade::Upgrade,
};
use crate::{
    config::{IdentityHeaders, ResourceSettings},
    gate::{Arrival, BodyError, GateBody, boxed},
};

/// Sends authorized requests to one upstream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReverseProxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: UpstreamClient,
    destination: Destination,
    identity_headers: IdentityHeaders,
    /// The scheme that the resource's clients use, unless a trusted proxy says otherwise.
    scheme: String,
    response_timeout: Duration,
    most: u64,
    limits: AnswerLimits,
    name: Arc<str>,
    resource: ProtectedResource,
}

impl ReverseProxy {
    /// A proxy to the resource's upstream, whose certificate the system's authorities or these vouch for.
    ///
    /// # Errors
    /// When the system's certificate store cannot be used, or the upstream is no http or https URL.
    pub fn new(
        settings: &ResourceSettings,
        authorities: &CertificateAuthorities,
    ) -> Result<Self, ConfigurationError> {
        let provider = &settings.provider;
        let servers = provider.authorization_servers();
        let mistake = |error| ConfigurationError {
            mistakes: vec![Mistake::new(
                "upstream",
                Some(settings.upstream.as_str()),
                error,
            )],
        };
        let shared = Shared {
            client: UpstreamClient::new(
                &settings.upstream,
                settings.timeouts,
                settings.sizes.response_head,
                authorities,
            )
            .map_err(mistake)?,
            destination: Destination::new(settings).map_err(mistake)?,
            identity_headers: settings.identity_headers,
            scheme: provider.resource.url().scheme().to_owned(),
            response_timeout: settings.timeouts.response,
            most: settings.sizes.request_body,
            name: settings.name.as_str().into(),
            limits: AnswerLimits {
                head_bytes: settings.sizes.response_head,
                pause: settings.timeouts.pause,
                tunnel_idle: settings.timeouts.tunnel_idle,
            },
            resource: ProtectedResource::new(provider.resource.clone(), servers),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

impl<B> Service<Request<B>> for ReverseProxy
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response<GateBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let stopped = request.extensions().get::<StoppedBody>();
        // Most requests have no body, and nothing to watch.
        let upload = match request.body().is_end_stream() {
            true => None,
            false => Some(Upload::begin(stopped.cloned().unwrap_or_default())),
        };
        let most = shared.most;
        let request = request.map(|body| match &upload {
            Some(upload) => boxed(Passing::noting(body, upload.clone(), most)),
            None => boxed(body),
        });
        Box::pin(async move { Ok(shared.answer(request, upload.as_ref()).await) })
    }
}

impl Shared {
    async fn answer(
        &self,
        request: Request<GateBody>,
        upload: Option<&Upload>,
    ) -> Response<GateBody> {
        let method = request.method().clone();
        let reference = request.extensions().get::<Reference>().cloned();
        let reference = reference.unwrap_or_else(Reference::random);
        match self.forward(request, upload, &reference).await {
            Ok(response) => response,
            Err(denial) => refusal(&method, denial, &self.resource, reference).map(boxed),
        }
    }

    async fn forward(
        &self,
        mut request: Request<GateBody>,
        upload: Option<&Upload>,
        reference: &Reference,
    ) -> Result<Response<GateBody>, Denial> {
        if request.body().size_hint().lower() > self.most {
            return Err(Denial::new(Reason::BodyTooLarge));
        }
        let upgrade = Upgrade::asked_for(&mut request);
        let answering = Answering::of(
            &request,
            &self.destination,
            reference,
            self.limits,
            &self.name,
        );
        let (mut parts, body) = request.into_parts();
        self.readdress(&mut parts)?;
        if upgrade.is_some() {
            Upgrade::ask(&mut parts.headers);
        }
        let request = Request::from_parts(parts, body);
        let sent = pin!(self.client.send(request, upgrade.is_some()));
        let response = match upload {
            Some(upload) => upload.within(self.response_timeout, sent).await,
            None => timeout(self.response_timeout, sent).await.ok(),
        };
        let response = response.ok_or_else(|| Denial::new(Reason::UpstreamTimeout))?;
        let spoiled = || upload.and_then(Upload::failure);
        let response = response.map_err(|error| spoiled().unwrap_or_else(|| unanswered(&error)))?;
        answering.finish(response, upgrade)
    }

    /// Everything about the request that the upstream must see differently.
    fn readdress(&self, parts: &mut Parts) -> Result<(), Denial> {
        let extensions = std::mem::take(&mut parts.extensions);
        let arrival = Arrival::of(&extensions).ok_or_else(astray)?;
        let target = arrival.target();
        let provenance = Provenance {
            client: arrival.client(),
            host: target.host(),
            scheme: target
                .scheme()
                .map_or(&*self.scheme, |scheme| scheme.as_str()),
        };
        let headers = &mut parts.headers;
        match (
            extensions.get::<UserContext>(),
            extensions.get::<AnonymousPermit>(),
        ) {
            (Some(user), _) => to_upstream(headers, user, self.identity_headers, provenance)?,
            (None, Some(permit)) => to_upstream_for_nobody(headers, permit, provenance),
            (None, None) => return Err(astray()),
        }
        parts.uri = self.destination.uri(target, &parts.uri)?;
        // What is spoken with the upstream is no matter of what the client speaks.
        parts.version = Version::HTTP_11;
        Ok(())
    }
}

/// Nobody is calling, and no policy opened what is asked for to everybody.
fn astray() -> Denial {
    Denial::new(Reason::PolicyRefused).with_detail("the request did not come through the gate")
}
