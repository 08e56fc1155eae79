use proptest::prelude::*;
use rstest::rstest;

use super::{Costs, ToolPatterns, operations_of};
use crate::{Payload, Wanted};

fn costs(entries: &[(&str, u32)]) -> Costs {
    entries.iter().fold(Costs::new(), |costs, (tool, cost)| {
        costs.tool(*tool, *cost).unwrap()
    })
}

fn read(body: &str) -> Payload {
    Payload::read(body.as_bytes(), &Wanted::default()).unwrap()
}

fn call(id: u32, tool: &str) -> String {
    serde_json::json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } })
        .to_string()
}

#[rstest]
#[case::nothing_said("search", 1)]
#[case::glob("export_all", 10)]
#[case::longer_glob_first("export_small_one", 2)]
#[case::literal_before_glob("export_small_free", 0)]
#[case::star_in_the_middle("a_big_b", 7)]
#[case::a_literal_star("2*3", 5)]
fn the_most_specific_pattern_says_what_a_call_costs(#[case] tool: &str, #[case] cost: u32) {
    let costs = costs(&[
        ("export_*", 10),
        ("export_small_*", 2),
        ("export_small_free", 0),
        ("a_*_b", 7),
        (r"2\*3", 5),
    ]);
    assert_eq!(costs.of(tool), cost);
}

#[test]
fn what_is_said_again_replaces_what_was_said() {
    assert_eq!(costs(&[("a", 2), ("a", 3)]).of("a"), 3);
}

#[rstest]
#[case("Export_all")]
#[case("EXPORT_ALL")]
#[case(" export_all")]
#[case("export_all\u{200b}")]
#[case("export_all\t")]
fn no_other_spelling_makes_a_call_cheaper(#[case] tool: &str) {
    let costs = costs(&[("export*", 10), ("*", 0)]);
    assert_eq!(costs.of(tool), costs.of("export_all"));
}

#[test]
fn a_free_name_makes_no_other_spelling_free() {
    let costs = costs(&[("status", 0)]);
    assert_eq!(costs.of("status"), 0);
    assert_eq!(costs.of("STATUS"), 1, "nobody said that this one is free");
}

#[test]
fn a_name_that_is_spelled_out_costs_what_is_said() {
    let costs = costs(&[("export", 10), ("Export", 2)]);
    assert_eq!((costs.of("export"), costs.of("Export")), (10, 2));
    assert_eq!(
        costs.of("EXPORT"),
        10,
        "the dearer of the two that it looks like"
    );
}

#[rstest]
#[case("export_all", true)]
#[case("Export_All", true)]
#[case(" export_all ", true)]
#[case("import_all", false)]
fn a_limit_is_about_its_tools_however_they_are_spelled(#[case] tool: &str, #[case] held: bool) {
    let tools = ToolPatterns::parse(["export_*", "dump"]).unwrap();
    assert_eq!(tools.hold(tool), held);
}

#[rstest]
#[case("export_all", true)]
#[case("exp*", true)]
#[case("*", true)]
#[case("*_all", true)]
#[case("import_*", false)]
#[case("dumps", false)]
fn patterns_meet_where_a_tool_could_be_of_both(#[case] other: &str, #[case] meet: bool) {
    let tools = ToolPatterns::parse(["export_*", "dump"]).unwrap();
    let other = crate::policy::Pattern::parse(other).unwrap();
    assert_eq!(tools.meet(&other), meet);
}

#[test]
fn a_pattern_that_matches_nothing_is_a_mistake() {
    assert!(ToolPatterns::parse([""]).is_err());
    assert!(Costs::new().tool("a\0b", 1).is_err());
}

#[test]
fn a_batch_costs_the_sum_of_its_messages() {
    let ping = r#"{"jsonrpc":"2.0","id":9,"method":"ping"}"#;
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
    let messages = [&call(1, "export_a"), &call(2, "search"), ping, told, answer];
    let body = format!("[{}]", messages.join(","));
    let operations = operations_of(&read(&body), &costs(&[("export_*", 10)]));
    let calls = operations.calls().iter();
    let calls: Vec<_> = calls.map(|call| (&*call.name, call.cost)).collect();
    assert_eq!(calls, [("export_a", 10), ("search", 1)]);
    assert_eq!(operations.others(), 3);
    assert_eq!(operations.cost(), 14);
}

#[test]
fn only_a_call_of_a_tool_has_the_price_of_a_tool() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"export_a"}}"#;
    let operations = operations_of(&read(body), &costs(&[("*", 10)]));
    assert_eq!((operations.calls().len(), operations.cost()), (0, 1));
}

#[test]
fn every_message_is_one_operation_however_much_it_names() {
    let uris: Vec<_> = (0..10).map(|number| format!("file:///{number}")).collect();
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "notifications": { "resourceSubscriptions": uris } },
    });
    let operations = operations_of(&read(&body.to_string()), &Costs::new());
    assert_eq!(operations.cost(), 1);
}

#[test]
fn all_spellings_of_a_tool_are_counted_under_one_name() {
    let body = format!("[{},{}]", call(1, "Export"), call(2, " export "));
    let operations = operations_of(&read(&body), &Costs::new());
    let names = operations.calls().iter();
    let names: Vec<_> = names.map(|call| &*call.counted_as).collect();
    assert_eq!(names, ["export", "export"]);
}

proptest! {
    /// Whatever the patterns: another spelling never costs less than the least that any name of the same look costs,
    /// unless it is spelled out.
    #[test]
    fn a_look_alike_never_costs_less(
        name in "[a-c]{1,4}",
        entries in prop::collection::vec(("[a-cA-C*]{1,3}", 0_u32..20), 0..5),
        capitals in prop::collection::vec(any::<bool>(), 4),
    ) {
        let costs = entries.iter().fold(Costs::new(), |costs, (tool, cost)| costs.tool(tool.as_str(), *cost).unwrap());
        let letters = name.chars().zip(&capitals);
        let spelled: String = letters
            .map(|(letter, is_capital)| if *is_capital { letter.to_ascii_uppercase() } else { letter })
            .collect();
        let is_spelled_out = entries.iter().any(|(tool, _)| *tool == spelled);
        let dearest = entries
            .iter()
            .filter(|(tool, _)| *tool == name)
            .map(|(tool, _)| costs.of(tool))
            .max();
        if let (Some(dearest), false) = (dearest, is_spelled_out) {
            prop_assert!(costs.of(&spelled) >= dearest, "{} {} {:?}", name, spelled, costs);
        }
    }
}
