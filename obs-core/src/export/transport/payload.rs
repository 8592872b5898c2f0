//! The body of a request: several buffers, sent without being copied together.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::vec;

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A request body of several buffers that knows whether the connection has taken all of it.
#[derive(Debug)]
pub(in crate::export) struct Payload {
    parts: vec::IntoIter<Bytes>,
    current: Bytes,
    left: u64,
    sent: Arc<AtomicBool>,
}

impl Payload {
    pub(in crate::export) fn new(parts: Vec<Bytes>) -> Self {
        let left = parts.iter().map(|part| part.len() as u64).sum();
        Self {
            parts: parts.into_iter(),
            current: Bytes::new(),
            left,
            sent: Arc::new(AtomicBool::new(left == 0)),
        }
    }

    /// Set once the last byte was handed to the connection.
    pub(in crate::export) fn sent(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sent)
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while self.current.is_empty() {
            let Some(part) = self.parts.next() else {
                return Poll::Ready(None);
            };
            self.current = part;
        }
        let len = self.current.len().min(MAX_FRAME);
        let frame = self.current.split_to(len);
        self.left = self.left.saturating_sub(len as u64);
        if self.left == 0 {
            self.sent.store(true, Ordering::Release);
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The connection asks for the next frame only while it has little left to write. One frame for a
/// large part would be taken whole, long before the server has read anything of it.
const MAX_FRAME: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn frames_are_the_parts_and_large_parts_come_in_slices() {
        let large = vec![7; 2 * MAX_FRAME + 1];
        let parts = ["", "ab", "", "c"].map(|part| Bytes::from_static(part.as_bytes()));
        let mut payload = Payload::new([&parts[..], &[large.into()]].concat());
        let sent = payload.sent();
        let mut frames = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let left = payload.size_hint().exact().unwrap();
            assert_eq!(payload.is_end_stream(), left == 0);
            assert_eq!(sent.load(Ordering::Acquire), left == 0);
            let Poll::Ready(frame) = Pin::new(&mut payload).poll_frame(&mut context) else {
                panic!("all is there")
            };
            let Some(Ok(frame)) = frame else { break };
            frames.push(frame.into_data().unwrap().len());
        }
        assert_eq!(frames, [2, 1, MAX_FRAME, MAX_FRAME, 1]);
        assert!(Payload::new(Vec::new()).sent().load(Ordering::Acquire));
    }
}
