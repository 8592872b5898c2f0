//! Runs the program's code so that whatever it does, the server goes on.

use std::convert::Infallible;
use std::io;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Work on a thread of its own, with the runtime around it.
///
/// A task would not do: one that blocks its thread can hold up the timers of the whole runtime, the
/// one that was to end it included, and the runtime would wait for it at exit. Dropping this makes
/// the work end where it awaits.
#[derive(Debug)]
pub(crate) struct Isolated<T> {
    result: oneshot::Receiver<T>,
    ended: oneshot::Receiver<Infallible>,
    wanted: oneshot::Sender<Infallible>,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Panicked,
    TooLate,
}

impl<T: Send + 'static> Isolated<T> {
    /// Starts the work, which `make` creates on the new thread.
    pub(crate) fn start<F>(
        name: &str,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = T>,
    {
        let (sender, result) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (wanted, unwanted) = oneshot::channel::<Infallible>();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _until_here = end;
                runtime.block_on(async {
                    tokio::select! {
                        output = async { make().await } => drop(sender.send(output)),
                        _ = unwanted => {}
                    }
                });
            })?;
        Ok(Self {
            result,
            ended,
            wanted,
        })
    }

    /// Waits for the result.
    pub(crate) async fn result(&mut self, until: Instant) -> Result<T, Failure> {
        match tokio::time::timeout_at(until, &mut self.result).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err(Failure::Panicked),
            Err(_) => Err(Failure::TooLate),
        }
    }

    /// Gives the work up and waits until its thread has ended.
    pub(crate) async fn end(self) {
        let Self { ended, wanted, .. } = self;
        drop(wanted);
        // There is nothing to receive but the end.
        let _ended = ended.await;
    }
}
