//! Where a request goes, and what an address of the upstream is called outside.
//!
//! Only the operator's settings choose the host; nothing in a request does.

use std::borrow::Cow;

use http::{
    Uri,
    uri::{self, PathAndQuery},
};
use oauthgate_core::{Denial, Reason, ResourceIdentifier, SettingError};
use url::Url;

use crate::{config::ResourceSettings, proxy::admission::RequestTarget};

/// The upstream's address beside the public one.
#[derive(Debug)]
pub(super) struct Destination {
    scheme: uri::Scheme,
    authority: uri::Authority,
    /// What the addresses that the upstream writes are relative to.
    upstream: Url,
    /// The upstream's own path, which replaces the resource's; `None` when it has none.
    path: Option<OwnPath>,
    resource_path: String,
    public_origin: String,
}

/// A path that the operator wrote into the upstream's URL.
#[derive(Debug)]
struct OwnPath {
    /// As written: clients spell the resource with and without a slash at the end, and most servers
    /// redirect one spelling to the other. The operator knows which one the server serves.
    root: String,
    /// Without a slash at the end: what a path below the root is appended to.
    base: String,
}

impl OwnPath {
    fn of(upstream: &Url) -> Option<Self> {
        let base = upstream.path().trim_end_matches('/');
        (!base.is_empty()).then(|| Self {
            root: upstream.path().to_owned(),
            base: base.to_owned(),
        })
    }

    /// The upstream's path for what follows the resource's own.
    fn with(&self, below: &str) -> String {
        match below {
            "" | "/" => self.root.clone(),
            below => format!("{}{below}", self.base),
        }
    }
}

impl Destination {
    /// The way from a resource to its upstream.
    ///
    /// # Errors
    /// When the upstream is nothing that can be connected to.
    pub(super) fn new(settings: &ResourceSettings) -> Result<Self, SettingError> {
        Self::between(
            &settings.provider.resource,
            &settings.path,
            &settings.upstream,
        )
    }

    fn between(
        resource: &ResourceIdentifier,
        resource_path: &str,
        upstream: &Url,
    ) -> Result<Self, SettingError> {
        let wrong = || {
            SettingError::new(
                "no address that can be connected to",
                "for example http://127.0.0.1:3001",
            )
        };
        let host = upstream.host_str().ok_or_else(wrong)?;
        let authority = upstream
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            scheme: upstream.scheme().parse().map_err(|_| wrong())?,
            authority: authority.parse().map_err(|_| wrong())?,
            upstream: upstream.clone(),
            path: OwnPath::of(upstream),
            resource_path: resource_path.to_owned(),
            public_origin: resource.origin().to_owned(),
        })
    }

    /// The upstream's host and port.
    pub(super) fn authority(&self) -> &uri::Authority {
        &self.authority
    }

    /// The address at the upstream of a request that was sent to this target.
    ///
    /// # Errors
    /// [`Reason::MalformedRequest`] when there is none, as for `OPTIONS *`.
    pub(super) fn uri(&self, target: &RequestTarget, sent: &Uri) -> Result<Uri, Denial> {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(self.path_and_query(target, sent).ok_or_else(malformed)?);
        Uri::from_parts(parts).map_err(|_| malformed())
    }

    fn path_and_query(&self, target: &RequestTarget, sent: &Uri) -> Option<PathAndQuery> {
        let path = target.path()?;
        let query = sent.query().and_then(without_token);
        let is_as_sent =
            self.path.is_none() && path.as_str() == sent.path() && query.as_deref() == sent.query();
        if is_as_sent {
            return sent.path_and_query().cloned();
        }
        let mut text = match &self.path {
            Some(own) => own.with(path.below(&self.resource_path)?),
            None => path.as_str().to_owned(),
        };
        if let Some(query) = query {
            text.push('?');
            text.push_str(&query);
        }
        text.try_into().ok()
    }

    /// The public form of an address that the upstream wrote into `Location`: clients cannot reach it at
    /// the upstream, and need not know where it stands. `None` for what may stay as it is: addresses of
    /// others, and references that are relative to the request's path.
    pub(super) fn public(&self, location: &str) -> Option<String> {
        let is_path = location.starts_with('/') && !location.starts_with("//");
        let is_relative = !location.starts_with('/') && Url::parse(location).is_err();
        let target = self.upstream.join(location).ok()?;
        if is_relative || !self.is_ours(&target) {
            return None;
        }
        let path = self.public_path(target.path());
        // Two slashes in front would name a host.
        let origin = match is_path && !path.starts_with("//") {
            true => "",
            false => &self.public_origin,
        };
        let after_path = &target[url::Position::AfterPath..];
        Some(format!("{origin}{path}{after_path}"))
    }

    /// Any scheme: an upstream that believes our `X-Forwarded-Proto` writes `https` before its own host.
    fn is_ours(&self, url: &Url) -> bool {
        ["http", "https"].contains(&url.scheme())
            && url.host() == self.upstream.host()
            && url.port() == self.upstream.port()
    }

    /// What lies outside the upstream's own path has no other name here.
    fn public_path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let below = self.path.as_ref().and_then(|own| {
            path.strip_prefix(own.base.as_str())
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        match below {
            Some(rest) => format!("{}{rest}", self.resource_path).into(),
            None => path.into(),
        }
    }
}

