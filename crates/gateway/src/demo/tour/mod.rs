//! The whole loop over real HTTP, as an MCP client plays it: a line a step, with its time.

mod client;
mod login;
mod session;

use std::time::{Duration, Instant};

use super::{Demo, notebook::TOOLS};
use client::{Client, Step};
use login::{Login, Registered};
use session::Session;

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the loop; `say` gets each line as it happens.
///
/// # Errors
/// The step that failed, and what was expected.
pub async fn play(demo: &Demo, say: impl FnMut(&str)) -> Result<(), StepError> {
    let mut tour = Tour {
        say,
        steps: 0,
        begun: Instant::now(),
    };
    let client = Client::new(PATIENCE).map_err(|problem| StepError::new("start", problem))?;
    let mcp = demo.mcp_url();

    let challenge = tour
        .step("a call without a token is refused", client.challenge(&mcp))
        .await?;
    let metadata = tour
        .step(
            "the challenge leads to the resource's metadata",
            client.resource_metadata(&challenge, &mcp),
        )
        .await?;
    let server = tour
        .step(
            "the metadata leads to the authorization server",
            client.server_metadata(&metadata),
        )
        .await?;
    let registered = tour
        .step("the client registers", Registered::new(&client, &server))
        .await?;
    let login = Login {
        client: &client,
        server: &server,
        registered: &registered,
        resource: &mcp,
    };
    let code = tour
        .step(
            "the user consents (PKCE S256, resource, iss)",
            login.authorize(&challenge.scope),
        )
        .await?;
    let token = tour
        .step("the code becomes a token", login.redeem(&code))
        .await?;
    let session = tour
        .step("the session opens", Session::open(&client, &mcp, &token))
        .await?;
    tour.step("tools/list", session.list_tools(TOOLS.len()))
        .await?;
    tour.step(
        "tools/call whoami",
        session.call("whoami", "user-ada (ada@example.com)"),
    )
    .await?;
    tour.step(
        "tools/call long_report streams its progress",
        session.call_with_progress("long_report"),
    )
    .await?;
    let needed = tour
        .step(
            "tools/call add_note is refused, and says what it takes",
            session.refused_call("add_note", &["notes:read", "notes:write"]),
        )
        .await?;
    let code = tour
        .step("the user consents to more", login.authorize(&needed))
        .await?;
    let wider = tour
        .step("the code becomes a wider token", login.redeem(&code))
        .await?;
    tour.step(
        "tools/call add_note passes",
        session.with(&wider).call("add_note", "noted"),
    )
    .await?;
    tour.step(
        "the token is worth nothing at the other resource",
        client.refused_elsewhere(&demo.reports_url(), &wider),
    )
    .await?;
    tour.finish();
    Ok(())
}

/// A step that went wrong.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {problem}")]
pub struct StepError {
    step: &'static str,
    problem: String,
}

impl StepError {
    fn new(step: &'static str, problem: String) -> Self {
        Self { step, problem }
    }
}

struct Tour<S> {
    say: S,
    steps: usize,
    begun: Instant,
}

impl<S: FnMut(&str)> Tour<S> {
    async fn step<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Step<T>>,
    ) -> Result<T, StepError> {
        let begun = Instant::now();
        let (seen, value) = work
            .await
            .map_err(|problem| StepError::new(name, problem))?;
        self.steps += 1;
        let line = format!(
            "{:>2}  {:>7.1} ms  {name:<56} {seen}",
            self.steps,
            milliseconds(begun.elapsed())
        );
        (self.say)(&line);
        Ok(value)
    }

    fn finish(mut self) {
        let line = format!(
            "\n{} steps in {:.0} ms: the whole loop works.",
            self.steps,
            milliseconds(self.begun.elapsed())
        );
        (self.say)(&line);
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
