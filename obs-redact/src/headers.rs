//! Header maps of the `http` crate.

use http::{HeaderMap, HeaderValue};

use crate::{REDACTED, redactor::Redactor};

impl Redactor {
    /// Redacts a copy of all headers, each as [`redact_header`](Self::redact_header) does.
    ///
    /// A value that is marked as sensitive is redacted whatever its name, and one that is no UTF-8
    /// is too, since no rule can read it.
    ///
    /// # Examples
    /// ```
    /// use http::{HeaderMap, HeaderValue};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("accept", HeaderValue::from_static("text/html"));
    /// headers.insert("cookie", HeaderValue::from_static("sid=abc"));
    ///
    /// let headers = obs_redact::Redactor::new().redact_headers(&headers);
    /// assert_eq!(headers["accept"], "text/html");
    /// assert_eq!(headers["cookie"], "[REDACTED]");
    /// ```
    #[must_use]
    pub fn redact_headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut redacted = headers.clone();
        for (name, value) in &mut redacted {
            if let Some(replacement) = self.replacement(name.as_str(), value) {
                *value = replacement;
            }
        }
        redacted
    }

    fn replacement(&self, name: &str, value: &HeaderValue) -> Option<HeaderValue> {
        let marker = HeaderValue::from_static(REDACTED);
        if value.is_sensitive() {
            return Some(marker);
        }
        let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
            return Some(marker);
        };
        let redacted = self.redact_header(name, text);
        (redacted != text).then(|| HeaderValue::from_str(&redacted).unwrap_or(marker))
    }
}
