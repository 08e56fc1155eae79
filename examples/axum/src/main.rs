//! An axum app that only lets callers with a good access token in. See the README beside it.

use std::{env, error::Error, net::SocketAddr};

use axum::{Router, routing::get};
use oauthgate_remote::OAuth21Provider;
use oauthgate_tower::{ResourceServerLayer, UserContext};
use tokio::net::TcpListener;

async fn whoami(user: UserContext) -> String {
    format!("{} may {}\n", user.user_id(), user.scopes())
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the URL is this program's data")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    let provider = OAuth21Provider::from_env()?;
    // Fetches the keys before the first caller waits for them; an issuer that is down is asked again later.
    provider.warm_up().await;
    let app = Router::new()
        .route("/whoami", get(whoami))
        .layer(ResourceServerLayer::new(provider));

    let listener =
        TcpListener::bind(env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned())).await?;
    println!("http://{}", listener.local_addr()?);
    // The peer's address is what refused tokens are counted by.
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await?;
    Ok(())
}
