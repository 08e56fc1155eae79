use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};
use rstest::rstest;
use serde_json::json;

use super::*;

/// Shows what has one of these names.
#[derive(Debug)]
struct Only(BTreeSet<&'static str>);

impl Shows for Only {
    fn hides(&self, _: ListKind) -> bool {
        true
    }

    fn notice(&self, _: &str, _: &str) {}

    fn shows(&self, _: ListKind, name: &str) -> bool {
        self.0.contains(name)
    }
}

fn sieve() -> Sieve<Only> {
    Sieve::new(Only(["a", "b", "file:///a"].into()))
}

/// The message as its reader sees it, shortened by what stands around the result.
fn seen(result: &str) -> String {
    let message = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
    let text = message(result);
    let seen = sieve().message(&text).unwrap().unwrap_or(text);
    let (before, after) = (r#"{"jsonrpc":"2.0","id":1,"result":"#, "}");
    seen.strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after))
        .unwrap()
        .to_owned()
}

#[rstest]
#[case::first(r#"[ {"name":"x"} , {"name":"a"} ]"#, r#"[ {"name":"a"} ]"#)]
#[case::last(r#"[ {"name":"a"} , {"name":"x"} ]"#, r#"[ {"name":"a"} ]"#)]
#[case::middle(
    r#"[{"name":"a"}, {"name":"x"} ,{"name":"b"}]"#,
    r#"[{"name":"a"} ,{"name":"b"}]"#
)]
#[case::runs(
    r#"[{"name":"x"},{"name":"y"},{"name":"a"},{"name":"z"},{"name":"x"},{"name":"b"},{"name":"y"}]"#,
    r#"[{"name":"a"},{"name":"b"}]"#
)]
#[case::all(r#"[ {"name":"x"},{"name":"y"} ]"#, "[  ]")]
#[case::none(r#"[{"name":"b"},{"name":"a"}]"#, r#"[{"name":"b"},{"name":"a"}]"#)]
#[case::without_a_name(r#"[{},7,null,[],"a",{"name":7},{"name":"a\u0000"}]"#, "[]")]
#[case::with_a_name_in_escapes(
    r#"[{"n\u0061me":"\u0061"},{"name":"\u0078"}]"#,
    r#"[{"n\u0061me":"\u0061"}]"#
)]
#[case::null("null", "null")]
fn takes_items_out_and_nothing_else(#[case] tools: &str, #[case] expected: &str) {
    let around = |list: &str| {
        format!(
            r#"{{ "_meta":{{"n":1.0e30,"m":10000000000000000000000000}}, "tools":{list}, "ttlMs":1.0, "nextCursor":"c"}}"#
        )
    };
    assert_eq!(seen(&around(tools)), around(expected));
}

#[rstest]
#[case("tools", "name", "a")]
#[case("prompts", "name", "a")]
#[case("resources", "uri", "file:///a")]
#[case("resourceTemplates", "uriTemplate", "file:///a")]
fn knows_every_kind_of_list(#[case] list: &str, #[case] name: &str, #[case] shown: &str) {
    let items = json!([{ name: "x", "title": "a" }, { name: shown }]);
    let expected = json!({ list: [{ name: shown }] }).to_string();
    assert_eq!(seen(&json!({ list: items }).to_string()), expected);
}

