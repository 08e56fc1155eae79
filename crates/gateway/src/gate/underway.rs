//! A request whose head was judged, until there is an answer to it.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use oauthgate_tower::{Reference, response::refusal};
use tower::Service;

use super::{
    activity::Work,
    arrival::Arrival,
    body::{AnswerBody, CountedBody, Told, counted},
    request_body::{RequestBody, Unread},
    site::{Handler, Site},
};
use crate::{proxy::cors, telemetry::access::Passage};

/// Who answers.
pub(super) enum Answer {
    /// We did.
    Said(Response<Full<Bytes>>),
    /// The protected service will.
    Asked(Asked),
}

/// A request that was handed on.
pub(super) struct Asked {
    pub(super) site: Arc<Site>,
    pub(super) method: Method,
    pub(super) response: <Handler as Service<Request<RequestBody>>>::Future,
    /// Of the page that asks.
    pub(super) origin: Option<HeaderValue>,
    pub(super) arrival: Arrival,
}

/// A request whose answer is being made.
pub(super) struct Underway {
    pub(super) site: Option<Arc<Site>>,
    pub(super) reference: Reference,
    pub(super) passage: Passage,
    pub(super) unread: Option<Unread>,
    /// Whether nothing may follow this request on its connection.
    pub(super) ends_connection: bool,
    pub(super) work: Work,
}

impl Underway {
    /// The answer, logged and counted. An answer is large, so it is handled where it lies.
    pub(super) async fn end(mut self, answer: Answer) -> Result<Response<CountedBody>, Infallible> {
        let mut held = None;
        let mut response = match answer {
            Answer::Said(response) => response.map(AnswerBody::ours),
            Answer::Asked(asked) => {
                let Ok(response) = asked.response.await;
                let mut response = match asked.arrival.settle(&response) {
                    Ok(place) => {
                        held = place;
                        response.map(AnswerBody::served)
                    }
                    Err(denial) => {
                        let resource = asked.site.provider.resource();
                        let reference = self.reference.clone();
                        refusal(&asked.method, denial, resource, reference).map(AnswerBody::ours)
                    }
                };
                cors::decorate(asked.origin.as_ref(), response.headers_mut());
                response
            }
        };
        // Before the rest of the body is awaited: how slow its client is says nothing about us.
        let metrics = self.site.as_ref().map(|site| &*site.metrics);
        self.passage.end(metrics, &response);
        let is_read = match self.unread {
            Some(unread) => unread.read_away().await,
            None => true,
        };
        if !is_read {
            self.work.linger();
        }
        if !is_read || self.ends_connection {
            end_connection(&mut response);
        }
        self.work.keep_promise();
        let told = Told {
            resource: metrics.map(|metrics| Arc::clone(metrics.resource())),
            reference: self.reference,
        };
        Ok(counted(response, held, self.work, told))
    }
}

/// With the headers that its page needs to read it.
pub(super) fn dressed(
    mut response: Response<Full<Bytes>>,
    origin: Option<&HeaderValue>,
) -> Response<Full<Bytes>> {
    cors::decorate(origin, response.headers_mut());
    response
}

fn end_connection<B>(response: &mut Response<B>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
}
