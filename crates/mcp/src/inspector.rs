//! Whether one request may reach the MCP server.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, Method, Request, Response, header, request::Parts};
use http_body::Body;
use http_body_util::Full;
use oauthgate_core::{Denial, Permit, ProtectedResource, Reason, Requirement, UserContext};
use oauthgate_tower::{
    Anonymous, AuthenticationOff, ForwardedPreflight, Reference, StoppedBody, quota::Operations,
    response::log_refusal,
};

use crate::{
    Costs, Decided, InspectedBody, Message, ParameterHeaders, Payload, Policy,
    answer::{AnswerPlan, Asked},
    body::{self, ReadError},
    farewell::Farewell,
    headers, limits, media,
    policy::{AnonymousPermit, Passage, RuleName},
    refusal::{Refusal, misplaced},
    sessions::AnonymousSession,
};

/// The request as the server may see it and what is to be done with its answer, or the answer.
pub(crate) type Inspection<B> =
    ControlFlow<Response<Full<Bytes>>, (Request<InspectedBody<B>>, AnswerPlan)>;

/// The policy and what the layer was told to do.
#[derive(Debug, Clone)]
pub(crate) struct Inspector {
    pub(crate) policy: Policy,
    pub(crate) resource: ProtectedResource,
    /// What every request needs beside what rules ask of its operations.
    pub(crate) requirement: Requirement,
    pub(crate) parameters: ParameterHeaders,
    /// What calls cost, where somebody behind counts them.
    pub(crate) costs: Option<Costs>,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_list_bytes: usize,
    pub(crate) body_read_timeout: Duration,
    pub(crate) logs_refusals: bool,
}

impl Inspector {
    /// The request of a caller as the server may see it, if there is nothing to decide on it, whatever it is; or the
    /// request as it came, to be inspected.
    pub(crate) fn let_by<B>(
        &self,
        request: Request<B>,
    ) -> ControlFlow<Request<InspectedBody<B>>, Request<B>> {
        if !self.demands_nothing() || request.extensions().get::<Anonymous>().is_some() {
            return ControlFlow::Continue(request);
        }
        let mut request = request.map(InspectedBody::untouched);
        forget_outer_policies(request.extensions_mut());
        ControlFlow::Break(request)
    }

    pub(crate) async fn inspect<B: Body<Data = Bytes>>(
        self: &Arc<Self>,
        request: Request<B>,
    ) -> Inspection<B> {
        let (mut parts, body) = request.into_parts();
        forget_outer_policies(&mut parts.extensions);
        let visitor = Visitor::take(&mut parts);
        if !matches!(visitor, Some(Visitor::Nobody(_))) && self.is_idle(&parts, &body) {
            let request = Request::from_parts(parts, InspectedBody::untouched(body));
            return ControlFlow::Continue((request, AnswerPlan::untouched()));
        }
        let Some(visitor) = visitor else {
            return ControlFlow::Break(misplaced("PolicyLayer"));
        };
        match self.examine(&mut parts, body, &visitor).await {
            Ok((body, asked)) => {
                asked.ask_plainly(&mut parts.headers);
                let plan = AnswerPlan::new(Arc::clone(self), asked, visitor.into_user(), &parts);
                ControlFlow::Continue((Request::from_parts(parts, body), plan))
            }
            Err(refusal) => ControlFlow::Break(self.refuse(refusal, &parts)),
        }
    }

    fn is_idle<B: Body>(&self, parts: &Parts, body: &B) -> bool {
        self.demands_nothing() || has_nothing_to_decide(parts, body)
    }

    /// Whether every caller may do everything, and nobody asks what.
    fn demands_nothing(&self) -> bool {
        !self.reads_messages() && self.requirement.demands_nothing()
    }

