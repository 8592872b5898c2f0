//! The future that waits for the response head.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::exchange::{Ending, Exchange};

pin_project! {
    /// The response future of [`Observe`](super::Observe).
    ///
    /// Dropped before it is done, it records that the client went away.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // `None` once it is done.
        #[pin]
        inner: Option<F>,
        exchange: Option<Exchange>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the service's own destructors log belongs to the request.
            if let Some(exchange) = this.exchange {
                exchange.run(|| this.inner.set(None));
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, exchange: Exchange) -> Self {
        Self {
            inner: Some(inner),
            exchange: Some(exchange),
        }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Body,
{
    type Output = Result<Response<ResponseBody<ResBody>>, E>;

    /// Stays pending if it is polled after it was done.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(inner), Some(exchange)) =
            (this.inner.as_mut().as_pin_mut(), this.exchange.as_mut())
        else {
            return Poll::Pending;
        };
        let result = ready!(exchange.run(|| inner.poll(cx)));
        exchange.run(|| this.inner.set(None));
        let Some(exchange) = this.exchange.take() else {
            return Poll::Pending;
        };
        Poll::Ready(match result {
            Ok(response) => Ok(ResponseBody::begin(response, exchange)),
            Err(error) => {
                exchange.end(Ending::ServiceFailed);
                Err(error)
            }
        })
    }
}
