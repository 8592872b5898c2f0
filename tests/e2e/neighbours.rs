//! Other dependencies of a program choose clients, providers and features; that changes nothing.

use std::{path::PathBuf, sync::LazyLock};

use obs_core::testing::Receiver;
use obs_tests::{
    folder::Folder,
    tls::{Authority, TlsFront},
};

use crate::child::{Ended, Run, build};

/// Built in its own workspace: here its features would be everybody's.
static NEIGHBOURS: LazyLock<PathBuf> = LazyLock::new(|| build("neighbours", "neighbours", "dev"));

#[test]
fn everything_arrives_once_whoever_else_is_in_the_program() {
    let receiver = Receiver::start();
    let ended = command("aws-lc", &receiver.endpoint()).end();
    assert_arrived_once(&ended, &receiver);
}

/// The program's libraries offer two providers of cryptography; ours is asked for by name, whether
/// the other is in force or none.
#[test]
fn https_needs_no_provider_of_the_program_and_takes_none() {
    for provider in ["aws-lc", "none"] {
        let (receiver, authority, folder) = (Receiver::start(), Authority::new(), Folder::make());
        let front = TlsFront::start(receiver.address(), &authority.server(&["localhost"]), None);
        let url = format!("https://localhost:{}", front.address().port());
        let ended = command(provider, &url)
            .var(
                "OTEL_EXPORTER_OTLP_CERTIFICATE",
                &authority.write(&folder, "authority.pem"),
            )
            .end();
        assert_arrived_once(&ended, &receiver);
        assert!(front.handshakes() > 0);
    }
}

fn command(provider: &str, url: &str) -> Run {
    Run::of(&NEIGHBOURS)
        .argument(provider)
        .argument(&HALF.to_string())
        .var("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .var("RUST_LOG", "trace,opentelemetry=trace")
}

fn assert_arrived_once(ended: &Ended, receiver: &Receiver) {
    let (stdout, stderr) = (ended.stdout(), ended.stderr());
    assert!(ended.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stderr, "", "{stdout}");
    let logs = receiver.logs();
    let events = logs
        .iter()
        .filter(|log| log.message().as_deref() == Some("an event"));
    assert_each_once(events.map(|log| log.attribute("number").unwrap().parse().unwrap()));
    let records = logs
        .iter()
        .filter_map(|log| log.message()?.strip_prefix("record ")?.parse().ok());
    assert_each_once(records);
    // Nothing is told of sending. Who else speaks tells of the start and the end, not of each record.
    let others: Vec<_> = logs
        .iter()
        .filter(|log| log.scope.name != "neighbours")
        .map(|log| (&*log.scope.name, log.message()))
        .collect();
    let of_setting_up = ["obs", "opentelemetry", "opentelemetry_sdk"];
    let expected = others
        .iter()
        .all(|(scope, _)| of_setting_up.contains(scope));
    assert!(expected && others.len() < HALF / 2, "{others:#?}");

    let spans = receiver.spans();
    for name in ["of tracing", "of the API"] {
        let count = spans.iter().filter(|span| span.name == name).count();
        assert_eq!(count, 2 * HALF, "{name}");
    }
    let ours = spans.iter().filter(|span| span.name == "of tracing");
    assert_each_once(ours.map(|span| span.attribute("number").unwrap().parse().unwrap()));
    let metrics = receiver.metrics();
    assert!(metrics.iter().any(|metric| metric.name == "recorded"));
}

/// All numbers of the program's records, each once.
fn assert_each_once(numbers: impl Iterator<Item = usize>) {
    let mut numbers: Vec<usize> = numbers.collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2 * HALF).collect::<Vec<_>>());
}

/// How many of each are recorded before the first flush, and after it.
const HALF: usize = 100;
