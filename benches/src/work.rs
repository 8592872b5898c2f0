//! The work that every side observes: one route, child spans, one event, a small JSON answer.

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Request},
    routing::get,
};
use tower::{Service as _, ServiceExt as _};

/// The routes under test; a request has as many child spans as queries.
pub(crate) fn routes(queries: usize) -> Router {
    Router::new().route(
        "/api/v1/recipes/{id}",
        get(move |Path(id)| recipe(id, queries)),
    )
}

async fn recipe(id: u64, queries: usize) -> Json<serde_json::Value> {
    for _ in 1..queries {
        query(|| ()).await;
    }
    let found = match queries {
        0 => stored(id),
        _ => query(|| stored(id)).await,
    };
    tracing::info!(
        recipe_id = id,
        user_id = "user-123",
        cache = "miss",
        "recipe loaded"
    );
    Json(found)
}

#[tracing::instrument(name = "SELECT recipes", skip_all, fields(
    db.system.name = "postgresql", db.operation.name = "SELECT", db.collection.name = "recipes"))]
async fn query<T>(result: impl FnOnce() -> T) -> T {
    result()
}

fn stored(id: u64) -> serde_json::Value {
    serde_json::json!({
        "id": id, "title": "Chicken Tacos", "cuisine": "Mexican",
        "prepTime": 20, "cookTime": 15, "tags": ["dinner", "quick"]
    })
}

/// The child spans of a request in the main figure.
pub(crate) const USUAL_QUERIES: usize = 1;

/// Sends `count` requests through the router, one after another, and reads every body.
pub(crate) async fn drive(router: Router, count: u64) -> Result<(), String> {
    let mut service = router.into_service::<Body>();
    for id in 0..count {
        let request = Request::builder()
            .uri(format!("/api/v1/recipes/{id}"))
            .header("host", "recipes.example")
            .header("user-agent", "obs-benches/0.1")
            .header("accept", "application/json")
            .body(Body::empty())
            .map_err(|error| error.to_string())?;
        let ready = service.ready().await.map_err(|error| error.to_string())?;
        let response = ready
            .call(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status();
        let body = to_bytes(response.into_body(), MAX_BODY_BYTES)
            .await
            .map_err(|error| error.to_string())?;
        if !status.is_success() || body.is_empty() {
            return Err(format!(
                "request {id} was answered {status} with {} bytes",
                body.len()
            ));
        }
    }
    Ok(())
}

const MAX_BODY_BYTES: usize = 4096;