    /// Whether anybody asks what messages say.
    fn reads_messages(&self) -> bool {
        self.policy.has_rules() || self.costs.is_some()
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
        visitor: &Visitor,
    ) -> Result<(InspectedBody<B>, Asked), Refusal> {
        if !self.reads_messages() {
            let passage = self.without_operation(parts, visitor)?;
            let_pass(passage, &mut parts.extensions);
            return Ok((InspectedBody::untouched(body), Asked::NoList));
        }
        if body.is_end_stream() {
            self.without_message(parts, visitor)?;
            refuse_other_protocols(parts)?;
            let asked = Asked::without_message(&self.policy);
            return Ok((InspectedBody::untouched(body), asked));
        }
        refuse_other_protocols(parts)?;
        let bytes = body::read_within(body, self.max_body_bytes, self.body_read_timeout).await;
        let bytes = bytes.map_err(|error| unread(error, &parts.extensions))?;
        let asked = if bytes.is_empty() {
            self.without_message(parts, visitor)?;
            Asked::without_message(&self.policy)
        } else {
            self.decide(parts, &bytes, visitor)?
        };
        Ok((InspectedBody::read(bytes), asked))
    }

    /// Nothing is asked for that rules could decide on: a stream is opened or resumed, a session ended.
    fn without_message(&self, parts: &mut Parts, visitor: &Visitor) -> Result<(), Refusal> {
        let passage = self.without_operation(parts, visitor)?;
        headers::agree_without_body(&parts.headers)
            .map_err(|objection| Refusal::of_objection(objection, None))?;
        let_pass(passage, &mut parts.extensions);
        Ok(())
    }

    fn without_operation(&self, parts: &Parts, visitor: &Visitor) -> Result<Passage, Denial> {
        match visitor {
            Visitor::Caller(user) => self.base(parts, visitor).decide(user).map(Passage::Permit),
            Visitor::Nobody(_) if [Method::GET, Method::DELETE].contains(&parts.method) => {
                self.in_anonymous_session(parts, visitor)
            }
            Visitor::Nobody(_) => Err(self.no_token(parts, visitor)),
        }
    }

    fn decide(&self, parts: &mut Parts, bytes: &[u8], visitor: &Visitor) -> Result<Asked, Refusal> {
        media::plain_json(&parts.headers)?;
        let payload = Payload::read(bytes, self.policy.wanted())?;
        headers::agree(&parts.headers, &payload, bytes, &self.parameters)
            .map_err(|objection| Refusal::of_objection(objection, payload.id()))?;
        let (passage, rules) = self.judge(parts, &payload, visitor);
        let rules = rules.iter().map(ToString::to_string);
        let decided = Decided::new(payload.operations(), rules, visitor.is_nobody());
        parts.extensions.insert(decided);
        let passage = passage.map_err(|denial| Refusal::of_message(denial, payload.id()))?;
        let_pass(passage, &mut parts.extensions);
        if let Some(costs) = &self.costs {
            let operations = limits::operations_of(&payload, costs);
            parts.extensions.insert(operations);
        }
        if let Some(farewell) = Farewell::to_sender_of(&payload, parts) {
            parts.extensions.insert(farewell);
        }
        Ok(Asked::by(&payload, &parts.headers, &self.policy))
    }

    /// The decision on a message, and the rules that it came from.
    fn judge(
        &self,
        parts: &Parts,
        payload: &Payload,
        visitor: &Visitor,
    ) -> (Result<Passage, Denial>, Vec<RuleName>) {
        if visitor.is_nobody()
            && let Err(denial) = self.may_carry(parts, payload, visitor)
        {
            return (Err(denial), Vec::new());
        }
        if visitor.is_nobody() && payload.operations().next().is_none() {
            return (self.in_anonymous_session(parts, visitor), Vec::new());
        }
        if !self.policy.has_rules() {
            let passage = self.without_operation(parts, visitor);
            return (passage, Vec::new());
        }
        let (operations, user) = (payload.operations(), visitor.user());
        match self
            .policy
            .decide(operations, &self.base(parts, visitor), user)
        {
            Ok(decision) => (Ok(decision.permit), decision.rules),
            Err(denial) => {
                let rules = self.policy.deciding_rules(payload.operations(), user);
                (Err(denial), rules)
            }
        }
    }

