//! A server on a thread of its own that does with connections what a test says: what stands before
//! a receiver, or in its place.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
    sync::oneshot,
};

/// A server on a free port of the loopback interface; dropping it stops it and ends its
/// connections.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Starts a server that treats every connection so.
    ///
    /// # Panics
    /// If no port or thread can be had.
    #[must_use]
    pub fn start<F>(treat: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (tell, address) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let runtime = runtime::Builder::new_current_thread().enable_io().build();
            let runtime = runtime.expect("the system gives an event queue");
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
                let listener = listener.expect("the system gives a port");
                tell.send(listener.local_addr()).expect("it is waited for");
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let treated = treat(stream);
                        // A peer that goes away in the middle is part of what tests do.
                        tokio::spawn(async move { drop(treated.await) });
                    }
                });
                // An error means that the sender is gone, which is the same.
                let _dropped = stopped.await;
            });
        };
        let thread = thread::spawn(serve);
        let address = address.recv().expect("the server starts");
        Self {
            address: address.expect("a bound socket has an address"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// A server of gRPC, as an exporter of OTLP over HTTP finds it on port 4317: it speaks first,
    /// and takes what is no HTTP/2 for an error.
    #[must_use]
    pub fn grpc() -> Self {
        Self::start(|mut stream| async move {
            stream.write_all(HTTP2_SETTINGS).await?;
            // Whatever was sent; a preface of HTTP/2 it cannot be.
            stream.read_u8().await?;
            stream.write_all(HTTP2_GOAWAY).await?;
            stream.shutdown().await
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has failed the test already.
            let _panicked = thread.join();
        }
    }
}

/// An empty `SETTINGS` frame (RFC 9113, section 6.5).
const HTTP2_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// `GOAWAY` with `PROTOCOL_ERROR` (RFC 9113, section 6.8).
const HTTP2_GOAWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
