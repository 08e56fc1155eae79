//! The answer to the client, by way of the user's browser.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use url::form_urlencoded;

use super::pages;
use crate::error::{OAuthError, no_store};

/// Where and how to answer an authorization request.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Checked: it is the client's.
    pub(crate) redirect_uri: String,
    /// Echoed as it came.
    pub(crate) state: Option<String>,
    /// Left out by providers that do not say it.
    pub(crate) issuer: Option<String>,
}

impl Reply {
    pub(super) fn code(&self, code: &str) -> Response {
        self.redirect(&[("code", code)])
    }

    pub(super) fn error(&self, error: &OAuthError) -> Response {
        self.redirect(&[
            ("error", error.code),
            ("error_description", &error.description),
        ])
    }

    /// 303, so that the consent form's body is not sent on (RFC 9700 §4.12).
    fn redirect(&self, parameters: &[(&str, &str)]) -> Response {
        let Ok(location) = HeaderValue::try_from(self.location(parameters)) else {
            return pages::error(&OAuthError::invalid_request(
                "the redirect URI cannot be written into a header",
            ));
        };
        let headers = [
            (header::LOCATION, location),
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("no-referrer"),
            ),
        ];
        (StatusCode::SEE_OTHER, no_store(), headers).into_response()
    }

    /// The redirect URI stays as it is, byte for byte; a query it has is kept (RFC 6749 §3.1.2).
    fn location(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        // RFC 9207: the client can tell which server answered.
        if let Some(issuer) = &self.issuer {
            query.append_pair("iss", issuer);
        }
        let separator = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{separator}{}", self.redirect_uri, query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(redirect_uri: &str) -> Reply {
        Reply {
            redirect_uri: redirect_uri.to_owned(),
            state: Some("a b&c".to_owned()),
            issuer: Some("http://127.0.0.1:1/x".to_owned()),
        }
    }

    #[test]
    fn appends_to_the_redirect_uri_and_escapes() {
        assert_eq!(
            reply("https://client.example/cb").location(&[("code", "1")]),
            "https://client.example/cb?code=1&state=a+b%26c&iss=http%3A%2F%2F127.0.0.1%3A1%2Fx"
        );
    }

    #[test]
    fn keeps_the_query_of_the_redirect_uri() {
        let location = reply("com.example:/cb?a=1").location(&[("error", "access_denied")]);
        assert!(
            location.starts_with("com.example:/cb?a=1&error=access_denied&state="),
            "{location}"
        );
    }

    #[test]
    fn a_redirect_uri_unfit_for_a_header_shows_an_error_page() {
        let response = reply("https://client.example/\n").code("1");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(!response.headers().contains_key(header::LOCATION));
    }
}
