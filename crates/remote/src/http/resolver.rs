//! Names into addresses that the rule admits: what is judged is what is connected to, so a name cannot
//! change in between.

use std::{fmt, io, net::IpAddr, net::SocketAddr, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::text::Printable;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::AddressRule;

/// A name that has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {host} cannot be resolved: {why}")]
pub(crate) struct NoAddress {
    host: String,
    why: String,
}

/// Who knows the addresses of names.
pub(crate) trait Lookup: fmt::Debug + Send + Sync + 'static {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug)]
pub(super) struct System;

impl Lookup for System {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    }
}

/// Hands on only addresses that the rule admits.
#[derive(Debug)]
pub(super) struct JudgingResolver {
    pub(super) rule: Arc<AddressRule>,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.rule);
        let host = name.as_str().to_owned();
        let looking = self.lookup.lookup(host.clone());
        Box::pin(async move {
            let found = looking
                .await
                .map_err(|error| no_address(&host, &error.to_string()))?;
            if found.is_empty() {
                return Err(no_address(&host, "it has no address").into());
            }
            rule.admits(&host, found.iter().map(IpAddr::to_canonical))?;
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

fn no_address(host: &str, why: &str) -> NoAddress {
    NoAddress {
        host: Printable(host).to_string(),
        why: Printable(why).to_string(),
    }
}
