//! A question in a request body, with our credentials: `POST`, to one place, and never further. A redirect
//! is an answer that we cannot use, wherever it leads: it would take token and credentials along.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Response;
use url::Url;

use super::{FetchError, HttpFetcher, RetryAfter, headers};

/// A question.
pub(crate) struct Question {
    pub(crate) content_type: &'static str,
    pub(crate) accept: &'static str,
    /// Marked as sensitive by whoever makes it.
    pub(crate) authorization: Option<HeaderValue>,
    /// Further headers without secrets.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: String,
}

/// By this header `oauthgate dev-issuer` marks its answers.
const DEV_ISSUER: &str = "x-oauthgate-dev-issuer";

/// The answer, whatever its status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) status: u16,
    /// The media type without its parameters, in lower case; `None` when there is none, or two.
    pub(crate) media_type: Option<String>,
    pub(crate) retry_after: Option<RetryAfter>,
    /// Whether `dev-issuer` gave it, which marks all of its answers.
    pub(crate) is_dev_issuers: bool,
    pub(crate) body: Vec<u8>,
}

impl HttpFetcher {
    /// Asks this place.
    pub(crate) async fn post(&self, url: &Url, question: Question) -> Result<Posted, FetchError> {
        tokio::time::timeout(self.time_limit, self.post_once(url, question))
            .await
            .unwrap_or(Err(FetchError::Timeout(self.time_limit)))
    }

    async fn post_once(&self, url: &Url, question: Question) -> Result<Posted, FetchError> {
        self.rule.admits_url(url)?;
        let (client, proxied) = self.client(url).await;
        let request = client
            .post(url.clone())
            .headers(sent(&question))
            .body(question.body);
        match (request.send().await, proxied) {
            (Ok(response), None) => {
                if let Some(address) = response.remote_addr() {
                    self.rule.note_answer(url, address.ip());
                }
                self.posted(response).await
            }
            (Ok(response), Some(_)) => self.posted(response).await,
            (Err(error), None) => Err(self.explain(error)),
            (Err(error), Some(proxy)) => Err(FetchError::Proxy {
                proxy: proxy.to_string(),
                error: Box::new(self.explain(error)),
            }),
        }
    }

    async fn posted(&self, response: Response) -> Result<Posted, FetchError> {
        let headers = response.headers();
        if let Some(encoding) = headers::encoding(headers) {
            return Err(FetchError::Compressed(encoding));
        }
        Ok(Posted {
            status: response.status().as_u16(),
            media_type: headers::media_type(headers),
            retry_after: headers::retry_after(headers),
            is_dev_issuers: headers.contains_key(DEV_ISSUER),
            body: self.body(response).await?,
        })
    }
}

fn sent(question: &Question) -> HeaderMap {
    let mut sent = HeaderMap::new();
    sent.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(question.content_type),
    );
    sent.insert(header::ACCEPT, HeaderValue::from_static(question.accept));
    if let Some(authorization) = &question.authorization {
        sent.insert(header::AUTHORIZATION, authorization.clone());
    }
    for (name, value) in question.headers {
        sent.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    sent
}