    /// Without a token messages are posted: in the body of another request, what is open to everybody would
    /// open a stream, or end a session. A response is to what the server asked in its session; nobody else
    /// gets any.
    fn may_carry(&self, parts: &Parts, payload: &Payload, visitor: &Visitor) -> Result<(), Denial> {
        if parts.method != Method::POST {
            return Err(self.no_token(parts, visitor));
        }
        match payload.messages().iter().any(Message::is_response) {
            true => self.in_anonymous_session(parts, visitor).map(drop),
            false => Ok(()),
        }
    }

    /// Whoever opened a session without a token may listen to it, answer in it and end it.
    fn in_anonymous_session(&self, parts: &Parts, visitor: &Visitor) -> Result<Passage, Denial> {
        let session = parts.extensions.get::<AnonymousSession>();
        let permit = session.and_then(|session| self.policy.permit_in_session(*session));
        permit
            .map(Passage::Anonymous)
            .ok_or_else(|| self.no_token(parts, visitor))
    }

    fn no_token(&self, parts: &Parts, visitor: &Visitor) -> Denial {
        let needed = self.base(parts, visitor).needed_scopes().clone();
        Denial::new(Reason::NoCredentials).with_scopes(needed)
    }

    /// What the resource itself asks for: a challenge names it beside what the operation needs, or the
    /// client would lose it.
    fn base(&self, parts: &Parts, visitor: &Visitor) -> Requirement {
        let outer = match visitor {
            Visitor::Nobody(anonymous) => Some(anonymous.requirement()),
            Visitor::Caller(_) => parts.extensions.get::<Permit>().map(Permit::requirement),
        };
        outer.map_or_else(
            || self.requirement.clone(),
            |outer| outer.and(&self.requirement),
        )
    }
}

/// On whose behalf a request comes.
#[derive(Debug)]
enum Visitor {
    /// A good token's owner.
    Caller(UserContext),
    /// Somebody without a token, where that is an option.
    Nobody(Anonymous),
}

impl Visitor {
    /// Takes the mark of a request of nobody away: from here on a permit must stand for it.
    fn take(parts: &mut Parts) -> Option<Self> {
        let nobody = parts.extensions.remove::<Anonymous>();
        let user = parts.extensions.get::<UserContext>().cloned();
        let visitor = user.map(Self::Caller).or(nobody.map(Self::Nobody));
        if visitor.as_ref().is_some_and(Self::is_nobody) {
            parts.extensions.insert(Decided::new([], [], true));
        }
        visitor
    }

    fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody(_))
    }

    fn user(&self) -> Option<&UserContext> {
        match self {
            Self::Caller(user) => Some(user),
            Self::Nobody(_) => None,
        }
    }

    fn into_user(self) -> Option<UserContext> {
        match self {
            Self::Caller(user) => Some(user),
            Self::Nobody(_) => None,
        }
    }
}

/// Whoever watches over the body may know better why it broke off.
fn unread(error: ReadError, extensions: &Extensions) -> Refusal {
    let stopped = extensions.get::<StoppedBody>();
    match stopped.and_then(StoppedBody::reason) {
        Some(reason) if error == ReadError::Interrupted => Denial::new(reason).into(),
        _ => error.into(),
    }
}

/// What an outer policy decided is about another resource.
fn forget_outer_policies(extensions: &mut Extensions) {
    extensions.remove::<Decided>();
    extensions.remove::<AnonymousPermit>();
    extensions.remove::<Farewell>();
    extensions.remove::<Operations>();
}

fn let_pass(passage: Passage, extensions: &mut Extensions) {
    match passage {
        Passage::Permit(permit) => drop(extensions.insert(permit)),
        Passage::Anonymous(permit) => drop(extensions.insert(permit)),
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
