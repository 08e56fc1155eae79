//! `PolicyLayer` before a service in memory that reads its messages: what a request costs with rules and
//! without.

use std::{convert::Infallible, hint::black_box, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, Iter};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame};
use oauthgate_core::{ProtectedResource, ResourceIdentifier, ScopeSet, UserContext, danger};
use oauthgate_mcp::{InspectedBody, PolicyLayer};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{
    cpu,
    measure::Figures,
    message::{Filling, SCOPE, call, list, policy, tools},
};

/// How a connection hands a body on.
const CHUNK: usize = 16 * 1024;

/// The processor time that one contender gets in one round, at least.
const SLICE: Duration = Duration::from_millis(4);

type Chunks = StreamBody<Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// So many rules, side by side.
pub(crate) const RULES: [usize; 4] = [0, 10, 100, 1000];

/// One line of the table for each size and filling: no rules, then ever more.
pub(crate) fn requests(rounds: usize, bytes: usize, filling: Filling) -> [Figures; 4] {
    side_by_side(rounds, &call(bytes, filling), &Bytes::from_static(b"{}"))
}

/// The same for a list of so many tools.
pub(crate) fn lists(rounds: usize, count: usize) -> [Figures; 4] {
    side_by_side(rounds, &list(), &tools(count))
}

fn side_by_side(rounds: usize, question: &Bytes, answer: &Bytes) -> [Figures; 4] {
    let runtime = Runtime::new().expect("a runtime");
    let mut contenders = RULES.map(|rules| contender(&runtime, rules, question, answer));
    let mut costs: [Vec<Duration>; 4] = Default::default();
    for round in 0..=rounds {
        for (contender, costs) in contenders.iter_mut().zip(&mut costs) {
            let cost = cost(contender);
            // The first round warms everything up.
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    costs.map(Figures::new)
}

/// What this process has used for one request, over at least a [`SLICE`]: whatever else the machine does
/// costs time, but no processor time of ours.
fn cost(contender: &mut impl FnMut()) -> Duration {
    let used = || cpu::used_by(std::process::id()).expect("a process of Linux");
    let before = used();
    for count in 1.. {
        contender();
        let used = if count % 16 == 1 {
            used() - before
        } else {
            Duration::ZERO
        };
        if used >= SLICE {
            return used / count;
        }
    }
    unreachable!("a slice ends")
}

/// One request from its first byte to the last of its answer.
fn contender<'r>(
    runtime: &'r Runtime,
    rules: usize,
    question: &Bytes,
    answer: &Bytes,
) -> impl FnMut() + use<'r> {
    let resource = ResourceIdentifier::parse("https://mcp.example.com/mcp").expect("a resource");
    let layer = PolicyLayer::new(policy(rules), &ProtectedResource::new(resource, Vec::new()));
    let (question, answer) = (question.clone(), answer.clone());
    let service = layer.layer(service_fn(
        move |request: Request<InspectedBody<Chunks>>| serve(answer.clone(), request),
    ));
    let caller = danger::caller("alice", ScopeSet::parse(SCOPE).expect("a scope"));
    move || runtime.block_on(ask(service.clone(), request(&question, &caller)))
}

/// A server that does as much as every server has to: it reads the message.
async fn serve(
    answer: Bytes,
    request: Request<InspectedBody<Chunks>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request
        .collect()
        .await
        .expect("a body in memory")
        .to_bytes();
    let message: Value = serde_json::from_slice(&body).expect("a message");
    black_box(message);
    let answer = Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(answer));
    Ok(answer.expect("a response"))
}

fn request(body: &Bytes, caller: &UserContext) -> Request<Chunks> {
    let chunks: Vec<_> = (0..body.len().div_ceil(CHUNK))
        .map(|number| {
            let end = body.len().min((number + 1) * CHUNK);
            Ok(Frame::data(body.slice(number * CHUNK..end)))
        })
        .collect();
    Request::post("/mcp")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", "2025-11-25")
        .extension(caller.clone())
        .body(StreamBody::new(stream::iter(chunks)))
        .expect("a request")
}

async fn ask<S, B, R>(service: S, request: Request<B>)
where
    S: Service<Request<B>, Response = Response<R>, Error: std::fmt::Debug>,
    R: Body<Error: std::fmt::Debug>,
{
    let response = service.oneshot(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    response.collect().await.expect("an answer's body");
}
