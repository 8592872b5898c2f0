//! Makes what was collected fit to leave: attributes redacted, values finite.

use obs_redact::Redactor;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue as Attribute;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, HistogramDataPoint, Metric, NumberDataPoint, exemplar, metric::Data,
};

use super::left_out::LeftOut;
use crate::otel::redact;

/// Redacts every attribute, leaves out what no backend can use, and counts the data points.
pub(super) fn prepare(
    request: &mut ExportMetricsServiceRequest,
    redactor: &Redactor,
    left_out: &LeftOut,
) -> usize {
    let scopes = request
        .resource_metrics
        .iter_mut()
        .flat_map(|resource| &mut resource.scope_metrics);
    let mut points = 0;
    for scope in scopes {
        if let Some(scope) = &mut scope.scope {
            redact::attributes(redactor, &mut scope.attributes);
        }
        scope.metrics.retain_mut(|metric| {
            let kept = prepare_metric(metric, redactor, left_out);
            points += kept;
            kept > 0
        });
    }
    points
}

/// The number of data points that are left.
fn prepare_metric(metric: &mut Metric, redactor: &Redactor, left_out: &LeftOut) -> usize {
    let Metric { name, data, .. } = metric;
    let redact = |attributes: &mut Vec<Attribute>, exemplars: &mut Vec<Exemplar>| {
        redact::attributes(redactor, attributes);
        exemplars.retain_mut(|exemplar| {
            redact::attributes(redactor, &mut exemplar.filtered_attributes);
            !matches!(exemplar.value, Some(exemplar::Value::AsDouble(value)) if !value.is_finite())
        });
    };
    match data {
        Some(Data::Gauge(gauge)) => {
            retain(&mut gauge.data_points, name, left_out, is_finite);
            for point in &mut gauge.data_points {
                redact(&mut point.attributes, &mut point.exemplars);
            }
            gauge.data_points.len()
        }
        Some(Data::Sum(sum)) => {
            retain(&mut sum.data_points, name, left_out, is_finite);
            for point in &mut sum.data_points {
                redact(&mut point.attributes, &mut point.exemplars);
            }
            sum.data_points.len()
        }
        Some(Data::Histogram(histogram)) => {
            retain(
                &mut histogram.data_points,
                name,
                left_out,
                has_finite_bounds,
            );
            for point in &mut histogram.data_points {
                drop_what_is_not_finite(point);
                redact(&mut point.attributes, &mut point.exemplars);
            }
            histogram.data_points.len()
        }
        // No instrument makes them: there is no view that could ask for it.
        Some(Data::ExponentialHistogram(_) | Data::Summary(_)) | None => 0,
    }
}

fn retain<P>(points: &mut Vec<P>, metric: &str, left_out: &LeftOut, keep: fn(&P) -> bool) {
    let before = points.len();
    points.retain(keep);
    left_out.count(metric, before - points.len(), NOT_FINITE);
}

fn is_finite(point: &NumberDataPoint) -> bool {
    !matches!(point.value, Some(Value::AsDouble(value)) if !value.is_finite())
}

fn has_finite_bounds(point: &HistogramDataPoint) -> bool {
    point.explicit_bounds.iter().all(|bound| bound.is_finite())
}

/// The counts of a histogram are right even if its sum is too large to be a number.
fn drop_what_is_not_finite(point: &mut HistogramDataPoint) {
    for value in [&mut point.sum, &mut point.min, &mut point.max] {
        *value = value.filter(|value| value.is_finite());
    }
}

/// Why a data point is left out.
pub(super) const NOT_FINITE: &str = "their values are no finite numbers";
