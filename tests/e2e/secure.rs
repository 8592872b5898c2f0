//! TLS and proxies, set up by variables alone.

use std::{sync::Arc, time::Duration};

use obs_core::testing::Receiver;
use obs_tests::{
    emitter::{self, Emitter},
    folder::Folder,
    proxy::Proxy,
    service::Setup,
    tally::Tally,
    tls::{Authority, TlsFront},
    wait,
};

/// A backend behind TLS, with a certificate of an authority that nobody knows.
struct Secured {
    receiver: Receiver,
    authority: Authority,
    front: TlsFront,
    folder: Arc<Folder>,
}

impl Secured {
    fn start(name: &str) -> Self {
        Self::for_clients_of(name, None)
    }

    fn for_clients_of(name: &str, clients: Option<&Authority>) -> Self {
        let receiver = Receiver::start();
        let authority = Authority::new();
        let front = TlsFront::start(receiver.address(), &authority.server(&[name]), clients);
        Self {
            receiver,
            authority,
            front,
            folder: Arc::new(Folder::make()),
        }
    }

    /// Sends there under this name and trusts the authority.
    fn setup(&self, name: &str) -> Setup {
        let url = format!("https://{name}:{}", self.front.address().port());
        let authority = self.authority.write(&self.folder, "authority.pem");
        emitter::sends_to_url(&url).var("OTEL_EXPORTER_OTLP_CERTIFICATE", authority)
    }

    /// Everything that an emitter emits arrives once.
    fn assert_receives_from(&self, setup: &Setup) -> Emitter {
        let mut emitter = Emitter::start(setup);
        emitter.tell("logs 100");
        emitter.tell("spans 100");
        emitter.tell("counter 1");
        emitter.flush_all();
        Tally::of_logs(&self.receiver).assert_each_once(100);
        Tally::of_spans(&self.receiver).assert_each_once(100);
        let metrics = self.receiver.metrics();
        assert!(metrics.iter().any(|metric| metric.name == "emitter.count"));
        assert!(self.front.handshakes() > 0);
        assert_eq!(emitter.warnings(), [""; 0]);
        emitter
    }
}

#[test]
fn a_private_authority_is_trusted_by_a_variable() {
    for name in ["localhost", "127.0.0.1"] {
        let secured = Secured::start(name);
        secured.assert_receives_from(&secured.setup(name));
    }
}

#[test]
fn the_authorities_of_the_system_are_trusted_without_a_variable_of_telemetry() {
    let secured = Secured::start("localhost");
    let authority = secured.authority.write(&secured.folder, "system.pem");
    let setup = secured.setup("localhost");
    let setup = setup.without("OTEL_EXPORTER_OTLP_CERTIFICATE");
    // Where a system keeps them is told by this, as to OpenSSL.
    secured.assert_receives_from(&setup.var("SSL_CERT_FILE", authority));
}

