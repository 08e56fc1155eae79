//! Which path leads where.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};

use crate::{
    authorize, clients,
    control::{self, Endpoint, misbehave},
    cors, emulate, introspect, loopback, metadata, revoke,
    state::IssuerState,
    token,
};

/// No request of any flow is larger.
const MAX_BODY: usize = 64 * 1024;

/// Every answer says that nobody real gave it: a resource server that asks about tokens sees no key by which it
/// could tell.
const MARK: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-oauthgate-dev-issuer"),
    HeaderValue::from_static("true"),
);

pub(crate) fn router(state: &Arc<IssuerState>) -> Router {
    let mut routes = open_routes(state).merge(authorize_routes(state));
    if state.options.control_api {
        routes = routes.merge(control::routes());
    }
    routes = routes.layer(DefaultBodyLimit::max(MAX_BODY));
    // Behind a proxy that sends a provider's names here, every name is ours.
    if !state.has_real_names() {
        routes = routes.layer(middleware::from_fn(refuse_foreign_hosts));
    }
    routes
        .layer(middleware::map_response(mark))
        .with_state(Arc::clone(state))
}

async fn mark(mut response: Response) -> Response {
    let (name, value) = MARK;
    response.headers_mut().insert(name, value);
    response
}

/// What a client in a browser may call from any origin.
fn open_routes(state: &Arc<IssuerState>) -> Router<Arc<IssuerState>> {
    if let Some(emulated) = &state.emulated {
        return emulate::endpoint_routes(state, emulated)
            .layer(middleware::from_fn(cors::allow_any_origin));
    }
    let path = &state.path;
    let mut routes = Router::new()
        .route(
            &format!("{path}/jwks"),
            observed(state, Endpoint::Jwks, get(metadata::jwks)),
        )
        .route(
            &format!("{path}/token"),
            observed(state, Endpoint::Token, post(token::token)),
        )
        .route(
            &format!("{path}/register"),
            observed(state, Endpoint::Register, post(clients::register)),
        )
        .route(
            &format!("{path}/revoke"),
            observed(state, Endpoint::Revoke, post(revoke::revoke)),
        )
        .route(
            &format!("{path}/introspect"),
            observed(state, Endpoint::Introspect, post(introspect::introspect)),
        );
    for location in metadata_locations(path) {
        routes = routes.route(
            &location,
            observed(state, Endpoint::Metadata, get(metadata::metadata)),
        );
    }
    routes.layer(middleware::from_fn(cors::allow_any_origin))
}

/// What only a person's own browser window may call.
fn authorize_routes(state: &Arc<IssuerState>) -> Router<Arc<IssuerState>> {
    let path = &state.path;
    let usual = vec![format!("{path}/authorize")];
    let (pages, token_info) = match &state.emulated {
        None => (usual, Router::new()),
        Some(emulated) => (
            emulate::authorize_paths(emulated),
            emulate::token_info_routes(state, emulated),
        ),
    };
    let decision = Router::new().route(
        &format!("{path}/authorize/decision"),
        post(authorize::decide),
    );
    pages
        .iter()
        .fold(decision.merge(token_info), |routes, page| {
            routes.route(
                page,
                observed(state, Endpoint::Authorize, get(authorize::authorize)),
            )
        })
}

/// RFC 8414 §3.1 inserts the well-known part before the path, OpenID Connect appends it. Clients try both spellings
/// for both names; those of 2025-03-26 look at the root only.
fn metadata_locations(path: &str) -> BTreeSet<String> {
    ["oauth-authorization-server", "openid-configuration"]
        .into_iter()
        .flat_map(|name| {
            [
                format!("/.well-known/{name}{path}"),
                format!("{path}/.well-known/{name}"),
            ]
        })
        .chain(["/.well-known/oauth-authorization-server".to_owned()])
        .collect()
}

/// Counts the requests of an endpoint and lets its fault hit them.
pub(crate) fn observed(
    state: &Arc<IssuerState>,
    endpoint: Endpoint,
    route: MethodRouter<Arc<IssuerState>>,
) -> MethodRouter<Arc<IssuerState>> {
    route.layer(middleware::from_fn_with_state(
        (Arc::clone(state), endpoint),
        observe,
    ))
}

async fn observe(
    State((state, endpoint)): State<(Arc<IssuerState>, Endpoint)>,
    request: Request,
    next: Next,
) -> Response {
    state.counts.count(endpoint);
    match misbehave(&state.faults, endpoint).await {
        Some(wrong) => wrong,
        None => next.run(request).await,
    }
}

/// Stops DNS rebinding: a page that points its own name at this machine still sends that name.
async fn refuse_foreign_hosts(request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = header.or_else(|| request.uri().authority().map(Authority::as_str));
    if authority.is_some_and(loopback::is_loopback_authority) {
        return next.run(request).await;
    }
    (
        StatusCode::FORBIDDEN,
        "this server answers to loopback names only\n",
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_served_at_the_inserted_the_appended_and_the_root_location() {
        let locations: Vec<_> = metadata_locations("/tenant").into_iter().collect();
        assert_eq!(
            locations,
            [
                "/.well-known/oauth-authorization-server",
                "/.well-known/oauth-authorization-server/tenant",
                "/.well-known/openid-configuration/tenant",
                "/tenant/.well-known/oauth-authorization-server",
                "/tenant/.well-known/openid-configuration",
            ]
        );
        assert_eq!(metadata_locations("").len(), 2);
    }
}
