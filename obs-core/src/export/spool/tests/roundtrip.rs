//! What is stored comes back, once, in order, with the rules that hold then.

use std::sync::Arc;

use obs_redact::Redactor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::support::{Account, Dir, LONG, Running, Setup, body, body_of, request, value};
use crate::export::Signal;
use crate::export::backlog::Amount;
use crate::export::reporter::Reporter;
use crate::export::spool::{Body, Settings, ShelfSpec, Spool, Told};

#[test]
fn what_is_stored_comes_back_as_it_was() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let mut stored = body(&["one", "two"]);
    stored.may_have_arrived = true;
    let ticket = running.store(stored);
    assert!(running.lease().is_none(), "it is with who stored it");
    running.shelf.release(ticket, true);
    let leased = running.lease().unwrap();
    assert_eq!(leased.texts(), ["one", "two"]);
    assert!(leased.own && leased.may_have_arrived);
    let segment = &leased.batch.segments[0];
    assert_eq!((&*segment.scope, segment.items), ("kitchen::oven", 2));
    let resource = Resource::decode(&leased.batch.resource.clone().unwrap()[..]).unwrap();
    let expected = request(&[]).resource_logs.remove(0).resource.unwrap();
    assert_eq!(resource, expected);
    running.shelf.done(leased.ticket);
    assert!(running.lease().is_none());
    assert_eq!(running.account(), Account::default());
    assert!(dir.files().is_empty(), "nothing waits any more");
    assert_eq!(running.close(), [""; 0]);
    assert!(dir.folders().is_empty());
}

#[test]
fn the_oldest_comes_first_and_what_is_given_back_comes_again() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    assert!(!running.shelf.has_waiting());
    for text in ["a", "b", "c"] {
        running.leave(text);
    }
    running.sweep();
    assert!(running.shelf.has_waiting());
    let [first, second] = [(); 2].map(|()| running.lease().unwrap());
    assert_eq!([first.texts(), second.texts()], [["a"], ["b"]]);
    running.shelf.release(first.ticket, false);
    let again = running.lease().unwrap();
    assert_eq!(again.texts(), ["a"]);
    assert_ne!(again.ticket, first.ticket);
    running.shelf.done(again.ticket);
    running.shelf.done(second.ticket);
    assert_eq!(running.send_all(), ["c"]);
    running.sweep();
    assert!(!running.shelf.has_waiting());
}

#[test]
fn what_is_settled_before_it_is_stored_does_not_come_back() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let settled = running.shelf.store(body(&["settled"]));
    running.shelf.done(settled);
    let given_back = running.shelf.store(body(&["given back"]));
    running.shelf.release(given_back, false);
    assert!(matches!(running.next(), Told::Stored(ticket) if ticket == settled));
    assert!(matches!(running.next(), Told::Stored(ticket) if ticket == given_back));
    assert_eq!(running.send_all(), ["given back"]);
}

#[test]
fn what_is_done_stays_done_and_what_is_not_survives() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    for text in ["sent", "waits", "under way"] {
        running.leave(text);
    }
    let sent = running.lease().unwrap();
    running.shelf.done(sent.ticket);
    running.store(body(&["with its owner"]));
    running.sweep();
    running.kill();
    let next = Running::start(dir.path());
    assert_eq!(next.send_all(), ["waits", "under way", "with its owner"]);
    assert_eq!(next.account().recovered, 3);
}

fn span() -> Span {
    Span {
        name: "GET /recipes".to_owned(),
        trace_id: vec![7; 16],
        ..Span::default()
    }
}

fn request_of(span: &Span) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span.clone()],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

#[test]
fn spans_come_back_beside_log_records() {
    let dir = Dir::new();
    let settings = Settings {
        dir: dir.path().to_owned(),
        bytes: 64 << 20,
        max_age: LONG,
    };
    let (bell, rung) = std::sync::mpsc::channel();
    let spec = |signal: Signal| ShelfSpec {
        signal,
        destination: format!("http://here/v1/{}", signal.name()),
        wake: Arc::new({
            let bell = bell.clone();
            move || bell.send(()).unwrap_or_default()
        }),
    };
    let specs = vec![spec(Signal::Traces), spec(Signal::Logs)];
    let reporter = Arc::new(Reporter::new(Arc::new(|_, message: &str| {
        panic!("{message}")
    })));
    let (spool, shelves) = Spool::start(settings, specs, Redactor::new(), reporter);
    let span = span();
    let ticket = shelves[0].store(Body {
        pieces: vec![request_of(&span).encode_to_vec().into()],
        ..body(&["ignored"])
    });
    shelves[0].release(ticket, false);
    shelves[0].lease(Amount::default());
    shelves[1].lease(Amount::default());
    let hear = |shelf: usize, count: usize| {
        let mut told = Vec::new();
        while told.len() < count {
            told.extend(shelves[shelf].heard());
            if told.len() < count {
                rung.recv_timeout(LONG).unwrap();
            }
        }
        told
    };
    let told = hear(0, 2);
    assert!(matches!(told[0], Told::Stored(stored) if stored == ticket));
    let Told::Leased { batch, .. } = &told[1] else {
        panic!("{told:?}");
    };
    let record = batch.segments[0].records().next().unwrap();
    assert_eq!(Span::decode(record).unwrap(), span);
    assert!(matches!(hear(1, 1)[..], [Told::Empty]));
    assert!(spool.close(std::time::Instant::now() + LONG));
    assert!(spool.close(std::time::Instant::now()), "it is closed");
    assert!(!shelves[0].is_open());
}

#[test]
fn stricter_rules_hold_for_what_was_stored_before() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let mut stored = request(&["the pin of table 4 is ROSEBUD-17"]);
    let attribute = |key: &str, text: &str| KeyValue {
        key: key.to_owned(),
        value: Some(value(text)),
        ..KeyValue::default()
    };
    let entry = &mut stored.resource_logs[0];
    entry.scope_logs[0].log_records[0].attributes = vec![
        attribute("sauce", "ROSEBUD-17 in an attribute"),
        attribute("family_recipe", "by its name alone"),
    ];
    let resource = entry.resource.as_mut().unwrap();
    resource.attributes.push(attribute("owner", "ROSEBUD-17"));
    let ticket = running.store(body_of(&stored, 1));
    running.shelf.release(ticket, false);
    running.sweep();
    running.kill();
    let redactor = Redactor::builder()
        .field("family_recipe")
        .pattern("ROSEBUD-[0-9]+")
        .build()
        .unwrap();
    let setup = Setup {
        redactor,
        ..Setup::default()
    };
    let next = Running::start_as(dir.path(), setup);
    let leased = next.lease().unwrap();
    let resource = leased.batch.resource.clone().unwrap();
    let bytes = [&resource[..], &leased.batch.segments[0].bytes].concat();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("ROSEBUD"), "{text}");
    assert!(!text.contains("by its name alone"), "{text}");
    assert!(text.contains("the pin of table 4 is"), "{text}");
}
