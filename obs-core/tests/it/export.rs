//! What the program sees of sending: nothing is in its way, and shutdown tells the truth.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use obs_core::Telemetry;
use obs_core::config::Env;
use obs_core::testing::Receiver;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::Folder;

const LONG: Duration = Duration::from_secs(30);

fn start(folder: &Folder, endpoint: &str) -> (Telemetry, Dispatch) {
    let vars = [
        ("LOG_FORMAT", "off"),
        ("LOG_FILE_PATH", folder.0.to_str().unwrap()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    ];
    let builder = obs_core::builder("shop").env(Env::from_pairs(vars)).quiet();
    let (telemetry, layer) = builder.build().unwrap();
    (
        telemetry,
        Dispatch::new(tracing_subscriber::registry().with(layer)),
    )
}

fn work(dispatch: &Dispatch) {
    tracing::dispatcher::with_default(dispatch, || {
        for number in 0..100 {
            let _span = tracing::info_span!("cook", number).entered();
            tracing::info!(number, "cooked");
        }
    });
}

#[test]
fn everything_recorded_before_shutdown_arrives() {
    let (receiver, folder) = (Receiver::start(), Folder::new());
    let (telemetry, dispatch) = start(&folder, &receiver.endpoint());
    work(&dispatch);
    let report = telemetry.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!((receiver.log_count(), receiver.span_count()), (100, 100));
}

#[test]
fn an_unreachable_endpoint_is_told_once_and_the_loss_is_named() {
    let folder = Folder::new();
    // The address of a client: nobody can listen there.
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let (telemetry, dispatch) = start(&folder, &format!("http://{}", client.local_addr().unwrap()));
    work(&dispatch);
    assert!(!telemetry.flush(Duration::from_millis(200)));
    let begin = Instant::now();
    let report = telemetry.shutdown(Duration::from_secs(1));
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert!(!report.is_complete());
    let traces = report
        .signals
        .iter()
        .find(|signal| signal.signal == "traces")
        .unwrap();
    assert_eq!((traces.accepted, traces.dropped["shutdown"]), (100, 100));
    let lines = folder.text("combined");
    assert_eq!(lines.matches("cooked").count(), 100);
    assert_eq!(
        lines.matches("telemetry cannot be sent to").count(),
        1,
        "{lines}"
    );
}

#[test]
fn shutdown_ends_inside_every_runtime() {
    let check = |runtime: tokio::runtime::Runtime| {
        let (receiver, folder) = (Receiver::start(), Folder::new());
        let (telemetry, dispatch) = start(&folder, &receiver.endpoint());
        let report = runtime.block_on(async {
            work(&dispatch);
            assert!(telemetry.flush(LONG));
            telemetry.shutdown_async(LONG).await
        });
        assert!(report.is_complete(), "{report}");
        assert_eq!(receiver.log_count(), 100);
        let (telemetry, dispatch) = start(&folder, &receiver.endpoint());
        let report = runtime.block_on(async {
            work(&dispatch);
            telemetry.shutdown(LONG)
        });
        assert!(report.is_complete(), "{report}");
        assert_eq!(receiver.log_count(), 200);
    };
    check(
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap(),
    );
    check(
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap(),
    );
}
