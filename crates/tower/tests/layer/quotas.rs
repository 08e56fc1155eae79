//! How much good callers may do.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use oauthgate_core::{Denial, Reason, UserContext};
use oauthgate_remote::{
    clock::SystemClock,
    state::quotas::{Charge, LocalQuotas, Quotas, Spent, Uncounted},
};
use oauthgate_tower::{
    QuotaLayer, ResourceServerLayer,
    quota::{By, Counted, Limit, LimitPlan, Operations, RATE_LIMIT, RATE_LIMIT_POLICY, ToolCall},
};
use tokio::time::advance;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::support::*;

type Behind = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// A protected service with limits, that answers with 200 whatever it is asked.
fn limited(limits: impl IntoIterator<Item = Limit>) -> Behind {
    counting_in(
        limits,
        Arc::new(LocalQuotas::new(1_000, Arc::new(SystemClock::new()))),
    )
}

fn counting_in(limits: impl IntoIterator<Item = Limit>, quotas: Arc<dyn Quotas>) -> Behind {
    let plan = LimitPlan::new(&resource(), limits).unwrap();
    let service = ServiceBuilder::new()
        .layer(ResourceServerLayer::new(Provider::default()).require(requires("notes:read")))
        .layer(QuotaLayer::new(plan, quotas))
        .service(service_fn(async |request: Request<Body>| {
            let mut response = Response::new(Body::from("hello"));
            if let Some(own) = request.headers().get("x-own-limit") {
                response.headers_mut().insert(RATE_LIMIT, own.clone());
            }
            Ok::<_, Infallible>(response)
        }));
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
}

async fn ask(service: &Behind, request: Request<Body>) -> Answered {
    let mut service = service.clone();
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    Answered::read(response).await
}

async fn statuses(service: &Behind, times: usize, token: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(ask(service, with_token(token)).await.status().as_u16());
    }
    statuses
}

