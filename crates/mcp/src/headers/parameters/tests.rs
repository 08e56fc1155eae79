use http::HeaderName;
use rstest::rstest;
use serde_json::json;

use super::*;

const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{
    "region":"us-west1","limit":42,"dry":true,"none":null,"big":9007199254740993,"list":["a"],
    "inner":{"text":" padded "},"half":0.5,"number_as_text":"42","sql":"SELECT"}}}"#;

fn parameters() -> Vec<Parameter> {
    [
        ("Region", "/region"),
        ("Limit", "/limit"),
        ("Dry", "/dry"),
        ("None", "/none"),
        ("Absent", "/absent"),
        ("Big", "/big"),
        ("List", "/list"),
        ("Text", "/inner/text"),
        ("Half", "/half"),
        ("Number-As-Text", "/number_as_text"),
    ]
    .map(|(name, pointer)| Parameter::new(name, pointer).unwrap())
    .to_vec()
}

fn learned() -> ParameterHeaders {
    let table = ParameterHeaders::new();
    table.learn([("query".to_owned(), parameters())]);
    table
}

fn configured() -> ParameterHeaders {
    let demanded = vec![Parameter::new("Region", "/region").unwrap()];
    ParameterHeaders::new()
        .configured("query", demanded)
        .unwrap()
}

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes()).unwrap(),
            http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    map
}

fn check(
    table: &ParameterHeaders,
    body: &str,
    headers: &[(&str, &str)],
    revision: Option<Revision>,
) -> Result<(), Mismatch> {
    let payload = Payload::read(body.as_bytes(), &Wanted::nothing()).unwrap();
    table.agree(&map(headers), &payload, body.as_bytes(), revision)
}

#[rstest]
#[case(&[])]
#[case::text(&[("region", "us-west1")])]
#[case::any_case_of_the_name(&[("REGION", "us-west1")])]
#[case::encoded(&[("region", "=?base64?dXMtd2VzdDE=?=")])]
#[case::blanks_are_trimmed(&[("region", " us-west1 ")])]
#[case::encoded_blanks(&[("text", "=?base64?IHBhZGRlZCA=?=")])]
#[case::integer(&[("limit", "42")])]
#[case::integer_with_a_fraction(&[("limit", "42.0")])]
#[case::encoded_integer(&[("limit", "=?base64?NDI=?=")])]
#[case::fraction(&[("half", "0.5")])]
#[case::boolean(&[("dry", "true")])]
#[case::text_of_digits(&[("number-as-text", "42")])]
#[case::unknown(&[("sql", "DROP"), ("whatever", "=?base64?rubbish")])]
fn row_41_compares_what_headers_decode_to(#[case] headers: &[(&str, &str)]) {
    for revision in [None, Some(Revision::V2026_07_28)] {
        assert_eq!(check(&learned(), BODY, headers, revision), Ok(()));
    }
}

#[rstest]
#[case::another(&[("region", "us-west2")], Mismatch::Parameter)]
#[case::another_case(&[("region", "US-West1")], Mismatch::Parameter)]
#[case::encoded_other(&[("region", "=?base64?dXMtd2VzdDI=?=")], Mismatch::Parameter)]
#[case::empty(&[("region", "")], Mismatch::Parameter)]
#[case::not_base64(&[("region", "=?base64?dXMtd2VzdDE?=")], Mismatch::UnreadableParameter)]
#[case::not_utf8(&[("region", "=?base64?/w==?=")], Mismatch::UnreadableParameter)]
#[case::not_ascii(&[("region", "ü")], Mismatch::UnreadableParameter)]
#[case::twice(&[("region", "us-west1"), ("region", "us-west1")], Mismatch::UnreadableParameter)]
#[case::two(&[("region", "us-west1"), ("region", "us-west2")], Mismatch::UnreadableParameter)]
#[case::integer(&[("limit", "43")], Mismatch::Parameter)]
#[case::no_integer(&[("limit", "forty-two")], Mismatch::Parameter)]
#[case::json_text(&[("limit", "\"42\"")], Mismatch::Parameter)]
#[case::hexadecimal(&[("limit", "0x2a")], Mismatch::Parameter)]
#[case::boolean(&[("dry", "false")], Mismatch::Parameter)]
#[case::boolean_in_capitals(&[("dry", "True")], Mismatch::Parameter)]
#[case::boolean_as_number(&[("dry", "1")], Mismatch::Parameter)]
#[case::of_null(&[("none", "null")], Mismatch::Parameter)]
#[case::of_nothing(&[("absent", "x")], Mismatch::Parameter)]
#[case::beyond_doubles(&[("big", "9007199254740993")], Mismatch::Parameter)]
#[case::of_a_list(&[("list", "a")], Mismatch::Parameter)]
fn f23_row_40_refuses_a_parameter_that_differs(
    #[case] headers: &[(&str, &str)],
    #[case] mismatch: Mismatch,
) {
    for revision in [None, Some(Revision::V2026_07_28)] {
        assert_eq!(check(&learned(), BODY, headers, revision), Err(mismatch));
    }
}

#[test]
fn row_42_leaves_unknown_parameters_alone() {
    let lies = [("region", "=?base64?!"), ("region", "x")];
    let other = BODY.replace("\"query\"", "\"other\"");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for (table, body) in [
        (&ParameterHeaders::new(), BODY),
        (&learned(), &other),
        (&learned(), list),
        (&configured(), list),
    ] {
        let checked = check(table, body, &lies, Some(Revision::V2026_07_28));
        assert_eq!(checked, Ok(()), "{body}");
    }
}

