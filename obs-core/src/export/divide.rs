//! Divides a request of metrics that a server finds too large.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use prost::Message as _;

use super::batch::Batch;
use super::segment::Segment;

/// Two batches with half of the metrics each, or with half of the data points of a single metric.
pub(super) fn metrics(batch: Batch) -> Result<[Batch; 2], Batch> {
    let halves = match batch.segments.as_slice() {
        [segment] => ExportMetricsServiceRequest::decode(segment.bytes.clone())
            .ok()
            .and_then(halves)
            .map(|halves| (halves, segment.clone())),
        _ => None,
    };
    let Some((halves, segment)) = halves else {
        return Err(batch);
    };
    let [front, back] = halves.map(|mut half| {
        let items = metrics_of(&mut half).map(|metric| points(metric)).sum();
        Batch::new(vec![Segment {
            items,
            bytes: half.encode_to_vec().into(),
            ..segment.clone()
        }])
    });
    // What stood around the metrics is there twice now; the account knows it once.
    let bytes = front.bytes.min(batch.bytes);
    let rest = batch.bytes - bytes;
    Ok([
        Batch { bytes, ..front },
        Batch {
            bytes: rest,
            ..back
        },
    ])
}

fn halves(mut front: ExportMetricsServiceRequest) -> Option<[ExportMetricsServiceRequest; 2]> {
    let count = metrics_of(&mut front).count();
    let mut back = front.clone();
    match count {
        0 => return None,
        1 => {
            if metrics_of(&mut front).all(|metric| points(metric) < 2) {
                return None;
            }
            metrics_of(&mut front).for_each(|metric| keep_half(metric, true));
            metrics_of(&mut back).for_each(|metric| keep_half(metric, false));
        }
        _ => {
            keep(&mut front, |place| place < count / 2);
            keep(&mut back, |place| place >= count / 2);
        }
    }
    Some([front, back])
}

fn metrics_of(request: &mut ExportMetricsServiceRequest) -> impl Iterator<Item = &mut Metric> {
    let resources = request.resource_metrics.iter_mut();
    resources
        .flat_map(|resource| &mut resource.scope_metrics)
        .flat_map(|scope| &mut scope.metrics)
}

/// Keeps the metrics at some places, and no empty scopes.
fn keep(request: &mut ExportMetricsServiceRequest, wanted: impl Fn(usize) -> bool) {
    let mut place = 0;
    for resource in &mut request.resource_metrics {
        for scope in &mut resource.scope_metrics {
            scope.metrics.retain(|_| {
                place += 1;
                wanted(place - 1)
            });
        }
        resource
            .scope_metrics
            .retain(|scope| !scope.metrics.is_empty());
    }
    request
        .resource_metrics
        .retain(|resource| !resource.scope_metrics.is_empty());
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    }
}

fn keep_half(metric: &mut Metric, front: bool) {
    match &mut metric.data {
        Some(Data::Gauge(data)) => cut(&mut data.data_points, front),
        Some(Data::Sum(data)) => cut(&mut data.data_points, front),
        Some(Data::Histogram(data)) => cut(&mut data.data_points, front),
        Some(Data::ExponentialHistogram(data)) => cut(&mut data.data_points, front),
        Some(Data::Summary(data)) => cut(&mut data.data_points, front),
        None => {}
    }
}

fn cut<T>(points: &mut Vec<T>, front: bool) {
    let back = points.split_off(points.len() / 2);
    if !front {
        *points = back;
    }
}
