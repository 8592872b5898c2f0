//! All routes and layers, in one visible place.

use axum::{Router, extract::DefaultBodyLimit, middleware};

use crate::{error::ApiError, store::Store};

use super::{limits, problem, recipes};

/// The service: every route, with the limits around them and problem bodies for every error.
///
/// Layers that come from outside go around it: [`problem`] reads the ids that they give a request.
pub fn router(store: Store) -> Router {
    Router::new()
        .nest("/api/v1", recipes::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(store)
        .layer(DefaultBodyLimit::max(limits::MAX_BODY_BYTES))
        .layer(middleware::from_fn(limits::refuse_too_large))
        .layer(middleware::from_fn(problem::render))
}

async fn not_found() -> ApiError {
    ApiError::NotFound("nothing is at this path; the recipes are at /api/v1/recipes".to_owned())
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
