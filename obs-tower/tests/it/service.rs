//! What an inner service of a test answers with: bodies in frames, and panics caught by the test.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

/// A body of unknown size.
pub(crate) struct Frames(VecDeque<io::Result<&'static str>>);

pub(crate) fn frames<const N: usize>(frames: [io::Result<&'static str>; N]) -> Frames {
    Frames(frames.into())
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = self.0.pop_front();
        if matches!(frame, Some(Ok("panic"))) {
            panic!("on purpose");
        }
        Poll::Ready(
            frame.map(|frame| frame.map(|text| Frame::data(Bytes::from_static(text.as_bytes())))),
        )
    }
}

/// Polls to the end, turning a panic into an error.
pub(crate) async fn catch<F: Future>(future: F) -> std::thread::Result<F::Output> {
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}
