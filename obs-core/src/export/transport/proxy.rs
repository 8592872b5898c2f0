//! HTTP proxies, from the variables that curl, Go and most other clients read.
//!
//! Names in upper case come first. There is no standard; Go and curl agree on the rest.

use std::fmt;

use hyper::Uri;
use hyper::header::HeaderValue;

use super::no_proxy::NoProxy;
use crate::config::Reader;
use crate::export::endpoint::{Endpoint, without_userinfo};
use crate::export::headers;

/// A proxy that requests go through.
#[derive(Clone, PartialEq)]
pub(in crate::export) struct Proxy {
    uri: Uri,
    /// The URL without credentials.
    shown: String,
    authorization: Option<HeaderValue>,
    /// The variable that names it.
    variable: &'static str,
}

impl Proxy {
    fn parse(variable: &'static str, text: &str) -> Option<Self> {
        let url = match text.contains("://") {
            true => Endpoint::parse(text)?,
            false => Endpoint::parse(&format!("http://{text}"))?,
        };
        let authorization = url.authorization.as_ref();
        Some(Self {
            uri: format!("{}/", url.origin()).parse().ok()?,
            shown: url.origin().to_owned(),
            authorization: authorization.and_then(|value| headers::secret(value.as_bytes())),
            variable,
        })
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The value of `Proxy-Authorization`.
    pub(in crate::export) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    pub(super) fn variable(&self) -> &'static str {
        self.variable
    }

    /// Whether the connection to the proxy itself is secured.
    pub(in crate::export) fn is_https(&self) -> bool {
        super::connector::is_https(&self.uri)
    }
}

/// The URL without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// What the environment says about proxies.
pub(in crate::export) struct Proxies {
    direct: NoProxy,
}

impl Proxies {
    pub(in crate::export) fn read(reader: &Reader<'_>) -> Self {
        let list = first_set(reader, &["NO_PROXY", "no_proxy"]);
        Self {
            direct: NoProxy::parse(list.map_or("", |(_, list)| list)),
        }
    }

    /// The proxy for a server, if there is one; what is wrong with it is noted with the reader. A
    /// variable that no server needs is not looked at: it may be for the browser of a desktop.
    pub(in crate::export) fn choose(
        &self,
        reader: &Reader<'_>,
        server: &Endpoint,
    ) -> Option<Proxy> {
        let uri = server.uri()?;
        let is_https = super::connector::is_https(&uri);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        if server.is_loopback() || self.direct.contains(uri.host()?, port) {
            return None;
        }
        // A CGI server puts the header `Proxy` of a stranger's request into `HTTP_PROXY`.
        let is_cgi = reader.text("REQUEST_METHOD").is_some();
        let variables: &[_] = match (is_https, is_cgi) {
            (true, _) => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
            (false, false) => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
            (false, true) => &["http_proxy", "ALL_PROXY", "all_proxy"],
        };
        let (variable, text) = first_set(reader, variables)?;
        let proxy = Proxy::parse(variable, text);
        if proxy.is_none() {
            tell(reader, variable, text);
        }
        proxy
    }
}

fn first_set<'e>(
    reader: &Reader<'e>,
    variables: &[&'static str],
) -> Option<(&'static str, &'e str)> {
    let mut set = variables
        .iter()
        .filter_map(|variable| Some((*variable, reader.text(variable)?)));
    set.next()
}

fn tell(reader: &Reader<'_>, variable: &str, text: &str) {
    let shown = without_userinfo(text);
    let shown = shown.split(['?', '#']).next().unwrap_or_default();
    let expected = if text.to_ascii_lowercase().starts_with("socks") {
        "an HTTP proxy such as http://proxy:3128; SOCKS is not spoken here"
    } else {
        "the URL of an HTTP proxy such as http://proxy:3128"
    };
    reader.problem(variable, shown, expected, "no proxy");
}
