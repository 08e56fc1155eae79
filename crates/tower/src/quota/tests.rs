//! Who shares a count with whom, what is charged, and what clients are told.

use std::{collections::HashSet, num::NonZeroU32, time::Duration};

use http::{HeaderMap, Request, request::Parts};
use oauthgate_core::{
    Issuer, ProtectedResource, ResourceIdentifier, ScopeSet, UserContext, danger,
    quota::{Quota, Standing},
};
use oauthgate_remote::state::quotas::QuotaKey;
use proptest::prelude::*;
use rstest::rstest;

use super::{
    By, Counted, CountedLimit, Limit, LimitPlan, Operations, RATE_LIMIT, RATE_LIMIT_POLICY,
    ToolCall, fields,
};
use crate::ClientAddress;

fn quota(text: &str) -> Quota {
    text.parse().unwrap()
}

fn resource(path: &str) -> ProtectedResource {
    let identifier = ResourceIdentifier::parse(&format!("https://mcp.example.com/{path}"));
    ProtectedResource::new(identifier.unwrap(), Vec::new())
}

fn limit(name: &str, by: &[By]) -> Limit {
    Limit::new(name, by.iter().copied())
        .unwrap()
        .rate(quota("60/min"))
}

fn plan(limits: impl IntoIterator<Item = Limit>) -> LimitPlan {
    LimitPlan::new(&resource("mcp"), limits).unwrap()
}

/// A caller in an issuer, a tenant, a tier, with a client; `""` for none.
fn caller(user: &str, issuer: &str, tenant: &str, tier: &str, client: &str) -> UserContext {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let user = danger::caller(user, ScopeSet::empty());
    let user = danger::placed(user, tier, some(tenant));
    let issuer = Issuer::new(format!("https://{issuer}.example.com")).unwrap();
    danger::issued(user, issuer, some(client))
}

fn alice() -> UserContext {
    caller("alice", "auth", "", "free", "app")
}

fn request(user: Option<UserContext>, address: &str, operations: Option<Operations>) -> Parts {
    let mut parts = Request::new(()).into_parts().0;
    if let Some(user) = user {
        parts.extensions.insert(user);
    }
    if let Ok(address) = address.parse() {
        parts.extensions.insert(ClientAddress(address));
    }
    if let Some(operations) = operations {
        parts.extensions.insert(operations);
    }
    parts
}

fn calls(tools: &[(&str, u32)], others: u32) -> Operations {
    let calls = tools.iter().map(|(tool, cost)| ToolCall {
        name: (*tool).to_owned(),
        counted_as: tool.to_ascii_lowercase(),
        cost: *cost,
    });
    Operations::new(calls, others)
}

fn keys(plan: &LimitPlan, request: &Parts) -> Vec<QuotaKey> {
    let planned = plan.charges(request);
    planned.iter().map(|planned| planned.charge.key).collect()
}

fn key(by: &[By], user: Option<UserContext>, address: &str) -> QuotaKey {
    let request = request(user, address, Some(calls(&[("search", 1)], 0)));
    keys(&plan([limit("one", by)]), &request)[0]
}

