//! Meters of the SDK whose callbacks run apart from it.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{
    AsyncInstrumentBuilder, Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder,
    InstrumentProvider, Meter, MeterProvider, ObservableCounter, ObservableGauge,
    ObservableUpDownCounter, UpDownCounter,
};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::observers::Observers;

/// Where instruments come from.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    pub(super) provider: SdkMeterProvider,
    pub(super) observers: Arc<Observers>,
}

impl MeterProvider for Meters {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(Instruments {
            meter: self.provider.meter_with_scope(scope),
            observers: Arc::clone(&self.observers),
        }))
    }
}

/// The instruments of one scope.
struct Instruments {
    meter: Meter,
    observers: Arc<Observers>,
}

/// Instruments that record at once are the SDK's own.
macro_rules! same {
    ($($method:ident -> $instrument:ty),* $(,)?) => {$(
        fn $method(&self, wanted: InstrumentBuilder<'_, $instrument>) -> $instrument {
            let mut builder = self.meter.$method(wanted.name);
            builder.description = wanted.description;
            builder.unit = wanted.unit;
            builder.build()
        }
    )*};
}

macro_rules! same_histogram {
    ($($method:ident -> $instrument:ty),* $(,)?) => {$(
        fn $method(&self, wanted: HistogramBuilder<'_, $instrument>) -> $instrument {
            let mut builder = self.meter.$method(wanted.name);
            builder.description = wanted.description;
            builder.unit = wanted.unit;
            builder.boundaries = wanted.boundaries;
            builder.build()
        }
    )*};
}

/// Of observable instruments the SDK gets a callback that cannot fail.
macro_rules! apart {
    ($($method:ident -> $instrument:ident<$number:ty>),* $(,)?) => {$(
        fn $method(
            &self,
            wanted: AsyncInstrumentBuilder<'_, $instrument<$number>, $number>,
        ) -> $instrument<$number> {
            let mut builder = self.meter.$method(wanted.name.clone());
            builder.description = wanted.description;
            builder.unit = wanted.unit;
            if !wanted.callbacks.is_empty() {
                let slot = self.observers.add(wanted.name, wanted.callbacks);
                builder = builder.with_callback(move |instrument| slot.collect(instrument));
            }
            builder.build()
        }
    )*};
}

impl InstrumentProvider for Instruments {
    same! {
        u64_counter -> Counter<u64>,
        f64_counter -> Counter<f64>,
        i64_up_down_counter -> UpDownCounter<i64>,
        f64_up_down_counter -> UpDownCounter<f64>,
        u64_gauge -> Gauge<u64>,
        i64_gauge -> Gauge<i64>,
        f64_gauge -> Gauge<f64>,
    }

    same_histogram! {
        f64_histogram -> Histogram<f64>,
        u64_histogram -> Histogram<u64>,
    }

    apart! {
        u64_observable_counter -> ObservableCounter<u64>,
        f64_observable_counter -> ObservableCounter<f64>,
        i64_observable_up_down_counter -> ObservableUpDownCounter<i64>,
        f64_observable_up_down_counter -> ObservableUpDownCounter<f64>,
        u64_observable_gauge -> ObservableGauge<u64>,
        i64_observable_gauge -> ObservableGauge<i64>,
        f64_observable_gauge -> ObservableGauge<f64>,
    }
}
