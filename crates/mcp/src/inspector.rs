//! Whether one request may reach the MCP server.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, Method, Request, Response, header, request::Parts};
use http_body::Body;
use http_body_util::Full;
use oauthgate_core::{Permit, ProtectedResource, Requirement, UserContext};
use oauthgate_tower::{AuthenticationOff, ForwardedPreflight, Reference, response::log_refusal};

use crate::{
    Decided, InspectedBody, ParameterHeaders, Payload, Policy,
    answer::{AnswerPlan, Asked},
    body,
    farewell::Farewell,
    headers, media,
    policy::Passage,
    refusal::{Refusal, misplaced},
};

/// The request as the server may see it and what is to be done with its answer, or the answer.
pub(crate) type Inspection<B> =
    ControlFlow<Response<Full<Bytes>>, (Request<InspectedBody<B>>, AnswerPlan)>;

/// The policy and what the layer was told to do.
#[derive(Debug, Clone)]
pub(crate) struct Inspector {
    pub(crate) policy: Policy,
    pub(crate) resource: ProtectedResource,
    pub(crate) parameters: ParameterHeaders,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_list_bytes: usize,
    pub(crate) body_read_timeout: Duration,
    pub(crate) logs_refusals: bool,
}

impl Inspector {
    pub(crate) async fn inspect<B: Body<Data = Bytes>>(
        self: &Arc<Self>,
        request: Request<B>,
    ) -> Inspection<B> {
        let (mut parts, body) = request.into_parts();
        // What an outer policy decided is about another resource.
        parts.extensions.remove::<Decided>();
        parts.extensions.remove::<Farewell>();
        if !self.policy.has_rules() || has_nothing_to_decide(&parts, &body) {
            let request = Request::from_parts(parts, InspectedBody::untouched(body));
            return ControlFlow::Continue((request, AnswerPlan::untouched()));
        }
        let Some(user) = parts.extensions.get::<UserContext>().cloned() else {
            return ControlFlow::Break(misplaced("PolicyLayer"));
        };
        match self.examine(&mut parts, body, &user).await {
            Ok((body, asked)) => {
                asked.ask_plainly(&mut parts.headers);
                let plan = AnswerPlan::new(Arc::clone(self), asked, Some(user), &parts);
                ControlFlow::Continue((Request::from_parts(parts, body), plan))
            }
            Err(refusal) => ControlFlow::Break(self.refuse(refusal, &parts)),
        }
    }

    fn refuse(&self, refusal: Refusal, parts: &Parts) -> Response<Full<Bytes>> {
        let reference = Reference::of(parts);
        if self.logs_refusals {
            log_refusal(refusal.denial(), &reference);
        }
        let mut answer = refusal.answer(&parts.method, &self.resource, reference);
        tell_outer_layers(parts, answer.extensions_mut());
        answer
    }

    async fn examine<B: Body<Data = Bytes>>(
        &self,
        parts: &mut Parts,
        body: B,
        user: &UserContext,
    ) -> Result<(InspectedBody<B>, Asked), Refusal> {
        refuse_other_protocols(parts)?;
        if body.is_end_stream() {
            self.without_body(parts)?;
            let asked = Asked::without_message(&self.policy);
            return Ok((InspectedBody::untouched(body), asked));
        }
        let bytes = body::read_within(body, self.max_body_bytes, self.body_read_timeout).await?;
        let asked = if bytes.is_empty() {
            self.without_body(parts)?;
            Asked::without_message(&self.policy)
        } else {
            self.decide(parts, &bytes, user)?
        };
        Ok((InspectedBody::read(bytes), asked))
    }

    /// Nothing is asked for that a policy could decide on: a stream is opened or resumed, a session ended.
    fn without_body(&self, parts: &Parts) -> Result<(), Refusal> {
        headers::agree_without_body(&parts.headers)
            .map_err(|objection| Refusal::of_objection(objection, None))
    }

    fn decide(
        &self,
        parts: &mut Parts,
        bytes: &[u8],
        user: &UserContext,
    ) -> Result<Asked, Refusal> {
        media::plain_json(&parts.headers)?;
        let payload = Payload::read(bytes, self.policy.wanted())?;
        headers::agree(&parts.headers, &payload, bytes, &self.parameters)
            .map_err(|objection| Refusal::of_objection(objection, payload.id()))?;
        let decision = self
            .policy
            .decide(payload.operations(), &base(parts), Some(user));
        let rules = match &decision {
            Ok(decision) => decision.rules.clone(),
            Err(_) => self.policy.deciding_rules(payload.operations(), Some(user)),
        };
        let rules = rules.iter().map(ToString::to_string);
        let decided = Decided::new(payload.operations(), rules, false);
        parts.extensions.insert(decided);
        let decision = decision.map_err(|denial| Refusal::of_message(denial, payload.id()))?;
        match decision.permit {
            Passage::Permit(permit) => drop(parts.extensions.insert(permit)),
            Passage::Anonymous(permit) => drop(parts.extensions.insert(permit)),
        }
        if let Some(farewell) = Farewell::to_sender_of(&payload, parts) {
            parts.extensions.insert(farewell);
        }
        Ok(Asked::by(&payload, &parts.headers, &self.policy))
    }
}

/// Who was refused, and by which rules.
fn tell_outer_layers(parts: &Parts, extensions: &mut Extensions) {
    if let Some(user) = parts.extensions.get::<UserContext>() {
        extensions.insert(user.clone());
    }
    if let Some(decided) = parts.extensions.get::<Decided>() {
        extensions.insert(decided.clone());
    }
}

/// Requests that no layer asked for credentials: where authentication is off, and a preflight that was
/// passed on, which carries no message.
fn has_nothing_to_decide<B: Body>(parts: &Parts, body: &B) -> bool {
    let preflight = parts.extensions.get::<ForwardedPreflight>().is_some();
    parts.extensions.get::<AuthenticationOff>().is_some() || (preflight && body.is_end_stream())
}

/// What the resource asked for already: a step-up challenge names it again, or the client would lose it.
fn base(parts: &Parts) -> Requirement {
    parts
        .extensions
        .get::<Permit>()
        .map(|permit| permit.requirement().clone())
        .unwrap_or_default()
}

/// Messages inside a WebSocket or a tunnel would pass unseen. Any other offer to switch protocols (some
/// clients offer h2c on every request) is taken away, so that nobody behind accepts it.
fn refuse_other_protocols(parts: &mut Parts) -> Result<(), Refusal> {
    let websocket = |value: &http::HeaderValue| {
        value
            .as_bytes()
            .to_ascii_lowercase()
            .windows(9)
            .any(|window| window == b"websocket")
    };
    if parts.method == Method::CONNECT
        || parts.headers.get_all(header::UPGRADE).iter().any(websocket)
    {
        return Err(Refusal::unreadable(
            "messages of another protocol cannot be decided on",
        ));
    }
    parts.headers.remove(header::UPGRADE);
    Ok(())
}
