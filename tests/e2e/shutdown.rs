//! SIGTERM while clients keep asking: nothing that was answered is lost.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use obs_core::testing::Receiver;
use obs_tests::{
    http::{Connection, Request},
    logs, otlp,
    service::{Service, Setup},
    wait,
};

#[test]
fn whatever_was_answered_before_the_end_is_in_every_signal() {
    let receiver = Receiver::start();
    let service = Setup::new()
        .sends_to(&receiver)
        .var("SHUTDOWN_DELAY", "1s")
        .var("SHUTDOWN_TIMEOUT", "20s")
        .start();
    let address = service.address();
    let answered = AtomicUsize::new(0);

    let (ended, signalled, clients) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let answered = &answered;
                scope.spawn(move || ask_until_the_end(address, client, answered))
            })
            .collect();
        wait::until("the load is on", || {
            (answered.load(Ordering::Relaxed) > 20 * CLIENTS).then_some(())
        });
        let signalled = Instant::now();
        service.terminate();
        assert_lame_duck(&service);
        let ended = service.wait();
        let clients = clients.into_iter().map(|client| client.join().unwrap());
        (ended, signalled, clients.collect::<Vec<Client>>())
    });
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    assert!(ended.waited < Duration::from_secs(21), "{:?}", ended.waited);
    for client in &clients {
        assert!(client.answered.len() > 1, "every client was served");
        let (at, error) = &client.failure;
        assert!(*at >= signalled + LAME_DUCK, "{error}: it still serves");
        assert_ne!(
            error.kind(),
            io::ErrorKind::UnexpectedEof,
            "cut off: {error}"
        );
    }

    let lines = ended.log_lines();
    let lines = by_request(logs::with(&lines, "level", "http").into_iter().map(|line| {
        let id = line["requestId"].as_str().unwrap();
        (id.to_owned(), line["traceId"].as_str().unwrap().to_owned())
    }));
    let records = by_request(receiver.logs().iter().filter_map(|record| {
        let is_access = record.scope.name == "obs::access";
        let id = record.attribute("request.id").filter(|_| is_access)?;
        Some((id, otlp::hex(&record.trace_id)?))
    }));
    let spans = otlp::Spans::of(&receiver);
    let spans = by_request(spans.of_servers().into_iter().map(|span| {
        let id = span.attribute("request.id").unwrap();
        (id, otlp::hex(&span.trace_id).unwrap())
    }));
    for id in clients.iter().flat_map(|client| &client.answered) {
        let line = lines.get(id);
        assert_eq!(line.map(Vec::len), Some(1), "{id} in the log file");
        assert_eq!(records.get(id), line, "{id} as a log record");
        assert_eq!(spans.get(id), line, "{id} as a span");
    }
}

/// What a client went through.
struct Client {
    /// The ids of the requests that were answered.
    answered: Vec<String>,
    /// When and how it found the service gone.
    failure: (Instant, io::Error),
}

/// Asks for this and that, on a connection for as long as it is open, until there is no service.
fn ask_until_the_end(address: SocketAddr, client: usize, answered: &AtomicUsize) -> Client {
    let mut ids = Vec::new();
    let mut connection = None;
    loop {
        let target = TARGETS[(client + ids.len()) % TARGETS.len()];
        let asked = connection
            .take()
            .map_or_else(|| Connection::open(address), Ok)
            .and_then(|mut open| open.ask(&Request::get(target)).map(|answer| (open, answer)));
        match asked {
            Ok((open, answer)) => {
                assert!(answer.status < 500, "{target}: {answer:?}");
                ids.push(answer.request_id().to_owned());
                answered.fetch_add(1, Ordering::Relaxed);
                let closes = answer.header("connection") == Some("close");
                connection = (!closes).then_some(open);
            }
            Err(error) => {
                return Client {
                    answered: ids,
                    failure: (Instant::now(), error),
                };
            }
        }
    }
}

/// Not ready, but alive and serving, and every answer asks for the connection to be closed.
fn assert_lame_duck(service: &Service) {
    service.await_status("/health/ready", 503);
    let live = service.get("/health/live");
    assert_eq!(live.status, 200);
    let answer = service.get("/api/v1/recipes?limit=1");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
}

/// The trace ids of each request.
fn by_request(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, trace_id) in pairs {
        map.entry(id).or_default().push(trace_id);
    }
    map
}

const CLIENTS: usize = 4;
const LAME_DUCK: Duration = Duration::from_secs(1);

const TARGETS: [&str; 4] = [
    "/api/v1/recipes?limit=2",
    "/api/v1/recipes?q=lemon&limit=1",
    "/api/v1/recipes/01890a5d-ac96-774b-bcce-b302099a8057",
    "/nowhere",
];
