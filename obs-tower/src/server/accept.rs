//! The accept loop.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// Accepts connections until told to stop.
pub(super) async fn until(
    stop: impl Future<Output = ()>,
    listener: &TcpListener,
    mut take: impl FnMut(TcpStream, SocketAddr),
) {
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            (stream, peer) = next(listener) => take(stream, peer),
        }
    }
}

/// The next connection; errors are waited out.
async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Usually out of file descriptors: only time, or a finished request, can help.
                tracing::warn!(target: "obs::server", %error, "cannot accept connections, trying again in 1 s");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

const BACK_OFF: Duration = Duration::from_secs(1);
