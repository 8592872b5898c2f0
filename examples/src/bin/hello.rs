//! The smallest observed service.
//!
//! `cargo run -p obs-examples --bin hello`, then `curl -i http://127.0.0.1:3000/hello/world`.

use axum::extract::Path;
use axum::{Router, routing::get};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), obs_core::Error> {
    let telemetry = obs_core::init!()?;
    let listener = listen().await?;
    let app = routes().layer(obs_tower::observe(&telemetry));
    obs_tower::Server::new(telemetry)
        .health_at("/health")
        .serve(listener, app)
        .await
}

fn routes() -> Router {
    Router::new().route("/hello/{name}", get(hello))
}

async fn hello(Path(name): Path<String>) -> String {
    tracing::info!(name, "greeted");
    format!("Hello, {name}!\n")
}

/// On `PORT`, or 3000.
async fn listen() -> Result<TcpListener, obs_core::Error> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("127.0.0.1:{port}");
    let failed = |error| obs_core::Error::start(format!("cannot listen on {address}: {error}"));
    TcpListener::bind(&address).await.map_err(failed)
}
