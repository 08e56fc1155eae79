//! What a message is about.

use super::*;

fn message(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

#[rstest]
#[case("tools/call", r#"{"name":"a","uri":"u"}"#, Object::tool("a"))]
#[case("prompts/get", r#"{"name":"a"}"#, Object::prompt("a"))]
#[case("resources/read", r#"{"uri":"u","name":"a"}"#, Object::resource("u"))]
#[case("resources/subscribe", r#"{"uri":"u"}"#, Object::resource("u"))]
#[case("resources/unsubscribe", r#"{"uri":"u"}"#, Object::resource("u"))]
#[case(
    "completion/complete",
    r#"{"ref":{"type":"ref/prompt","name":"a","uri":"u"},"argument":{"name":"b"}}"#,
    Object::prompt("a")
)]
#[case(
    "completion/complete",
    r#"{"name":"c","ref":{"uri":"u/{x}","type":"ref/resource"}}"#,
    Object::resource("u/{x}")
)]
#[case("tools/call", r#"{"name":""}"#, Object::tool(""))]
fn finds_the_object(#[case] method: &str, #[case] params: &str, #[case] object: Object) {
    let operation = operation(&message(method, params));
    assert_eq!(operation, Operation::new(method).on(object));
    assert!(operation.acts_on_something());
}