#[test]
fn row_53_g13_makes_every_list_private() {
    let list = |scope: &str| format!(r#"{{"tools":[{{"name":"a"}}],"cacheScope": {scope} }}"#);
    for scope in ["\"public\"", "null", "[1]", "\"Private\""] {
        assert_eq!(seen(&list(scope)), list("\"private\""));
    }
    assert_eq!(seen(&list("\"private\"")), list("\"private\""));
}

#[test]
fn row_52_every_page_has_the_same_scope_whatever_was_taken_out() {
    let page = |name: &str| {
        json!({ "id": 1, "result": { "tools": [{ "name": name }], "nextCursor": "2" } }).to_string()
    };
    for name in ["a", "x"] {
        let sieve = sieve().adding_cache_scope(true);
        let seen = sieve.message(&page(name)).unwrap().unwrap();
        assert!(seen.ends_with(r#","cacheScope":"private"}}"#), "{seen}");
        assert!(seen.contains(r#""nextCursor":"2""#), "{seen}");
    }
    let spaced = "{\"id\":1,\"result\":{\"tools\":[ ]\n }}";
    let seen = sieve().adding_cache_scope(true).message(spaced).unwrap();
    assert_eq!(
        seen.unwrap(),
        "{\"id\":1,\"result\":{\"tools\":[ ],\"cacheScope\":\"private\"\n }}"
    );
}

#[rstest]
#[case::an_error(
    r#"{"id":1,"error":{"code":-32601,"message":"tools","data":{"tools":[{"name":"x"}]}}}"#
)]
#[case::a_notification(r#"{"method":"notifications/tools/list_changed"}"#)]
#[case::a_request(
    r#"{"id":2,"method":"sampling/createMessage","params":{"tools":[{"name":"x"}]}}"#
)]
#[case::another_result(
    r#"{"id":1,"result":{"structuredContent":{"tools":[{"name":"x"}]},"content":[]}}"#
)]
#[case::input_required(r#"{"id":1,"result":{"resultType":"input_required","inputRequests":{}}}"#)]
#[case::twice_where_it_does_not_matter(
    r#"{"id":1,"result":{"tools":[{"name":"a","x":{"y":1,"y":2}}],"z":1,"z":2}}"#
)]
fn leaves_everything_else_alone(#[case] text: &str) {
    assert_eq!(sieve().message(text).unwrap(), None);
}

