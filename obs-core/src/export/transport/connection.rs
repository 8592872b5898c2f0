//! An open connection, and the first bytes that came from its other end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use hyper_util::client::legacy::connect::{Connected, Connection as Connect};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What requests and answers go through: TCP, or TLS over it, or over a proxy's.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection to a server, directly or through a proxy.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    heard: Heard,
    has_heard_enough: bool,
    /// Whether anything was written, and who wants to read until then.
    has_spoken: bool,
    listener: Option<Waker>,
    /// The other end is a proxy that wants to be told the whole URL.
    is_forwarded: bool,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, is_forwarded: bool) -> Self {
        Self {
            stream,
            heard: Heard::default(),
            has_heard_enough: false,
            has_spoken: false,
            listener: None,
            is_forwarded,
        }
    }

    fn spoke(&mut self) {
        self.has_spoken = true;
        if let Some(listener) = self.listener.take() {
            listener.wake();
        }
    }
}

impl Connect for Connection {
    fn connected(&self) -> Connected {
        Connected::new()
            .proxy(self.is_forwarded)
            .extra(self.heard.clone())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A server of gRPC speaks first. Read before there is a request, that would be the end of
        // the connection, and no request would ever be told by what.
        if !self.has_spoken {
            self.listener = Some(context.waker().clone());
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let come = buffer.filled().get(before..).unwrap_or_default();
        if !self.has_heard_enough {
            self.has_heard_enough = self.heard.note(come);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.spoke();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, parts));
        self.spoke();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The first bytes that came on a connection: they tell which protocol is spoken there.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// Notes what came; true once there is enough.
    fn note(&self, bytes: &[u8]) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = ENOUGH.saturating_sub(heard.len());
        heard.extend(bytes.iter().take(missing));
        heard.len() == ENOUGH
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts_with(|heard| heard.is_empty())
    }

    /// A TLS record: an alert or a part of a handshake.
    pub(super) fn is_tls(&self) -> bool {
        self.starts_with(|heard| matches!(heard, [0x15 | 0x16, 3, ..]))
    }

    /// The frame that every HTTP/2 server begins with: type SETTINGS, on stream 0.
    pub(super) fn is_http2(&self) -> bool {
        self.starts_with(|heard| matches!(heard, [0, _, _, 4, _, 0, 0, 0, 0]))
    }

    fn starts_with(&self, is: impl FnOnce(&[u8]) -> bool) -> bool {
        is(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The head of an HTTP/2 frame.
const ENOUGH: usize = 9;
