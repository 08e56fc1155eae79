//! The throw-away keys of `dev-issuer`, recognised and refused.
//!
//! Whoever runs a dev issuer mints tokens for anybody. A gate that was tried with one and then put to
//! work must not go on trusting it: the keys carry a mark in their `kid`, and this source stands in
//! front of another one and refuses sets that hold such a key. Sets that come from no source, because
//! an earlier run saved them, are refused where they are recalled.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::JwkSet;

use super::{Ask, Fetched, FetchedSet, JwksSource, KeySourceError, Withdrawals};

/// How the `kid` of every throw-away key begins.
pub const DEV_KEY_PREFIX: &str = "oauthgate-dev-";

/// A source whose throw-away keys are refused.
#[derive(Debug)]
pub(crate) struct WithoutDevKeys(pub(crate) Arc<dyn JwksSource>);

impl JwksSource for WithoutDevKeys {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        async move {
            let fetched = self.0.fetch(ask).await?;
            match &fetched.set {
                FetchedSet::Document { body, .. } if holds_dev_key(body) => Err(refused()),
                _ => Ok(fetched),
            }
        }
        .boxed()
    }

    fn news(&self, age: Option<Duration>) -> BoxFuture<'_, Option<Fetched>> {
        async move {
            let fetched = self.0.news(age).await?;
            match &fetched.set {
                FetchedSet::Document { body, .. } if holds_dev_key(body) => None,
                _ => Some(fetched),
            }
        }
        .boxed()
    }

    fn withdrawals(&self) -> BoxFuture<'_, Withdrawals> {
        self.0.withdrawals()
    }
}

/// A document that is no key set is somebody else's to refuse.
pub(super) fn holds_dev_key(document: &[u8]) -> bool {
    let is_marked = |key: &oauthgate_core::keys::Jwk| {
        key.id()
            .is_some_and(|id| id.as_str().starts_with(DEV_KEY_PREFIX))
    };
    JwkSet::parse(document).is_ok_and(|set| set.keys().iter().any(is_marked))
}

fn refused() -> KeySourceError {
    KeySourceError::no_usable_keys(
        "the issuer is a dev-issuer, whose throw-away keys are for demos and tests only",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(String);

    impl JwksSource for Fixed {
        fn fetch(&self, _: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
            let body = self.0.clone().into_bytes();
            let set = FetchedSet::Document {
                body,
                validator: None,
            };
            futures_util::future::ready(Ok(Fetched::now(set, None))).boxed()
        }

        fn news(&self, _: Option<Duration>) -> BoxFuture<'_, Option<Fetched>> {
            async { self.fetch(Ask::first()).await.ok() }.boxed()
        }
    }

    /// The key of RFC 8037, appendix A.2.
    fn set(kid: &str) -> String {
        format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}}"#
        )
    }

    async fn fetched(document: String) -> Result<Fetched, KeySourceError> {
        WithoutDevKeys(Arc::new(Fixed(document)))
            .fetch(Ask::first())
            .await
    }

    #[tokio::test]
    async fn a16_refuses_the_keys_of_a_dev_issuer() {
        let error = fetched(set("oauthgate-dev-x1")).await.unwrap_err();
        assert_eq!(error.code(), "no_usable_keys");
        assert!(error.detail().contains("dev-issuer"));
    }

    #[tokio::test]
    async fn a16_refuses_them_as_news_too() {
        let news =
            |document: String| async { WithoutDevKeys(Arc::new(Fixed(document))).news(None).await };
        assert_eq!(news(set("oauthgate-dev-x1")).await, None);
        assert!(news(set("key-1")).await.is_some());
    }

    #[tokio::test]
    async fn passes_other_documents_on() {
        for document in [set("key-1"), "{}".to_owned(), "garbage".to_owned()] {
            assert!(fetched(document).await.is_ok());
        }
    }
}
