mod arguments;
mod messages;
mod operations;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn read(body: impl AsRef<[u8]>) -> Result<Payload, Unreadable> {
    Payload::read(body.as_ref(), &Wanted::nothing())
}

fn operation(body: &str) -> Operation {
    let payload = read(body).unwrap();
    payload.operations().next().cloned().unwrap()
}

fn refusal(body: impl AsRef<[u8]>) -> String {
    read(body).unwrap_err().to_string()
}

fn flaw(read: Result<Payload, Unreadable>) -> Flaw {
    match read {
        Err(Unreadable::Invalid { flaw, .. }) => flaw,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#,
    "tools/call",
    Some("echo")
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p","uri":"u"}}"#,
    "prompts/get",
    Some("p")
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"name":"p","uri":"u"}}"#,
    "resources/read",
    Some("u")
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"p"}}"#,
    "tools/list",
    None
)]
#[case(
    r#"{"jsonrpc":"2.0","params":{"name":"late"},"id":1,"method":"tools/call"}"#,
    "tools/call",
    Some("late")
)]
#[case(
    "{\"jsonrpc\":\"2.0\",\"m\\u0065thod\":\"tools\\/call\",\"params\":{\"n\\u0061me\":\"\\u0065cho\"}}",
    "tools/call",
    Some("echo")
)]
fn reads_what_the_server_will_do(
    #[case] body: &str,
    #[case] method: &str,
    #[case] name: Option<&str>,
) {
    let operation = operation(body);
    assert_eq!(operation.method, method);
    assert_eq!(operation.object.map(|object| object.name).as_deref(), name);
}

#[rstest]
#[case(json!(1))]
#[case(json!("one"))]
fn keeps_the_id_to_answer_to(#[case] id: Value) {
    let payload = read(
        json!({"jsonrpc": "2.0", "id": id, "method": "ping"})
            .to_string()
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(payload.id(), Some(&id));
}

#[test]
fn takes_a_response_for_no_operation() {
    let payload = read(br#"{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call"}}"#).unwrap();
    assert_eq!(payload.operations().count(), 0);
}

#[test]
fn reads_every_message_of_a_batch() {
    let payload =
        read(br#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","method":"b"}]"#).unwrap();
    let methods: Vec<_> = payload
        .operations()
        .map(|operation| operation.method.as_str())
        .collect();
    assert_eq!(methods, ["a", "b"]);
    assert_eq!(payload.messages().len(), 3);
}

#[rstest]
#[case::top(r#"{"jsonrpc":"2.0","method":"ping","method":"tools/call"}"#)]
#[case::escaped("{\"method\":\"ping\",\"m\\u0065thod\":\"tools/call\"}")]
#[case::params(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","name":"b"}}"#)]
#[case::two_params(
    r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#
)]
#[case::deep(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"x":[{"y":1,"y":2}]}}}"#)]
#[case::batch(r#"[{"jsonrpc":"2.0","method":"ping"},{"jsonrpc":"2.0","id":1,"id":2}]"#)]
#[case::elsewhere(r#"{"jsonrpc":"2.0","method":"ping","_meta":{"a":1,"a":1}}"#)]
fn f23_refuses_a_member_that_occurs_twice(#[case] body: &str) {
    assert!(refusal(body).contains("occurs twice"), "{}", refusal(body));
}

#[rstest]
#[case(r#"{"jsonrpc":"2.0","method":"ping","Method":"tools/call"}"#)]
#[case(r#"{"METHOD":"tools/call"}"#)]
#[case(r#"{"jsonrpc":"2.0","method":"tools/call","param\u017f":{"name":"a"}}"#)]
#[case(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","NAME":"b"}}"#)]
#[case(r#"{"jsonrpc":"2.0","method":"resources/read","params":{"Uri":"b"}}"#)]
#[case(r#"[{"ID":1}]"#)]
fn f23_refuses_a_member_that_differs_only_in_case(#[case] body: &str) {
    assert!(
        refusal(body).contains("may be taken for"),
        "{}",
        refusal(body)
    );
}

#[rstest]
#[case(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call\u0000","params":{"name":"delete"}}"#)]
#[case(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete\u0000"}}"#)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name\u0000":"delete","name":"x"}}"#
)]
#[case(r#"{"jsonrpc":"2.0","id":1,"method\u0000":"tools/call","method":"ping"}"#)]
#[case(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a\u0000":1}}}"#)]
fn f23_refuses_a_nul_where_a_reader_in_c_would_stop(#[case] body: &str) {
    assert!(refusal(body).contains("NUL"), "{body}");
}

#[test]
fn leaves_a_nul_in_the_value_of_an_argument_alone() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write","arguments":{"text":"a\u0000b"}}}"#;
    assert_eq!(operation(body).object, Some(Object::tool("write")));
}

#[test]
fn leaves_the_case_of_arguments_alone() {
    let body = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"Name":1,"name":2,"METHOD":3}}}"#;
    assert_eq!(operation(body).object, Some(Object::tool("a")));
}