fn malformed() -> Denial {
    Denial::new(Reason::MalformedRequest).with_detail("the path cannot be sent on")
}

/// A query without tokens. Requests with one are refused before they come here; this keeps the promise
/// that the upstream never sees one in this room, too.
fn without_token(query: &str) -> Option<Cow<'_, str>> {
    // The name written out, or in part encoded.
    if !query.contains("access_token") && !query.contains('%') {
        return Some(query.into());
    }
    // Some servers take `;` for `&`.
    let is_token = |pair: &str| {
        let mut parts = pair.split(';').map(str::as_bytes);
        parts.any(|part| url::form_urlencoded::parse(part).any(|(name, _)| name == "access_token"))
    };
    if !is_token(query) {
        return Some(query.into());
    }
    let kept: Vec<_> = query.split('&').filter(|pair| !is_token(pair)).collect();
    (!kept.is_empty()).then(|| kept.join("&").into())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use rstest::rstest;

    use super::*;
    use crate::proxy::admission::KnownHosts;

    fn destination(resource: &str, upstream: &str) -> Destination {
        let resource = ResourceIdentifier::parse(resource).unwrap();
        let path = resource.path().trim_end_matches('/').to_owned();
        Destination::between(&resource, &path, &upstream.parse().unwrap()).unwrap()
    }

    fn sent(destination: &Destination, target: &str) -> String {
        let request = Request::get(target).header("host", "mcp.example.com");
        let parts = request.body(()).unwrap().into_parts().0;
        let target = RequestTarget::read(&parts, &KnownHosts::default()).unwrap();
        let uri = destination.uri(&target, &parts.uri);
        uri.unwrap().to_string()
    }

    #[rstest]
    #[case("/mcp", "http://up:3001", "/mcp", "http://up:3001/mcp")]
    #[case("/mcp", "http://up:3001/", "/mcp/", "http://up:3001/mcp/")]
    #[case("/mcp", "http://up:3001", "/mcp/x/", "http://up:3001/mcp/x/")]
    #[case("/mcp", "http://up:3001/api", "/mcp", "http://up:3001/api")]
    #[case("/mcp", "http://up:3001/api/", "/mcp", "http://up:3001/api/")]
    #[case("/mcp", "http://up:3001/api/", "/mcp/", "http://up:3001/api/")]
    #[case("/mcp", "http://up:3001/api/", "/mcp/x", "http://up:3001/api/x")]
    #[case("/mcp", "http://up:3001/api", "/mcp/", "http://up:3001/api")]
    #[case(
        "/mcp",
        "http://up:3001/api",
        "/mcp/x%20y/",
        "http://up:3001/api/x%20y/"
    )]
    #[case("/mcp", "http://up:3001/api", "/mcp/mcp", "http://up:3001/api/mcp")]
    #[case("/mcp", "http://up:3001/api", "/m%63p/x", "http://up:3001/api/x")]
    #[case("/a/b", "http://up:3001/api/v1", "/a/b/c", "http://up:3001/api/v1/c")]
    #[case("", "http://up:3001", "/", "http://up:3001/")]
    #[case("", "http://up:3001/api", "/", "http://up:3001/api")]
    #[case("", "http://up:3001/api", "/x", "http://up:3001/api/x")]
    #[case("/mcp", "https://up.example/api", "/mcp/x", "https://up.example/api/x")]
    #[case("/mcp", "http://[::1]:3001", "/mcp", "http://[::1]:3001/mcp")]
    fn a_path_of_the_resource_becomes_one_of_the_upstream(
        #[case] resource: &str,
        #[case] upstream: &str,
        #[case] target: &str,
        #[case] expected: &str,
    ) {
        let resource = format!("https://mcp.example.com{resource}");
        assert_eq!(sent(&destination(&resource, upstream), target), expected);
    }

    #[rstest]
    #[case("?", "?")]
    #[case("?a=1&b=%2F%20+&a=2", "?a=1&b=%2F%20+&a=2")]
    #[case("?access_token=secret", "")]
    #[case("?a=1&access_token=secret&b=2", "?a=1&b=2")]
    #[case("?access_token&a=1&access%5Ftoken=secret", "?a=1")]
    #[case("?access_token=secret&%61ccess_token=secret", "")]
    #[case("?a=1;access_token=secret&b=2", "?b=2")]
    #[case("?my_access_token=1", "?my_access_token=1")]
    fn f3_the_query_goes_on_without_a_token(#[case] query: &str, #[case] expected: &str) {
        let destination = destination("https://mcp.example.com/mcp", "http://up:3001");
        assert_eq!(
            sent(&destination, &format!("/mcp{query}")),
            format!("http://up:3001/mcp{expected}")
        );
    }

    #[rstest]
    #[case("http://evil.example/mcp")]
    #[case("https://evil.example:9/mcp")]
    fn g12_the_request_does_not_choose_the_host(#[case] target: &str) {
        let destination = destination("https://mcp.example.com/mcp", "http://up:3001");
        let parts = Request::get(target).body(()).unwrap().into_parts().0;
        let target = RequestTarget::read(&parts, &KnownHosts::default()).unwrap();
        let uri = destination.uri(&target, &parts.uri).unwrap();
        assert_eq!(uri.to_string(), "http://up:3001/mcp");
    }

    #[rstest]
    #[case("http://up:3001/api", "https://mcp.example.com/mcp")]
    #[case("http://up:3001/api/x?y=1#z", "https://mcp.example.com/mcp/x?y=1#z")]
    #[case("https://up:3001/api/", "https://mcp.example.com/mcp/")]
    #[case("HTTP://UP:3001/api/", "https://mcp.example.com/mcp/")]
    #[case("//up:3001/api/", "https://mcp.example.com/mcp/")]
    #[case("http://up:3001/apix", "https://mcp.example.com/apix")]
    #[case("http://up:3001/login", "https://mcp.example.com/login")]
    #[case("http://user:secret@up:3001/api/", "https://mcp.example.com/mcp/")]
    #[case("/api/x?y=1", "/mcp/x?y=1")]
    #[case("/login", "/login")]
    #[case("/.//evil.example", "https://mcp.example.com//evil.example")]
    fn an_address_of_the_upstream_becomes_a_public_one(
        #[case] location: &str,
        #[case] expected: &str,
    ) {
        let destination = destination("https://mcp.example.com/mcp", "http://up:3001/api");
        assert_eq!(destination.public(location).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("https://other.example/api/x")]
    #[case("http://up:3002/api/x")]
    #[case("http://up/api/x")]
    #[case("https://mcp.example.com/mcp/x")]
    #[case("//other.example/api")]
    #[case("/\\other.example/api")]
    #[case("x/y")]
    #[case("../x")]
    #[case("?page=2")]
    #[case("#top")]
    #[case("")]
    #[case("mailto:alice@example.com")]
    #[case("ftp://up:3001/api")]
    #[case("http://[bad")]
    fn other_addresses_stay_as_they_are(#[case] location: &str) {
        let destination = destination("https://mcp.example.com/mcp", "http://up:3001/api");
        assert_eq!(destination.public(location), None);
    }
}