#[rstest]
#[case("tools/list")]
#[case("prompts/list")]
#[case("resources/list")]
#[case("resources/templates/list")]
fn knows_what_asks_for_a_list(#[case] method: &str) {
    let payload = read(message(method, r#"{"name":"a","uri":"u","cursor":"x"}"#)).unwrap();
    assert!(payload.messages()[0].is_list());
    assert_eq!(payload.operations().next(), Some(&Operation::new(method)));
    assert!(!read(message("ping", "{}")).unwrap().messages()[0].is_list());
}

#[test]
fn watches_each_resource_by_an_operation_of_its_own() {
    let listen = |notifications: &str| {
        let params = format!(r#"{{"notifications":{notifications}}}"#);
        read(message("subscriptions/listen", &params)).unwrap()
    };
    let both =
        listen(r#"{"toolsListChanged":true,"resourceSubscriptions":["file:///a","file:///b"]}"#);
    let watch = |uri| Operation::new("subscriptions/listen").on(Object::resource(uri));
    assert_eq!(
        both.messages()[0].operations(),
        [watch("file:///a"), watch("file:///b")]
    );
    for none in [
        "{}",
        "null",
        r#"{"resourceSubscriptions":[]}"#,
        r#"{"resourceSubscriptions":null}"#,
    ] {
        let payload = listen(none);
        assert_eq!(
            payload.messages()[0].operations(),
            [Operation::new("subscriptions/listen")],
            "{none}"
        );
    }
    assert_eq!(both.messages()[0].method(), Some("subscriptions/listen"));
}

#[test]
fn watches_no_more_resources_than_it_keeps() {
    let listen = |count: usize| {
        let uris = vec![r#""u""#; count].join(",");
        let params = format!(r#"{{"notifications":{{"resourceSubscriptions":[{uris}]}}}}"#);
        read(message("subscriptions/listen", &params))
    };
    assert_eq!(
        listen(MAX_SUBSCRIPTIONS).unwrap().operations().count(),
        MAX_SUBSCRIPTIONS
    );
    assert_eq!(flaw(listen(MAX_SUBSCRIPTIONS + 1)), Flaw::Subscriptions);
}

#[rstest]
#[case("tools/call", "{}")]
#[case("tools/call", "null")]
#[case("tools/call", r#"{"name":7}"#)]
#[case("tools/call", r#"{"name":null}"#)]
#[case("tools/call", r#"{"name":["delete"]}"#)]
#[case("tools/call", r#"{"name":{"name":"delete"}}"#)]
#[case("tools/call", r#"{"uri":"delete"}"#)]
#[case("prompts/get", "{}")]
#[case("resources/read", r#"{"name":"u"}"#)]
#[case("resources/read", r#"{"uri":["u"]}"#)]
#[case("resources/subscribe", r#"{"uri":null}"#)]
#[case("resources/unsubscribe", r#"{"uri":1}"#)]
#[case("completion/complete", "{}")]
#[case("completion/complete", r#"{"ref":"a"}"#)]
#[case("completion/complete", r#"{"ref":["a"]}"#)]
#[case("completion/complete", r#"{"ref":{"name":"a"}}"#)]
#[case("completion/complete", r#"{"ref":{"type":"ref/prompt","uri":"a"}}"#)]
#[case("completion/complete", r#"{"ref":{"type":"ref/resource","name":"a"}}"#)]
#[case("completion/complete", r#"{"ref":{"type":"ref/tool","name":"a"}}"#)]
#[case("completion/complete", r#"{"ref":{"type":"REF/PROMPT","name":"a"}}"#)]
fn refuses_a_method_that_names_nothing(#[case] method: &str, #[case] params: &str) {
    assert_eq!(flaw(read(message(method, params))), Flaw::Object);
}

#[rstest]
#[case(r#"{"notifications":[]}"#)]
#[case(r#"{"notifications":"all"}"#)]
#[case(r#"{"notifications":{"resourceSubscriptions":"u"}}"#)]
#[case(r#"{"notifications":{"resourceSubscriptions":{"u":true}}}"#)]
#[case(r#"{"notifications":{"resourceSubscriptions":["u",1]}}"#)]
#[case(r#"{"notifications":{"resourceSubscriptions":["u",null]}}"#)]
#[case(r#"{"notifications":{"resourceSubscriptions":[["u"]]}}"#)]
fn refuses_subscriptions_that_are_no_list_of_uris(#[case] params: &str) {
    assert_eq!(
        flaw(read(message("subscriptions/listen", params))),
        Flaw::Subscriptions
    );
}

/// Removed in 2026-07-28: a server of that revision has its own word about them.
#[rstest]
#[case("resources/subscribe")]
#[case("resources/unsubscribe")]
fn leaves_a_removed_method_without_a_resource_to_the_server(#[case] method: &str) {
    assert_eq!(operation(&message(method, "{}")), Operation::new(method));
}

#[rstest]
#[case::call("Tools/Call")]
#[case::prompt("PROMPTS/GET")]
#[case::read("resources/Read")]
#[case::subscribe("Resources/subscribe")]
#[case::unsubscribe("resources/unSubscribe")]
#[case::complete("completion/COMPLETE")]
#[case::listen("subscriptions/Listen")]
#[case::tools("tools/List")]
#[case::prompts("Prompts/List")]
#[case::resources("RESOURCES/LIST")]
#[case::templates("resources/Templates/list")]
#[case::discover("Server/Discover")]
#[case::initialize("Initialize")]
#[case::blank_before(" tools/call")]
#[case::blank_after("tools/call ")]
#[case::blank_inside("tools /call")]
#[case::newline("tools/call\\n")]
#[case::long_s("tool\\u017f/call")]
#[case::kelvin("tas\\u212a")]
#[case::zero_width("tools\\u200b/call")]
#[case::not_ascii("werkzeuge/lösch")]
#[case::empty("")]
fn refuses_a_method_that_is_no_plain_one(#[case] method: &str) {
    let refused = read(message(method, r#"{"name":"a","uri":"u"}"#));
    assert_eq!(flaw(refused), Flaw::Method);
}

#[test]
fn refuses_an_endless_method() {
    let refused = read(message(&"x".repeat(257), "{}"));
    assert_eq!(flaw(refused), Flaw::Method);
    assert!(read(message(&"x".repeat(256), "{}")).is_ok());
}

#[rstest]
#[case("company/deploy")]
#[case("tasks/get")]
#[case("$/progress")]
#[case("tools/call2")]
fn knows_nothing_about_other_methods(#[case] method: &str) {
    let params = r#"{"name":7,"uri":[],"ref":1,"notifications":2,"arguments":"text"}"#;
    assert_eq!(operation(&message(method, params)), Operation::new(method));
}

#[test]
fn reads_the_version_that_the_message_names() {
    let meta = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","x":1}}"#;
    let payload = read(message("ping", meta)).unwrap();
    assert_eq!(payload.messages()[0].protocol_version(), Some("2026-07-28"));
    for absent in [
        "{}",
        r#"{"_meta":{}}"#,
        r#"{"_meta":null}"#,
        r#"{"_meta":7}"#,
    ] {
        let payload = read(message("ping", absent)).unwrap();
        assert_eq!(payload.messages()[0].protocol_version(), None);
    }
    for wrong in ["1", "null", "[]", "{}", "true"] {
        let meta = format!(r#"{{"_meta":{{"io.modelcontextprotocol/protocolVersion":{wrong}}}}}"#);
        assert_eq!(flaw(read(message("ping", &meta))), Flaw::ProtocolVersion);
    }
    let capital = r#"{"_meta":{"io.modelcontextprotocol/ProtocolVersion":"2026-07-28"}}"#;
    assert!(refusal(message("ping", capital)).contains("may be taken for"));
}
