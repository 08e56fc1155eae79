//! From the server's answer to the caller's.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, response::Parts};
use http_body::Body;
use oauthgate_core::UserContext;
use oauthgate_tower::{Reference, ResponseBody};

use super::{
    AnswerBody, Asked,
    asked::AskedLists,
    events::{EventSieve, SiftedEvents},
    headers::{Form, ask_for_no_buffering, is_compressed, make_private},
    viewer::Viewer,
    withheld::Withheld,
};
use crate::{
    body::{self, ReadError},
    inspector::Inspector,
    lists::{Sieve, has_result, is_batch},
};

/// What is to be done with the answer to one request.
#[derive(Debug)]
pub(crate) struct AnswerPlan {
    reading: Option<Reading>,
}

/// How an answer is read, and for whom.
#[derive(Debug)]
struct Reading {
    inspector: Arc<Inspector>,
    asked: Asked,
    viewer: Option<UserContext>,
    method: Method,
    reference: Reference,
}

type Answer<B> = Response<ResponseBody<AnswerBody<B>>>;

impl AnswerPlan {
    /// For the request of this caller, or of nobody.
    pub(crate) fn new(
        inspector: Arc<Inspector>,
        asked: Asked,
        viewer: Option<UserContext>,
        request: &http::request::Parts,
    ) -> Self {
        let reading = Reading {
            inspector,
            asked,
            viewer,
            method: request.method.clone(),
            reference: Reference::of(request),
        };
        Self {
            reading: Some(reading),
        }
    }

    /// For requests that nobody decides on: nothing.
    pub(crate) fn untouched() -> Self {
        Self { reading: None }
    }

    /// The answer as the caller may see it.
    pub(crate) async fn carry_out<B>(self, response: Response<B>) -> Answer<B>
    where
        B: Body<Data = Bytes>,
    {
        match self.reading {
            Some(reading) => reading.read(response).await,
            None => response.map(|body| ResponseBody::of_service(AnswerBody::untouched(body))),
        }
    }
}

impl Reading {
    async fn read<B: Body<Data = Bytes>>(self, response: Response<B>) -> Answer<B> {
        let (mut parts, body) = response.into_parts();
        let form = Form::of(&parts.headers);
        if form == Form::Events {
            ask_for_no_buffering(&mut parts.headers);
        }
        let outcome = match &self.asked {
            Asked::NoList => Ok(AnswerBody::untouched(body)),
            Asked::NoMessage => self.stream_of_earlier_answers(form, &mut parts, body),
            Asked::Lists(_) if body.is_end_stream() => Ok(AnswerBody::untouched(body)),
            Asked::Lists(asked) => self.lists(asked, form, &mut parts, body).await,
        };
        match outcome {
            Ok(body) => Response::from_parts(parts, ResponseBody::of_service(body)),
            Err(withheld) => self.withhold(&withheld),
        }
    }

    fn withhold<B>(&self, withheld: &Withheld) -> Answer<B> {
        let Inspector {
            resource,
            logs_refusals,
            ..
        } = &*self.inspector;
        withheld
            .answer(&self.method, resource, &self.reference, *logs_refusals)
            .map(ResponseBody::ours)
    }

    fn stream_of_earlier_answers<B>(
        &self,
        form: Form,
        parts: &mut Parts,
        body: B,
    ) -> Result<AnswerBody<B>, Withheld> {
        if form != Form::Events {
            return Ok(AnswerBody::untouched(body));
        }
        refuse_compressed(parts)?;
        Ok(self.events(self.sieve(), Vec::new(), parts, body))
    }

