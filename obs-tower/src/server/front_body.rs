//! The body of a response: the application's, or the server's own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of what the server sends.
    #[project = Projected]
    #[derive(Debug)]
    pub(super) enum FrontBody<B> {
        /// Made by the server, whole.
        Own { content: Bytes },
        /// Made by the application.
        App { #[pin] body: B },
    }
}

impl<B: Body<Data = Bytes>> Body for FrontBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project() {
            Projected::Own { content } if content.is_empty() => Poll::Ready(None),
            Projected::Own { content } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(content)))))
            }
            Projected::App { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own { content } => content.is_empty(),
            Self::App { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own { content } => {
                SizeHint::with_exact(u64::try_from(content.len()).unwrap_or(u64::MAX))
            }
            Self::App { body } => body.size_hint(),
        }
    }
}