#[test]
fn leaves_results_of_other_requests_alone_whatever_they_look_like() {
    let sieve = sieve().except(vec![json!(2), json!("t")]);
    let list = |id: &str| format!(r#"{{"id":{id},"result":{{"tools":[{{"name":"x"}}]}}}}"#);
    for id in ["2", "\"t\""] {
        assert_eq!(sieve.message(&list(id)).unwrap(), None);
    }
    for id in ["1", "null", "3", "\"2\"", "2.0"] {
        assert!(sieve.message(&list(id)).unwrap().is_some(), "{id}");
    }
    let batch = format!("[{}, {}]", list("2"), list("1"));
    let expected = format!(r#"[{}, {{"id":1,"result":{{"tools":[]}}}}]"#, list("2"));
    assert_eq!(sieve.batch(&batch).unwrap(), Some(expected));
}

#[rstest]
#[case::no_json("tools")]
#[case::nothing("")]
#[case::something_behind(r#"{"id":1,"result":{"tools":[]}} {}"#)]
#[case::a_comment(r#"{"id":1,"result":{"tools":[] /* x */}}"#)]
#[case::not_a_number(r#"{"id":1,"result":{"tools":[{"name":"x"}],"n":NaN}}"#)]
#[case::a_mark("\u{feff}{}")]
#[case::two_results(r#"{"id":1,"result":{},"result":{"tools":[]}}"#)]
#[case::two_results_in_escapes(r#"{"id":1,"result":{},"r\u0065sult":{"tools":[]}}"#)]
#[case::another_case(r#"{"id":1,"Result":{"tools":[]}}"#)]
#[case::another_letter(r#"{"id":1,"result":{"tool\u017f":[]}}"#)]
#[case::a_nul(r#"{"id":1,"result":{"tools\u0000":[]}}"#)]
#[case::a_prototype(r#"{"id":1,"result":{"__proto__":{"tools":[{"name":"x"}]}}}"#)]
#[case::two_lists(r#"{"id":1,"result":{"tools":[],"tools":[]}}"#)]
#[case::another_list(r#"{"id":1,"result":{"tools":[],"Tools":[]}}"#)]
#[case::two_names(r#"{"id":1,"result":{"tools":[{"name":"a","name":"x"}]}}"#)]
#[case::another_name(r#"{"id":1,"result":{"tools":[{"name":"a","Name":"x"}]}}"#)]
#[case::no_list(r#"{"id":1,"result":{"tools":{"0":{"name":"x"}}}}"#)]
#[case::no_object(r#"{"id":1,"result":[{"name":"x"}]}"#)]
#[case::a_batch(r#"[{"id":1,"result":{"tools":[]}}]"#)]
fn f24_shows_nothing_that_readers_may_understand_differently(#[case] text: &str) {
    assert!(sieve().message(text).is_err());
}

#[test]
fn f24_says_which_response_could_not_be_read() {
    let id_of = |text: &str| sieve().message(text).unwrap_err().id().map(str::to_owned);
    assert_eq!(
        id_of(r#"{"result":{"tools":7},"id":"q\""}"#).as_deref(),
        Some(r#""q\"""#)
    );
    assert_eq!(id_of(r#"{"result":{"tools":7}}"#), None);
    assert_eq!(id_of(r#"{"id":1,"id":1,"result":{"tools":7}}"#), None);
}

#[rstest]
#[case(r#""secret""#)]
#[case(r#"{"id":1,"result":"secret"}"#)]
#[case(r#"{"id":1,"result":{"tools":"secret"}}"#)]
#[case(r#"{"id":1,"result":{"tools":[{"name":"secret","Name":"secret"}]}}"#)]
#[case(r#"{"id":1,"result":{"tools":[{"secret"#)]
fn quotes_nothing_of_what_it_cannot_read(#[case] text: &str) {
    let told = sieve().message(text).unwrap_err().to_string();
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn finds_results_wherever_they_are() {
    assert!(has_result(r#" [{"id":1,"error":{}},{"id":1,"result":{}}]"#).unwrap());
    assert!(has_result(r#"{"result":null}"#).unwrap());
    assert!(!has_result(r#"{"error":"not found","data":{"result":1}}"#).unwrap());
    assert!(has_result("nothing").is_err());
}

#[test]
fn reads_deep_values_without_going_deep() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(r#"{{"id":1,"result":{{"tools":[{{"name":"x"}}],"deep":{deep}}}}}"#);
    let expected = format!(r#"{{"id":1,"result":{{"tools":[],"deep":{deep}}}}}"#);
    assert_eq!(sieve().message(&text).unwrap(), Some(expected));
}

/// A list, with the texts of its items and whether each may be shown.
fn list() -> impl Strategy<Value = (Vec<(String, bool)>, String, String)> {
    let item = select(vec![
        (r#"{"name":"a"}"#, true),
        (r#"{"n":1.0,"name":"b","é":"]},"}"#, true),
        (r#"{ "name" : "\u0061" }"#, true),
        (r#"{"name":"x"}"#, false),
        (r#"{"description":"a","name":"A"}"#, false),
        (r#"{"name":["a"]}"#, false),
        ("17", false),
    ]);
    let items = vec(item, 0..8).prop_map(|items| {
        let owned = |(text, shown): (&str, bool)| (text.to_owned(), shown);
        items.into_iter().map(owned).collect()
    });
    let separator = select(vec![",", " , ", "\n,\t"]).prop_map(str::to_owned);
    let around = select(vec![
        "{\"id\":1,\"result\":{\"tools\":[*]}}",
        " { \"result\" : { \"a\":[1e400,{}], \"tools\" :\n[ * ] ,\"nextCursor\":\"]\"}, \"id\" :1 }\n",
        "{\"id\":1,\"result\":{\"ttlMs\":10000000000000000000000,\"tools\":[*],\"_meta\":{\"tools\":[{\"name\":\"x\"}]}}}",
    ])
    .prop_map(str::to_owned);
    (items, separator, around)
}

proptest! {
    #[test]
    fn any_list_keeps_what_may_be_shown_in_order_and_all_bytes_around_it(
        (items, separator, around) in list(),
    ) {
        let written = |shown: &dyn Fn(bool) -> bool| {
            let texts: Vec<_> = items.iter().filter(|item| shown(item.1)).map(|item| &*item.0).collect();
            around.replacen('*', &texts.join(&separator), 1)
        };
        let (text, expected) = (written(&|_| true), written(&|shown| shown));
        prop_assert_eq!(sieve().message(&text).unwrap().unwrap_or(text), expected);
    }
}
