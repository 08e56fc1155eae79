//! `oauthgate keys list|refresh|withdraw|restore|suspend|resume`: the operator's word on keys, said to
//! the admin listener of a running gate.

use std::{fmt::Write, time::Duration};

use axum::http::{Method, StatusCode};
use clap::{Args, Subcommand};
use oauthgate_core::text::Printable;
use serde_json::Value;

use super::{
    Failure,
    admin_client::{AdminClient, Answer, authority, encoded},
    block_on, output,
};
use crate::{
    config::{AdminAccess, Environment},
    issuers::time,
};

/// The gate's public listener speaks JSON, too.
const NOT_ADMIN: &str = "whoever answers there is not the admin listener; the gate says at its start where that is \
                         (--admin names another place)";
/// A key that leaked must not go on opening doors because its withdrawal was thought to be everywhere.
const UNHEARD: &str = "oauthgate: Redis is away, so the other replicas have not heard of this: say it to each of \
                       them (--admin), or wait until it is back";

/// What to ask or say, and where.
#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
    /// The admin listener [default: where OAUTHGATE_ADMIN_LISTEN says, else http://127.0.0.1:9090]
    #[arg(long, value_name = "URL", global = true, value_parser = authority)]
    admin: Option<String>,
    /// Print what the gate answers, as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show which keys are held, of whom, and since when
    List(OfIssuer),
    /// Fetch keys now; exit 1 when an issuer does not give them
    Refresh(OfIssuer),
    /// Never use a key again, at once: what to do when it leaked
    Withdraw(OneKey),
    /// Use a withdrawn key again
    Restore(OneKey),
    /// Answer 503 to all tokens of an issuer: what to do when it is compromised
    Suspend(OneIssuer),
    /// Take the tokens of a suspended issuer again
    Resume(OneIssuer),
}

#[derive(Debug, Args)]
struct OfIssuer {
    /// Only this issuer, byte for byte as it is configured
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
}

#[derive(Debug, Args)]
struct OneKey {
    /// The key's `kid`, or its RFC 7638 thumbprint
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    of: OfIssuer,
}

#[derive(Debug, Args)]
struct OneIssuer {
    /// The issuer, byte for byte as it is configured
    #[arg(value_name = "ISSUER")]
    issuer: String,
}

impl Options {
    /// Makes the call and prints its outcome. The token comes from `OAUTHGATE_ADMIN_TOKEN`, so that no list
    /// of processes shows it.
    ///
    /// # Errors
    /// A gate that cannot be asked, a call that it refused, an issuer that gave no keys.
    pub fn run(self) -> Result<(), Failure> {
        let access = AdminAccess::from_environment(&Environment::of_process())?;
        let client = AdminClient {
            authority: self.admin.unwrap_or_else(|| access.address.to_string()),
            token: access.token,
        };
        let (method, target) = self.action.call();
        block_on(async {
            let answer = client.call(method, &target).await.map_err(Failure::run)?;
            let text = if self.json {
                format!("{}\n", answer.body)
            } else {
                self.action.text(&answer)
            };
            output::data(&text)?;
            verdict(&answer)
        })
    }
}

impl Action {
    fn call(&self) -> (Method, String) {
        match self {
            Self::List(of) => (Method::GET, format!("/keys{}", of.query())),
            Self::Refresh(of) => (Method::POST, format!("/keys/refresh{}", of.query())),
            Self::Withdraw(key) => (Method::DELETE, key.target()),
            Self::Restore(key) => (Method::PUT, key.target()),
            Self::Suspend(one) => (Method::POST, one.target("suspend")),
            Self::Resume(one) => (Method::POST, one.target("resume")),
        }
    }

    /// The answer for people; what is wrong is said on stderr.
    fn text(&self, answer: &Answer) -> String {
        if !matches!(answer.status, StatusCode::OK | StatusCode::BAD_GATEWAY) {
            return String::new();
        }
        let one = match self {
            Self::List(_) => listed,
            Self::Refresh(_) => refreshed,
            Self::Withdraw(_) => withdrawn,
            Self::Restore(_) => restored,
            Self::Suspend(_) => |one: &Value| taken(one, "suspended"),
            Self::Resume(_) => |one: &Value| ruled(one, "resumed"),
        };
        if let Self::Withdraw(_) | Self::Suspend(_) = self {
            say_how_to_keep(&answer.body);
        }
        if answer.body["shared"] == false {
            anstream::eprintln!("{UNHEARD}");
        }
        let issuers = answer.body["issuers"].as_array();
        issuers.into_iter().flatten().map(one).collect()
    }
}

impl OfIssuer {
    fn query(&self) -> String {
        let issuer = self.issuer.as_deref().map(encoded);
        issuer.map_or_else(String::new, |issuer| format!("?issuer={issuer}"))
    }
}

impl OneKey {
    fn target(&self) -> String {
        format!("/keys/{}{}", encoded(&self.kid), self.of.query())
    }
}

impl OneIssuer {
    fn target(&self, call: &str) -> String {
        format!("/keys/{call}?issuer={}", encoded(&self.issuer))
    }
}

