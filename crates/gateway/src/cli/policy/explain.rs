//! `oauthgate policy explain`: which rule decides, and why.

use std::fmt::Write;

use clap::Args;
use oauthgate_core::{Caller, Denial, challenge::Answer, text::Printable};
use serde_json::{Value, json};

use super::{
    ResourceOptions,
    caller::CallerOptions,
    operation::OperationOptions,
    ruling::{Court, Ruling},
    words::Outcome,
};
use crate::cli::{Failure, output};

/// Who wants to do what.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    resource: ResourceOptions,
    #[command(flatten)]
    operation: OperationOptions,
    #[command(flatten)]
    caller: CallerOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        let settings = self.resource.settings()?;
        let caller = self.caller.caller(&settings)?;
        let body = self.operation.body()?;
        let ruling = Court::of(&settings).rule(&body, caller.as_ref());
        let text = match self.json {
            true => format!("{}\n", of_machine(&settings.name, &ruling)),
            false => of_person(&settings.name, caller.as_ref(), &ruling),
        };
        output::data(&text)?;
        match &ruling.refusal {
            None => Ok(()),
            Some((denial, _)) => Err(Failure::run(format!("refused: {}", denial.code()))),
        }
    }
}

/// For people: each step, the verdict, the answer.
pub(super) fn of_person(resource: &str, caller: Option<&Caller<'_>>, ruling: &Ruling) -> String {
    let mut text = format!("resource  {resource}\ncaller    {}\n", described(caller));
    if ruling.explanations.is_empty() {
        text.push_str(unasked(ruling));
    }
    for explanation in &ruling.explanations {
        let _ = writeln!(text, "\n{explanation}");
    }
    let _ = write!(text, "\nverdict   {}", ruling.outcome);
    match &ruling.refusal {
        None => text.push_str("\nanswer    the server's own\n"),
        Some((denial, answer)) => text.push_str(&of_refusal(denial, answer)),
    }
    text
}

fn unasked(ruling: &Ruling) -> &'static str {
    match ruling.outcome {
        Outcome::Login => "\nno rule was asked: none is for callers without a token\n",
        _ => "\nno rule was asked\n",
    }
}

fn of_refusal(denial: &Denial, answer: &Answer) -> String {
    let mut text = format!(" ({})", denial.code());
    if let Some(detail) = denial.detail() {
        let _ = write!(text, ": {detail}");
    }
    let _ = writeln!(text, "\nanswer    {}", answer.status());
    if let Some(challenge) = answer.challenge() {
        let _ = writeln!(text, "          WWW-Authenticate: {challenge}");
    }
    text
}

fn described(caller: Option<&Caller<'_>>) -> String {
    let Some(caller) = caller else {
        return "nobody (no token)".to_owned();
    };
    let mut words = vec![
        format!("scopes \"{}\"", caller.scopes()),
        format!("tier {}", Printable(caller.tier())),
    ];
    if !caller.roles().is_empty() {
        words.push(format!("roles {}", Printable(&caller.roles().join(" "))));
    }
    words.extend(
        caller
            .tenant()
            .map(|tenant| format!("tenant {}", Printable(tenant))),
    );
    if !caller.claims().is_empty() {
        words.push(format!("{} claims", caller.claims().len()));
    }
    words.join(", ")
}

/// For machines. The words and members are what case files and tests rely on.
pub(super) fn of_machine(resource: &str, ruling: &Ruling) -> Value {
    let refusal = ruling.refusal.as_ref();
    json!({
        "resource": resource,
        "verdict": ruling.outcome.as_str(),
        "rules": ruling.rules,
        "operations": ruling.explanations,
        "reason": refusal.map(|(denial, _)| denial.code()),
        "detail": refusal.and_then(|(denial, _)| denial.detail()),
        "status": refusal.map(|(_, answer)| answer.status().as_u16()),
        "challenge": refusal.and_then(|(_, answer)| answer.challenge()).map(ToString::to_string),
    })
}
