//! Problem bodies: the one place where an error becomes a response.
//!
//! # Source
//! RFC 9457, Problem Details for HTTP APIs.

use std::{collections::BTreeMap, error::Error as StdError, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::error::ApiError;

use super::ids::{Ids, ids};

impl IntoResponse for ApiError {
    /// A response without a body: [`render`] writes it, since only there the ids are known.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Rejection(Arc::new(self)));
        response
    }
}

/// Writes the body of every response that is an [`ApiError`], and the log line of those that are
/// our fault.
pub async fn render(req: Request, next: Next) -> Response {
    let ids = ids(req.extensions());
    let mut response = next.run(req).await;
    let Some(Rejection(error)) = response.extensions_mut().remove() else {
        return response;
    };
    if error.status().is_server_error() {
        tracing::error!(
            code = error.code(),
            error = causes(&error),
            "request failed"
        );
    }
    let body = serde_json::to_vec(&Problem::new(&error, &ids)).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    *response.body_mut() = Body::from(body);
    response
}

#[derive(Clone)]
struct Rejection(Arc<ApiError>);

/// The body, as clients see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    instance: String,
    request_id: &'a str,
    trace_id: &'a str,
    error: Code,
}

#[derive(Serialize)]
struct Code {
    code: &'static str,
    message: String,
    details: BTreeMap<String, String>,
}

impl<'a> Problem<'a> {
    fn new(error: &ApiError, ids: &'a Ids) -> Self {
        let slug = error.code().to_ascii_lowercase().replace('_', "-");
        let detail = error.to_string();
        Self {
            r#type: format!("/problems/{slug}"),
            title: error.title(),
            status: error.status().as_u16(),
            instance: format!("urn:request:{}", ids.request_id),
            request_id: &ids.request_id,
            trace_id: &ids.trace_id,
            error: Code {
                code: error.code(),
                message: detail.clone(),
                details: error.details(),
            },
            detail,
        }
    }
}

/// An error and its sources in one line.
fn causes(error: &ApiError) -> String {
    let mut text = error.code().to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Some errors repeat their source in their own words.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
