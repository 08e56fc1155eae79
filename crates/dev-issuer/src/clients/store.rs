//! All clients, by id.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    client::{Client, StaticClient},
    metadata_document::{self, DocumentFetcher},
};
use crate::{clock, error::OAuthError, store::ExpiringMap};

/// Registered clients that are remembered; the oldest is forgotten first.
const MAX_REGISTERED: usize = 1000;
/// Fetched client documents that are remembered, and for how long.
const MAX_DOCUMENTS: usize = 100;
const DOCUMENT_LIFETIME: i64 = 60;

#[derive(Debug)]
pub(crate) struct ClientStore {
    known: HashMap<String, Client>,
    registered: Mutex<ExpiringMap<Client>>,
    documents: Mutex<ExpiringMap<Client>>,
    fetcher: DocumentFetcher,
}

impl ClientStore {
    pub(crate) fn new(known: &[StaticClient]) -> Self {
        Self {
            known: known
                .iter()
                .map(|client| (client.client_id.clone(), Client::from(client)))
                .collect(),
            registered: Mutex::new(ExpiringMap::with_capacity(MAX_REGISTERED)),
            documents: Mutex::new(ExpiringMap::with_capacity(MAX_DOCUMENTS)),
            fetcher: DocumentFetcher::default(),
        }
    }

    pub(crate) fn add(&self, client: Client) {
        lock(&self.registered).insert(client.client_id.clone(), client, i64::MAX);
    }

    pub(crate) fn forget_registered(&self) {
        lock(&self.registered).clear();
        lock(&self.documents).clear();
    }

    /// The client of this id. An id that is an URL is fetched.
    pub(crate) async fn resolve(&self, client_id: &str) -> Result<Client, OAuthError> {
        if let Some(client) = self.remembered(client_id) {
            return Ok(client);
        }
        let Some(url) = metadata_document::document_url(client_id) else {
            return Err(OAuthError::invalid_client(
                "this client is not known here",
                false,
            ));
        };
        let client = self.fetcher.fetch(client_id, &url).await?;
        lock(&self.documents).insert(
            client_id.to_owned(),
            client.clone(),
            clock::now() + DOCUMENT_LIFETIME,
        );
        Ok(client)
    }

    fn remembered(&self, client_id: &str) -> Option<Client> {
        let now = clock::now();
        self.known
            .get(client_id)
            .cloned()
            .or_else(|| lock(&self.registered).find(client_id, now).cloned())
            .or_else(|| lock(&self.documents).find(client_id, now).cloned())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
