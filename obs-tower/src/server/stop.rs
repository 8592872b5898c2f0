//! Who asks the server to stop, and how urgently.

use std::io::IsTerminal as _;
use std::pin::Pin;

use obs_core::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::run::EXIT_FORCED;

/// What was asked for so far; only ever goes down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    Nothing,
    Stop {
        /// By somebody at a terminal, who does not want to wait.
        at_terminal: bool,
    },
    Force,
}

/// Listens for requests to stop; dropping it ends that.
#[derive(Debug)]
pub(super) struct Stop {
    asked: watch::Receiver<Asked>,
    _listener: JoinSet<()>,
}

impl Stop {
    /// Listens to SIGTERM and SIGINT, which from now on do not end the process by themselves.
    pub(super) fn on_signals() -> Result<Self, Error> {
        let install = |kind| {
            signal(kind).map_err(|error| Error::start(format!("cannot handle signals: {error}")))
        };
        let (terminate, interrupt) = (
            install(SignalKind::terminate())?,
            install(SignalKind::interrupt())?,
        );
        Ok(Self::spawn(|asked| listen(terminate, interrupt, asked)))
    }

    /// Waits for a future instead.
    pub(super) fn on(stop: Pin<Box<dyn Future<Output = ()> + Send>>) -> Self {
        Self::spawn(|asked| async move {
            stop.await;
            asked.send_replace(Asked::Stop { at_terminal: false });
            // The sender must outlive the listening, or a receiver would see its end.
            std::future::pending().await
        })
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(
        listen: impl FnOnce(watch::Sender<Asked>) -> F,
    ) -> Self {
        let (sender, asked) = watch::channel(Asked::Nothing);
        let mut listener = JoinSet::new();
        listener.spawn(listen(sender));
        Self {
            asked,
            _listener: listener,
        }
    }

    /// Whether the runtime in which this was made still listens.
    pub(super) fn is_listening(&self) -> bool {
        self.asked.has_changed().is_ok()
    }

    /// Whether something was asked for by now.
    pub(super) fn is_asked(&self) -> bool {
        *self.asked.borrow() != Asked::Nothing
    }

    /// Waits for the first request to stop.
    pub(super) async fn asked(&self) -> Asked {
        self.wait_for(|asked| *asked != Asked::Nothing).await
    }

    /// Waits for the request to stop at once.
    pub(super) async fn forced(&self) {
        self.wait_for(|asked| *asked == Asked::Force).await;
    }

    async fn wait_for(&self, wanted: impl FnMut(&Asked) -> bool + Send) -> Asked {
        let mut receiver = self.asked.clone();
        let asked = receiver.wait_for(wanted).await.map(|asked| *asked);
        match asked {
            Ok(asked) => asked,
            // The runtime is going away, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The first signal stops, the second forces, the third exits.
async fn listen(mut terminate: Signal, mut interrupt: Signal, asked: watch::Sender<Asked>) {
    loop {
        let (name, at_terminal) = tokio::select! {
            _ = terminate.recv() => ("SIGTERM", false),
            _ = interrupt.recv() => ("SIGINT", std::io::stdin().is_terminal()),
        };
        let before = *asked.borrow();
        match before {
            Asked::Nothing => {
                tracing::info!(target: "obs::server", signal = name, "asked to stop");
                asked.send_replace(Asked::Stop { at_terminal });
            }
            Asked::Stop { .. } => {
                tracing::warn!(target: "obs::server", signal = name, "asked to stop again: not waiting any longer");
                asked.send_replace(Asked::Force);
            }
            Asked::Force => exit(),
        }
    }
}

#[expect(
    clippy::exit,
    reason = "the third signal is the operator's way out of a shutdown that hangs"
)]
fn exit() -> ! {
    std::process::exit(i32::from(EXIT_FORCED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_ends_with_the_runtime() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stop = runtime.block_on(async { Stop::on(Box::pin(std::future::pending())) });
        assert!(stop.is_listening());
        drop(runtime);
        assert!(!stop.is_listening());
    }
}
