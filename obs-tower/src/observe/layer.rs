//! The layer that wraps a service in [`Observe`].

use std::sync::Arc;

use obs_core::{Telemetry, TelemetryHandle};
use tower_layer::Layer;

use super::exchange::Observer;
use super::service::Observe;

/// Observes every request with this telemetry; short for [`ObserveLayer::new`] with its handle.
///
/// See the [module](mod@crate::observe) for what is recorded.
pub fn observe(telemetry: &Telemetry) -> ObserveLayer {
    ObserveLayer::new(&telemetry.handle())
}

/// Wraps services in [`Observe`]. See the [module](mod@crate::observe).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is added to a service"]
pub struct ObserveLayer {
    observer: Arc<Observer>,
}

impl ObserveLayer {
    /// A layer that records into this telemetry.
    pub fn new(handle: &TelemetryHandle) -> Self {
        Self {
            observer: Arc::new(Observer::new(handle)),
        }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe::new(inner, self.observer.clone())
    }
}