    async fn lists<B: Body<Data = Bytes>>(
        &self,
        asked: &AskedLists,
        form: Form,
        parts: &mut Parts,
        body: B,
    ) -> Result<AnswerBody<B>, Withheld> {
        refuse_compressed(parts)?;
        let sieve = self
            .sieve()
            .except(asked.others.clone())
            .adding_cache_scope(asked.has_cache_scope);
        match (parts.status, form) {
            (StatusCode::OK, Form::Json) => {
                let bytes = self.whole(body).await?;
                let shown = sift(&sieve, asked.is_batch, bytes)?;
                make_private(&mut parts.headers);
                let length = HeaderValue::from(shown.len());
                parts.headers.insert(header::CONTENT_LENGTH, length);
                Ok(AnswerBody::read(shown))
            }
            (StatusCode::OK, Form::Events) => {
                let ids = asked.lists.iter().map(ToString::to_string).collect();
                Ok(self.events(sieve, ids, parts, body))
            }
            (StatusCode::OK, Form::Other) => Err(Withheld::Form),
            (status, form) if may_not_list(status) && form != Form::Events => {
                let bytes = self.whole(body).await?;
                refuse_results(form, &bytes)?;
                Ok(AnswerBody::read(bytes))
            }
            (status, _) => Err(Withheld::Status(status.as_u16())),
        }
    }

    fn sieve(&self) -> Sieve<Viewer> {
        let inspector = Arc::clone(&self.inspector);
        Sieve::new(Viewer::new(inspector, self.viewer.clone()))
    }

    fn events<B>(
        &self,
        sieve: Sieve<Viewer>,
        lists: Vec<String>,
        parts: &mut Parts,
        body: B,
    ) -> AnswerBody<B> {
        make_private(&mut parts.headers);
        let sieve = EventSieve::new(sieve, lists, self.reference.clone());
        let limit = self.inspector.max_list_bytes;
        AnswerBody::events(SiftedEvents::new(body, limit, sieve))
    }

    async fn whole<B: Body<Data = Bytes>>(&self, body: B) -> Result<Bytes, Withheld> {
        let limit = self.inspector.max_list_bytes;
        body::read(body, limit).await.map_err(|error| match error {
            ReadError::TooLarge => Withheld::TooLong(limit),
            ReadError::Interrupted | ReadError::TooSlow => Withheld::Interrupted,
        })
    }
}

fn refuse_compressed(parts: &Parts) -> Result<(), Withheld> {
    if is_compressed(&parts.headers) {
        return Err(Withheld::Compressed);
    }
    Ok(())
}

fn sift(sieve: &Sieve<Viewer>, batch_was_asked: bool, bytes: Bytes) -> Result<Bytes, Withheld> {
    let text = std::str::from_utf8(&bytes).map_err(|_| Withheld::NotUtf8)?;
    let sifted = match (is_batch(text), batch_was_asked) {
        (true, false) => return Err(Withheld::UnaskedBatch),
        (true, true) => sieve.batch(text),
        (false, _) => sieve.message(text),
    };
    let changed = sifted.map_err(|unreadable| Withheld::from(&unreadable))?;
    Ok(changed.map_or(bytes, Bytes::from))
}

/// Redirects, errors, and the `202 Accepted` of 2024-11-05, whose answers come in another stream.
fn may_not_list(status: StatusCode) -> bool {
    status == StatusCode::ACCEPTED
        || status.is_redirection()
        || status.is_client_error()
        || status.is_server_error()
}

/// What is no success may say why, and nothing else. Text without a brace holds no message for any reader, whatever it
/// is labelled as; clients must hear a 404 as one, or they never begin a new session.
fn refuse_results(form: Form, bytes: &[u8]) -> Result<(), Withheld> {
    if !bytes.contains(&b'{') {
        return Ok(());
    }
    let opens = bytes.trim_ascii_start().first();
    if form == Form::Json || matches!(opens, Some(b'{' | b'[')) {
        let text = std::str::from_utf8(bytes).map_err(|_| Withheld::NotUtf8)?;
        return match has_result(text) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Withheld::Mislabelled),
            Err(unreadable) => Err(Withheld::from(&unreadable)),
        };
    }
    let mut lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
    if lines.any(|line| line.starts_with(b"data")) {
        return Err(Withheld::Mislabelled);
    }
    Ok(())
}
