//! The question over HTTP, in the form that the authorization server understands, and its answer.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{FutureExt, future::BoxFuture};
use http::HeaderValue;
use oauthgate_core::{
    Issuer, SigningAlgorithm,
    context::IntrospectionForm,
    token::{IntrospectionAnswer, RESPONSE_MEDIA_TYPE, SignedAnswerRules, SignedIntrospection},
};
use url::{Url, form_urlencoded};

use super::{IntrospectionCredentials as By, endpoint::Endpoint, trouble::Trouble};
use crate::{
    clock::Clock,
    http::{FetchError, HttpFetcher, Posted, Question, RetryAfter},
    jwks::KeyStore,
};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GITHUB_HEADERS: &[(&str, &str)] = &[("x-github-api-version", "2022-11-28")];

/// What was answered, and how long the answer was in bytes.
pub(super) type Verdict = (IntrospectionAnswer, usize);

/// Somebody who can be asked about a token.
pub(super) trait Ask: std::fmt::Debug + Send + Sync {
    /// Asks about this token.
    fn ask<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Verdict, Trouble>>;

    /// Where, if it is known.
    fn place(&self) -> Option<String>;

    /// Finds out where.
    fn prepare(&self) -> BoxFuture<'_, Result<(), Trouble>>;
}

/// How signed answers are verified.
#[derive(Debug)]
pub(super) struct Signers {
    pub(super) keys: Arc<KeyStore>,
    pub(super) algorithms: Vec<SigningAlgorithm>,
    pub(super) skew: std::time::Duration,
}

/// The authorization server over HTTP.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) http: HttpFetcher,
    pub(super) issuer: Issuer,
    pub(super) endpoint: Endpoint,
    pub(super) form: IntrospectionForm,
    pub(super) credentials: By,
    /// Whether a throw-away authorization server is believed nothing.
    pub(super) refuses_dev_issuer: bool,
    /// Only where signed answers are demanded.
    pub(super) signers: Option<Signers>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Ask for Client {
    fn ask<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Verdict, Trouble>> {
        async move {
            let url = self.endpoint.url().await?;
            let question = self.question(token)?;
            match self.http.post(&url, question).await {
                Ok(posted) => self.read(posted).await.map_err(|trouble| at(&url, trouble)),
                Err(error) => Err(at(&url, self.unavailable(&error))),
            }
        }
        .boxed()
    }

    fn place(&self) -> Option<String> {
        self.endpoint.known().map(|url| url.to_string())
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        async move { self.endpoint.url().await.map(|_| ()) }.boxed()
    }
}

fn at(url: &Url, trouble: Trouble) -> Trouble {
    trouble.at(url.as_str())
}

impl Client {
    fn question(&self, token: &str) -> Result<Question, Trouble> {
        match self.form {
            IntrospectionForm::GoogleTokeninfo => Ok(Question {
                content_type: FORM,
                accept: JSON,
                authorization: None,
                headers: &[],
                body: form(&[("access_token", token)]),
            }),
            IntrospectionForm::GitHubApplication => Ok(Question {
                content_type: JSON,
                accept: "application/vnd.github+json",
                authorization: self.authorization()?,
                headers: GITHUB_HEADERS,
                body: serde_json::json!({ "access_token": token }).to_string(),
            }),
            _ => self.standard_question(token),
        }
    }

