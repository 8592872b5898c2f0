//! The response body that notices when its last frame is out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf as _;
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::{Ending, Exchange};

pin_project! {
    /// The response body of [`Observe`](super::Observe).
    ///
    /// The request is over when the inner body says that it ended, or when as many bytes went out as
    /// it announced: a server does not ask again after that. Dropped earlier, it records that the
    /// client went away.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        // `None` only while it is dropped.
        #[pin]
        inner: Option<B>,
        // `None` once the end is recorded.
        exchange: Option<Exchange>,
        // Bytes still to come, where the size is known.
        remaining: Option<u64>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the body's own destructors log belongs to the request.
            if let Some(exchange) = this.exchange {
                exchange.run(|| this.inner.set(None));
            }
        }
    }
}

impl<B: Body> ResponseBody<B> {
    /// Takes over from the future once the head is known.
    pub(super) fn begin(mut response: Response<B>, mut exchange: Exchange) -> Response<Self> {
        exchange.answer(&mut response);
        let remaining = size(&response);
        let over =
            remaining == Some(0) || response.body().is_end_stream() || exchange.has_no_body();
        let exchange = if over {
            exchange.end(Ending::Complete);
            None
        } else {
            Some(exchange)
        };
        response.map(|inner| Self {
            inner: Some(inner),
            exchange,
            remaining,
        })
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(exchange) = this.exchange else {
            return inner.poll_frame(cx);
        };
        let frame = ready!(exchange.run(|| inner.as_mut().poll_frame(cx)));
        let ending = match &frame {
            None => Some(Ending::Complete),
            Some(Err(_)) => Some(Ending::BodyFailed),
            Some(Ok(frame)) => {
                let sent = frame.data_ref().map_or(0, |data| {
                    u64::try_from(data.remaining()).unwrap_or(u64::MAX)
                });
                *this.remaining = this.remaining.map(|left| left.saturating_sub(sent));
                let over =
                    frame.is_trailers() || *this.remaining == Some(0) || inner.is_end_stream();
                over.then_some(Ending::Complete)
            }
        };
        if let Some(ending) = ending
            && let Some(exchange) = this.exchange.take()
        {
            exchange.end(ending);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// The size that the body knows or the head announces.
fn size<B: Body>(response: &Response<B>) -> Option<u64> {
    response.body().size_hint().exact().or_else(|| {
        response
            .headers()
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    })
}
