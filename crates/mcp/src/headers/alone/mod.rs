//! What a request asks for, told by its headers alone.

use http::{HeaderMap, Method};
use oauthgate_core::{Denial, Reason};

use super::{
    Mismatch, ParameterHeaders,
    standard::must_be_named,
    value::{only, only_decoded},
    version,
};
use crate::{
    Object, Operation,
    jsonrpc::is_plain_method,
    revision::{METHOD, NAME, Revision},
};

/// Why headers alone do not tell what a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadersDoNotTell {
    /// Messages are posted.
    #[error("only a POST carries a message")]
    NoMessage,
    /// Older revisions, or none: nobody has to check that the headers are true.
    #[error("no revision is named that makes the server compare headers with the body")]
    Revision,
    /// A header is missing, occurs twice or does not decode.
    #[error("the headers that must mirror the body are missing or unreadable")]
    Unreadable,
    /// The method acts on something that no header names.
    #[error("no header names what this method acts on")]
    Object,
}

impl From<HeadersDoNotTell> for Denial {
    fn from(reason: HeadersDoNotTell) -> Self {
        let code = match reason {
            HeadersDoNotTell::NoMessage => Reason::UnreadableBody,
            HeadersDoNotTell::Revision => Reason::UnsupportedRevision,
            HeadersDoNotTell::Unreadable => Reason::HeaderMismatch,
            HeadersDoNotTell::Object => Reason::PolicyRefused,
        };
        Self::new(code).with_detail(reason.to_string())
    }
}

impl From<Mismatch> for HeadersDoNotTell {
    fn from(_: Mismatch) -> Self {
        Self::Unreadable
    }
}

impl Operation {
    /// What a request asks for according to its headers, for those who never see the body: a proxy that
    /// only asks for permission (forward-auth).
    ///
    /// It is safe where the server that gets the body keeps to the revision that the headers name, that
    /// is, where it refuses a body that says something else (MCP 2026-07-28, Server Validation). It is
    /// not where the server ignores `MCP-Protocol-Version`, or also serves clients of older revisions and
    /// decides by the body alone which one it speaks: try it, with a request whose `Mcp-Name` lies. So
    /// older revisions are refused, and so is whatever no header mirrors: a batch, the resources of
    /// `subscriptions/listen`, what `completion/complete` is about. Of the arguments only those are
    /// known that [`ParameterHeaders::configured`] vouches for; a rule that looks at others does not let the
    /// caller pass.
    ///
    /// ```
    /// use http::{HeaderMap, Method};
    /// use oauthgate_core::{Requirement, ScopeSet};
    /// use oauthgate_mcp::{Object, Operation, ParameterHeaders, Policy};
    ///
    /// let policy = Policy::new().tool("echo", Requirement::scopes(ScopeSet::parse("echo")?));
    /// let mut headers = HeaderMap::new();
    /// headers.insert("mcp-protocol-version", "2026-07-28".parse()?);
    /// headers.insert("mcp-method", "tools/call".parse()?);
    /// headers.insert("mcp-name", "echo".parse()?);
    ///
    /// let operation = Operation::of_headers(&Method::POST, &headers, &ParameterHeaders::new())?;
    /// assert_eq!(operation.object, Some(Object::tool("echo")));
    /// let decision = policy.decide([&operation], &Requirement::authenticated(), None);
    /// assert!(decision.is_err(), "nobody is calling");
    ///
    /// headers.insert("mcp-protocol-version", "2025-11-25".parse()?);
    /// let told = Operation::of_headers(&Method::POST, &headers, &ParameterHeaders::new());
    /// assert!(told.is_err(), "no server has to compare these headers with the body");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the headers do not tell.
    pub fn of_headers(
        method: &Method,
        headers: &HeaderMap,
        parameters: &ParameterHeaders,
    ) -> Result<Self, HeadersDoNotTell> {
        if method != Method::POST {
            return Err(HeadersDoNotTell::NoMessage);
        }
        let revision = version::of(headers).map_err(|_| HeadersDoNotTell::Revision)?;
        if !revision.is_some_and(Revision::requires_mirrored_headers) {
            return Err(HeadersDoNotTell::Revision);
        }
        let method = only(headers, &METHOD)
            .ok()
            .flatten()
            .filter(|method| is_plain_method(method))
            .ok_or(HeadersDoNotTell::Unreadable)?;
        named(Self::new(method), headers, parameters)
    }
}

fn named(
    operation: Operation,
    headers: &HeaderMap,
    parameters: &ParameterHeaders,
) -> Result<Operation, HeadersDoNotTell> {
    if !must_be_named(&operation.method) {
        if operation.acts_on_something() {
            return Err(HeadersDoNotTell::Object);
        }
        return Ok(operation);
    }
    let name = only_decoded(headers, &NAME)
        .ok()
        .flatten()
        .filter(|name| !name.contains('\0'))
        .ok_or(HeadersDoNotTell::Unreadable)?
        .into_owned();
    Ok(match operation.method.as_str() {
        Operation::TOOLS_CALL => {
            let arguments = parameters.arguments(&name, headers)?;
            operation.on(Object::tool(name)).with(arguments)
        }
        Operation::PROMPTS_GET => operation
            .on(Object::prompt(name))
            .with(crate::Arguments::unknown()),
        _ => operation.on(Object::resource(name)),
    })
}

#[cfg(test)]
mod tests;