    /// RFC 7662 §2.1.
    fn standard_question(&self, token: &str) -> Result<Question, Trouble> {
        let mut fields = vec![("token", token), ("token_type_hint", "access_token")];
        let assertion;
        match &self.credentials {
            By::Post { client_id, secret } => {
                fields.push(("client_id", client_id));
                fields.push(("client_secret", secret.expose()));
            }
            By::PrivateKeyJwt {
                client_id,
                key,
                audience,
            } => {
                let audience = audience.as_deref().unwrap_or(self.issuer.as_str());
                assertion = key.assertion(client_id, audience, self.clock.now())?;
                fields.push(("client_id", client_id));
                fields.push(("client_assertion_type", ASSERTION_TYPE));
                fields.push(("client_assertion", &assertion));
            }
            By::Nothing | By::Basic { .. } | By::Bearer { .. } => {}
        }
        Ok(Question {
            content_type: FORM,
            accept: match self.form {
                IntrospectionForm::Rfc9701 => RESPONSE_MEDIA_TYPE,
                _ => JSON,
            },
            authorization: self.authorization()?,
            headers: &[],
            body: form(&fields),
        })
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, Trouble> {
        let text = match &self.credentials {
            By::Basic { client_id, secret } => basic(client_id, secret.expose()),
            By::Bearer { token, .. } => format!("Bearer {}", token.expose()),
            By::Nothing | By::Post { .. } | By::PrivateKeyJwt { .. } => return Ok(None),
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Trouble::refused("our credentials fit into no header"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    async fn read(&self, posted: Posted) -> Result<Verdict, Trouble> {
        if posted.is_dev_issuers && self.refuses_dev_issuer {
            return Err(Trouble::refused(
                "dev-issuer answered, whose throw-away tokens anybody can mint: for tests, set OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER=true",
            ));
        }
        let pause = posted.retry_after.map(|after| self.pause(after));
        match (posted.status, self.form) {
            (200, _) => self.answer(posted).await,
            (404, IntrospectionForm::GitHubApplication) => Ok((IntrospectionAnswer::Inactive, 0)),
            (400, IntrospectionForm::GoogleTokeninfo) if is_invalid_token(&posted.body) => {
                Ok((IntrospectionAnswer::Inactive, 0))
            }
            (status @ (401 | 403), _) => Err(Trouble::refused(format!(
                "answered {status}: it does not take our credentials ({})",
                self.credentials.method()
            ))
            .with_retry_after(pause)),
            (status @ 300..=399, _) => Err(Trouble::refused(format!(
                "answered {status}: no redirect is followed with a token and credentials"
            ))),
            (status @ (429 | 500..=599), _) => {
                Err(Trouble::unavailable(format!("answered {status}")).with_retry_after(pause))
            }
            (status, _) => Err(Trouble::refused(format!(
                "answered {status}, where 200 is due (RFC 7662 §2.2)"
            ))),
        }
    }

    async fn answer(&self, posted: Posted) -> Result<Verdict, Trouble> {
        let length = posted.body.len();
        let media_type = posted.media_type.as_deref().unwrap_or("none");
        let answer = match (&self.signers, media_type) {
            (Some(signers), RESPONSE_MEDIA_TYPE) => self.open(&posted.body, signers).await?,
            (Some(_), other) => {
                return Err(Trouble::refused(format!(
                    "the answer is of the type {}, and a signed one is demanded ({RESPONSE_MEDIA_TYPE})",
                    oauthgate_core::text::Printable(other)
                )));
            }
            (None, JSON) => match self.form {
                IntrospectionForm::GoogleTokeninfo => {
                    IntrospectionAnswer::of_google_tokeninfo(&posted.body, &self.issuer)?
                }
                IntrospectionForm::GitHubApplication => {
                    IntrospectionAnswer::of_github_application(&posted.body, &self.issuer)?
                }
                _ => IntrospectionAnswer::parse(&posted.body, &self.issuer)?,
            },
            (None, other) => {
                return Err(Trouble::refused(format!(
                    "the answer is of the type {}, where {JSON} is due",
                    oauthgate_core::text::Printable(other)
                )));
            }
        };
        Ok((answer, length))
    }

    /// A signed answer (RFC 9701), verified with the keys of the issuer that was asked.
    async fn open(&self, body: &[u8], signers: &Signers) -> Result<IntrospectionAnswer, Trouble> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Trouble::refused("the signed answer is not UTF-8"))?;
        let signed = SignedIntrospection::parse(text)?;
        let keys = signers
            .keys
            .keys(&signed.key_hint())
            .await
            .map_err(|denial| {
                Trouble::refused(format!(
                    "the signed answer cannot be verified: {}: {}",
                    denial.code(),
                    denial.detail()
                ))
            })?;
        let rules = SignedAnswerRules {
            issuer: &self.issuer,
            client_id: self.credentials.client_id().unwrap_or_default(),
            algorithms: &signers.algorithms,
            skew: signers.skew,
        };
        Ok(signed.verify(&keys, &rules, self.clock.now())?)
    }

    fn unavailable(&self, error: &FetchError) -> Trouble {
        match error {
            FetchError::Compressed(_) | FetchError::TooLarge => Trouble::refused(error.to_string()),
            _ => Trouble::unavailable(error.to_string()),
        }
    }

    fn pause(&self, after: RetryAfter) -> std::time::Duration {
        after.seen_from(self.clock.now())
    }
}

/// RFC 6749 §2.3.1: id and secret are form-encoded each, before they are joined.
fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret));
    format!("Basic {}", STANDARD.encode(pair))
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Google tells a token that is not good by this error; any other 400 is our mistake.
fn is_invalid_token(body: &[u8]) -> bool {
    oauthgate_core::json::strict_object(body, IntrospectionAnswer::MAX_LENGTH).is_ok_and(|error| {
        error.get("error").and_then(|error| error.as_str()) == Some("invalid_token")
    })
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
