//! The one error that becomes a response.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fmt::{self, Display},
};

use axum::http::StatusCode;

use crate::store::StoreError;

/// What went wrong with a request.
///
/// Handlers return it; it becomes a problem body in one place. What the variants of status 500 and
/// above carry goes to the log and never to the client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApiError {
    /// Parts of the request have values that cannot be used: name to what would be right.
    Validation(BTreeMap<String, String>),
    /// There is nothing under this name.
    NotFound(String),
    /// The resource exists, but not for this method.
    MethodNotAllowed,
    /// The body is larger than this many bytes.
    PayloadTooLarge(usize),
    /// The path and query are longer than this many bytes.
    UriTooLong(usize),
    /// A part of the service that the answer needs is not there at the moment.
    Unavailable(Box<dyn StdError + Send + Sync>),
    /// The service failed.
    Internal(Box<dyn StdError + Send + Sync>),
}

impl ApiError {
    /// One wrong value: its name, and what would be right.
    pub fn invalid(name: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Validation(BTreeMap::from([(name.into(), expected.into())]))
    }

    /// The stable name by which programs tell problems apart.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Validation(_) => "VALIDATION_ERROR",
            Self::NotFound(_) => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::PayloadTooLarge(_) => "PAYLOAD_TOO_LARGE",
            Self::UriTooLong(_) => "URI_TOO_LONG",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Validation(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A short title, the same for every problem of this code.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::Validation(_) => "The request has invalid values",
            Self::NotFound(_) => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::PayloadTooLarge(_) => "The body is too large",
            Self::UriTooLong(_) => "The address is too long",
            Self::Unavailable(_) => "Temporarily unavailable",
            Self::Internal(_) => "Internal error",
        }
    }

    /// The wrong values by name; empty unless the problem is one of validation.
    #[must_use]
    pub fn details(&self) -> BTreeMap<String, String> {
        match self {
            Self::Validation(details) => details.clone(),
            _ => BTreeMap::new(),
        }
    }
}

impl Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Validation(_) => f.write_str("see details for what would be right"),
            Self::NotFound(what) => f.write_str(what),
            Self::MethodNotAllowed => f.write_str("see the Allow header for what is possible"),
            Self::PayloadTooLarge(max) => write!(f, "a body may have at most {max} bytes"),
            Self::UriTooLong(max) => write!(f, "path and query may have at most {max} bytes"),
            Self::Unavailable(_) => f.write_str("try again in a moment"),
            Self::Internal(_) => f.write_str("the service failed; the log tells why by requestId"),
        }
    }
}

impl StdError for ApiError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unavailable(source) | Self::Internal(source) => Some(source.as_ref()),
            _ => None,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Internal(Box::new(error))
        }
    }
}
