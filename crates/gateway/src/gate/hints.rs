//! Requests that look for an authorization server on our host.
//!
//! Clients that could not read a challenge fall back to our own origin: they ask for its metadata, or
//! post to `/register` right away. The upstream's page in their place (often 200 with HTML) sends them
//! astray; a JSON 404 with a hint ends the search.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};
use http_body_util::Full;
use oauthgate_core::{Answer, Denial, ProtectedResource, Reason};
use oauthgate_tower::{Reference, metadata_route::ROOT_PATH};

const DOCUMENTS: [&str; 3] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    ROOT_PATH,
];
const ENDPOINTS: [&str; 3] = ["/authorize", "/token", "/register"];

/// Whether a path may be one of those below, or that of one of our own documents. Hardly any is.
pub(super) fn may_be_document(path: &str) -> bool {
    path.starts_with("/.well-known/") || ENDPOINTS.contains(&path.strip_suffix('/').unwrap_or(path))
}

/// Whether a path is one that only an authorization server would serve, or a metadata document that is
/// not ours.
pub(super) fn seeks_authorization_server(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let document = |name: &&str| {
        path.strip_prefix(*name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    DOCUMENTS.iter().any(document) || ENDPOINTS.contains(&path)
}

/// What to tell the client: what is not here, and where the metadata is of the resource that it may have
/// meant. Without one nothing is told of the resources on other hosts.
pub(super) fn hint(path: &str, meant: Option<&ProtectedResource>) -> String {
    let url = meant.map(|resource| resource.identifier().metadata_url());
    match (path.starts_with(ROOT_PATH), url) {
        (true, Some(url)) => {
            format!("no resource has its metadata here; {url} is the metadata of one on this host")
        }
        (true, None) => "no resource has its metadata here".to_owned(),
        (false, Some(url)) => format!(
            "this host is no authorization server; {url} names the authorization servers of this resource"
        ),
        (false, None) => "this host is no authorization server".to_owned(),
    }
}

/// 404 with a hint. `resource` speaks for the gate.
pub(super) fn not_here(
    method: &Method,
    resource: &ProtectedResource,
    reference: &Reference,
    hint: &str,
) -> Response<Full<Bytes>> {
    let mut response = refusal(method, resource, reference, Some(hint));
    response.headers_mut().insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

/// 404 for a path that no resource lives under.
pub(super) fn not_served(
    method: &Method,
    resource: &ProtectedResource,
    reference: &Reference,
) -> Response<Full<Bytes>> {
    refusal(method, resource, reference, None)
}

fn refusal(
    method: &Method,
    resource: &ProtectedResource,
    reference: &Reference,
    hint: Option<&str>,
) -> Response<Full<Bytes>> {
    let denial = Denial::new(Reason::NotServed);
    let answer = Answer::to(&denial, resource);
    let body = answer.body(reference.as_str());
    let body = hint.map_or_else(|| body.clone(), |hint| with_hint(&body, hint));
    let mut response = Response::new(Full::new(if method == Method::HEAD {
        Bytes::new()
    } else {
        body.into()
    }));
    *response.status_mut() = answer.status();
    response.headers_mut().extend(answer.headers());
    response.extensions_mut().insert(denial);
    response.extensions_mut().insert(reference.clone());
    response
}

fn with_hint(body: &str, hint: &str) -> String {
    let mut members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(body).unwrap_or_default();
    members.insert("hint".to_owned(), hint.into());
    serde_json::Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/.well-known/oauth-authorization-server", true)]
    #[case("/.well-known/oauth-authorization-server/mcp", true)]
    #[case("/.well-known/openid-configuration/", true)]
    #[case("/.well-known/oauth-protected-resource/other", true)]
    #[case("/authorize", true)]
    #[case("/token/", true)]
    #[case("/register", true)]
    #[case("/.well-known/oauth-authorization-serverx", false)]
    #[case("/registered", false)]
    #[case("/token/x", false)]
    #[case("/mcp", false)]
    fn knows_who_looks_for_an_authorization_server(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(seeks_authorization_server(path), expected);
    }
}
