//! Counts by id what arrived, in as little memory as that takes.

use obs_core::testing::{Payload, ReceivedRequest, Receiver};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};

/// How often each record arrived, by signal.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) logs: Counts,
    pub(crate) spans: Counts,
}

impl Arrivals {
    /// Counts what arrived since this was last called.
    pub(crate) fn count(&mut self, receiver: &Receiver) {
        for request in receiver.take_settled() {
            if request.is_taken() {
                self.add(&request);
            }
        }
    }

    fn add(&mut self, request: &ReceivedRequest) {
        match request.payload() {
            Payload::Logs(request) => {
                let scopes = request.resource_logs.iter().flat_map(|all| &all.scope_logs);
                let records = scopes.flat_map(|scope| &scope.log_records);
                records.for_each(|record| self.logs.add(&record.attributes));
            }
            Payload::Traces(request) => {
                let scopes = request
                    .resource_spans
                    .iter()
                    .flat_map(|all| &all.scope_spans);
                let spans = scopes.flat_map(|scope| &scope.spans);
                spans.for_each(|span| self.spans.add(&span.attributes));
            }
            _ => {}
        }
    }
}

/// How often each id arrived.
#[derive(Debug, Default)]
pub(crate) struct Counts(Vec<u16>);

impl Counts {
    /// Log records without an id are what telemetry says of itself.
    fn add(&mut self, attributes: &[KeyValue]) {
        let id = attributes.iter().find(|attribute| attribute.key == "id");
        let value = id.and_then(|id| id.value.as_ref()?.value.as_ref());
        if let Some(Value::IntValue(id)) = value
            && let Ok(id) = usize::try_from(*id)
        {
            self.add_id(id);
        }
    }

    fn add_id(&mut self, id: usize) {
        if self.0.len() <= id {
            self.0.resize(id + 1, 0);
        }
        if let Some(count) = self.0.get_mut(id) {
            *count = count.saturating_add(1);
        }
    }

    /// How many records arrived at all.
    pub(crate) fn arrived(&self) -> u64 {
        self.0.iter().filter(|count| **count > 0).count() as u64
    }

    /// How many arrived again.
    pub(crate) fn doubled(&self) -> u64 {
        let again = |count: &u16| u64::from(count.saturating_sub(1));
        self.0.iter().map(again).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_arrived_and_what_arrived_again() {
        let mut counts = Counts::default();
        for id in [4, 0, 4, 4, 1] {
            counts.add_id(id);
        }
        assert_eq!((counts.arrived(), counts.doubled()), (3, 2));
    }
}
