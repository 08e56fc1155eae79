//! What an operator may ask and say about keys.
//!
//! ```text
//! GET    /keys               what is held, and of whom
//! POST   /keys/refresh       fetch now, and say how it went
//! DELETE /keys/{kid}         never use this key again (a `kid`, percent-encoded, or a thumbprint)
//! PUT    /keys/{kid}         use it again
//! POST   /keys/suspend       answer 503 to all tokens of an issuer
//! POST   /keys/resume        until now
//! ```
//!
//! Each takes `?issuer=`; the last two must have it, the others mean all issuers without it.
//! A call that began goes on to its end, also when the one who made it has left.

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::PathRejection},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get},
};
use oauthgate_core::{Issuer, KeyId};
use oauthgate_remote::{
    jwks::{HeldKey, Ruled, Saved, WithdrawnName},
    key_stores::RulingError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::issuers::{Issuers, Report, Trusted};

type Answer = Result<Response, Problem>;

/// The calls about keys.
pub(super) fn router(issuers: Issuers) -> Router {
    Router::new()
        .route("/keys", get(list))
        .route("/keys/{*kid}", by_path())
        // A `kid` may be called like a call.
        .route("/keys/refresh", by_name("refresh").post(refresh))
        .route("/keys/suspend", by_name("suspend").post(suspend))
        .route("/keys/resume", by_name("resume").post(resume))
        .with_state(issuers)
}

fn by_path() -> MethodRouter<Issuers> {
    let withdraw =
        |State(issuers), kid: Kid, uri: Uri| rule_by_path(issuers, kid, uri, Word::Withdraw);
    let restore =
        |State(issuers), kid: Kid, uri: Uri| rule_by_path(issuers, kid, uri, Word::Restore);
    delete(withdraw).put(restore)
}

fn by_name(kid: &'static str) -> MethodRouter<Issuers> {
    let withdraw =
        move |State(issuers), uri: Uri| rule_on_key(issuers, kid.to_owned(), uri, Word::Withdraw);
    let restore =
        move |State(issuers), uri: Uri| rule_on_key(issuers, kid.to_owned(), uri, Word::Restore);
    delete(withdraw).put(restore)
}

type Kid = Result<Path<String>, PathRejection>;

/// Whom a call is about. What is misspelt must not mean everybody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    issuer: Option<String>,
}

/// The issuer that the call names, if it names one.
fn issuer_of(uri: &Uri, issuers: &Issuers) -> Result<Option<Issuer>, Problem> {
    let Query(about) = Query::<About>::try_from_uri(uri).map_err(|error| {
        let detail = format!("{error}; the only parameter is `issuer`, once");
        Problem::new(StatusCode::BAD_REQUEST, "bad_query", detail)
    })?;
    about.issuer.map(|text| known(&text, issuers)).transpose()
}

fn known(text: &str, issuers: &Issuers) -> Result<Issuer, Problem> {
    let issuer = Issuer::new(text).ok();
    issuer
        .filter(|issuer| issuers.of(Some(issuer)).next().is_some())
        .ok_or_else(|| {
            let detail = "no resource trusts this issuer; the name must be the configured one, byte for byte";
            Problem::new(StatusCode::NOT_FOUND, "unknown_issuer", detail)
                .with("issuers", json!(issuers.names()))
        })
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    report: Report,
    held_keys: Vec<Value>,
}

async fn list(State(issuers): State<Issuers>, uri: Uri) -> Answer {
    let issuer = issuer_of(&uri, &issuers)?;
    let listed: Vec<_> = issuers.of(issuer.as_ref()).map(listed).collect();
    Ok(Json(json!({ "issuers": listed })).into_response())
}

fn listed(trusted: &Trusted) -> Listed {
    let key = |key: &HeldKey| json!({ "kid": key.key_id, "thumbprint": key.thumbprint, "algorithms": key.algorithms });
    Listed {
        report: trusted.report(),
        held_keys: trusted.held_keys().iter().map(key).collect(),
    }
}

/// 502 when an issuer did not give its keys: the ones that are held stay in use all the same.
async fn refresh(State(issuers): State<Issuers>, uri: Uri) -> Answer {
    let issuer = issuer_of(&uri, &issuers)?;
    let reports = to_the_end(async move { issuers.refresh(issuer.as_ref()).await }).await?;
    let failed = reports.iter().any(|report| report.last_failure.is_some());
    let status = if failed {
        StatusCode::BAD_GATEWAY
    } else {
        StatusCode::OK
    };
    Ok((status, Json(json!({ "ok": !failed, "issuers": reports }))).into_response())
}

async fn suspend(State(issuers): State<Issuers>, uri: Uri) -> Answer {
    rule_on_issuer(issuers, uri, Word::Withdraw).await
}

async fn resume(State(issuers): State<Issuers>, uri: Uri) -> Answer {
    rule_on_issuer(issuers, uri, Word::Restore).await
}

/// What the operator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Withdraw,
    Restore,
}

