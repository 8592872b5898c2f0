//! How names become addresses: the system's way, or a table that a test gives.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io, net::SocketAddr, vec};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Looks names up.
#[derive(Clone, Default)]
pub(in crate::export) enum Resolver {
    /// As the system is configured to.
    #[default]
    System,
    /// As a test says.
    #[cfg(all(test, feature = "testing"))]
    Fixed(std::sync::Arc<Table>),
}

/// What a test knows of names.
#[cfg(all(test, feature = "testing"))]
type Table = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        match self {
            Self::System => Box::pin(async move {
                let found = GaiResolver::new().call(name.clone()).await;
                let found = found.map(|addresses| addresses.collect::<Vec<_>>());
                LookupError::check(&name, found)
            }),
            #[cfg(all(test, feature = "testing"))]
            Self::Fixed(table) => {
                let found = LookupError::check(&name, table(name.as_str()));
                Box::pin(std::future::ready(found))
            }
        }
    }
}

/// A name has no address.
#[derive(Debug)]
pub(in crate::export) struct LookupError {
    name: String,
    cause: io::Error,
}

impl LookupError {
    fn check(
        name: &Name,
        found: io::Result<Vec<SocketAddr>>,
    ) -> Result<vec::IntoIter<SocketAddr>, Self> {
        let found = found.and_then(|addresses| match addresses.is_empty() {
            true => Err(io::Error::other("it has no address")),
            false => Ok(addresses.into_iter()),
        });
        found.map_err(|cause| Self {
            name: name.as_str().to_owned(),
            cause,
        })
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, cause } = self;
        write!(f, "the name {name} cannot be resolved: {cause}")
    }
}

impl Error for LookupError {}
