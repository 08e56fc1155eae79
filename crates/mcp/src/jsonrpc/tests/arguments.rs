//! The arguments that somebody wants to know.

use super::*;

fn arguments(wanted: &[&str], json: &str) -> Arguments {
    try_arguments(wanted, json).unwrap()
}

fn try_arguments(wanted: &[&str], json: &str) -> Result<Arguments, Unreadable> {
    let wanted = Wanted::at(wanted).unwrap();
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"arguments":{json},"name":"a"}}}}"#
    );
    let payload = Payload::read(body.as_bytes(), &wanted)?;
    Ok(payload.operations().next().cloned().unwrap().arguments)
}

fn number(json: &str) -> Scalar {
    Scalar::Number(serde_json::from_str(json).unwrap())
}

#[rstest]
#[case("/a", r#"{"a":"text"}"#, Scalar::String("text".into()))]
#[case("/a", r#"{"a":""}"#, Scalar::String(String::new()))]
#[case("/a", r#"{"a":null}"#, Scalar::Null)]
#[case("/a", r#"{"a":true}"#, Scalar::Bool(true))]
#[case("/a", r#"{"a":42}"#, number("42"))]
#[case("/a", r#"{"a":-42}"#, number("-42"))]
#[case("/a", r#"{"a":0.5}"#, number("0.5"))]
#[case("/a", r#"{"a":4.2e1}"#, number("42.0"))]
#[case("/a", r#"{"a":9007199254740991}"#, number("9007199254740991"))]
#[case("/a/b", r#"{"x":{"b":1},"a":{"b":"deep","c":2}}"#, Scalar::String("deep".into()))]
#[case("/list/1", r#"{"list":["zero","one","two"]}"#, Scalar::String("one".into()))]
#[case("/list/0/x", r#"{"list":[{"x":true}]}"#, Scalar::Bool(true))]
#[case::index_as_name("/a/0", r#"{"a":{"0":"zero"}}"#, Scalar::String("zero".into()))]
#[case::escapes("/a~1b/c~0d", r#"{"a/b":{"c~d":"found"}}"#, Scalar::String("found".into()))]
#[case::empty_name("/", r#"{"":"empty"}"#, Scalar::String("empty".into()))]
#[case::escaped_name("/a", "{\"\\u0061\":\"\\u0074ext\"}", Scalar::String("text".into()))]
fn finds_what_stands_at_a_pointer(
    #[case] pointer: &str,
    #[case] json: &str,
    #[case] scalar: Scalar,
) {
    let arguments = arguments(&[pointer], json);
    assert_eq!(arguments.at(pointer), Argument::Scalar(&scalar));
}

#[rstest]
#[case::container("/a", r#"{"a":{}}"#)]
#[case::array("/a", r#"{"a":["text"]}"#)]
#[case::beyond_doubles("/a", r#"{"a":9007199254740992}"#)]
#[case::below_doubles("/a", r#"{"a":-9007199254740993}"#)]
#[case::beyond_u64("/a", r#"{"a":18446744073709551616}"#)]
#[case::large("/a", r#"{"a":1e300}"#)]
#[case::many_digits("/a", r#"{"a":0.12345678901234567}"#)]
#[case::json_in_a_string("/a/b", r#"{"a":"{\"b\":1}"}"#)]
#[case::number_on_the_way("/a/b", r#"{"a":7}"#)]
#[case::array_on_the_way("/a/b", r#"{"a":[{"b":1}]}"#)]
#[case::odd_index("/a/01", r#"{"a":["x","y"]}"#)]
#[case::last_index("/a/-", r#"{"a":["x","y"]}"#)]
fn says_where_nobody_can_compare(#[case] pointer: &str, #[case] json: &str) {
    assert_eq!(arguments(&[pointer], json).at(pointer), Argument::OtherType);
}

#[rstest]
#[case("/a", "{}")]
#[case("/a", "null")]
#[case("/a", r#"{"b":"text"}"#)]
#[case("/a/b", r#"{"a":{}}"#)]
#[case::null_on_the_way("/a/b", r#"{"a":null}"#)]
#[case("/list/3", r#"{"list":["zero"]}"#)]
fn says_where_nothing_is(#[case] pointer: &str, #[case] json: &str) {
    assert_eq!(arguments(&[pointer], json).at(pointer), Argument::Absent);
}

#[test]
fn reads_several_at_once_and_keeps_nothing_else() {
    let read = arguments(
        &["/a", "/a/b", "/c"],
        r#"{"a":{"b":1},"secret":"x","c":null}"#,
    );
    assert_eq!(read.at("/a"), Argument::OtherType);
    assert_eq!(read.at("/a/b"), Argument::Scalar(&number("1")));
    assert_eq!(read.at("/c"), Argument::Scalar(&Scalar::Null));
    assert_eq!(read.at("/secret"), Argument::Absent);
    assert!(!format!("{read:?}").contains('x'));
}

#[test]
fn a_call_without_arguments_has_none() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"arguments":{"a":1}}}"#,
    ] {
        let payload = Payload::read(body.as_bytes(), &Wanted::at(["/a"]).unwrap()).unwrap();
        let operation = payload.operations().next().unwrap();
        assert_eq!(operation.arguments.at("/a"), Argument::Absent);
    }
    assert_eq!(Arguments::unknown().at("/a"), Argument::Unknown);
}

