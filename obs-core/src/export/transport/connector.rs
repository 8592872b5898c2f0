//! From an address to an open connection, step by step, so that a failure says at which it was.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::connection::{Connection, Stream};
use super::proxy::Proxy;
use super::resolver::{LookupError, Resolver};
use super::tls::Tls;
use super::tunnel::{self, TunnelError};

/// Opens connections to servers, directly or through a proxy.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: Option<Arc<Tls>>,
    proxy: Option<Proxy>,
    patience: Duration,
}

impl Connector {
    /// A connector that gives up after `patience`.
    pub(super) fn new(
        resolver: Resolver,
        tls: Option<Arc<Tls>>,
        proxy: Option<Proxy>,
        patience: Duration,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared by the addresses of a name: one that swallows packets leaves time for the next.
        tcp.set_connect_timeout(Some(patience));
        Self {
            tcp,
            tls,
            proxy,
            patience,
        }
    }

    async fn connect(mut self, server: Uri) -> Result<TokioIo<Connection>, ConnectError> {
        let proxy = self.proxy.take();
        let mut at = At {
            is_proxy: proxy.is_some(),
            step: Step::Connect,
        };
        let opened = timeout(self.patience, self.open(&server, proxy.as_ref(), &mut at)).await;
        let cause = match opened {
            Ok(Ok(connection)) => return Ok(TokioIo::new(connection)),
            Ok(Err(cause)) => cause,
            Err(_) => Cause::TimedOut(self.patience),
        };
        Err(ConnectError { at, cause })
    }

    async fn open(
        &mut self,
        server: &Uri,
        proxy: Option<&Proxy>,
        at: &mut At,
    ) -> Result<Connection, Cause> {
        let first = proxy.map_or(server, Proxy::uri);
        let tcp = self.tcp.call(first.clone()).await;
        let tcp = tcp.map_err(|error| Cause::of_tcp(error.into()))?;
        let mut stream: Box<dyn Stream> = Box::new(tcp.into_inner());
        if is_https(first) {
            at.step = Step::Tls;
            stream = self.secure(stream, first).await?;
        }
        let Some(proxy) = proxy else {
            return Ok(Connection::new(stream, false));
        };
        if !is_https(server) {
            return Ok(Connection::new(stream, true));
        }
        at.step = Step::Tunnel;
        let authority = format!(
            "{}:{}",
            server.host().unwrap_or_default(),
            server.port_u16().unwrap_or(443)
        );
        let opened = tunnel::open(&mut stream, &authority, proxy.authorization()).await;
        opened.map_err(Cause::Tunnel)?;
        *at = At {
            is_proxy: false,
            step: Step::Tls,
        };
        let stream = self.secure(stream, server).await?;
        Ok(Connection::new(stream, false))
    }

    async fn secure(
        &self,
        stream: Box<dyn Stream>,
        server: &Uri,
    ) -> Result<Box<dyn Stream>, Cause> {
        let tls = self
            .tls
            .as_ref()
            .ok_or_else(|| io::Error::other("TLS cannot be set up"))
            .map_err(Cause::Tls)?;
        let host = server.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| Cause::Tls(io::Error::other(error)))?;
        let secured = TlsConnector::from(tls.config()).connect(name, stream).await;
        Ok(Box::new(secured.map_err(Cause::Tls)?))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        Box::pin(self.clone().connect(server))
    }
}

/// Why there is no connection, and at which step.
#[derive(Debug)]
pub(super) struct ConnectError {
    pub(super) at: At,
    pub(super) cause: Cause,
}

/// Where an attempt to connect is.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The proxy is at the other end, not yet the server.
    pub(super) is_proxy: bool,
    pub(super) step: Step,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Connect,
    Tls,
    Tunnel,
}

#[derive(Debug)]
pub(super) enum Cause {
    Lookup(String),
    Tcp(Box<dyn Error + Send + Sync>),
    Tls(io::Error),
    Tunnel(TunnelError),
    TimedOut(Duration),
}

impl Cause {
    fn of_tcp(error: Box<dyn Error + Send + Sync>) -> Self {
        match find::<LookupError>(&*error) {
            Some(lookup) => Self::Lookup(lookup.to_string()),
            None => Self::Tcp(error),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection")
    }
}

impl Error for ConnectError {}

pub(super) fn is_https(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// The first error of a type in the chain of causes.
pub(super) fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(found) = this.downcast_ref() {
            return Some(found);
        }
        // The source of an I/O error is that of the error which it wraps.
        let wrapped = this
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|wrapped| find(wrapped));
        if wrapped.is_some() {
            return wrapped;
        }
        error = this.source();
    }
    None
}
