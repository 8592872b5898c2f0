//! One dependency that is asked regularly whether it works.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A dependency to ask regularly whether it works.
///
/// Whether a failure takes the service out of rotation is said by the constructor; there is no
/// default. Be sparing with critical checks: when a dependency that all instances share fails, all
/// of them become unready at once.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use obs_tower::Check;
///
/// # struct Pool; impl Pool { async fn ping(&self) -> Result<(), std::io::Error> { Ok(()) } }
/// # static POOL: Pool = Pool;
/// let database = Check::critical("database", || POOL.ping());
/// let cache = Check::optional("redis", || async { Err("not connected") }).every(Duration::from_secs(30));
/// ```
#[derive(Clone)]
pub struct Check {
    pub(super) name: &'static str,
    pub(super) weight: Weight,
    pub(super) interval: Duration,
    pub(super) timeout: Option<Duration>,
    pub(super) ask: Ask,
}

/// What a failing check means for the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Critical,
    Optional,
}

/// Asks once; an error is text for the log.
pub(super) type Ask =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

impl Check {
    /// A check whose failure makes the service unready.
    pub fn critical<F, Fut, E>(name: &'static str, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::new(name, Weight::Critical, ask)
    }

    /// A check whose failure is shown as `degraded` while the service stays ready.
    pub fn optional<F, Fut, E>(name: &'static str, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::new(name, Weight::Optional, ask)
    }

    /// Time from the end of one run to the start of the next; 10 s unless told.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Time after which a run counts as failed; `HEALTH_CHECK_TIMEOUT` (5 s) unless told.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }

    fn new<F, Fut, E>(name: &'static str, weight: Weight, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let ask: Ask = Arc::new(move || {
            let asked = ask();
            Box::pin(async move { asked.await.map_err(|error| error.into().to_string()) })
        });
        Self {
            name,
            weight,
            interval: DEFAULT_INTERVAL,
            timeout: None,
            ask,
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("weight", &self.weight)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Kubernetes probes every 10 s by default; asking more often would tell nobody.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
