//! Divides requests of metrics that are, or that a server finds, too large.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use prost::Message as _;

use crate::export::batch::{Batch, share_out};
use crate::export::segment::Segment;

/// The bodies of requests of at most so many bytes, as far as data points can be divided, with the
/// number of points in each.
pub(super) fn bodies(
    mut request: ExportMetricsServiceRequest,
    most_bytes: usize,
) -> Vec<(Vec<u8>, usize)> {
    if request.encoded_len() > most_bytes
        && let Some(halves) = halves(&mut request)
    {
        let [front, back] = halves.map(|half| bodies(half, most_bytes));
        return [front, back].concat();
    }
    let points = metrics_of(&mut request).map(|metric| points(metric)).sum();
    vec![(request.encode_to_vec(), points)]
}

/// Two batches with half of the metrics each, or with half of the data points of a single metric.
pub(in crate::export) fn in_two(batch: Batch) -> Result<[Batch; 2], Batch> {
    let [segment] = batch.segments.as_slice() else {
        return Err(batch);
    };
    let request = ExportMetricsServiceRequest::decode(segment.bytes.clone());
    let Some(halves) = request.ok().and_then(|mut request| halves(&mut request)) else {
        return Err(batch);
    };
    let mut halves = halves.map(|mut half| {
        let items = metrics_of(&mut half).map(|metric| points(metric)).sum();
        Batch::new(vec![Segment {
            items,
            bytes: half.encode_to_vec().into(),
            ..segment.clone()
        }])
    });
    share_out(batch.bytes, &mut halves);
    Ok(halves)
}

/// None if there is a single point, or none.
fn halves(request: &mut ExportMetricsServiceRequest) -> Option<[ExportMetricsServiceRequest; 2]> {
    let count = metrics_of(request).count();
    if count == 0 || (count == 1 && metrics_of(request).all(|metric| points(metric) < 2)) {
        return None;
    }
    let mut front = std::mem::take(request);
    let mut back = front.clone();
    if count == 1 {
        metrics_of(&mut front).for_each(|metric| keep_half(metric, true));
        metrics_of(&mut back).for_each(|metric| keep_half(metric, false));
    } else {
        keep(&mut front, |place| place < count / 2);
        keep(&mut back, |place| place >= count / 2);
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