#[rstest]
#[case::same_user_elsewhere(&[By::Subject], alice(), "192.0.2.1", alice(), "192.0.2.2", true)]
#[case::same_user_other_client(&[By::Subject], alice(), "", caller("alice", "auth", "", "free", "cli"), "", true)]
#[case::same_user_other_tier(&[By::Subject], alice(), "", caller("alice", "auth", "", "pro", "app"), "", true)]
#[case::other_user(&[By::Subject], alice(), "", caller("bob", "auth", "", "free", "app"), "", false)]
#[case::same_subject_other_issuer(&[By::Subject], alice(), "", caller("alice", "evil", "", "free", "app"), "", false)]
#[case::same_subject_other_tenant(&[By::Subject], caller("alice", "auth", "a", "free", ""), "", caller("alice", "auth", "b", "free", ""), "", false)]
#[case::tenant_or_none(&[By::Subject], alice(), "", caller("alice", "auth", "-", "free", "app"), "", false)]
#[case::client(&[By::Client], alice(), "", caller("bob", "auth", "", "free", "app"), "", true)]
#[case::other_client(&[By::Client], alice(), "", caller("alice", "auth", "", "free", "cli"), "", false)]
#[case::client_of_other_issuer(&[By::Client], alice(), "", caller("alice", "evil", "", "free", "app"), "", false)]
#[case::tenant(&[By::Tenant], caller("a", "auth", "acme", "free", ""), "", caller("b", "auth", "acme", "pro", ""), "", true)]
#[case::tenant_of_other_issuer(&[By::Tenant], caller("a", "auth", "acme", "free", ""), "", caller("a", "evil", "acme", "free", ""), "", false)]
#[case::tier(&[By::Tier], caller("a", "auth", "", "pro", ""), "", caller("b", "evil", "", "pro", ""), "", true)]
#[case::other_tier(&[By::Tier], caller("a", "auth", "", "pro", ""), "", caller("a", "auth", "", "free", ""), "", false)]
#[case::address(&[By::Address], alice(), "192.0.2.1", caller("bob", "auth", "", "free", ""), "192.0.2.1", true)]
#[case::other_address(&[By::Address], alice(), "192.0.2.1", alice(), "192.0.2.2", false)]
#[case::network(&[By::Address], alice(), "2001:db8::1", alice(), "2001:db8::2", true)]
#[case::everybody(&[], alice(), "192.0.2.1", caller("bob", "evil", "x", "pro", ""), "192.0.2.2", true)]
#[case::combined(&[By::Subject, By::Address], alice(), "192.0.2.1", alice(), "192.0.2.2", false)]
fn callers_share_a_count_exactly_when_the_limit_says_so(
    #[case] by: &[By],
    #[case] one: UserContext,
    #[case] here: &str,
    #[case] other: UserContext,
    #[case] there: &str,
    #[case] shared: bool,
) {
    assert_eq!(
        key(by, Some(one), here) == key(by, Some(other), there),
        shared
    );
}

#[test]
fn h6_callers_without_a_token_are_told_by_their_network() {
    let by = [By::Subject];
    let here = key(&by, None, "192.0.2.1");
    assert_eq!(here, key(&by, None, "::ffff:192.0.2.1"));
    assert_ne!(here, key(&by, None, "192.0.2.2"));
    let named = caller("192.0.2.1", "auth", "", "free", "");
    assert_ne!(here, key(&by, Some(named), "192.0.2.1"));
    assert_eq!(
        key(&by, None, ""),
        key(&by, None, ""),
        "all that come from nowhere are one"
    );
}

#[test]
fn limits_and_resources_never_share_a_count() {
    let request = request(Some(alice()), "", None);
    let [one, other] = keys(
        &plan([limit("one", &[By::Subject]), limit("other", &[By::Subject])]),
        &request,
    )[..] else {
        panic!("two limits, two charges")
    };
    let elsewhere = LimitPlan::new(&resource("other"), [limit("one", &[By::Subject])]).unwrap();
    let elsewhere = keys(&elsewhere, &request)[0];
    assert_eq!(HashSet::from([one, other, elsewhere]).len(), 3);
}

proptest! {
    /// No choice of names, tenants and clients makes two callers one.
    #[test]
    fn no_two_callers_are_one(
        one in ("[a-c+-]{1,3}", "[a-c]{1,2}", "[a-c+-]{0,2}", "[a-c+-]{0,2}"),
        other in ("[a-c+-]{1,3}", "[a-c]{1,2}", "[a-c+-]{0,2}", "[a-c+-]{0,2}"),
    ) {
        let user = |(user, issuer, tenant, client): &(String, String, String, String)| {
            Some(caller(user, issuer, tenant, "free", client))
        };
        let by = [By::Subject, By::Client];
        prop_assert_eq!(key(&by, user(&one), "") == key(&by, user(&other), ""), one == other);
    }
}

