//! The body of a response: the application's, or the server's own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::traffic::InFlight;

pin_project! {
    /// The body of what the server sends.
    #[derive(Debug)]
    pub(super) struct FrontBody<B> {
        #[pin]
        content: Content<B>,
        in_flight: Arc<InFlight>,
    }
}

pin_project! {
    #[project = Projected]
    #[derive(Debug)]
    pub(super) enum Content<B> {
        /// Made by the server, whole.
        Own { content: Bytes },
        /// Made by the application.
        App { #[pin] body: B },
    }
}

impl<B> FrontBody<B> {
    pub(super) fn new(content: Content<B>, in_flight: Arc<InFlight>) -> Self {
        Self { content, in_flight }
    }
}

impl<B: Body<Data = Bytes>> Body for FrontBody<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let this = self.project();
        let frame = match this.content.project() {
            Projected::Own { content } if content.is_empty() => Poll::Ready(None),
            Projected::Own { content } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(content)))))
            }
            Projected::App { body } => body.poll_frame(cx),
        };
        frame.map_ok(|frame| {
            frame.map_data(|content| Piece {
                content,
                _in_flight: this.in_flight.clone(),
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own { content } => content.is_empty(),
            Content::App { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own { content } => {
                SizeHint::with_exact(u64::try_from(content.len()).unwrap_or(u64::MAX))
            }
            Content::App { body } => body.size_hint(),
        }
    }
}

/// A piece of a response on its way to the socket.
///
/// The protocol takes whole pieces, however slowly the client reads, and drops the body after the
/// last one. A request is in flight until that one was sent, too.
#[derive(Debug)]
pub(super) struct Piece {
    content: Bytes,
    _in_flight: Arc<InFlight>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.content.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.content.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.content.advance(count);
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        self.content.copy_to_bytes(len)
    }
}
