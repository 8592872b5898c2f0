//! How a receiver lets connections in, or does not: listens, refuses, or leaves them unread.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::reply::Ending;
use super::server::Shared;

/// What becomes of new connections.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    /// They are accepted and read.
    Open,
    /// The system accepts them, and nobody reads.
    Stalled,
    /// The system refuses them.
    Closed,
}

/// A change of the door, and where to say that it is made.
pub(super) type Order = (Door, SyncSender<()>);

/// The listening socket, and the connections that came through it.
#[derive(Debug)]
pub(super) struct Doors {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Option<Arc<TcpListener>>,
    accepting: Option<JoinHandle<()>>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Doors {
    pub(super) fn new(shared: Arc<Shared>, address: SocketAddr) -> Self {
        Self {
            shared,
            address,
            listener: None,
            accepting: None,
            connections: Arc::default(),
        }
    }

    /// Once this returns, it is so for every connection, the open ones included: a door that is
    /// not open closes them.
    pub(super) async fn set(&mut self, door: Door) -> io::Result<()> {
        match door {
            Door::Open => {
                let listener = self.listen()?;
                if self.accepting.is_none() {
                    self.accepting = Some(self.accept_from(listener));
                }
            }
            Door::Stalled => {
                self.listen()?;
                self.close().await;
            }
            Door::Closed => {
                self.listener = None;
                self.close().await;
            }
        }
        Ok(())
    }

    fn listen(&mut self) -> io::Result<Arc<TcpListener>> {
        if let Some(listener) = &self.listener {
            return Ok(Arc::clone(listener));
        }
        let listener = Arc::new(bind(self.address)?.listen(BACKLOG)?);
        self.listener = Some(Arc::clone(&listener));
        Ok(listener)
    }

    /// Accepts nothing more, and closes what was accepted.
    async fn close(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // It was aborted; only then is its hold on the listener gone.
            let _aborted = accepting.await;
        }
        let mut connections = std::mem::take(
            &mut *self
                .connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        connections.shutdown().await;
    }

    fn accept_from(&self, listener: Arc<TcpListener>) -> JoinHandle<()> {
        let (shared, connections) = (Arc::clone(&self.shared), Arc::clone(&self.connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connected();
                let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
                while connections.try_join_next().is_some() {}
                connections.spawn(serve_connection(Arc::clone(&shared), stream));
            }
        })
    }
}

/// A socket that is bound and does not listen. Several can be bound to one port, so one that
/// stays keeps the port while others come and go.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves a connection to its end, which may be one that no server would choose.
async fn serve_connection(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(move |request| Box::pin(Arc::clone(&shared).handle(request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    // A client that goes away in the middle is part of what tests do.
    let ending = ended.err().and_then(|error| {
        let cause = std::error::Error::source(&error)?;
        cause.downcast_ref::<Ending>().cloned()
    });
    // Whatever fails here fails because the client is gone already.
    let _gone = match ending {
        Some(Ending::Reset) => stream.set_zero_linger(),
        Some(Ending::Raw(bytes)) => write_all(&stream, &bytes).await,
        Some(Ending::Close) | None => Ok(()),
    };
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// More than any test has connections at once.
const BACKLOG: u32 = 1024;
