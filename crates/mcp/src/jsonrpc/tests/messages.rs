//! Which messages are messages: versions, ids, requests and responses.

use super::*;

#[rstest]
#[case::integer("7", json!(7))]
#[case::zero("0", json!(0))]
#[case::negative("-7", json!(-7))]
#[case::largest("9007199254740991", json!(9_007_199_254_740_991_u64))]
#[case::smallest("-9007199254740991", json!(-9_007_199_254_740_991_i64))]
#[case::text("\"7\"", json!("7"))]
#[case::empty("\"\"", json!(""))]
fn takes_ids_that_every_server_echoes_alike(#[case] id: &str, #[case] read_as: Value) {
    let payload = read(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).unwrap();
    assert_eq!(payload.id(), Some(&read_as));
}

#[rstest]
#[case::null("null")]
#[case::fraction("1.5")]
#[case::whole_fraction("1.0")]
#[case::exponent("1e2")]
#[case::minus_zero("-0.0")]
#[case::beyond_doubles("9007199254740992")]
#[case::below_doubles("-9007199254740992")]
#[case::beyond_u64("18446744073709551616")]
#[case::truth("true")]
#[case::list("[1]")]
#[case::object(r#"{"id":1}"#)]
fn refuses_ids_that_servers_echo_differently(#[case] id: &str) {
    for body in [
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
    ] {
        let refused = read(&body).unwrap_err();
        assert!(
            matches!(
                refused,
                Unreadable::Invalid {
                    flaw: Flaw::Id,
                    id: None
                }
            ),
            "{body}"
        );
    }
}

#[test]
fn refuses_an_endless_id() {
    let with = |length| {
        format!(
            r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#,
            "x".repeat(length)
        )
    };
    assert!(read(with(MAX_ID_BYTES)).is_ok());
    assert_eq!(flaw(read(with(MAX_ID_BYTES + 1))), Flaw::Id);
}

#[test]
fn refuses_an_id_that_two_requests_of_a_batch_share() {
    let batch = |one: &str, other: &str| {
        read(format!(
            r#"[{{"jsonrpc":"2.0","id":{one},"method":"ping"}},{{"jsonrpc":"2.0","id":{other},"method":"ping"}}]"#
        ))
    };
    assert!(batch("1", "2").is_ok());
    assert!(batch("\"a\"", "\"A\"").is_ok());
    for (one, other) in [
        ("1", "1"),
        ("\"a\"", "\"a\""),
        ("1", "\"1\""),
        ("\"a\"", "\"\\u0061\""),
    ] {
        assert_eq!(flaw(batch(one, other)), Flaw::RepeatedId, "{one} {other}");
    }
    let answered =
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"result":{}}]"#;
    assert!(read(answered).is_ok(), "an answer's id is the server's");
    let notified = r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"a"}]"#;
    assert!(read(notified).is_ok());
}

#[rstest]
#[case::absent(r#"{"id":1,"method":"ping"}"#)]
#[case::other(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#)]
#[case::number(r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#)]
#[case::null(r#"{"jsonrpc":null,"id":1,"method":"ping"}"#)]
#[case::list(r#"{"jsonrpc":["2.0"],"id":1,"method":"ping"}"#)]
#[case::blank(r#"{"jsonrpc":"2.0 ","id":1,"method":"ping"}"#)]
fn refuses_other_versions_of_json_rpc(#[case] body: &str) {
    let refused = read(body).unwrap_err();
    let told =
        matches!(refused, Unreadable::Invalid { flaw: Flaw::Version, id: Some(id) } if id == 1);
    assert!(told, "the answer has the request's id");
}

#[rstest]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
    Flaw::RequestAndResponse
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"error":{},"method":"ping"}"#,
    Flaw::RequestAndResponse
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":null}"#,
    Flaw::RequestAndResponse
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":null,"result":{}}"#,
    Flaw::RequestAndResponse
)]
#[case(r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, Flaw::Nothing)]
#[case(r#"{"jsonrpc":"2.0","id":1}"#, Flaw::Nothing)]
#[case(r#"{"jsonrpc":"2.0","id":1,"params":{"name":"a"}}"#, Flaw::Nothing)]
#[case(r#"{"jsonrpc":"2.0","result":{}}"#, Flaw::Id)]
#[case(r#"{"jsonrpc":"2.0","id":1,"method":null}"#, Flaw::Method)]
#[case(r#"{"jsonrpc":"2.0","id":1,"method":["ping"]}"#, Flaw::Method)]
#[case(r#"{"jsonrpc":"2.0","id":1,"method":1}"#, Flaw::Method)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
    Flaw::Params
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["delete"]}"#,
    Flaw::Params
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"{}"}}"#,
    Flaw::Arguments
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[]}}"#,
    Flaw::Arguments
)]
#[case(
    r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"a","arguments":1}}"#,
    Flaw::Arguments
)]
#[case("[]", Flaw::EmptyBatch)]
fn refuses_what_is_two_messages_or_none(#[case] body: &str, #[case] expected: Flaw) {
    assert_eq!(flaw(read(body)), expected);
}

#[rstest]
#[case(r#"{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call","params":{"name":"a"}}}"#)]
#[case(r#"{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":"m"}}"#)]
#[case::unreadable_request(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#)]
#[case::left_out(r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"m"}}"#)]
fn takes_answers_for_answers(#[case] body: &str) {
    let payload = read(body).unwrap();
    assert!(payload.messages()[0].is_response());
    assert_eq!(payload.operations().count(), 0);
}

#[test]
fn a_flaw_in_a_batch_is_told_without_an_id() {
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2}]"#;
    let refused = read(batch).unwrap_err();
    assert!(matches!(
        refused,
        Unreadable::Invalid {
            flaw: Flaw::Nothing,
            id: None
        }
    ));
}
