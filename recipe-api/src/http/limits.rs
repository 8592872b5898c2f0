//! What is refused before any handler sees it.

use axum::{
    extract::Request,
    http::header::CONTENT_LENGTH,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::error::ApiError;

/// The most bytes that a body may have: a recipe of many pages.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The most bytes that path and query may have together, as long as most servers allow.
pub(super) const MAX_URI_BYTES: usize = 16 * 1024;

/// Refuses addresses that are too long and bodies that are declared too large, also on routes
/// that read no body. Bodies without a declared length are stopped while they are read.
pub(super) async fn refuse_too_large(req: Request, next: Next) -> Response {
    let uri = req.uri();
    let uri_bytes = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if uri_bytes > MAX_URI_BYTES {
        return ApiError::UriTooLong(MAX_URI_BYTES).into_response();
    }
    let declared: Option<u64> = req
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
        return ApiError::PayloadTooLarge(MAX_BODY_BYTES).into_response();
    }
    next.run(req).await
}