fn costs(plan: &LimitPlan, operations: Option<Operations>) -> Vec<(usize, u32)> {
    let request = request(Some(alice()), "", operations);
    let planned = plan.charges(&request);
    planned
        .iter()
        .map(|planned| (planned.limit, planned.charge.cost))
        .collect()
}

#[test]
fn a_request_without_a_message_costs_one() {
    assert_eq!(costs(&plan([limit("all", &[])]), None), [(0, 1)]);
}

#[test]
fn calls_cost_what_they_cost_and_everything_else_one() {
    let plan = plan([
        limit("all", &[]),
        limit("exports", &[]).tools(|tool| tool.starts_with("export")),
        limit("per-tool", &[By::Tool]),
    ]);
    let batch = calls(
        &[
            ("export_a", 10),
            ("search", 1),
            ("export_b", 5),
            ("free", 0),
        ],
        2,
    );
    assert_eq!(
        costs(&plan, Some(batch)),
        [(0, 18), (1, 15), (2, 10), (2, 5), (2, 1)]
    );
    let ping = calls(&[], 1);
    assert_eq!(
        costs(&plan, Some(ping)),
        [(0, 1)],
        "no limit of tools is about it"
    );
    let free = calls(&[("free", 0)], 0);
    assert_eq!(costs(&plan, Some(free)), []);
}

#[test]
fn all_spellings_of_a_tool_share_its_count() {
    let plan = plan([limit("per-tool", &[By::Tool])]);
    let batch = calls(&[("export", 1), ("EXPORT", 1), ("search", 1)], 0);
    assert_eq!(costs(&plan, Some(batch)), [(0, 2), (0, 1)]);
}

#[test]
fn costs_beyond_all_bounds_are_the_most_there_is() {
    let batch = calls(&[("a", u32::MAX), ("b", u32::MAX)], 7);
    assert_eq!(
        costs(&plan([limit("all", &[])]), Some(batch)),
        [(0, u32::MAX)]
    );
}

#[rstest]
#[case(Some("free"), Some("1/min"))]
#[case(Some("pro"), Some("2/min"))]
#[case(Some("gold"), Some("3/min"))]
#[case(None, Some("3/min"))]
fn a_tier_has_its_own_quota_and_all_others_the_rate(
    #[case] tier: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let limit = Limit::new("x", []).unwrap();
    let limit = limit
        .tier("free", quota("1/min"))
        .tier("pro", quota("2/min"));
    assert_eq!(
        limit.clone().rate(quota("3/min")).quota_of(tier),
        expected.map(quota)
    );
    let listed = ["free", "pro"].iter().any(|known| Some(*known) == tier);
    assert_eq!(
        limit.quota_of(tier).is_some(),
        listed,
        "the others are not limited"
    );
}

#[rstest]
#[case("", false)]
#[case("per-user", true)]
#[case("a1-b2", true)]
#[case("Per-User", false)]
#[case("per user", false)]
#[case("per\"user", false)]
#[case("per_user", false)]
#[case("größe", false)]
fn the_name_of_a_limit_is_fit_for_a_header(#[case] name: &str, #[case] good: bool) {
    assert_eq!(Limit::new(name, []).is_ok(), good);
}

#[test]
fn two_limits_of_one_name_are_a_mistake() {
    let twice = [limit("a", &[]), limit("b", &[]), limit("a", &[By::Subject])];
    let error = LimitPlan::new(&resource("mcp"), twice).unwrap_err();
    assert!(error.problem.contains("called a"), "{}", error.problem);
}

#[test]
fn every_word_for_a_key_is_read_and_no_other() {
    for by in By::ALL {
        assert_eq!(by.as_str().parse::<By>().unwrap(), by);
    }
    let error = "user".parse::<By>().unwrap_err();
    assert!(error.expected.contains("subject"), "{}", error.expected);
}

fn counted(name: &str, quota: Quota, remaining: u32) -> CountedLimit {
    CountedLimit {
        name: name.into(),
        by: vec![By::Subject],
        quota,
        standing: Standing {
            limit: quota.burst().get(),
            remaining,
            reset: Duration::from_secs(1),
        },
    }
}

