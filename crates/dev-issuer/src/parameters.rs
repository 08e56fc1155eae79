//! Request parameters: a query or a form body (RFC 6749 §3.1, §3.2).

use axum::http::{HeaderMap, header};
use url::form_urlencoded;

use crate::error::OAuthError;

/// Parameters of one request. Empty values count as absent; only `resource` and `granted` may repeat.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// Parameters that may be sent more than once: RFC 8707 §2, and the check boxes of the consent page.
const REPEATABLE: [&str; 2] = ["resource", "granted"];

impl Parameters {
    /// The parameters of a POST, which must say that its body is a form.
    pub(crate) fn from_form(headers: &HeaderMap, body: &[u8]) -> Result<Self, OAuthError> {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::invalid_request(
                "send application/x-www-form-urlencoded",
            ));
        }
        Self::parse(body)
    }

    /// Parses a query or an `application/x-www-form-urlencoded` body.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded).filter(|(_, value)| !value.is_empty())
        {
            let repeated = parameters.iter().any(|(known, _)| *known == name);
            if repeated && !REPEATABLE.contains(&name.as_ref()) {
                return Err(OAuthError::invalid_request(
                    "a parameter was sent more than once",
                ));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.find(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
    }

    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The one resource asked for. Tokens of this server have one audience, so two different ones are refused.
    pub(crate) fn resource(&self) -> Result<Option<&str>, OAuthError> {
        let mut resources = self.all("resource");
        let first = resources.next();
        if resources.any(|other| Some(other) != first) {
            return Err(OAuthError::invalid_target(
                "a token is for one resource; ask for one at a time",
            ));
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_parameter_sent_twice() {
        assert!(Parameters::parse(b"code=a&code=b").is_err());
        assert!(Parameters::parse(b"code=a&code=").is_ok());
    }

    #[test]
    fn one_resource_may_be_repeated_but_not_two() {
        assert_eq!(
            Parameters::parse(b"resource=a&resource=a")
                .unwrap()
                .resource()
                .unwrap(),
            Some("a")
        );
        assert_eq!(
            Parameters::parse(b"resource=a&resource=b")
                .unwrap()
                .resource()
                .unwrap_err()
                .code,
            "invalid_target"
        );
    }
}