#[rstest]
#[case(&["/path"], r#"{"path":"a","Path":"b"}"#)]
#[case(&["/path"], r#"{"Path":"b","path":"a"}"#)]
#[case(&["/path"], r#"{"path":{"x":1},"Path":"b"}"#)]
#[case(&["/path"], r#"{"PATH":"b"}"#)]
#[case(&["/Path"], r#"{"path":"b"}"#)]
#[case(&["/opts/mode"], r#"{"Opts":{"mode":1}}"#)]
#[case(&["/opts/mode"], r#"{"opts":{"Mode":1}}"#)]
#[case::long_s(&["/scope"], "{\"\\u017fcope\":1}")]
#[case::kelvin(&["/key"], "{\"\\u212aey\":1}")]
#[case::greek(&["/\u{3c3}"], "{\"\u{3c2}\":1}")]
#[case::umlaut(&["/gr\u{f6}sse"], "{\"GR\u{d6}SSE\":1}")]
fn f23_an_argument_that_another_may_be_taken_for_is_undecidable(
    #[case] wanted: &[&str],
    #[case] json: &str,
) {
    assert_eq!(arguments(wanted, json).at(wanted[0]), Argument::OtherType);
    assert_eq!(arguments(&["/other"], json).at("/other"), Argument::Absent);
}

#[test]
fn tells_two_wanted_arguments_apart_that_look_alike() {
    let wanted = ["/path", "/Path"];
    let one = arguments(&wanted, r#"{"path":"a"}"#);
    assert_eq!(
        one.at("/path"),
        Argument::Scalar(&Scalar::String("a".into()))
    );
    assert_eq!(one.at("/Path"), Argument::OtherType);
    let both = arguments(&wanted, r#"{"path":"a","Path":"b"}"#);
    assert_eq!(
        [both.at("/path"), both.at("/Path")],
        [Argument::OtherType; 2]
    );
}

#[rstest]
#[case(r#"{"a":1,"a":1}"#)]
#[case("{\"a\":1,\"\\u0061\":2}")]
#[case(r#"{"x":{"a":1,"a":1}}"#)]
#[case(r#"{"a":{"b":1,"b":2}}"#)]
#[case(r#"{"a":[{"b":1,"b":2}]}"#)]
fn f23_refuses_an_argument_that_occurs_twice(#[case] json: &str) {
    for wanted in [&["/a"] as &[&str], &["/a/b"], &["/a/0/b"], &[]] {
        let refused = try_arguments(wanted, json).unwrap_err().to_string();
        assert!(refused.contains("occurs twice"), "{refused}");
    }
}

#[rstest]
#[case(&["/path"], r#"{"__proto__":{"path":"/etc"}}"#)]
#[case(&["/path"], r#"{"path":"/public","__proto__":{"path":"/etc"}}"#)]
#[case(&["/path"], r#"{"__proto__":null}"#)]
#[case(&["/x/path"], r#"{"x":{"__proto__":{"path":"/etc"}}}"#)]
#[case(&["/x/path"], r#"{"__proto__":{"x":{"path":"/etc"}}}"#)]
fn f23_an_argument_that_a_script_may_inherit_is_undecidable(
    #[case] wanted: &[&str],
    #[case] json: &str,
) {
    assert_eq!(arguments(wanted, json).at(wanted[0]), Argument::OtherType);
}

#[test]
fn f23_refuses_members_that_a_script_would_inherit() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{"method":"tools/call"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","__proto__":{"name":"b"}}}"#,
    ] {
        assert!(refusal(body).contains("__proto__"));
    }
}

#[test]
fn f23_refuses_a_nul_in_a_wanted_argument() {
    let json = "{\"a\":\"delete\\u0000\"}";
    assert!(try_arguments(&["/a"], json).is_err());
    assert!(try_arguments(&["/b"], json).is_ok());
}

#[test]
fn refuses_arguments_nested_beyond_the_limit() {
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    // The arguments themselves are level 3.
    assert!(try_arguments(&["/a"], &nested(MAX_DEPTH - 3)).is_ok());
    for levels in [MAX_DEPTH - 2, 1_000, 100_000] {
        let refused = try_arguments(&["/a"], &nested(levels)).unwrap_err();
        assert!(refused.to_string().contains("deep"), "{levels}");
    }
}

#[rstest]
#[case("")]
#[case("a")]
#[case("a/b")]
#[case("#/a")]
#[case("/a~")]
#[case("/a~2")]
#[case("/~x/b")]
fn refuses_what_is_no_pointer(#[case] pointer: &str) {
    assert!(Wanted::at([pointer]).is_err());
}

#[test]
fn wants_nothing_unless_told() {
    assert!(Wanted::nothing().is_empty());
    assert!(!Wanted::at(["/a"]).unwrap().is_empty());
    assert_eq!(
        Wanted::at(["/a", "/b"]).unwrap(),
        Wanted::at(["/b", "/a"]).unwrap()
    );
}
