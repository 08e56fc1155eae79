use http::HeaderName;
use rstest::rstest;

use super::*;
use crate::{Argument, Arguments, Parameter, ParameterType, Scalar};

const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
const CALL: (&str, &str) = ("mcp-method", "tools/call");

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    map
}

fn told(headers: &[(&str, &str)]) -> Result<Operation, HeadersDoNotTell> {
    Operation::of_headers(&Method::POST, &map(headers), &ParameterHeaders::new())
}

#[rstest]
#[case("tools/call", "echo", Object::tool("echo"))]
#[case("tools/call", "=?base64?RsO8w59l?=", Object::tool("Füße"))]
#[case("prompts/get", "greet", Object::prompt("greet"))]
#[case("resources/read", "file:///a", Object::resource("file:///a"))]
fn row_44_believes_headers_that_the_server_must_compare(
    #[case] method: &str,
    #[case] name: &str,
    #[case] object: Object,
) {
    let operation = told(&[MODERN, ("mcp-method", method), ("mcp-name", name)]).unwrap();
    assert_eq!(operation.method, method);
    assert_eq!(operation.object, Some(object));
}

#[rstest]
#[case("tools/list")]
#[case("server/discover")]
#[case("company/deploy")]
fn row_44_needs_no_name_for_methods_without_one(#[case] method: &str) {
    assert_eq!(
        told(&[MODERN, ("mcp-method", method)]),
        Ok(Operation::new(method))
    );
}

#[rstest]
#[case::none(&[])]
#[case::oldest(&[("mcp-protocol-version", "2024-11-05")])]
#[case::old(&[("mcp-protocol-version", "2025-06-18")])]
#[case::last_without(&[("mcp-protocol-version", "2025-11-25")])]
#[case::unknown(&[("mcp-protocol-version", "2099-01-01")])]
#[case::list(&[("mcp-protocol-version", "2026-07-28, 2025-11-25")])]
#[case::twice(&[MODERN, MODERN])]
#[case::two(&[MODERN, ("mcp-protocol-version", "2025-11-25")])]
fn row_44_believes_no_headers_that_nobody_compares(#[case] version: &[(&str, &str)]) {
    let headers = [version, &[CALL, ("mcp-name", "echo")]].concat();
    assert_eq!(told(&headers), Err(HeadersDoNotTell::Revision));
}

#[rstest]
#[case::no_method(&[("mcp-name", "echo")])]
#[case::two_methods(&[CALL, ("mcp-method", "tools/list"), ("mcp-name", "echo")])]
#[case::misspelt(&[("mcp-method", "Tools/Call"), ("mcp-name", "echo")])]
#[case::empty(&[("mcp-method", ""), ("mcp-name", "echo")])]
#[case::list(&[("mcp-method", "tools/list, tools/call"), ("mcp-name", "echo")])]
#[case::no_name(&[CALL])]
#[case::two_names(&[CALL, ("mcp-name", "echo"), ("mcp-name", "echo")])]
#[case::broken_name(&[CALL, ("mcp-name", "=?base64?ZWNobw?=")])]
#[case::raw_name(&[CALL, ("mcp-name", "Füße")])]
#[case::nul(&[CALL, ("mcp-name", "=?base64?ZWNobwA=?=")])]
fn row_44_refuses_headers_that_do_not_tell(#[case] headers: &[(&str, &str)]) {
    let headers = [&[MODERN], headers].concat();
    assert_eq!(told(&headers), Err(HeadersDoNotTell::Unreadable));
}

/// Methods are never encoded: this is an unknown method, which no rule on tools allows.
#[test]
fn row_44_decodes_no_method() {
    let encoded = "=?base64?dG9vbHMvY2FsbA==?=";
    assert_eq!(
        told(&[MODERN, ("mcp-method", encoded), ("mcp-name", "echo")]),
        Ok(Operation::new(encoded))
    );
}

