//! Whether a request may name its session, and what the client is told of the server's.

use std::{ops::ControlFlow, sync::Arc};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Response, request::Parts};
use http_body_util::Full;
use oauthgate_core::{Denial, ProtectedResource, Reason, UserContext, text::Printable};
use oauthgate_remote::clock::Clock;
use oauthgate_tower::{
    Anonymous, AuthenticationOff, ForwardedPreflight, Reference, response::log_refusal,
};

use super::{
    claims::{Claims, OpenSession},
    headers,
    id::{BoundId, Tag},
    owner::{Anonymity, Principal},
    secret::SessionSecret,
};
use crate::{
    Revision,
    refusal::{Refusal, misplaced},
    revision::SESSION_ID,
};

/// By how many seconds the clocks of replicas may differ.
const REPLICAS_APART: u64 = 60;

/// What the layer was told to do.
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) resource: ProtectedResource,
    pub(super) secret: SessionSecret,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) claims: Arc<Claims>,
    pub(super) advice: Option<Arc<str>>,
    pub(super) is_bound: bool,
    pub(super) logs_refusals: bool,
}

/// What becomes of the session id in the answer.
pub(super) enum Answering {
    /// It passes as it is.
    Untouched,
    /// There is none.
    Without,
    /// It is bound to the caller.
    Bound(Bound),
}

/// To whom, and what the caller came with.
pub(super) struct Bound {
    caller: Caller,
    /// Boxed, because most requests carry none.
    carried: Option<Box<Carried>>,
}

/// Who is calling. What the codes of sessions are made with is worked out only where there is a session.
pub(super) enum Caller {
    User(UserContext),
    Nobody,
}

/// The id that the client sent, and what the server knows it as.
pub(super) struct Carried {
    from_client: HeaderValue,
    to_server: HeaderValue,
}

impl Binding {
    /// Checks the session of a request, and gives the server its own id back.
    pub(super) fn admit(&self, parts: &mut Parts) -> ControlFlow<Response<Full<Bytes>>, Answering> {
        // What an outer layer found out is about another resource.
        parts.extensions.remove::<AnonymousSession>();
        if has_no_sessions(parts) {
            headers::remove_all(&mut parts.headers);
            return ControlFlow::Continue(Answering::Without);
        }
        if !self.is_bound || parts.extensions.get::<AuthenticationOff>().is_some() {
            return ControlFlow::Continue(Answering::Untouched);
        }
        let Some(caller) = Caller::of(&parts.extensions) else {
            return ControlFlow::Break(misplaced("SessionBindingLayer"));
        };
        match self.unwrap_id(&caller, &mut parts.headers) {
            Ok(carried) => {
                note_anonymous_session(&caller, carried.as_deref(), parts);
                ControlFlow::Continue(Answering::Bound(Bound { caller, carried }))
            }
            Err(denial) => ControlFlow::Break(self.refuse(denial, parts)),
        }
    }

    fn principal(&self, user: &UserContext) -> Principal {
        Principal::of(user, self.resource.identifier(), &self.secret)
    }

    fn anonymity(&self) -> Anonymity {
        Anonymity::at(self.resource.identifier(), &self.secret)
    }

    fn unwrap_id(
        &self,
        caller: &Caller,
        headers: &mut HeaderMap,
    ) -> Result<Option<Box<Carried>>, Denial> {
        let Some(from_client) = headers::take(headers)? else {
            return Ok(None);
        };
        let to_server = self.server_id(caller, &from_client)?;
        headers.insert(SESSION_ID, to_server.clone());
        Ok(Some(Box::new(Carried {
            from_client,
            to_server,
        })))
    }

    /// The server's own id, if this caller may use the session.
    fn server_id(&self, caller: &Caller, from_client: &HeaderValue) -> Result<HeaderValue, Denial> {
        let bound = BoundId::read(from_client)
            .ok_or_else(|| unknown("the session id is none that this gate gives out".to_owned()))?;
        if !self.may_use(caller, &bound) {
            return Err(match (bound.tag, caller) {
                // Its owner may be calling, and can go on with the session after a login.
                (Tag::Owned(_), Caller::Nobody) => Denial::new(Reason::NoCredentials)
                    .with_detail("the session belongs to a caller with a token"),
                _ => self.foreign(),
            });
        }
        HeaderValue::from_bytes(bound.id)
            .map_err(|_| unknown("the session id is not visible ASCII".to_owned()))
    }

