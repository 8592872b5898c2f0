//! An OTLP receiver in a process of its own: answers 200 to everything, counts when asked.
//!
//! While a side is timed it only reads and keeps bodies.
//! It decodes them when its standard input ends, then prints one line of JSON and stops.

use std::{
    error::Error,
    io::{self, BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    metrics::v1::{Metric, metric::Data},
};
use prost::{DecodeError, Message as _};

use crate::{cpu, figures::Delivered};

type Posts = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Prints the port, receives until standard input ends, prints what came.
pub(crate) fn run(core: usize) -> Result<(), Box<dyn Error>> {
    cpu::pin_to(core)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    let posts = Posts::default();
    let kept = Arc::clone(&posts);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let posts = Arc::clone(&kept);
            // A connection that breaks ends its own thread and nothing else.
            thread::spawn(move || serve(&stream, &posts));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    let delivered = count(&posts.lock().unwrap_or_else(PoisonError::into_inner));
    writeln!(io::stdout(), "{}", serde_json::to_string(&delivered)?)?;
    Ok(())
}

fn serve(stream: &TcpStream, posts: &Posts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let mut writer = stream;
    while let Some((path, length)) = read_head(&mut reader)? {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        posts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((path, body));
        writer.write_all(ANSWER)?;
    }
    Ok(())
}

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

/// Path and body length of the next request; `None` at the end of the connection.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<(String, usize)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok(Some((path, length)));
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
}

fn count(posts: &[(String, Vec<u8>)]) -> Delivered {
    let mut delivered = Delivered::default();
    for (path, body) in posts {
        delivered.posts += 1;
        delivered.bytes += body.len() as u64;
        let (counter, items) = match path.rsplit('/').next() {
            Some("traces") => (&mut delivered.spans, spans(body)),
            Some("logs") => (&mut delivered.log_records, log_records(body)),
            Some("metrics") => (&mut delivered.metric_points, metric_points(body)),
            _ => (&mut delivered.malformed, Ok(1)),
        };
        match items {
            Ok(items) => *counter += items as u64,
            Err(_) => delivered.malformed += 1,
        }
    }
    delivered
}

fn spans(body: &[u8]) -> Result<usize, DecodeError> {
    let request = ExportTraceServiceRequest::decode(body)?;
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans);
    Ok(scopes.map(|scope| scope.spans.len()).sum())
}

fn log_records(body: &[u8]) -> Result<usize, DecodeError> {
    let request = ExportLogsServiceRequest::decode(body)?;
    let scopes = request
        .resource_logs
        .iter()
        .flat_map(|resource| &resource.scope_logs);
    Ok(scopes.map(|scope| scope.log_records.len()).sum())
}

fn metric_points(body: &[u8]) -> Result<usize, DecodeError> {
    let request = ExportMetricsServiceRequest::decode(body)?;
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics);
    Ok(scopes.flat_map(|scope| &scope.metrics).map(points).sum())
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{count, read_head};

    #[test]
    fn reads_path_and_length_and_leaves_the_body() {
        let mut input = &b"POST /v1/logs HTTP/1.1\r\nContent-Length: 3\r\nhost: a\r\n\r\nabc"[..];
        let head = read_head(&mut input).unwrap();
        assert_eq!(head, Some(("/v1/logs".to_owned(), 3)));
        assert_eq!(input, b"abc");
        assert_eq!(read_head(&mut &b""[..]).unwrap(), None);
    }

    #[test]
    fn counts_bodies_that_are_no_messages() {
        let posts = [
            ("/v1/traces".to_owned(), vec![0xff]),
            ("/v1/logs".to_owned(), Vec::new()),
            ("/other".to_owned(), Vec::new()),
        ];
        let delivered = count(&posts);
        assert_eq!(
            (delivered.posts, delivered.malformed, delivered.spans),
            (3, 2, 0)
        );
    }
}
