//! The sample MCP server: a notebook whose tools need different scopes. It knows nothing about tokens;
//! who is calling stands in the headers that the gate writes.

use std::{collections::BTreeMap, sync::PoisonError, time::Duration};

use axum::Router;
use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{tool::Extension, wrapper::Parameters},
    model::{ProgressNotificationParam, ServerCapabilities, ServerConfig},
    service::RequestContext,
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};

use super::Shared;

/// Each tool and the scopes that a call needs.
pub(super) const TOOLS: &[(&str, &str)] = &[
    ("whoami", "notes:read"),
    ("search_notes", "notes:read"),
    ("long_report", "notes:read"),
    ("add_note", "notes:write"),
    ("delete_all_notes", "notes:admin"),
];

/// How many steps `long_report` takes, and how long each.
const STEPS: u32 = 5;
const STEP: Duration = Duration::from_millis(150);
/// How many notes a caller may keep; the oldest goes first.
const MOST_NOTES: usize = 100;

pub(super) fn router() -> Router {
    let notebook = Notebook::default();
    let service = StreamableHttpService::new(
        move || Ok(notebook.clone()),
        std::sync::Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    Router::new()
        .route_service("/mcp", service.clone())
        .route_service("/mcp/", service)
}

/// Everybody's notes, by the caller's id.
#[derive(Clone, Default)]
struct Notebook {
    notes: Shared<BTreeMap<String, Vec<String>>>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Search {
    /// Words to look for; none finds every note.
    #[serde(default)]
    query: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct NewNote {
    /// What to write down.
    text: String,
}

#[tool_router]
impl Notebook {
    #[tool(description = "Says who you are, as the gate told this server")]
    fn whoami(&self, Extension(parts): Extension<Parts>) -> String {
        format!(
            "{} ({}), tenant {}, tier {}, scopes: {}",
            header(&parts, "x-auth-request-user"),
            header(&parts, "x-auth-request-email"),
            header(&parts, "x-auth-tenant"),
            header(&parts, "x-auth-tier"),
            header(&parts, "x-auth-scopes"),
        )
    }

    #[tool(description = "Finds your notes")]
    fn search_notes(
        &self,
        Parameters(Search { query }): Parameters<Search>,
        Extension(parts): Extension<Parts>,
    ) -> String {
        let found: Vec<_> = self.with_notes(&parts, |notes| {
            let matching = notes.iter().filter(|note| note.contains(&query));
            matching.cloned().collect()
        });
        match found.as_slice() {
            [] => "no notes yet; add_note writes one".to_owned(),
            found => found.join("\n"),
        }
    }

    #[tool(description = "Writes a report and tells how far it is")]
    async fn long_report(&self, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        let token = context.meta.get_progress_token();
        for step in 1..=STEPS {
            tokio::time::sleep(STEP).await;
            let Some(token) = token.clone() else { continue };
            let progress = ProgressNotificationParam::new(token, f64::from(step))
                .with_total(f64::from(STEPS))
                .with_message(format!("chapter {step} of {STEPS}"));
            // A client that does not listen any more is no reason to stop writing.
            let _ = context.peer.notify_progress(progress).await;
        }
        Ok(format!("a report in {STEPS} chapters"))
    }

    #[tool(description = "Writes a note")]
    fn add_note(
        &self,
        Parameters(NewNote { text }): Parameters<NewNote>,
        Extension(parts): Extension<Parts>,
    ) -> String {
        self.with_notes(&parts, |notes| {
            if notes.len() == MOST_NOTES {
                notes.remove(0);
            }
            notes.push(text);
            format!("noted; {} in all", notes.len())
        })
    }

    #[tool(description = "Deletes all of your notes")]
    fn delete_all_notes(&self, Extension(parts): Extension<Parts>) -> String {
        self.with_notes(&parts, |notes| {
            let gone = notes.len();
            notes.clear();
            format!("{gone} deleted")
        })
    }
}

impl Notebook {
    fn with_notes<T>(&self, parts: &Parts, work: impl FnOnce(&mut Vec<String>) -> T) -> T {
        let caller = header(parts, "x-auth-request-user").to_owned();
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        work(notes.entry(caller).or_default())
    }
}

#[tool_handler]
impl ServerHandler for Notebook {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_instructions(
            "A notebook behind a gate. Reading, writing and deleting need different scopes.",
        )
    }
}

/// rmcp hands each tool the HTTP request it came with.
fn header<'request>(parts: &'request Parts, name: &str) -> &'request str {
    parts
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("nobody")
}