fn told(counted: &Counted) -> (String, String) {
    let mut headers = HeaderMap::new();
    fields::tell(counted, &mut headers);
    let value = |name| headers[name].to_str().unwrap().to_owned();
    (value(RATE_LIMIT_POLICY), value(RATE_LIMIT))
}

#[rstest]
#[case("60/min", None, 59, "\"x\";q=60;w=60", "\"x\";r=59;t=59")]
#[case(
    "60/min",
    Some(20),
    19,
    "\"x\";q=60;w=60;oauthgate-burst=20",
    "\"x\";r=19;t=19"
)]
#[case("60/min", None, 0, "\"x\";q=60;w=60", "\"x\";r=0;t=1")]
#[case("1/h", None, 0, "\"x\";q=1;w=3600", "\"x\";r=0;t=3600")]
#[case("7/min", None, 3, "\"x\";q=7;w=60", "\"x\";r=3;t=26")]
#[case("1000/s", None, 999, "\"x\";q=1000;w=1", "\"x\";r=999;t=1")]
#[case("5000/day", None, 4999, "\"x\";q=5000;w=86400", "\"x\";r=4999;t=86383")]
fn a_client_reads_what_it_may_do_and_in_which_time(
    #[case] rate: &str,
    #[case] burst: Option<u32>,
    #[case] remaining: u32,
    #[case] policy: &str,
    #[case] standing: &str,
) {
    let quota = quota(rate);
    let quota = burst.map_or(quota, |burst| {
        quota.with_burst(NonZeroU32::new(burst).unwrap())
    });
    let counted = Counted::within(vec![counted("x", quota, remaining)]);
    assert_eq!(told(&counted), (policy.to_owned(), standing.to_owned()));
}

#[test]
fn of_several_limits_each_is_a_member_of_the_list() {
    let limits = vec![
        counted("per-user", quota("60/min"), 59),
        counted("all", quota("1000/s"), 3),
    ];
    let (policy, standing) = told(&Counted::within(limits));
    assert_eq!(policy, r#""per-user";q=60;w=60, "all";q=1000;w=1"#);
    assert_eq!(standing, r#""per-user";r=59;t=59, "all";r=3;t=1"#);
}

/// Draft -11 §6: `Retry-After` is not earlier than the end of a window.
#[test]
fn a_refusal_names_no_window_beyond_retry_after() {
    let limits = vec![
        counted("per-user", quota("60/min"), 59),
        counted("exports", quota("10/h"), 4),
    ];
    let counted = Counted::over(limits, 1, Duration::from_millis(359_001));
    assert_eq!(told(&counted).1, r#""per-user";r=59, "exports";r=4;t=360"#);
    assert_eq!(&*counted.refused_by().unwrap().name, "exports");
}

#[test]
fn what_the_service_says_of_its_own_limits_stays() {
    let mut headers = HeaderMap::new();
    headers.insert(RATE_LIMIT, r#""theirs";r=1;t=9"#.parse().unwrap());
    let counted = Counted::within(vec![counted("ours", quota("60/min"), 5)]);
    fields::tell(&counted, &mut headers);
    let all: Vec<_> = headers.get_all(RATE_LIMIT).iter().collect();
    assert_eq!(all, [r#""theirs";r=1;t=9"#, r#""ours";r=5;t=5"#]);
}

proptest! {
    /// Draft -11 §8.5: whoever spreads what is left over the window keeps the rate that is configured.
    #[test]
    fn a_window_never_invites_to_go_faster_than_the_rate(
        events in 1_u32..10_000, unit in prop::sample::select(vec!["min", "h", "day"]), left in 0_u32..10_000,
    ) {
        let quota = quota(&format!("{events}/{unit}"));
        let (_, standing) = told(&Counted::within(vec![counted("x", quota, left)]));
        let window: f64 = standing.rsplit_once("t=").unwrap().1.parse().unwrap();
        let rate = f64::from(quota.events().get()) / quota.period().as_secs_f64();
        prop_assert!(window >= 1.0);
        prop_assert!(f64::from(left) / window <= rate * 1.000_001, "{}", standing);
    }
}
