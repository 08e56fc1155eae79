//! Client authentication (RFC 6749 §2.3).

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::client::{Authentication, Client};
use crate::{crypto::same_secret, error::OAuthError, parameters::Parameters, state::IssuerState};

/// What a request offers.
struct Offer {
    client_id: String,
    secret: Option<String>,
    basic: bool,
}

/// The client that sent this request, proven if it has a secret.
pub(crate) async fn authenticate(
    state: &IssuerState,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Client, OAuthError> {
    let offer = offer(headers, form)?;
    let failed = |description: &str| OAuthError::invalid_client(description, offer.basic);
    let client = state
        .clients
        .resolve(&offer.client_id)
        .await
        .map_err(|error| failed(&error.description))?;
    if proves(&client.authentication, &offer) {
        Ok(client)
    } else {
        Err(failed(
            "the client did not authenticate as it was registered to",
        ))
    }
}

fn proves(registered: &Authentication, offer: &Offer) -> bool {
    let matches = |secret: &str| {
        offer
            .secret
            .as_deref()
            .is_some_and(|offered| same_secret(secret, offered))
    };
    match registered {
        Authentication::Nothing => offer.secret.is_none() && !offer.basic,
        Authentication::Basic(secret) => offer.basic && matches(secret),
        Authentication::Post(secret) => !offer.basic && matches(secret),
        Authentication::Either(secret) => matches(secret),
    }
}

fn offer(headers: &HeaderMap, form: &Parameters) -> Result<Offer, OAuthError> {
    let form_id = form.find("client_id");
    let form_secret = form.find("client_secret");
    let Some(authorization) = headers.get(header::AUTHORIZATION) else {
        let client_id =
            form_id.ok_or_else(|| OAuthError::invalid_client("no client credentials", false))?;
        return Ok(Offer {
            client_id: client_id.to_owned(),
            secret: form_secret.map(str::to_owned),
            basic: false,
        });
    };
    if form_secret.is_some() {
        return Err(OAuthError::invalid_request(
            "use one way to authenticate, not two",
        ));
    }
    let malformed = || OAuthError::invalid_client("not HTTP Basic credentials", true);
    let (client_id, secret) = authorization
        .to_str()
        .ok()
        .and_then(basic_credentials)
        .ok_or_else(malformed)?;
    if form_id.is_some_and(|named| named != client_id) {
        return Err(OAuthError::invalid_request(
            "client_id differs from the authenticated client",
        ));
    }
    Ok(Offer {
        client_id,
        secret: Some(secret),
        basic: true,
    })
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined by a colon.
fn basic_credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

fn form_decode(value: &str) -> String {
    url::form_urlencoded::parse(format!("value={}", value.replace('&', "%26")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_basic_credentials() {
        // "a%3Ab:s%26%2B" and the scheme in lower case.
        let header = format!("basic {}", STANDARD.encode("a%3Ab:s%26%2B"));
        assert_eq!(
            basic_credentials(&header),
            Some(("a:b".to_owned(), "s&+".to_owned()))
        );
    }

    #[test]
    fn refuses_what_is_not_basic() {
        for bad in ["Bearer abc", "Basic", "Basic !!!", "Basic YWJj"] {
            assert_eq!(basic_credentials(bad), None, "{bad}");
        }
    }
}
