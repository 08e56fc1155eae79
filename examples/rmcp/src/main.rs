//! An MCP server made with rmcp, behind the layer: every request needs a good token, and each tool its
//! scopes. See the README beside it.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::Router;
use http::request::Parts;
use oauthgate_core::ScopeSet;
use oauthgate_mcp::{Policy, PolicyLayer, SessionBindingLayer, SessionSecret};
use oauthgate_remote::OAuth21Provider;
use oauthgate_tower::{Requirement, ResourceServerLayer, UserContext};
use rmcp::{
    ErrorData, ServerHandler,
    handler::server::{tool::Extension, wrapper::Parameters},
    model::{ServerCapabilities, ServerConfig},
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::net::TcpListener;

/// Everybody's notes, by the caller's id.
type Notes = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

#[derive(Clone)]
struct Notebook {
    notes: Notes,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct NewNote {
    /// What to write down.
    text: String,
}

#[tool_router]
impl Notebook {
    #[tool(description = "Says who you are")]
    fn whoami(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let user = caller(&parts)?;
        Ok(format!("{} may {}", user.user_id(), user.scopes()))
    }

    #[tool(description = "Lists your notes")]
    fn list_notes(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(notes
            .get(caller(&parts)?.user_id())
            .map(|own| own.join("\n"))
            .unwrap_or_default())
    }

    #[tool(description = "Writes a note")]
    fn add_note(
        &self,
        Parameters(NewNote { text }): Parameters<NewNote>,
        Extension(parts): Extension<Parts>,
    ) -> Result<String, ErrorData> {
        let user = caller(&parts)?;
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes
            .entry(user.user_id().to_owned())
            .or_default()
            .push(text);
        Ok("noted".to_owned())
    }
}

#[tool_handler]
impl ServerHandler for Notebook {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_instructions("Keeps your notes.")
    }
}

/// rmcp hands each tool the HTTP request it came with; the layer put the caller into it.
fn caller(parts: &Parts) -> Result<&UserContext, ErrorData> {
    parts.extensions.get().ok_or_else(|| {
        ErrorData::internal_error("the server is not behind ResourceServerLayer", None)
    })
}

fn tool_policy() -> Result<Policy, Box<dyn Error>> {
    Ok(Policy::new()
        .tool("whoami", Requirement::authenticated())
        .tool(
            "list_notes",
            Requirement::scopes(ScopeSet::parse("notes:read")?),
        )
        .tool(
            "add_note",
            Requirement::scopes(ScopeSet::parse("notes:read notes:write")?),
        ))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the URL is this program's data")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    let provider = OAuth21Provider::from_env()?;
    provider.warm_up().await;

    let notebook = Notebook {
        notes: Notes::default(),
    };
    let server = StreamableHttpService::new(
        move || Ok(notebook.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    // A session belongs to whoever opened it, and ends with this program.
    let sessions = SessionBindingLayer::new(provider.resource(), SessionSecret::random()?);
    let app = Router::new()
        .route_service("/mcp", server.clone())
        // Clients write both, and a redirect would lose the token.
        .route_service("/mcp/", server)
        .layer(PolicyLayer::new(tool_policy()?, provider.resource()))
        .layer(sessions)
        // Tools see the whole request; the token is not theirs to pass on.
        .layer(ResourceServerLayer::new(provider).strip_authorization());

    let listener =
        TcpListener::bind(env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned())).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await?;
    Ok(())
}