#[rstest]
#[case("subscriptions/listen")]
#[case("completion/complete")]
#[case("resources/subscribe")]
#[case("resources/unsubscribe")]
fn row_44_refuses_what_acts_on_something_that_no_header_names(#[case] method: &str) {
    let headers = [
        MODERN,
        ("mcp-method", method),
        ("mcp-name", "file:///public"),
    ];
    assert_eq!(told(&headers), Err(HeadersDoNotTell::Object));
}

#[rstest]
#[case(Method::GET)]
#[case(Method::DELETE)]
#[case(Method::HEAD)]
#[case(Method::PUT)]
fn row_44_expects_a_message_in_a_post_only(#[case] method: Method) {
    let headers = map(&[MODERN, CALL, ("mcp-name", "echo")]);
    let told = Operation::of_headers(&method, &headers, &ParameterHeaders::new());
    assert_eq!(told, Err(HeadersDoNotTell::NoMessage));
}

#[test]
fn each_refusal_has_its_reason() {
    let reasons = [
        (HeadersDoNotTell::NoMessage, Reason::UnreadableBody),
        (HeadersDoNotTell::Revision, Reason::UnsupportedRevision),
        (HeadersDoNotTell::Unreadable, Reason::HeaderMismatch),
        (HeadersDoNotTell::Object, Reason::PolicyRefused),
    ];
    for (refusal, reason) in reasons {
        assert_eq!(Denial::from(refusal).reason(), reason);
    }
}

/// The arguments of a call of `query`, told by these headers.
fn arguments(headers: &[(&str, &str)]) -> Result<Arguments, HeadersDoNotTell> {
    let parameter = |name, kind: Option<ParameterType>| {
        let parameter = Parameter::new(name, &format!("/{name}")).unwrap();
        match kind {
            Some(kind) => parameter.of_type(kind),
            None => parameter,
        }
    };
    let parameters = vec![
        parameter("any", None),
        parameter("text", Some(ParameterType::String)),
        parameter("count", Some(ParameterType::Integer)),
        parameter("dry", Some(ParameterType::Boolean)),
    ];
    let table = ParameterHeaders::new()
        .configured("query", parameters)
        .unwrap();
    let learned = vec![Parameter::new("learned", "/learned").unwrap()];
    table.learn([("query".to_owned(), learned)]);
    let headers = [&[MODERN, CALL, ("mcp-name", "query")], headers].concat();
    Operation::of_headers(&Method::POST, &map(&headers), &table).map(|told| told.arguments)
}

#[rstest]
#[case("any", "eu", Scalar::String("eu".into()))]
#[case("any", "=?base64?ZXU=?=", Scalar::String("eu".into()))]
#[case("text", "42", Scalar::String("42".into()))]
#[case("text", "true", Scalar::String("true".into()))]
#[case("count", "42", Scalar::Number(42.into()))]
#[case("dry", "true", Scalar::Bool(true))]
#[case("dry", "false", Scalar::Bool(false))]
fn row_44_believes_the_arguments_that_the_operator_vouches_for(
    #[case] name: &str,
    #[case] value: &str,
    #[case] scalar: Scalar,
) {
    let arguments = arguments(&[(&format!("mcp-param-{name}"), value)]).unwrap();
    assert_eq!(arguments.at(&format!("/{name}")), Argument::Scalar(&scalar));
}

#[rstest]
#[case::text_or_number("any", "42")]
#[case::text_or_truth("any", "true")]
#[case::no_number("count", "many")]
#[case::too_large("count", "9007199254740993")]
#[case::no_truth("dry", "True")]
#[case::only_learned("learned", "eu")]
#[case::unknown("other", "eu")]
fn row_44_knows_no_other_arguments(#[case] name: &str, #[case] value: &str) {
    let arguments = arguments(&[(&format!("mcp-param-{name}"), value)]).unwrap();
    assert_eq!(arguments.at(&format!("/{name}")), Argument::Unknown);
    assert_eq!(arguments.at("/absent"), Argument::Unknown);
}

#[test]
fn row_44_refuses_an_argument_twice() {
    let twice = arguments(&[("mcp-param-text", "a"), ("mcp-param-text", "b")]);
    assert_eq!(twice, Err(HeadersDoNotTell::Unreadable));
}
