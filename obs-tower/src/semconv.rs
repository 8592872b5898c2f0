//! Closed value sets and bounds of the OpenTelemetry semantic conventions for HTTP.
//!
//! What a client can choose freely never becomes a metric attribute; here it is folded.

use std::borrow::Cow;

use http::{Method, Response, StatusCode, Uri, Version, header};
use obs_redact::Redactor;

/// A request method, folded to the methods that the conventions know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownMethod(usize);

impl KnownMethod {
    /// How many there are, `_OTHER` included.
    pub(crate) const COUNT: usize = METHODS.len() + 1;

    pub(crate) fn of(method: &Method) -> Self {
        let name = method.as_str();
        Self(
            METHODS
                .iter()
                .position(|known| *known == name)
                .unwrap_or(METHODS.len()),
        )
    }

    /// The value of `http.request.method`.
    pub(crate) fn name(self) -> &'static str {
        METHODS.get(self.0).copied().unwrap_or("_OTHER")
    }

    /// The first word of the span's name: an unknown method is `HTTP` there.
    pub(crate) fn span_word(self) -> &'static str {
        METHODS.get(self.0).copied().unwrap_or("HTTP")
    }

    pub(crate) fn index(self) -> usize {
        self.0
    }

    pub(crate) fn is_known(self) -> bool {
        self.0 < METHODS.len()
    }

    pub(crate) fn is_head(self) -> bool {
        self.name() == "HEAD"
    }

    pub(crate) fn is_connect(self) -> bool {
        self.name() == "CONNECT"
    }
}

/// Whether the exchange lasts as long as both sides like: an upgraded connection, a tunnel, a stream
/// of server-sent events.
pub(crate) fn is_open_ended<B>(method: KnownMethod, response: &Response<B>) -> bool {
    let status = response.status();
    status == StatusCode::SWITCHING_PROTOCOLS
        || (method.is_connect() && status.is_success())
        || response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(is_event_stream)
}

fn is_event_stream(content_type: &header::HeaderValue) -> bool {
    let mut parts = content_type.as_bytes().split(|byte| *byte == b';');
    parts.next().is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"text/event-stream")
    })
}

/// The value of `network.protocol.version`.
pub(crate) fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// The value of `url.scheme`: `http` unless the client says `https`, which HTTP/2 clients do behind
/// a proxy that ends TLS.
pub(crate) fn scheme(uri: &Uri) -> &'static str {
    if uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
        "https"
    } else {
        "http"
    }
}

/// Splits `Host` into address and port; `None` for what is no host name, IP literal or port.
pub(crate) fn host(value: &str) -> Option<(&str, Option<u16>)> {
    if value.len() > MAX_HOST_BYTES {
        return None;
    }
    let (address, port) = match value.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            let valid = address
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
            (Some(address).filter(|_| valid)?, rest)
        }
        None => {
            let end = value.find(':').unwrap_or(value.len());
            let (address, rest) = value.split_at_checked(end)?;
            let valid = address
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
            (Some(address).filter(|_| valid)?, rest)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => Some(digits.parse().ok()?),
        None if port.is_empty() => None,
        None => return None,
    };
    if address.is_empty() {
        None
    } else {
        Some((address, port))
    }
}

/// The head of a text that a client chose, at most `max_bytes` long.
pub(crate) fn bounded(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes))
        .unwrap_or_default()
}

/// What of a text that a client chose is recorded: all of it, or its head.
///
/// A text that has to be cut is redacted first: a secret that loses its end at the cut is not
/// recognised any more.
pub(crate) fn excerpt<'t>(text: &'t str, max_bytes: usize, redactor: &Redactor) -> Cow<'t, str> {
    if text.len() <= max_bytes {
        return text.into();
    }
    cut(redactor.redact_text(text), max_bytes)
}

/// The path of a request as it is recorded: without what is sensitive, also behind percent-encoding.
pub(crate) fn recorded_path<'t>(path: &'t str, redactor: &Redactor) -> Cow<'t, str> {
    cut(redactor.redact_url(path), MAX_TARGET_BYTES)
}

fn cut(text: Cow<'_, str>, max_bytes: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => bounded(text, max_bytes).into(),
        Cow::Owned(mut text) => {
            text.truncate(text.floor_char_boundary(max_bytes));
            text.into()
        }
    }
}

/// Longest `user_agent.original`.
pub(crate) const MAX_USER_AGENT_BYTES: usize = 256;

/// Longest `http.request.method_original`.
pub(crate) const MAX_METHOD_BYTES: usize = 32;

/// Longest `url.path` and `url.query`: servers accept targets of 64 KiB, which would make one log
/// line as long.
pub(crate) const MAX_TARGET_BYTES: usize = 2048;

/// A DNS name has at most 253 bytes; brackets and a port come on top.
const MAX_HOST_BYTES: usize = 262;

const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_and_refuses_what_is_none() {
        let check = |value: &str, expected: Option<(&str, Option<u16>)>| {
            assert_eq!(host(value), expected, "{value}")
        };
        check("recipes.example", Some(("recipes.example", None)));
        check(
            "recipes.example:8080",
            Some(("recipes.example", Some(8080))),
        );
        check("127.0.0.1:3000", Some(("127.0.0.1", Some(3000))));
        check("[::1]:3000", Some(("::1", Some(3000))));
        check("[::ffff:127.0.0.1]", Some(("::ffff:127.0.0.1", None)));
        check("", None);
        check(":80", None);
        check("a:b", None);
        check("a:99999", None);
        check("user@host", None);
        check("a b", None);
        check("[::1", None);
        check("[::1]x", None);
        check(&"a".repeat(300), None);
    }

    #[test]
    fn knows_what_lasts_as_long_as_both_sides_like() {
        let check = |method: Method, status: u16, content_type: &'static str, expected: bool| {
            let response = Response::builder()
                .status(status)
                .header(header::CONTENT_TYPE, content_type)
                .body(())
                .unwrap();
            assert_eq!(
                is_open_ended(KnownMethod::of(&method), &response),
                expected,
                "{method} {status} {content_type:?}"
            );
        };
        check(Method::GET, 200, "text/event-stream", true);
        check(Method::POST, 200, "Text/Event-Stream; charset=utf-8", true);
        check(Method::GET, 200, " text/event-stream ;x", true);
        check(Method::GET, 200, "text/event-streams", false);
        check(Method::GET, 200, "text/plain; text/event-stream", false);
        check(Method::GET, 200, "", false);
        check(Method::GET, 101, "", true);
        check(Method::CONNECT, 200, "", true);
        check(Method::CONNECT, 502, "", false);
    }

    #[test]
    fn folds_methods() {
        let check = |method: &str, name: &str, word: &str| {
            let method = KnownMethod::of(&Method::from_bytes(method.as_bytes()).unwrap());
            assert_eq!((method.name(), method.span_word()), (name, word));
        };
        check("GET", "GET", "GET");
        check("TRACE", "TRACE", "TRACE");
        check("get", "_OTHER", "HTTP");
        check("PURGE", "_OTHER", "HTTP");
    }

    #[test]
    fn bounds_at_a_character() {
        assert_eq!(bounded("abc", 2), "ab");
        assert_eq!(bounded("aé", 2), "a");
        assert_eq!(bounded("a", 2), "a");
    }
}