fn per_user(rate: &str) -> Limit {
    Limit::new("per-user", [By::Subject])
        .unwrap()
        .rate(rate.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_caller_over_its_quota_hears_429_and_when_to_come_back() {
    let service = limited([per_user("3/min")]);
    assert_eq!(statuses(&service, 3, "good").await, [200; 3]);
    let answered = ask(&service, with_token("good")).await;
    assert_eq!(answered.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answered.reason(), Some(Reason::QuotaExceeded));
    assert_eq!(answered.header(header::RETRY_AFTER), Some("20"));
    assert_eq!(
        answered.header(RATE_LIMIT_POLICY),
        Some(r#""per-user";q=3;w=60"#)
    );
    assert_eq!(answered.header(RATE_LIMIT), Some(r#""per-user";r=0;t=20"#));
    assert_eq!(answered.header(header::WWW_AUTHENTICATE), None);
    assert_eq!(answered.json()["error"], "too_many_requests");
    advance(Duration::from_secs(20)).await;
    assert_eq!(statuses(&service, 2, "good").await, [200, 429]);
}

#[tokio::test(start_paused = true)]
async fn every_counted_answer_says_what_is_left() {
    let service = limited([per_user("60/min")]);
    for left in (57..60).rev() {
        let answered = ask(&service, with_token("good")).await;
        assert_eq!(
            answered.header(RATE_LIMIT),
            Some(&*format!("\"per-user\";r={left};t={left}"))
        );
        assert_eq!(
            answered.header(RATE_LIMIT_POLICY),
            Some(r#""per-user";q=60;w=60"#)
        );
        let counted = answered.parts.extensions.get::<Counted>().unwrap();
        assert_eq!(counted.limits()[0].standing.remaining, left);
        assert!(counted.refused_by().is_none() && counted.wait().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn h6_one_subject_never_pays_for_another_behind_the_same_address() {
    let service = limited([per_user("5/min")]);
    let from_here = |token: &str| from_address(with_token(token), "192.0.2.1");
    for _ in 0..50 {
        ask(&service, from_here("user-attacker")).await;
    }
    for user in 0..500 {
        for _ in 0..5 {
            let answered = ask(&service, from_here(&format!("user-{user}"))).await;
            assert_eq!(answered.status(), StatusCode::OK, "user {user}");
        }
    }
    let answered = ask(&service, from_here("user-attacker")).await;
    assert_eq!(answered.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_another_reason_costs_nothing() {
    let service = limited([
        per_user("1/min"),
        Limit::new("all", [])
            .unwrap()
            .rate("9/min".parse().unwrap()),
    ]);
    for token in ["forged", "stale", "", "two words"] {
        for _ in 0..3 {
            let answered = ask(&service, with_token(token)).await;
            assert!(answered.status().is_client_error(), "{token}");
            assert_eq!(answered.header(RATE_LIMIT), None);
        }
    }
    assert_eq!(
        ask(&service, get("/")).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let answered = ask(&service, with_token("good")).await;
    let standing = r#""per-user";r=0;t=60, "all";r=8;t=54"#;
    assert_eq!(answered.header(RATE_LIMIT), Some(standing));
}

#[tokio::test(start_paused = true)]
async fn documents_and_preflights_are_never_counted() {
    let plan = LimitPlan::new(&resource(), [per_user("1/day")]).unwrap();
    let quotas = Arc::new(LocalQuotas::new(1_000, Arc::new(SystemClock::new())));
    let service = ServiceBuilder::new()
        .layer(ResourceServerLayer::new(Provider::default()).forward_unauthenticated_preflight())
        .layer(QuotaLayer::new(plan, quotas.clone()))
        .service(service_fn(async |_: Request<Body>| {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
    let document = get("/.well-known/oauth-protected-resource/mcp");
    let mut preflight = get("/");
    *preflight.method_mut() = Method::OPTIONS;
    preflight
        .headers_mut()
        .insert(header::ORIGIN, "https://a.example".parse().unwrap());
    let asked = header::ACCESS_CONTROL_REQUEST_METHOD;
    preflight
        .headers_mut()
        .insert(asked, "POST".parse().unwrap());
    for request in [document, preflight] {
        let response = service.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_success());
        assert!(response.headers().get(RATE_LIMIT).is_none());
    }
    assert_eq!(quotas.keys(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_charged_by_all_limits_or_by_none() {
    let all = Limit::new("all", [])
        .unwrap()
        .rate("4/min".parse().unwrap());
    let service = limited([all, per_user("2/min")]);
    assert_eq!(
        statuses(&service, 5, "user-a").await,
        [200, 200, 429, 429, 429]
    );
    assert_eq!(
        statuses(&service, 3, "user-b").await,
        [200, 200, 429],
        "nothing was taken in vain"
    );
    let answered = ask(&service, with_token("user-c")).await;
    let counted = answered.parts.extensions.get::<Counted>().unwrap();
    assert_eq!(&*counted.refused_by().unwrap().name, "all");
    let detail = answered
        .parts
        .extensions
        .get::<Denial>()
        .unwrap()
        .detail()
        .unwrap();
    assert!(
        detail.contains("of all callers together") && detail.contains("0 of 4 left"),
        "{detail}"
    );
    assert!(answered.parts.extensions.get::<UserContext>().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_cost_beyond_every_burst_is_told_as_such() {
    let plan = LimitPlan::new(&resource(), [per_user("3/min")]).unwrap();
    let quotas = Arc::new(LocalQuotas::new(1_000, Arc::new(SystemClock::new())));
    let service = QuotaLayer::new(plan, quotas).layer(service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    let call = ToolCall {
        name: "export".to_owned(),
        counted_as: "export".to_owned(),
        cost: 4,
    };
    let mut request = get("/");
    request.extensions_mut().insert(Operations::new([call], 0));
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let detail = response
        .extensions()
        .get::<Denial>()
        .unwrap()
        .detail()
        .unwrap();
    assert!(detail.contains("never grants the 4"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_the_service_itself_stay_beside_ours() {
    let service = limited([per_user("60/min")]);
    let mut request = with_token("good");
    request
        .headers_mut()
        .insert("x-own-limit", r#""theirs";r=1;t=9"#.parse().unwrap());
    let answered = ask(&service, request).await;
    let all: Vec<_> = answered.parts.headers.get_all(RATE_LIMIT).iter().collect();
    assert_eq!(all, [r#""theirs";r=1;t=9"#, r#""per-user";r=59;t=59"#]);
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted_and_nothing_is_told() {
    let service = limited([]);
    let answered = ask(&service, with_token("good")).await;
    assert_eq!(answered.status(), StatusCode::OK);
    assert_eq!(answered.header(RATE_LIMIT), None);
    assert!(answered.parts.extensions.get::<Counted>().is_none());
}

/// A store that was told not to answer alone, and is alone.
#[derive(Debug)]
struct Alone;

impl Quotas for Alone {
    fn spend<'a>(&'a self, _: &'a [Charge]) -> BoxFuture<'a, Result<Spent, Uncounted>> {
        Box::pin(async { Err(Uncounted) })
    }
}

#[tokio::test]
async fn what_must_be_counted_and_cannot_be_is_a_503() {
    let service = counting_in([per_user("60/min")], Arc::new(Alone));
    let answered = ask(&service, with_token("good")).await;
    assert_eq!(answered.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answered.reason(), Some(Reason::QuotaUnavailable));
    assert!(answered.header(header::RETRY_AFTER).is_some());
}

#[tokio::test(start_paused = true)]
async fn of_many_counts_of_a_limit_the_one_that_matters_is_told() {
    let plan = LimitPlan::new(
        &resource(),
        [Limit::new("per-tool", [By::Tool])
            .unwrap()
            .rate("10/min".parse().unwrap())],
    );
    let quotas = Arc::new(LocalQuotas::new(1_000, Arc::new(SystemClock::new())));
    let service =
        QuotaLayer::new(plan.unwrap(), quotas).layer(service_fn(async |_: Request<Body>| {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
    let calling = |tools: &[(&str, u32)]| {
        let calls = tools.iter().map(|(tool, cost)| ToolCall {
            name: (*tool).to_owned(),
            counted_as: (*tool).to_owned(),
            cost: *cost,
        });
        let mut request = get("/");
        request.extensions_mut().insert(Operations::new(calls, 0));
        request
    };
    let told = async |tools: &[(&str, u32)]| {
        let response = service.clone().oneshot(calling(tools)).await.unwrap();
        response.headers()[RATE_LIMIT].to_str().unwrap().to_owned()
    };
    assert_eq!(
        told(&[("a", 1), ("b", 7), ("c", 2)]).await,
        r#""per-tool";r=3;t=18"#
    );
    assert_eq!(
        told(&[("a", 1), ("b", 1), ("c", 9)]).await,
        r#""per-tool";r=8;t=6"#,
        "the count of c refused, with 8 left and 9 asked for"
    );
    assert_eq!(
        told(&[("a", 1), ("b", 1), ("c", 1)]).await,
        r#""per-tool";r=2;t=12"#
    );
}
