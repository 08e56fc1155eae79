//! The protected resource's metadata document over HTTP (RFC 9728 §3).
//!
//! It is served at the location made by inserting the well-known segment between host and path, and at
//! the root form, which clients try when they saw no challenge. Everybody may read it, from every
//! origin: it says where to log in, and nothing else. It is never limited, and names only what
//! the configuration says, whatever `Host` the request carries.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use oauthgate_core::{Denial, ProtectedResource, Reason};
use tower_service::Service;

use crate::{Reference, response};

/// The well-known location of a resource without a path (RFC 9728 §3).
pub const ROOT_PATH: &str = "/.well-known/oauth-protected-resource";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// For every origin; browsers may then read what a client without credentials may read.
const CORS: [(HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, mcp-protocol-version",
    ),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "WWW-Authenticate, MCP-Protocol-Version, Mcp-Session-Id",
    ),
];

/// Serves one resource's metadata document. [`crate::ResourceServerLayer`] contains one; mount it
/// yourself where the layer does not see the well-known paths, for example below `Router::nest`.
#[derive(Debug, Clone)]
pub struct MetadataRoute {
    resource: ProtectedResource,
    path: String,
    document: Bytes,
}

impl MetadataRoute {
    /// The route of this resource.
    #[must_use]
    pub fn new(resource: &ProtectedResource) -> Self {
        // A structure of strings and lists always serializes; were it not so, an empty document
        // would name no authorization server.
        let document = serde_json::to_vec(&resource.metadata()).unwrap_or_default();
        Self {
            path: resource.identifier().metadata_path(),
            document: document.into(),
            resource: resource.clone(),
        }
    }

    /// Whether this path is the document's: path-inserted or root form, with or without a last slash.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        without_last_slash(path) == ROOT_PATH || self.is_at(path)
    }

    /// Whether this path is the path-inserted form, with or without a last slash: clients write both,
    /// and a resource's own identifier may end with one.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        without_last_slash(path) == without_last_slash(&self.path)
    }

    /// The path-inserted location.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The document on GET and HEAD, the CORS grants on OPTIONS, 405 on anything else.
    #[must_use]
    pub fn answer(&self, method: &Method) -> Response<Full<Bytes>> {
        let mut response = match *method {
            Method::GET | Method::HEAD => self.document(method),
            Method::OPTIONS => empty(StatusCode::NO_CONTENT),
            _ => method_not_allowed(),
        };
        allow_every_origin(response.headers_mut());
        response
    }

    fn document(&self, method: &Method) -> Response<Full<Bytes>> {
        let mut response = response::with_body(method, self.document.clone());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        );
        response
    }

    fn answer_path(&self, path: &str, method: &Method) -> Response<Full<Bytes>> {
        if self.serves(path) {
            return self.answer(method);
        }
        response::refusal(
            method,
            Denial::new(Reason::NotServed),
            &self.resource,
            Reference::random(),
        )
    }

    /// Both locations as an axum router, to be merged into yours outside the protected part.
    #[cfg(feature = "axum")]
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> axum::Router<S> {
        let mut paths = Vec::new();
        for path in [ROOT_PATH, without_last_slash(&self.path)] {
            paths.extend([path.to_owned(), format!("{path}/")]);
        }
        // A resource at the root of its host has one place only.
        paths.sort();
        paths.dedup();
        paths.sort();
        paths.dedup();
        paths.into_iter().fold(axum::Router::new(), |router, path| {
            router.route_service(&path, self.clone())
        })
    }
}

fn without_last_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn method_not_allowed() -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(
        header::ALLOW,
        HeaderValue::from_static("GET, HEAD, OPTIONS"),
    );
    response
}

fn allow_every_origin(headers: &mut HeaderMap) {
    headers.extend(CORS.map(|(name, value)| (name, HeaderValue::from_static(value))));
}

/// The route alone: 404 on every other path.
impl<B> Service<Request<B>> for MetadataRoute {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer_path(request.uri().path(), request.method())))
    }
}
