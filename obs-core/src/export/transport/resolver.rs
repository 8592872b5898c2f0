//! How names become addresses: the system's way, or a table that a test gives.

use std::error::Error;
use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::{fmt, io, thread, vec};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;
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
                let found = look_up(&name).await;
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

/// Asks the system, which blocks, on a thread of its own. Not one of the runtime's: it panics where
/// the system has no thread to give.
async fn look_up(name: &Name) -> io::Result<Vec<SocketAddr>> {
    let (tell, found) = oneshot::channel();
    let (turn, name) = (Turn::take()?, name.clone());
    let ask = move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        drop(turn);
        // Nobody listens any more when time was up.
        let _gone = tell.send(found.map(Iterator::collect));
    };
    thread::Builder::new()
        .name("obs-resolve".to_owned())
        .spawn(ask)?;
    found.await.map_err(io::Error::other)?
}

/// One of the lookups that may be under way: those that hang must not gather others.
struct Turn;

impl Turn {
    fn take() -> io::Result<Self> {
        let turn = Self;
        match LOOKUPS.fetch_add(1, Ordering::AcqRel) {
            0..MAX_LOOKUPS => Ok(turn),
            _ => Err(io::Error::other("earlier lookups have not come back")),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        LOOKUPS.fetch_sub(1, Ordering::AcqRel);
    }
}

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
const MAX_LOOKUPS: usize = 8;

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
