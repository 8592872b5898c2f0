//! Addresses: how a URL of the environment becomes the URL that a signal is sent to.

use std::net::IpAddr;

use hyper::Uri;

use super::headers::basic;

/// A base URL, with what must not be shown kept apart.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// Scheme, host and port.
    origin: String,
    path: String,
    query: Option<String>,
    /// From `user:password@` in the URL; never shown.
    pub(super) authorization: Option<String>,
}

impl Endpoint {
    /// Reads an `http` or `https` URL.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return None;
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let url: Uri = format!("{scheme}://{host}{}", rest.split('#').next()?)
            .parse()
            .ok()?;
        let authority = url
            .authority()
            .filter(|authority| !authority.host().is_empty())?;
        // `host:` and `host:99999` have no port that could be connected to.
        if authority.as_str().len() > authority.host().len() && authority.port_u16().is_none() {
            return None;
        }
        Some(Self {
            origin: format!("{scheme}://{authority}"),
            path: url.path().trim_end_matches('/').to_owned(),
            query: url.query().map(str::to_owned),
            authorization: userinfo.map(|userinfo| {
                let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
                basic(&percent_decode(user), &percent_decode(password))
            }),
        })
    }

    /// The URL below this one at `path`, which begins with a slash.
    pub(super) fn join(&self, path: &str) -> Self {
        Self {
            path: format!("{}{path}", self.path),
            ..self.clone()
        }
    }

    /// The full URL.
    pub(super) fn uri(&self) -> Option<Uri> {
        let query = self
            .query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let path = if self.path.is_empty() {
            "/"
        } else {
            &self.path
        };
        format!("{}{path}{query}", self.origin).parse().ok()
    }

    /// The URL without credentials and query, for messages.
    pub(super) fn shown(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the path is that of an OpenObserve organisation: `/api/{org}`, alone or before the
    /// path of a signal. Others have an `/api/` too, such as `/api/v2/otlp`.
    pub(super) fn has_organisation(&self) -> bool {
        let Some((_, rest)) = self.path.split_once("/api/") else {
            return false;
        };
        let (organisation, rest) = rest.split_once('/').unwrap_or((rest, ""));
        !organisation.is_empty() && (rest.is_empty() || rest.starts_with("v1/"))
    }

    /// Whether the server is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let uri = self.uri();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse()
                .is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
    }

    /// The URL to use instead where this one has the port of OTLP over gRPC.
    pub(super) fn instead_of_grpc(&self) -> Option<String> {
        let origin = self.origin.strip_suffix(":4317")?;
        Some(format!("{origin}:4318{}", self.path))
    }
}

/// A URL as written, with `user:password@` hidden, for messages about URLs that do not parse.
pub(super) fn without_userinfo(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://[REDACTED]@{host}")
        }
        None => text.to_owned(),
    }
}

/// Undoes percent-encoding; what is no valid escape stays as it is.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, after @ ..] => hex_digit(*high)
                .zip(hex_digit(*low))
                .map(|pair| (pair, after)),
            _ => None,
        };
        (rest, _) = match escaped {
            Some(((high, low), after)) => (after, bytes.push(high << 4 | low)),
            None => (after, bytes.push(*first)),
        };
    }
    bytes
}

/// Escapes what may not stand in one segment of a path.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte.into())
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_with_one_slash() {
        let check = |base: &str, expected: &str| {
            let joined = Endpoint::parse(base).unwrap().join("/v1/logs");
            assert_eq!(joined.uri().unwrap(), expected, "{base}");
        };
        check("http://localhost:4318", "http://localhost:4318/v1/logs");
        check("http://localhost:4318/", "http://localhost:4318/v1/logs");
        check("HTTPS://collector/otlp/", "https://collector/otlp/v1/logs");
        check("http://[::1]:4318/a#b", "http://[::1]:4318/a/v1/logs");
        check(
            "http://h/api/default?k=v",
            "http://h/api/default/v1/logs?k=v",
        );
        check("http://u:p@h:1", "http://h:1/v1/logs");
    }

    #[test]
    fn what_cannot_be_connected_to_is_no_endpoint() {
        for bad in [
            "",
            "localhost:4318",
            "//host",
            "ftp://host",
            "http://",
            "http://:4318",
            "http://host:",
            "http://host:99999",
            "http://host:port",
            "http://ho st",
            "http://a@",
            "collector",
        ] {
            assert!(Endpoint::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn credentials_in_the_url_become_a_header_and_are_not_shown() {
        let endpoint = Endpoint::parse("https://us%40er:p%3Aw@host/x?token=t").unwrap();
        assert_eq!(
            endpoint.authorization.as_deref(),
            Some("Basic dXNAZXI6cDp3")
        );
        assert_eq!(endpoint.shown(), "https://host/x");
        assert_eq!(
            without_userinfo("htp://u:p@ss@host:1"),
            "htp://[REDACTED]@host:1"
        );
        assert_eq!(without_userinfo("u:p@host"), "://[REDACTED]@host");
    }

    #[test]
    fn loopback_is_recognised() {
        let check = |url: &str, expected: bool| {
            assert_eq!(
                Endpoint::parse(url).unwrap().is_loopback(),
                expected,
                "{url}"
            );
        };
        check("http://localhost:4318", true);
        check("http://127.9.9.9", true);
        check("http://[::1]:4318", true);
        check("http://[::ffff:127.0.0.1]:4318", true);
        check("http://127.0.0.1.example.com", false);
        check("http://10.0.0.1:4318", false);
    }

    #[test]
    fn invalid_escapes_stay() {
        assert_eq!(percent_decode("a%20b%2Cc%zz%4"), b"a b,c%zz%4");
        assert_eq!(percent_decode("%"), b"%");
        assert_eq!(percent_encode("my org/1"), "my%20org%2F1");
    }
}
