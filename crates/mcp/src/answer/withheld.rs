//! What is shown instead of an answer that cannot be read.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;
use oauthgate_core::{Denial, ProtectedResource, Reason};
use oauthgate_tower::{
    Reference,
    response::{self, log_refusal},
};
use serde_json::json;

use crate::lists::Unreadable;

/// JSON-RPC 2.0 §5.1; MCP leaves gates no codes of their own.
const INTERNAL_ERROR: i32 = -32603;
const WITHHELD: &str = "The list is withheld: the answer of the server cannot be checked";

/// Why a list is not shown, and what its operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Withheld {
    Status(u16),
    Form,
    Compressed,
    TooLong(usize),
    Interrupted,
    NotUtf8,
    Mislabelled,
    UnaskedBatch,
    Unreadable(String),
}

impl From<&Unreadable> for Withheld {
    fn from(unreadable: &Unreadable) -> Self {
        Self::Unreadable(unreadable.to_string())
    }
}

impl Withheld {
    /// For the operator: what is wrong, and the way out.
    pub(super) fn detail(&self) -> Cow<'static, str> {
        let fixed = match self {
            Self::Status(status) => {
                return format!(
                    "a list request was answered with content under the status {status}: the server must answer 200"
                )
                .into();
            }
            Self::TooLong(limit) => {
                return format!(
                    "the answer to a list request is longer than {limit} bytes: raise max_list_bytes, or let the server page its lists"
                )
                .into();
            }
            Self::Unreadable(what) => {
                return format!(
                    "the answer to a list request reads differently to different clients: {what}"
                )
                .into();
            }
            Self::Form => {
                "a list request was answered with neither application/json in UTF-8 nor text/event-stream: the server must label its answer"
            }
            Self::Compressed => {
                "the answer to a list request is compressed although it was asked for as it is: switch compression off between gate and server"
            }
            Self::Interrupted => "the server broke off its answer to a list request",
            Self::NotUtf8 => "the answer to a list request is not UTF-8",
            Self::Mislabelled => {
                "the answer to a list request has other content than its Content-Type or its status says"
            }
            Self::UnaskedBatch => "a single list request was answered with a batch",
        };
        fixed.into()
    }

    /// Instead of the whole answer.
    pub(super) fn answer(
        &self,
        method: &Method,
        resource: &ProtectedResource,
        reference: &Reference,
        logs_refusals: bool,
    ) -> Response<Full<Bytes>> {
        let denial = Denial::new(Reason::UnreadableAnswer).with_detail(self.detail());
        if logs_refusals {
            log_refusal(&denial, reference);
        }
        response::refusal(method, denial, resource, reference.clone())
    }

    /// Instead of one message in a stream, whose status has been said: the response to this `id`, which is JSON.
    pub(super) fn message(id: &str, reference: &Reference) -> String {
        let data =
            json!({ "reason": Reason::UnreadableAnswer.code(), "reference": reference.as_str() });
        let error = json!({ "code": INTERNAL_ERROR, "message": WITHHELD, "data": data });
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
    }

    /// Nobody logs what happens inside a stream, unless it happens here.
    pub(super) fn log(&self, reference: &Reference) {
        tracing::warn!(
            reason = Reason::UnreadableAnswer.code(),
            detail = %self.detail(),
            %reference,
            "a list in an event stream was withheld"
        );
    }
}
