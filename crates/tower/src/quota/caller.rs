//! Whose quota a request is charged to.

use http::request::Parts;
use oauthgate_core::UserContext;

use super::By;
use crate::{ClientNetwork, subject};

/// Who is calling, as far as limits tell callers apart.
pub(super) struct Caller<'request> {
    user: Option<&'request UserContext>,
    network: Option<ClientNetwork>,
}

impl<'request> Caller<'request> {
    /// Nobody's name but the one that a good token bears, and nobody's address but the one that an outer layer
    /// worked out.
    pub(super) fn of(parts: &'request Parts) -> Self {
        Self {
            user: parts.extensions.get::<UserContext>(),
            network: ClientNetwork::of(parts),
        }
    }

    /// The tier; none without a token.
    pub(super) fn tier(&self) -> Option<&str> {
        self.user.map(UserContext::tier)
    }

    /// What tells this caller from others, in parts: two callers have the same parts only if they share a
    /// count. What is missing is not the same as what is empty.
    pub(super) fn key(&self, by: &[By], tool: Option<&str>) -> Vec<String> {
        let mut key = Vec::new();
        for by in by {
            key.push(by.as_str().to_owned());
            match by {
                By::Subject => key.extend(self.subject()),
                By::Client => key.extend(self.within_issuer(UserContext::client_id)),
                By::Tenant => key.extend(self.within_issuer(UserContext::tenant_id)),
                By::Tier => key.push(optional(self.tier())),
                By::Tool => key.push(optional(tool)),
                By::Address => key.push(self.network()),
            }
        }
        key
    }

    fn subject(&self) -> Vec<String> {
        let Some(user) = self.user else {
            return vec!["anonymous".to_owned(), self.network()];
        };
        subject::parts(user).map(str::to_owned).to_vec()
    }

    fn within_issuer(&self, read: impl Fn(&UserContext) -> Option<&str>) -> Vec<String> {
        let issuer = self.user.map(|user| user.issuer().as_str());
        vec![optional(issuer), optional(self.user.and_then(read))]
    }

    fn network(&self) -> String {
        self.network
            .map_or_else(|| "unknown".to_owned(), |network| network.to_string())
    }
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| format!("+{text}"))
}