async fn rule_by_path(issuers: Issuers, kid: Kid, uri: Uri, word: Word) -> Answer {
    let Path(kid) = kid.map_err(|error| {
        let detail = format!("the `kid` in the path cannot be read: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "bad_kid", detail)
    })?;
    rule_on_key(issuers, kid, uri, word).await
}

async fn rule_on_key(issuers: Issuers, kid: String, uri: Uri, word: Word) -> Answer {
    let issuer = issuer_of(&uri, &issuers)?;
    let name = WithdrawnName::key(&kid).ok_or_else(|| {
        let detail = format!(
            "a `kid` has at most {} bytes and no U+0000; name the key by its thumbprint",
            KeyId::MAX_LENGTH
        );
        Problem::new(StatusCode::BAD_REQUEST, "bad_kid", detail)
    })?;
    let to_keep = (word == Word::Withdraw).then(|| setting_for(&kid, &issuers));
    let mut answer = rule(issuers, issuer, name, word).await?;
    answer["kid"] = json!(kid);
    if is_forgotten(&answer)
        && let Some(to_keep) = to_keep
    {
        answer["to_keep"] = to_keep;
    }
    Ok(Json(answer).into_response())
}

async fn rule_on_issuer(issuers: Issuers, uri: Uri, word: Word) -> Answer {
    let issuer = issuer_of(&uri, &issuers)?.ok_or_else(|| {
        let detail = "name the issuer: ?issuer=, percent-encoded";
        Problem::new(StatusCode::BAD_REQUEST, "issuer_required", detail)
            .with("issuers", json!(issuers.names()))
    })?;
    let answer = rule(issuers, Some(issuer), WithdrawnName::Issuer, word).await?;
    Ok(Json(answer).into_response())
}

async fn rule(
    issuers: Issuers,
    issuer: Option<Issuer>,
    name: WithdrawnName,
    word: Word,
) -> Result<Value, Problem> {
    to_the_end(async move {
        let keys = issuers.keys();
        let ruled = match word {
            Word::Withdraw => keys.withdraw(issuer.as_ref(), &name).await,
            Word::Restore => keys.restore(issuer.as_ref(), &name).await,
        };
        let ruled = ruled.map_err(|error| refused(&error))?;
        ruled.iter().for_each(|ruled| log(ruled, &name, word));
        let of_issuers = issuers.of(issuer.as_ref()).zip(&ruled);
        let outcomes: Vec<_> = of_issuers
            .map(|(trusted, ruled)| outcome(trusted, ruled, &name))
            .collect();
        let shared = issuers.sharing().map(|sharing| sharing.connected);
        Ok(json!({ "issuers": outcomes, "shared": shared }))
    })
    .await?
}

fn refused(error: &RulingError) -> Problem {
    let code = match error {
        RulingError::UnknownIssuer(_) => "unknown_issuer",
        _ => "too_many_withdrawals",
    };
    Problem::new(StatusCode::CONFLICT, code, error.to_string())
}

fn outcome(trusted: &Trusted, ruled: &Ruled, name: &WithdrawnName) -> Value {
    let (saved, problem) = match &ruled.saved {
        Saved::Saved => ("saved", None),
        Saved::Nowhere => ("nowhere", None),
        Saved::Failed(problem) => ("failed", Some(problem)),
    };
    let mut outcome = json!({
        "issuer": ruled.issuer, "store": trusted.number(), "saved": saved, "problem": problem,
    });
    if let WithdrawnName::Key(key_id) = name {
        outcome["held"] = json!(ruled.held);
        // What the settings withdraw or pin out, only the settings give back.
        outcome["used"] = json!(uses(trusted, key_id.as_str()));
    }
    outcome
}

fn uses(trusted: &Trusted, name: &str) -> bool {
    let is_named = |key: &HeldKey| key.key_id.as_deref() == Some(name) || key.thumbprint == name;
    trusted.held_keys().iter().any(is_named)
}

/// Whether a restart of this process would forget what was said. While replicas are connected, they
/// remember it.
fn is_forgotten(answer: &Value) -> bool {
    let outcomes = answer["issuers"].as_array();
    let unsaved = outcomes.is_some_and(|all| all.iter().any(|one| one["saved"] != "saved"));
    unsaved && answer["shared"] != true
}

/// What makes a withdrawal outlive a restart where nothing else does. A `kid` that a list cannot hold is
/// named by its key's thumbprint.
fn setting_for(kid: &str, issuers: &Issuers) -> Value {
    let fits = !kid.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\''));
    let held = issuers.trusted().iter().flat_map(Trusted::held_keys);
    let thumbprint = || {
        held.filter(|key| key.key_id.as_deref() == Some(kid))
            .map(|key| key.thumbprint)
            .next()
    };
    let name = if fits { None } else { thumbprint() };
    json!({
        "variable": "OAUTHGATE_WITHDRAWN_KIDS", "key": "withdrawn_kids",
        "add": name.as_deref().unwrap_or(kid),
    })
}

fn log(ruled: &Ruled, name: &WithdrawnName, word: Word) {
    let Ruled {
        issuer,
        held,
        saved,
        ..
    } = ruled;
    match (name, word) {
        (WithdrawnName::Key(kid), Word::Withdraw) => {
            tracing::warn!(target: "oauthgate::keys", issuer, %kid, held, ?saved, "key withdrawn");
        }
        (WithdrawnName::Key(kid), Word::Restore) => {
            tracing::info!(target: "oauthgate::keys", issuer, %kid, held, ?saved, "key given back");
        }
        (WithdrawnName::Issuer, Word::Withdraw) => {
            tracing::warn!(target: "oauthgate::keys", issuer, ?saved, "issuer suspended");
        }
        (WithdrawnName::Issuer, Word::Restore) => {
            tracing::info!(target: "oauthgate::keys", issuer, ?saved, "issuer resumed");
        }
    }
}

/// Runs a call as a task of its own: a caller that leaves does not leave it half done.
async fn to_the_end<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(call).await.map_err(|error| {
        let detail = format!("the call did not end: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", detail)
    })
}