    fn may_use(&self, caller: &Caller, bound: &BoundId<'_>) -> bool {
        match (bound.tag, caller) {
            (Tag::Owned(code), Caller::User(user)) => {
                code.proves(self.principal(user).code(bound.id))
            }
            (Tag::Owned(_), Caller::Nobody) => false,
            (Tag::Anonymous { opened_at, code }, _) => {
                let session = OpenSession { opened_at, code };
                code.proves(self.anonymity().code(bound.id, opened_at))
                    && opened_at <= self.now_at_most()
                    && match caller {
                        Caller::User(user) => self
                            .claims
                            .claim(session, self.principal(user).fingerprint()),
                        Caller::Nobody => self.claims.is_free(session),
                    }
            }
        }
    }

    fn opening(&self) -> u64 {
        self.claims.opening(seconds(&*self.clock))
    }

    /// A session from later on began before a clock was set back, and who claimed it may be forgotten.
    fn now_at_most(&self) -> u64 {
        self.opening().saturating_add(REPLICAS_APART)
    }

    fn foreign(&self) -> Denial {
        let found = "the session is another caller's, or it was bound with another secret, or it is forgotten";
        unknown(match &self.advice {
            Some(advice) => format!("{found}; {advice}"),
            None => found.to_owned(),
        })
    }

    fn refuse(&self, denial: Denial, parts: &Parts) -> Response<Full<Bytes>> {
        let reference = Reference::of(parts);
        if self.logs_refusals {
            log_refusal(&denial, &reference);
        }
        Refusal::of_session(denial).answer(&parts.method, &self.resource, reference)
    }

    /// What the client is told of the server's session id.
    pub(super) fn rewrite(&self, answering: &Answering, headers: &mut HeaderMap) {
        let told = match answering {
            Answering::Untouched => return,
            Answering::Without => None,
            Answering::Bound(bound) => {
                self.client_id(&bound.caller, bound.carried.as_deref(), headers)
            }
        };
        match told {
            Some(id) => drop(headers.insert(SESSION_ID, id)),
            None => drop(headers.remove(SESSION_ID)),
        }
    }

    fn client_id(
        &self,
        caller: &Caller,
        carried: Option<&Carried>,
        headers: &HeaderMap,
    ) -> Option<HeaderValue> {
        let mut values = headers.get_all(SESSION_ID).iter();
        let (first, further) = (values.next()?, values.next());
        if let Some(carried) = carried.filter(|carried| carried.to_server == first) {
            return Some(carried.from_client.clone()).filter(|_| further.is_none());
        }
        let id = first.as_bytes();
        let tag = match caller {
            Caller::User(user) => self.principal(user).tag(id),
            Caller::Nobody => self.anonymity().tag(id, self.opening()),
        };
        let told = BoundId { id, tag }.write().filter(|_| further.is_none());
        if told.is_none() {
            warn_of_bad_id(&self.resource, first);
        }
        told
    }
}

impl Caller {
    fn of(extensions: &Extensions) -> Option<Self> {
        if let Some(user) = extensions.get::<UserContext>() {
            return Some(Self::User(user.clone()));
        }
        let nobody = extensions.get::<Anonymous>().is_some();
        nobody.then_some(Self::Nobody)
    }
}

/// In the extensions of a request without a token that goes on with a session which was opened without one and which
/// nobody claimed: it may listen to the session (`GET`) and end it (`DELETE`).
///
/// Only [`super::SessionBindingLayer`] makes one, so nothing from outside can be taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnonymousSession {}

fn note_anonymous_session(caller: &Caller, carried: Option<&Carried>, parts: &mut Parts) {
    if let (Caller::Nobody, Some(_)) = (caller, carried) {
        parts.extensions.insert(AnonymousSession {});
    }
}

/// Revisions without sessions, and preflights, which nobody authenticated.
fn has_no_sessions(parts: &Parts) -> bool {
    let modern =
        Revision::of(&parts.headers).is_some_and(|revision| revision >= Revision::V2026_07_28);
    modern || parts.extensions.get::<ForwardedPreflight>().is_some()
}

pub(super) fn unknown(detail: String) -> Denial {
    Denial::new(Reason::UnknownSession).with_detail(detail)
}

fn warn_of_bad_id(resource: &ProtectedResource, id: &HeaderValue) {
    let shown = String::from_utf8_lossy(id.as_bytes());
    tracing::warn!(
        resource = resource.identifier().as_str(),
        id = %Printable(&shown),
        "the server's session id is withheld: it must be one, of visible ASCII, and not longer than 4096 bytes"
    );
}

/// No clock is before the epoch.
pub(super) fn seconds(clock: &dyn Clock) -> u64 {
    clock.now().as_secs().try_into().unwrap_or(0)
}