fn verdict(answer: &Answer) -> Result<(), Failure> {
    if answer.status == StatusCode::OK {
        return Ok(());
    }
    if answer.status == StatusCode::BAD_GATEWAY {
        return Err(Failure::run("not every issuer gave its keys"));
    }
    let status = answer.status.as_u16();
    if answer.body["detail"].is_null() {
        return Err(Failure::run(format!("{NOT_ADMIN} (status {status})")));
    }
    let detail = shown(&answer.body["detail"]);
    let names = answer.body["issuers"].as_array();
    let names: Vec<_> = names.into_iter().flatten().map(shown).collect();
    let known = if names.is_empty() {
        String::new()
    } else {
        format!("; configured: {}", names.join(", "))
    };
    Err(Failure::run(format!("{detail}{known} (status {status})")))
}

/// What an issuer chose, like a `kid`, must not move the cursor of a terminal.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => Printable(text).to_string(),
        other => other.to_string(),
    }
}

fn joined(list: &Value, separator: &str) -> String {
    let items: Vec<_> = list.as_array().into_iter().flatten().map(shown).collect();
    items.join(separator)
}

fn listed(issuer: &Value) -> String {
    let mut text = format!("{}\n", shown(&issuer["issuer"]));
    // Writing to a string does not fail.
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    line("resources", &joined(&issuer["resources"], ", "));
    line("keys from", &shown(&issuer["place"]));
    line("state", &state(issuer));
    for key in issuer["held_keys"].as_array().into_iter().flatten() {
        let (kid, thumbprint) = (shown(&key["kid"]), shown(&key["thumbprint"]));
        let algorithms = joined(&key["algorithms"], " ");
        line("key", &format!("{kid}  {thumbprint}  {algorithms}"));
    }
    for name in issuer["withdrawn"].as_array().into_iter().flatten() {
        line("withdrawn", &shown(name));
    }
    if let Some(code) = issuer["last_failure"].as_str() {
        let detail = shown(&issuer["failure_detail"]);
        line("last fetch", &format!("failed: {code}: {detail}"));
    }
    text
}

fn state(issuer: &Value) -> String {
    let since = |name: &str| {
        issuer[name]
            .as_u64()
            .map(|it| time(Duration::from_secs(it)))
    };
    let (Some(age), Some(remaining)) = (since("age_seconds"), since("remaining_seconds")) else {
        let state = match (&issuer["suspended"], &issuer["keys_optional"]) {
            (Value::Bool(true), Value::Bool(true)) => "suspended; no keys were ever loaded",
            (_, Value::Bool(true)) => "no keys were ever loaded, and its tokens need none",
            _ => "no keys were ever loaded",
        };
        return state.to_owned();
    };
    let state = match (&issuer["suspended"], &issuer["usable"], &issuer["stale"]) {
        (Value::Bool(true), ..) => "suspended",
        (_, Value::Bool(false), _) => "too old to be used",
        (.., Value::Bool(true)) => "stale, still used",
        _ => "good",
    };
    format!("{state}; confirmed {age} ago, may be used for another {remaining}")
}

fn refreshed(issuer: &Value) -> String {
    let name = shown(&issuer["issuer"]);
    match issuer["last_failure"].as_str() {
        None => format!("{name}  refreshed: {} key(s)\n", issuer["keys"]),
        Some(code) => format!(
            "{name}  failed: {code}: {}; {} key(s) are held as before\n",
            shown(&issuer["failure_detail"]),
            issuer["keys"]
        ),
    }
}

fn withdrawn(issuer: &Value) -> String {
    let held = match issuer["held"].as_bool() {
        Some(true) => "withdrawn",
        _ => "withdrawn; no key of this name is held now",
    };
    taken(issuer, held)
}

fn restored(issuer: &Value) -> String {
    let (held, used) = (&issuer["held"], &issuer["used"]);
    let state = match (held.as_bool(), used.as_bool()) {
        (_, Some(true)) => "given back",
        (Some(true), _) => {
            "given back, and not used: OAUTHGATE_WITHDRAWN_KIDS or OAUTHGATE_PINNED_KIDS says so"
        }
        _ => "given back; no key of this name is held now",
    };
    ruled(issuer, state)
}

fn taken(issuer: &Value, state: &str) -> String {
    let saved = if issuer["saved"] == "nowhere" {
        "; saved nowhere"
    } else {
        ""
    };
    ruled(issuer, &format!("{state}{saved}"))
}

fn ruled(issuer: &Value, state: &str) -> String {
    let name = shown(&issuer["issuer"]);
    match issuer["saved"].as_str() {
        Some("saved") => format!("{name}  {state}; saved\n"),
        Some("failed") => format!(
            "{name}  {state}; not saved: {}\n",
            shown(&issuer["problem"])
        ),
        // Where nothing remembers what was taken, nothing need remember that it was given back.
        _ => format!("{name}  {state}\n"),
    }
}

/// A restart must not bring a leaked key back because nobody said that it would.
fn say_how_to_keep(answer: &Value) {
    let issuers = answer["issuers"].as_array();
    let mut outcomes = issuers.into_iter().flatten();
    let is_kept = outcomes.all(|one| one["saved"] == "saved") || answer["shared"] == true;
    if is_kept {
        return;
    }
    let setting = &answer["to_keep"];
    let keep = match setting["add"].as_str() {
        Some(name) => format!(
            "add {} to {} (`{}` in oauthgate.toml)",
            Printable(name),
            shown(&setting["variable"]),
            shown(&setting["key"])
        ),
        None => "take the issuer out of the settings".to_owned(),
    };
    anstream::eprintln!(
        "oauthgate: a restart forgets this: {keep}; with OAUTHGATE_STATE_DIRECTORY it would be remembered"
    );
}
