//! What is asked for: always a whole JSON-RPC body in the end, because that is what the gate reads.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::cli::{Failure, input};

/// The flags that say what somebody wants to do.
#[derive(Debug, Args)]
pub(super) struct OperationOptions {
    #[command(flatten)]
    one: OneOperation,
    /// The arguments of the tool or the prompt, as a JSON object
    #[arg(long, value_name = "JSON", conflicts_with_all = ["read", "method", "message"])]
    arguments: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct OneOperation {
    /// Call this tool
    #[arg(long, value_name = "NAME", help_heading = "Operation")]
    tool: Option<String>,
    /// Get this prompt
    #[arg(long, value_name = "NAME", help_heading = "Operation")]
    prompt: Option<String>,
    /// Read the resource with this URI
    #[arg(long, value_name = "URI", help_heading = "Operation")]
    read: Option<String>,
    /// Do whatever this method does, without parameters
    #[arg(long, value_name = "NAME", help_heading = "Operation")]
    method: Option<String>,
    /// Send this file, a whole JSON-RPC body; - for standard input
    #[arg(long, value_name = "FILE", help_heading = "Operation")]
    message: Option<PathBuf>,
}

impl OperationOptions {
    /// The body that a client would send.
    ///
    /// # Errors
    /// When a file cannot be read, the arguments are no JSON object, or the method is asked for in another way.
    pub(super) fn body(self) -> Result<String, Failure> {
        let OneOperation {
            tool,
            prompt,
            read,
            method,
            message,
        } = self.one;
        let arguments = self.arguments.as_deref();
        arguments.map_or(Ok(()), refuse_no_object)?;
        method.as_deref().map_or(Ok(()), refuse_named_otherwise)?;
        let body = match (tool, prompt, read, method) {
            (Some(tool), ..) => call("tools/call", &tool, arguments),
            (_, Some(prompt), ..) => call("prompts/get", &prompt, arguments),
            (_, _, Some(uri), _) => reading(&uri),
            (_, _, _, Some(method)) => plain(&method),
            _ => return message_of(message.as_deref()),
        };
        Ok(body)
    }
}

/// A slip of the shell's quotes is no refusal. Whatever is a JSON object is for the gate's reader to judge.
fn refuse_no_object(arguments: &str) -> Result<(), Failure> {
    let problem = match serde_json::from_str(arguments) {
        Ok(Value::Object(_)) => return Ok(()),
        Ok(_) => "this is JSON, but no object".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Failure::usage(format!(
        "--arguments takes a JSON object, for example '{{\"path\": \"/a\"}}': {problem}"
    )))
}

/// Without the name of what it acts on, such a message is malformed whatever the rules say.
fn refuse_named_otherwise(method: &str) -> Result<(), Failure> {
    let flag = match method {
        "tools/call" => "--tool NAME",
        "prompts/get" => "--prompt NAME",
        "resources/read" => "--read URI",
        "resources/subscribe" | "resources/unsubscribe" | "completion/complete" => "--message FILE",
        _ => return Ok(()),
    };
    Err(Failure::usage(format!(
        "{method} acts on something that has a name: ask with {flag}"
    )))
}

fn message_of(file: Option<&Path>) -> Result<String, Failure> {
    match file {
        Some(file) => input::text(file),
        None => Err(Failure::usage("no operation is named")),
    }
}

/// A call of something by name. The arguments stand in it as they were written, so that whatever is wrong
/// with them is judged as the gate judges it.
pub(super) fn call(method: &str, name: &str, arguments: Option<&str>) -> String {
    let arguments = arguments.map_or_else(String::new, |text| format!(r#","arguments":{text}"#));
    let name = Value::from(name);
    body(method, &format!(r#""name":{name}{arguments}"#))
}

/// The reading of a resource.
pub(super) fn reading(uri: &str) -> String {
    body("resources/read", &format!(r#""uri":{}"#, Value::from(uri)))
}

/// A method without parameters; notifications have no `id`.
pub(super) fn plain(method: &str) -> String {
    match method.starts_with("notifications/") {
        true => format!(r#"{{"jsonrpc":"2.0","method":{}}}"#, Value::from(method)),
        false => body(method, ""),
    }
}

fn body(method: &str, params: &str) -> String {
    let method = Value::from(method);
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":{method},"params":{{{params}}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_one_message() {
        for text in [
            call("tools/call", "a \"b\"", Some("{\"x\": 1}")),
            call("prompts/get", "a", None),
            reading("file:///a"),
            plain("tools/list"),
            plain("notifications/initialized"),
        ] {
            let wanted = oauthgate_mcp::Wanted::nothing();
            let payload = oauthgate_mcp::Payload::read(text.as_bytes(), &wanted);
            assert_eq!(payload.unwrap().operations().count(), 1, "{text}");
        }
    }

    #[test]
    fn arguments_that_are_no_object_are_a_wrong_question() {
        for (arguments, problem) in [
            ("{\"path\": ", "EOF while parsing"),
            ("[1]", "no object"),
            ("{},\"name\":\"b\"", "trailing characters"),
        ] {
            let failure = refuse_no_object(arguments).unwrap_err();
            let said = failure.to_string();
            assert!(
                said.contains("--arguments") && said.contains(problem),
                "{said}"
            );
        }
        assert!(refuse_no_object(r#"{"x":1,"x":2}"#).is_ok());
    }

    #[test]
    fn methods_that_act_on_something_are_asked_for_by_its_name() {
        let failure = refuse_named_otherwise("tools/call").unwrap_err();
        assert!(failure.to_string().contains("--tool NAME"));
        assert!(refuse_named_otherwise("tools/list").is_ok());
    }

    #[test]
    fn arguments_are_judged_as_they_were_written() {
        let twice = call("tools/call", "a", Some(r#"{"x":1,"x":2}"#));
        let wanted = oauthgate_mcp::Wanted::nothing();
        assert!(oauthgate_mcp::Payload::read(twice.as_bytes(), &wanted).is_err());
    }
}