#[rstest]
#[case::empty("")]
#[case::scalar("7")]
#[case::text(r#""tools/call""#)]
#[case::batch_of_scalars("[1]")]
#[case::nested_batch(r#"[[{"jsonrpc":"2.0","method":"ping"}]]"#)]
#[case::two_values(r#"{"jsonrpc":"2.0","method":"ping"}{"jsonrpc":"2.0","method":"tools/call"}"#)]
#[case::garbage_after(r#"{"jsonrpc":"2.0","method":"ping"} x"#)]
#[case::method_not_text(r#"{"jsonrpc":"2.0","method":1}"#)]
#[case::method_null(r#"{"jsonrpc":"2.0","method":null}"#)]
#[case::method_list(r#"{"jsonrpc":"2.0","method":["tools/call"]}"#)]
#[case::params_text(r#"{"jsonrpc":"2.0","method":"tools/call","params":"name"}"#)]
#[case::comment(r#"{"jsonrpc":"2.0","method":"ping"/*,*/}"#)]
#[case::trailing_comma(r#"{"jsonrpc":"2.0","method":"ping",}"#)]
#[case::single_quotes("{'method':'ping'}")]
#[case::bom("\u{feff}{\"method\":\"ping\"}")]
#[case::lone_surrogate(r#"{"jsonrpc":"2.0","method":"\ud800"}"#)]
#[case::huge_number(r#"{"jsonrpc":"2.0","method":"ping","id":1e400}"#)]
#[case::control_character("{\"method\":\"pi\ng\"}")]
#[case::lone_surrogate_in_an_argument(
    r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"x":"\udc00"}}}"#
)]
#[case::halves_swapped(r#"{"jsonrpc":"2.0","method":"ping","x":"\ude00\ud83d"}"#)]
#[case::huge_number_in_an_argument(
    r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"x":1e400}}}"#
)]
#[case::endless_number_in_an_argument(&format!(r#"{{"jsonrpc":"2.0","method":"ping","x":{}}}"#, "9".repeat(400)))]
#[case::not_a_number(r#"{"jsonrpc":"2.0","method":"ping","x":NaN}"#)]
#[case::infinite(r#"{"jsonrpc":"2.0","method":"ping","x":-Infinity}"#)]
#[case::hexadecimal(r#"{"jsonrpc":"2.0","id":0x1,"method":"ping"}"#)]
#[case::leading_zero(r#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#)]
#[case::plus(r#"{"jsonrpc":"2.0","id":+1,"method":"ping"}"#)]
#[case::raw_nul("{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\0")]
#[case::line_of_messages(
    "{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}"
)]
#[case::record_separator("\u{1e}{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n")]
#[case::vertical_tab("\u{b}{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}")]
#[case::no_break_space("\u{a0}{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}")]
#[case::odd_escape(r#"{"jsonrpc":"2.0","method":"\x70ing"}"#)]
fn f23_refuses_what_is_no_json_rpc(#[case] body: &str) {
    assert!(
        matches!(
            read(body),
            Err(Unreadable::Json(_)
                | Unreadable::Invalid {
                    flaw: Flaw::Method,
                    ..
                })
        ),
        "{:?}",
        read(body)
    );
}

#[rstest]
#[case::latin1(b"{\"method\":\"p\xefng\"}".to_vec())]
#[case::overlong(b"{\"method\":\"p\xc0\xafng\"}".to_vec())]
#[case::utf16("{\"method\":\"ping\"}".encode_utf16().flat_map(u16::to_le_bytes).collect())]
#[case::utf32("{\"method\":\"ping\"}".chars().flat_map(|letter| (letter as u32).to_be_bytes()).collect())]
fn f23_refuses_other_encodings(#[case] body: Vec<u8>) {
    refusal(body);
}

#[test]
fn refuses_nesting_beyond_the_limit() {
    let nested = |levels: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"ping","x":{}{}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    // The message is level 1, so its values may add 63.
    assert!(read(nested(MAX_DEPTH - 2).as_bytes()).is_ok());
    for levels in [MAX_DEPTH, 1_000, 100_000] {
        assert!(refusal(nested(levels)).contains("deep"), "{levels}");
    }
}

#[test]
fn refuses_an_oversized_batch() {
    let batch = |messages: usize| {
        format!(
            "[{}]",
            vec![r#"{"jsonrpc":"2.0","method":"ping"}"#; messages].join(",")
        )
    };
    assert!(read(batch(MAX_BATCH).as_bytes()).is_ok());
    assert!(refusal(batch(MAX_BATCH + 1)).contains("batch"));
}

#[test]
fn says_little_of_a_strangers_text() {
    let name = "x".repeat(10_000);
    for body in [
        format!(r#"{{"{name}":1,"{name}":2}}"#),
        format!(r#"{{"{name}\u0000":1}}"#),
        format!(r#""{name}""#),
        format!(r#"["{name}"]"#),
        format!(r#"[["{name}"]]"#),
        format!(r#"{{"jsonrpc":"{name}"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":"{name}","method":"ping"}}"#),
        format!(r#"{{"jsonrpc":"2.0","method":"{name}"}}"#),
        format!(r#"{{"jsonrpc":"2.0","method":"ping","params":"{name}"}}"#),
        format!(r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":["{name}"]}}}}"#),
        format!("{{}}{name}"),
        name.clone(),
    ] {
        let said = refusal(&body);
        assert!(said.len() < 256, "{said}");
    }
}

proptest! {
    #[test]
    fn never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&body);
    }

    #[test]
    fn agrees_with_a_lenient_reader_on_what_it_accepts(body in r#"[\[{]("jsonrpc":"2.0",)?("(method|params|name|id|x)":|"tools/call"|[0-9]{1,2}|\{|\}|\[|\]|,|"| ){0,30}[\]}]"#) {
        if let Ok(Payload::Single(message)) = read(&body) {
            let lenient: Value = serde_json::from_str(&body).unwrap();
            let method = lenient.get("method").and_then(Value::as_str);
            prop_assert_eq!(message.method(), method);
            if method == Some(Operation::TOOLS_CALL) {
                let name = lenient.pointer("/params/name").and_then(Value::as_str);
                let object = message.operations()[0].object.as_ref();
                prop_assert_eq!(object.map(|object| object.name.as_str()), name);
            }
        }
    }
}
