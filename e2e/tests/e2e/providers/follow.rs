//! Each page of `docs/providers`, followed to the letter: the gate is started with its variables and nothing else,
//! against the emulation of the provider under its real names.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use oauthgate_dev_issuer::{Changes, Kind};
use oauthgate_e2e::{Emulated, Example, GateBuilder, Page, Promise, Recorded, Recorder};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::limit;

#[tokio::test]
async fn every_page_works_as_written() {
    let pages = Page::presets().into_iter();
    let here = LocalSet::new();
    let following: Vec<_> = pages
        .map(|preset| here.spawn_local(follow(Page::named(&preset))))
        .collect();
    let ended = here.run_until(join_all(following)).await;
    // What went wrong was printed by the task that panicked.
    let failed = ended.iter().filter(|task| task.is_err()).count();
    assert_eq!(failed, 0, "pages that do not work as written");
}

async fn follow(page: Page) {
    let _turn = limit::turn().await;
    let blocks = page.variables().into_iter().zip(page.emulations());
    for (number, (variables, emulation)) in blocks.enumerate() {
        let emulated = Emulated::start_for(&emulation, &variables).await;
        let upstream = Recorder::start().await;
        let gate = GateBuilder::page_variables(&variables, &upstream.url(), emulated.names());
        let mut gate = gate.start().await;
        let what = format!("docs/providers/{}.md, {emulation}", page.preset);
        let says = async |said: &str| says_preset(said, &page.preset).then_some(());
        gate.process.until(&format!("preset of {what}"), says).await;

        let token = emulated.token(Kind::User, Changes::default());
        let answer = gate.call(&token).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        let issued = issued(&emulated, &page, &token).await;
        if number == 0 {
            assert_eq!(shapes(&page.example()), shapes(&issued), "{what}");
        }
        let passed = upstream.take().pop().expect("it reached the upstream");
        for promise in page.promises() {
            assert_kept(&promise, &issued.claims, &passed, &what);
        }
    }
}

/// Whether the start says which preset is on.
fn says_preset(output: &str, preset: &str) -> bool {
    let said = format!("preset {preset} (");
    let lines = output.lines();
    let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.any(|line| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains(&said))
    })
}

/// What was issued: a JWT's header and claims, or what the provider says about a token that only it can read.
async fn issued(emulated: &Emulated, page: &Page, token: &str) -> Example {
    if page.example().header.is_none() {
        let claims = emulated.answer_about(token).await;
        return Example {
            header: None,
            claims,
        };
    }
    let mut parts = token.split('.').map(|part| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    });
    Example {
        header: parts.next(),
        claims: parts.next().expect("a JWT has claims"),
    }
}

/// Member names and JSON types, without any value.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => {
            let mut kinds: Vec<_> = items.iter().map(shape).collect();
            kinds.sort_by_key(ToString::to_string);
            kinds.dedup();
            Value::Array(kinds)
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)));
            members.collect()
        }
    }
}

fn shapes(example: &Example) -> BTreeMap<&'static str, Value> {
    let header = example.header.as_ref().map(shape);
    let header = header.map(|header| ("header", header));
    header
        .into_iter()
        .chain([("claims", shape(&example.claims))])
        .collect()
}

/// The header has the value of the first claim that is present, or of all, and is absent where none is.
fn assert_kept(promise: &Promise, claims: &Value, passed: &Recorded, what: &str) {
    let header = promise.header.to_ascii_lowercase();
    let present = promise.claims.iter().filter_map(|place| at(claims, place));
    let counting = present.take(if promise.together { usize::MAX } else { 1 });
    let mut texts: Vec<_> = counting.flat_map(texts).collect();
    let mut seen = BTreeSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    let expected = match header.as_str() {
        // Every caller has scopes, if only none.
        "x-auth-scopes" => Some(as_a_set(&texts)),
        "x-auth-request-email" if !is_true(&claims["email_verified"]) => None,
        _ if texts.is_empty() => None,
        _ => Some(texts.join(",")),
    };
    let values = passed.values(&header);
    assert_eq!(
        values,
        expected.iter().collect::<Vec<_>>(),
        "{what}: {} of {:?}",
        promise.header,
        promise.claims
    );
}

/// Scopes have no order (RFC 6749 §3.3), so they come sorted.
fn as_a_set(scopes: &[String]) -> String {
    let names: BTreeSet<_> = scopes.iter().flat_map(|text| text.split(' ')).collect();
    names.into_iter().collect::<Vec<_>>().join(" ")
}

/// Some providers write booleans as texts.
fn is_true(value: &Value) -> bool {
    *value == json!(true) || *value == json!("true")
}

/// The claim at a pointer, in which `{name}` stands for another claim's value.
fn at<'a>(claims: &'a Value, pointer: &str) -> Option<&'a Value> {
    let bound = pointer.split('/').map(|segment| {
        let name = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match name {
            Some(name) => claims[name].as_str().map(|value| value.replace('/', "~1")),
            None => Some(segment.to_owned()),
        }
    });
    let segments = bound.collect::<Option<Vec<_>>>()?;
    claims.pointer(&segments.join("/"))
}

/// The texts in a value: of a list its items, of an object its member names.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.keys().cloned().collect(),
        other => vec![other.to_string()],
    }
}