#[test]
fn misses_only_what_the_operator_demands() {
    let modern = Some(Revision::V2026_07_28);
    assert_eq!(check(&learned(), BODY, &[], modern), Ok(()));
    assert_eq!(
        check(&configured(), BODY, &[], modern),
        Err(Mismatch::MissingParameter)
    );
    assert_eq!(check(&configured(), BODY, &[], None), Ok(()));
    let absent = BODY.replace("\"region\"", "\"elsewhere\"");
    let null = BODY.replace("\"us-west1\"", "null");
    for body in [absent, null] {
        assert_eq!(check(&configured(), &body, &[], modern), Ok(()));
    }
}

#[test]
fn refuses_a_parameter_before_a_batch_with_its_tool() {
    let batch = format!("[{BODY}]");
    let true_one = [("region", "us-west1")];
    for table in [learned(), configured()] {
        assert_eq!(check(&table, &batch, &true_one, None), Err(Mismatch::Batch));
        assert_eq!(check(&table, &batch, &[("sql", "x")], None), Ok(()));
    }
}

#[test]
fn learns_anew_and_forgets() {
    let table = learned();
    let clone = table.clone();
    let wrong = [("region", "us-west2")];
    assert!(check(&clone, BODY, &wrong, None).is_err());
    clone.learn([(
        "query".to_owned(),
        vec![Parameter::new("Other", "/sql").unwrap()],
    )]);
    assert_eq!(check(&table, BODY, &wrong, None), Ok(()));
    assert!(check(&table, BODY, &[("other", "x")], None).is_err());
    table.learn([("query".to_owned(), Vec::new())]);
    assert_eq!(check(&clone, BODY, &[("other", "x")], None), Ok(()));
}

#[test]
fn learns_no_more_than_it_has_room_for() {
    let table = ParameterHeaders::new();
    let one = || vec![Parameter::new("A", "/a").unwrap()];
    for start in [0, 600, 1200, 5000] {
        table.learn((start..start + 600).map(|number| (format!("tool-{number}"), one())));
    }
    assert_eq!(table.learned.load().len(), MAX_TOOLS);
    let many = (0..=MAX_HEADERS).map(|n| Parameter::new(&format!("P{n}"), "/a").unwrap());
    let table = ParameterHeaders::new();
    table.learn([
        ("many".to_owned(), many.collect()),
        ("x".repeat(MAX_NAME_BYTES + 1), one()),
    ]);
    assert_eq!(table.learned.load().len(), 0);
}

#[test]
fn learning_while_others_read_loses_nothing() {
    let table = ParameterHeaders::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let table = &table;
            scope.spawn(move || {
                for number in 0..50 {
                    let name = format!("tool-{thread}-{number}");
                    table.learn([(name, vec![Parameter::new("A", "/a").unwrap()])]);
                    let _ = check(table, BODY, &[("a", "x")], None);
                }
            });
        }
    });
    assert_eq!(table.learned.load().len(), 200);
}

#[test]
fn an_operator_may_not_name_a_header_twice() {
    let twice = vec![
        Parameter::new("Region", "/a").unwrap(),
        Parameter::new("REGION", "/b").unwrap(),
    ];
    assert!(ParameterHeaders::new().configured("t", twice).is_err());
}

#[test]
fn finds_the_annotations_of_a_schema() {
    let schema = json!({
        "type": "object",
        "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "a/b": { "type": "object", "properties": {
                "c~d": { "type": ["integer", "null"], "x-mcp-header": "Deep" } } },
            "query": { "type": "string" }
        }
    });
    let found = Parameter::in_schema(&schema);
    let expected = [
        Parameter::new("Deep", "/a~1b/c~0d")
            .unwrap()
            .of_type(ParameterType::Integer),
        Parameter::new("Region", "/region")
            .unwrap()
            .of_type(ParameterType::String),
    ];
    assert_eq!(found.len(), 2);
    assert!(expected.iter().all(|parameter| found.contains(parameter)));
}

#[rstest]
#[case::number(json!({ "type": "number", "x-mcp-header": "A" }))]
#[case::object(json!({ "type": "object", "x-mcp-header": "A" }))]
#[case::no_type(json!({ "x-mcp-header": "A" }))]
#[case::two_types(json!({ "type": ["string", "integer"], "x-mcp-header": "A" }))]
#[case::empty(json!({ "type": "string", "x-mcp-header": "" }))]
#[case::no_token(json!({ "type": "string", "x-mcp-header": "A B" }))]
#[case::line_break(json!({ "type": "string", "x-mcp-header": "A\r\nB" }))]
#[case::not_text(json!({ "type": "string", "x-mcp-header": 1 }))]
#[case::same_as_another(json!({ "type": "string", "x-mcp-header": "GOOD" }))]
fn learns_nothing_from_a_schema_that_breaks_the_rules(#[case] wrong: serde_json::Value) {
    let good = json!({ "type": "string", "x-mcp-header": "Good" });
    let schema = json!({ "properties": { "good": good, "wrong": wrong } });
    assert_eq!(Parameter::in_schema(&schema), []);
}

#[test]
fn reads_a_deep_schema_only_so_far() {
    let mut schema = json!({ "type": "string", "x-mcp-header": "A" });
    for _ in 0..100 {
        schema = json!({ "properties": { "a": schema } });
    }
    assert_eq!(Parameter::in_schema(&schema), []);
}
