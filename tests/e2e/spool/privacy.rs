//! What lies on disk, who can read it, and that it is redacted again before it is sent.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use obs_core::testing::Receiver;
use obs_tests::{emitter::Emitter, service::Setup, spool::SpoolFolder, wait};

use super::support::{emit, spools, until, until_on_disk, until_sent};

#[test]
fn nobody_else_can_read_what_is_on_disk() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    // Whatever the process would allow others by default.
    let setup = spools(&spool, &receiver).limits("umask 0");
    let mut emitter = Emitter::start(&setup);
    emit(&mut emitter, 10);
    until_on_disk(&spool, 10);
    assert_eq!(permissions(&spool.path()), 0o700);
    assert_eq!(spool.processes().len(), 1);
    assert!(!spool.segments().is_empty());
    for process in spool.processes() {
        assert_eq!(permissions(&process), 0o700, "{}", process.display());
        for file in fs::read_dir(&process).unwrap() {
            let file = file.unwrap().path();
            assert_eq!(permissions(&file), 0o600, "{}", file.display());
        }
    }
}

fn permissions(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn credentials_are_not_on_disk() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let address = receiver.address();
    let setup = spools(&spool, &receiver)
        .var(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://a-user:a-hidden-password@{address}"),
        )
        .var(
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
            "authorization=Bearer%20hush-hush-hush,x-key=not-for-disks",
        );
    let mut emitter = Emitter::start(&setup);
    receiver.answer_all(503);
    emit(&mut emitter, 100);
    until_on_disk(&spool, 100);
    assert!(receiver.raw_bytes_contain("not-for-disks"), "it was sent");
    assert!(spool.contains("so it goes"), "what was recorded is there");
    for secret in ["hush-hush", "not-for-disks", "a-hidden-password"] {
        assert!(!spool.contains(secret), "{secret}");
    }
    receiver.answer_all(200);
    until_sent(&mut emitter);
    assert!(!spool.contains("so it goes"), "what was sent is gone");
}

#[test]
fn what_was_recorded_under_old_rules_is_redacted_by_the_new_ones() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    receiver.refuse();
    let mut old = Emitter::start(&spools(&spool, &receiver));
    emit(&mut old, 100);
    let _on_disk = old.shutdown(Duration::from_secs(20));
    drop(old);
    assert!(spool.contains("so it goes"), "nobody knew");

    receiver.listen();
    let setup = spools(&spool, &receiver).var("REDACT_FIELDS", "text");
    let mut new = Emitter::start(&setup);
    until(&mut new, "all is sent", |account| account.exported == 100);
    let logs = receiver.logs();
    assert_eq!(logs.len(), 100);
    for log in &logs {
        assert_eq!(log.attribute("text").as_deref(), Some("[REDACTED]"));
        assert!(log.attribute("id").is_some());
    }
    assert!(!receiver.raw_bytes_contain("so it goes"));
    assert_eq!(receiver.span_count(), 100);
}

#[test]
fn what_is_replayed_is_what_was_recorded() {
    let (spool, receiver) = (SpoolFolder::make(), Receiver::start());
    let named = |name| spools(&spool, &receiver).var("OTEL_SERVICE_NAME", name);
    let mut old = Emitter::start(&named("before"));
    emit(&mut old, 1);
    old.flush_all();
    receiver.refuse();
    emit(&mut old, 1);
    let _on_disk = old.shutdown(Duration::from_secs(20));
    drop(old);
    receiver.listen();
    let mut new = Emitter::start(&named("after"));
    until(&mut new, "all is sent", |account| account.exported == 1);

    let logs = receiver.logs();
    let [live, replayed] = &logs[..] else {
        panic!("two log records: {logs:?}");
    };
    assert_eq!(live.resource, replayed.resource, "of the process it was");
    assert_eq!(live.scope, replayed.scope);
    assert_eq!(live.record.body, replayed.record.body);
    assert_eq!(live.attribute("text"), replayed.attribute("text"));
    assert!(replayed.time_unix_nano > live.time_unix_nano);
    let spans = receiver.spans();
    let [live, replayed] = &spans[..] else {
        panic!("two spans: {spans:?}");
    };
    assert_eq!(live.resource, replayed.resource);
    assert_eq!((&live.scope, &live.name), (&replayed.scope, &replayed.name));
    assert_ne!(live.trace_id, replayed.trace_id);
}

#[test]
fn metrics_are_never_on_disk() {
    let (spool, receiver, metrics) = (SpoolFolder::make(), Receiver::start(), Receiver::start());
    metrics.refuse();
    let setup = spools(&spool, &receiver)
        .var("OTEL_METRICS_EXPORTER", "otlp")
        .var(
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            format!("{}/v1/metrics", metrics.endpoint()),
        );
    let mut emitter = Emitter::start(&setup);
    emit(&mut emitter, 10);
    emitter.tell("counter 1");
    // Long enough for what would go to disk to be there.
    assert!(!emitter.flush(Duration::from_secs(3)));
    let status = emitter.status();
    assert!(status.of("metrics").accepted > 0, "{status:?}");
    assert_eq!(status.of("metrics").spooled, 0, "{status:?}");
    assert_eq!(spool.processes().len(), 1, "there is a spool");
    assert!(spool.segments().is_empty(), "{:?}", spool.segments());
    let (ended, _) = emitter.shutdown(Duration::from_secs(2));
    assert_eq!(ended.of("metrics").spooled, 0, "{ended:?}");
    assert!(spool.processes().is_empty(), "{:?}", spool.processes());
}

#[test]
fn the_service_has_a_spool_beside_its_data_unless_it_is_turned_off() {
    let receiver = Receiver::start();
    let service = Setup::new().sends_to(&receiver).start();
    let spool = "the line about the spool";
    let line = wait::until(spool, || {
        let lines = service.log_lines();
        let messages = lines.iter().filter_map(|line| line["message"].as_str());
        let mut lines = messages.filter(|message| message.starts_with("spool: "));
        lines.next().map(str::to_owned)
    });
    assert!(line.contains("data/spool"), "where: {line}");
    assert!(line.contains("256"), "how much: {line}");
    assert!(line.contains("OBS_SPOOL_DIR"), "how to change it: {line}");
    let ended = service.stop();
    assert!(ended.folder().path().join("data/spool").is_dir());

    let setup = Setup::new().var("OBS_SPOOL_DIR", "off");
    let ended = setup.sends_to(&receiver).start().stop();
    assert!(!ended.folder().path().join("data/spool").exists());
}
