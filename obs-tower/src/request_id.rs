//! The id that ties together everything that one request caused.

use std::borrow::Cow;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use obs_core::propagation::TraceId;
use obs_redact::Redactor;

/// The id of the request being handled.
///
/// [`observe`](crate::observe()) puts it into the request's extensions, sets it as `X-Request-ID` on
/// request and response, and records it as `request.id` on the span and on every log line.
///
/// A client's `X-Request-ID` is kept if there is exactly one and it is 1 to 128 characters of
/// `A-Z a-z 0-9 . _ ~ : + / = @ -`. Anything else is replaced by a new UUID (version 7).
///
/// # Examples
/// ```
/// use http::HeaderValue;
/// use obs_tower::RequestId;
///
/// let id = RequestId::accept(&HeaderValue::from_static("checkout-42")).unwrap();
/// assert_eq!(id.as_str(), "checkout-42");
/// assert!(RequestId::accept(&HeaderValue::from_static("two words")).is_none());
/// assert_eq!(RequestId::generate().as_str().len(), 36);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The header that carries it.
    pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

    /// A new id: a UUID of version 7, so ids sort by time.
    #[must_use]
    pub fn generate() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // The generator of trace ids is as good, and calls into the system once for each thread.
        let [a, b, c, d, e, f, g, h, i, j, ..] = TraceId::random().to_bytes();
        let uuid =
            uuid::Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j])
                .into_uuid();
        let mut text = [0; 36];
        uuid.hyphenated().encode_lower(&mut text);
        // An owner makes one allocation for text and reference count; all copies share it.
        Self(
            HeaderValue::from_maybe_shared(Bytes::from_owner(text))
                .unwrap_or_else(|_| FALLBACK.clone()),
        )
    }

    /// The id that a client sent, if it is safe to repeat in headers and logs.
    #[must_use]
    pub fn accept(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let safe =
            (1..=MAX_BYTES).contains(&bytes.len()) && bytes.iter().all(|byte| is_safe(*byte));
        safe.then(|| Self(value.clone()))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of [`RequestId::HEADER`].
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Takes the id from the request's headers, or makes one and puts it there.
    ///
    /// An id that reads like a secret would be hidden in the log, and the request could not be found
    /// by it: it is replaced too.
    pub(crate) fn settle(headers: &mut HeaderMap, redactor: &Redactor) -> Self {
        let mut values = headers.get_all(Self::HEADER).iter();
        if let (Some(value), None) = (values.next(), values.next())
            && let Some(accepted) = Self::accept(value)
            && matches!(redactor.redact_text(accepted.as_str()), Cow::Borrowed(_))
        {
            return accepted;
        }
        let id = Self::generate();
        headers.insert(Self::HEADER, id.header_value());
        id
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

fn is_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~:+/=@-".contains(&byte)
}

const MAX_BYTES: usize = 128;

/// Never seen: the text of a UUID is always a valid header value.
static FALLBACK: HeaderValue = HeaderValue::from_static("00000000-0000-7000-8000-000000000000");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generates_unique_uuids_of_version_7() {
        let ids: std::collections::HashSet<String> = (0..10_000)
            .map(|_| RequestId::generate().to_string())
            .collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            let uuid = uuid::Uuid::parse_str(&id).unwrap();
            assert_eq!(
                (uuid.get_version_num(), uuid.get_variant()),
                (7, uuid::Variant::RFC4122)
            );
        }
    }
}