#[test]
fn a_client_shows_its_certificate_by_variables() {
    let clients = Authority::new();
    let secured = Secured::for_clients_of("localhost", Some(&clients));
    let identity = clients.client();
    let certificate = identity.write_certificate(&secured.folder, "client.pem");
    let key = identity.write_key(&secured.folder, "client.key");
    let setup = secured
        .setup("localhost")
        .var("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate)
        .var("OTEL_EXPORTER_OTLP_CLIENT_KEY", key);
    secured.assert_receives_from(&setup);
}

#[test]
fn a_client_without_the_certificate_that_is_demanded_is_told_of_the_variable() {
    let clients = Authority::new();
    let secured = Secured::for_clients_of("localhost", Some(&clients));
    let mut emitter = Emitter::start(&secured.setup("localhost"));
    emitter.tell("logs 10");
    assert!(!emitter.flush(Duration::from_millis(300)));
    assert_eq!(secured.front.handshakes(), 0);
    let warnings = emitter.warnings();
    let [warning] = &warnings[..] else {
        panic!("one line: {warnings:#?}");
    };
    assert!(
        warning.contains("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
        "{warning}"
    );
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_by_a_variable() {
    let secured = Secured::start(NAME);
    let proxy = Proxy::start(&[(NAME, secured.front.address())]);
    let setup = secured.setup(NAME).var("HTTPS_PROXY", proxy.url());
    secured.assert_receives_from(&setup);
    assert_only_tunnels(&proxy, &secured);
}

#[test]
fn a_proxy_gets_the_credentials_of_its_variable_and_no_log_does() {
    let secured = Secured::start(NAME);
    // `user:s3cret-w0rd`
    let names = [(NAME, secured.front.address())];
    let proxy = Proxy::start_for("Basic dXNlcjpzM2NyZXQtdzByZA==", &names);
    let url = proxy.url().replace("http://", "http://user:s3cret-w0rd@");
    let setup = secured.setup(NAME).var("HTTPS_PROXY", url);
    let emitter = secured.assert_receives_from(&setup);
    assert_only_tunnels(&proxy, &secured);
    let ended = emitter.end();
    let lines = format!("{:?}{}", ended.log_lines(), ended.terminal());
    assert!(!lines.contains("s3cret-w0rd"), "{lines}");
}

#[test]
fn a_proxy_that_refuses_is_told_with_the_variable() {
    let secured = Secured::start(NAME);
    let proxy = Proxy::start_for("Basic bm90Om1pbmU=", &[(NAME, secured.front.address())]);
    let setup = secured.setup(NAME).var("HTTPS_PROXY", proxy.url());
    let mut emitter = Emitter::start(&setup);
    emitter.tell("logs 10");
    assert!(!emitter.flush(Duration::from_millis(300)));
    let warnings = emitter.warnings();
    let [warning] = &warnings[..] else {
        panic!("one line: {warnings:#?}");
    };
    assert!(warning.contains("HTTPS_PROXY"), "{warning}");
    assert!(warning.contains("407"), "{warning}");
    assert_eq!(secured.receiver.connections(), 0);
}

#[test]
fn a_proxy_is_not_asked_for_this_machine_and_for_exceptions() {
    let proxy = Proxy::start(&[]);
    let secured = Secured::start("localhost");
    let setup = secured.setup("localhost").var("HTTPS_PROXY", proxy.url());
    secured.assert_receives_from(&setup);

    // No server of names is asked for it: its first part is longer than they understand.
    let host = format!("{}.test", "x".repeat(64));
    let setup = emitter::sends_to_url(&format!("http://{host}:4318"))
        .var("HTTP_PROXY", proxy.url())
        .var("HTTPS_PROXY", proxy.url())
        .var("NO_PROXY", "other.test, .test");
    let mut emitter = Emitter::start(&setup);
    emitter.tell("logs 10");
    assert!(!emitter.flush(Duration::from_millis(300)));
    wait::until("the name is not found", || {
        (!emitter.warnings().is_empty()).then_some(())
    });
    assert_eq!(proxy.log(), [""; 0]);
}

#[test]
fn with_everything_at_trace_nothing_but_the_applications_own_is_exported() {
    let secured = Secured::start(NAME);
    let proxy = Proxy::start(&[(NAME, secured.front.address())]);
    let setup = secured
        .setup(NAME)
        .var("HTTPS_PROXY", proxy.url())
        .var("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .var("LOG_LEVEL", "trace")
        .var("RUST_LOG", "trace")
        .var("OTEL_BSP_SCHEDULE_DELAY", "10")
        .var("OTEL_BLRP_SCHEDULE_DELAY", "10")
        .var("OTEL_METRIC_EXPORT_INTERVAL", "20");
    let mut emitter = Emitter::start(&setup);
    let exports = |receiver: &Receiver| receiver.requests().len();
    for round in 1..=20 {
        for level in ["trace", "debug", "info", "warn", "error"] {
            emitter.tell(&format!("logs 2 {level}"));
        }
        emitter.tell("spans 10");
        emitter.tell("counter 1");
        emitter.flush_all();
        // What one export says of itself would be there by the next ones.
        let before = exports(&secured.receiver);
        secured
            .receiver
            .wait_until(|receiver| exports(receiver) >= before + 2);
        emitter.flush_all();
        let status = emitter.status();
        for signal in ["logs", "traces"] {
            let account = status.of(signal);
            assert_eq!(account.emitted, round * 10, "{signal}");
            assert_eq!(account.accepted, account.emitted, "{signal}: {account:?}");
            assert_eq!(account.exported, account.emitted, "{signal}: {account:?}");
        }
    }
    assert_eq!(secured.receiver.log_count(), 200);
    assert_eq!(secured.receiver.span_count(), 200);
}

fn assert_only_tunnels(proxy: &Proxy, secured: &Secured) {
    let log = proxy.log();
    let tunnel = format!("CONNECT {NAME}:{} 200", secured.front.address().port());
    assert!(log.iter().all(|line| *line == tunnel), "{log:?}");
    assert_eq!(log.len(), secured.front.handshakes(), "{log:?}");
}

/// A name that only the proxy knows.
const NAME: &str = "collector.test";
