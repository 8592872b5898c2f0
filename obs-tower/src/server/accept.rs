//! The accept loop.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Accepts connections until told to stop.
pub(super) async fn until(
    stop: impl Future<Output = ()>,
    listener: &TcpListener,
    mut take: impl FnMut(TcpStream, SocketAddr),
) {
    let mut stop = pin!(stop);
    let mut failures = Failures::default();
    loop {
        tokio::select! {
            () = &mut stop => return,
            (stream, peer) = next(listener, &mut failures) => take(stream, peer),
        }
    }
}

/// The next connection; errors are waited out.
async fn next(listener: &TcpListener, failures: &mut Failures) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Usually out of file descriptors: only time, or a finished request, can help.
                if let Some(failures) = failures.count(Instant::now()) {
                    tracing::warn!(target: "obs::server", %error, failures, "cannot accept connections, trying again every second");
                }
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Failures to accept, of which the log is told now and then.
#[derive(Debug, Default)]
struct Failures {
    told: Option<Instant>,
    untold: u64,
}

impl Failures {
    /// Counts one; the number of those not told yet, if it is time to tell.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        let due = self
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= SILENCE);
        due.then(|| {
            self.told = Some(now);
            std::mem::take(&mut self.untold)
        })
    }
}

const BACK_OFF: Duration = Duration::from_secs(1);

/// Often enough to be seen while it lasts, not so often that it hides everything else.
const SILENCE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_at_once_and_then_once_a_minute() {
        let mut failures = Failures::default();
        let begin = Instant::now();
        let mut told = |second| failures.count(begin + Duration::from_secs(second));
        let lines: Vec<_> = (0..=120).filter_map(&mut told).collect();
        assert_eq!(lines, [1, 60, 60]);
        assert_eq!(told(121), None);
        assert_eq!(told(600), Some(2));
    }
}
