//! What an authorization request must look like.

use super::reply::Reply;
use crate::{
    clients::{Client, GrantType, redirects_to},
    error::OAuthError,
    parameters::Parameters,
    state::{IssuerState, Target},
    token::{is_challenge, select_scopes},
};

/// A request that may be granted if the user agrees.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    /// As the client calls itself.
    pub(crate) client_name: Option<String>,
    pub(crate) reply: Reply,
    pub(crate) target: Target,
    /// Those asked for that exist and that the client may have.
    pub(crate) scopes: Vec<String>,
    pub(crate) code_challenge: String,
    pub(crate) nonce: Option<String>,
    /// Digest of the cookie of the browser that was asked; empty before it was.
    pub(crate) browser: String,
}

/// Who asks, and where the answer may go. Errors here must not be sent anywhere.
pub(super) async fn identify(
    state: &IssuerState,
    parameters: &Parameters,
) -> Result<(Client, Reply), OAuthError> {
    let client = state
        .clients
        .resolve(parameters.require("client_id")?)
        .await?;
    let redirect_uri = redirect_uri(&client, parameters.find("redirect_uri"))?;
    let reply = Reply {
        redirect_uri,
        state: parameters.find("state").map(str::to_owned),
        issuer: state.names_itself().then(|| state.issuer.clone()),
    };
    Ok((client, reply))
}

/// It may be left out only if there is no doubt which one is meant (RFC 6749 §3.1.2.3).
fn redirect_uri(client: &Client, requested: Option<&str>) -> Result<String, OAuthError> {
    match (requested, client.redirect_uris.as_slice()) {
        (Some(uri), registered) if redirects_to(registered, uri) => Ok(uri.to_owned()),
        (Some(_), _) => Err(OAuthError::invalid_request(
            "redirect_uri is not one the client registered",
        )),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(OAuthError::invalid_request("redirect_uri is missing")),
    }
}

impl AuthorizationRequest {
    /// Checks everything else. Errors here go back to the client.
    pub(super) fn examine(
        state: &IssuerState,
        client: Client,
        reply: Reply,
        parameters: &Parameters,
    ) -> Result<Self, OAuthError> {
        if !client.may_use(GrantType::AuthorizationCode) {
            return Err(OAuthError::new(
                "unauthorized_client",
                "the client is not registered for authorization codes",
            ));
        }
        check_form(parameters)?;
        let code_challenge = code_challenge(parameters)?;
        let target = state.target(state.asked_resource(parameters)?)?;
        let scopes = select_scopes(&target, &client, parameters)?;
        Ok(Self {
            client_id: client.client_id,
            client_name: client.name,
            reply,
            target,
            scopes,
            code_challenge,
            nonce: parameters.find("nonce").map(str::to_owned),
            browser: String::new(),
        })
    }
}

fn check_form(parameters: &Parameters) -> Result<(), OAuthError> {
    for (name, code) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
    ] {
        if parameters.find(name).is_some() {
            return Err(OAuthError::new(code, "send the parameters in the query"));
        }
    }
    if parameters.require("response_type")? != "code" {
        return Err(OAuthError::new(
            "unsupported_response_type",
            "only response_type code is supported",
        ));
    }
    if parameters
        .find("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(OAuthError::invalid_request(
            "only response_mode query is supported",
        ));
    }
    Ok(())
}

/// Every client proves possession (OAuth 2.1 §4.1.1). A missing method means `plain` (RFC 7636 §4.3), which is refused.
fn code_challenge(parameters: &Parameters) -> Result<String, OAuthError> {
    let challenge = parameters.require("code_challenge")?;
    if parameters.find("code_challenge_method") != Some("S256") {
        return Err(OAuthError::invalid_request(
            "code_challenge_method must be S256",
        ));
    }
    if !is_challenge(challenge) {
        return Err(OAuthError::invalid_request(
            "code_challenge is no SHA-256 in base64url",
        ));
    }
    Ok(challenge.to_owned())
}
