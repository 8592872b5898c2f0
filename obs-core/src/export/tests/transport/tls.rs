//! Certificates of servers and clients: trusted, refused, and replaced while the service runs.

use std::net::SocketAddr;

use rustls::version::TLS12;

use super::authority::{Authority, Folder, server, server_with};
use super::servers::{
    Requests, Settings, assert_taken, failed, payload, post, secure_collector, target, transport,
};

const CA: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const CLIENT: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
const KEY: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const LOCAL: &[&str] = &["127.0.0.1", "collector.test"];

fn https(host: &str, address: SocketAddr) -> String {
    format!("https://{host}:{}", address.port())
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_address_and_by_name() {
    let (folder, authority) = (Folder::new(), Authority::new("private"));
    let ca = folder.write("ca.pem", &authority.pem());
    let other = folder.write("other.pem", &Authority::new("other").pem());
    let requests = Requests::default();
    let settings = Settings::new(server(&authority.issue(LOCAL), None));
    let address = secure_collector(&settings, &requests).await;
    for host in ["127.0.0.1", "collector.test"] {
        let url = https(host, address);
        assert_taken(&post(&[(ENDPOINT, &url), (CA, &ca)], host).await);
    }
    // The signal's own comes first.
    let own = ("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", ca.as_str());
    let url = https("127.0.0.1", address);
    assert_taken(&post(&[(ENDPOINT, &url), (CA, &other), own], "own").await);
    let bodies: Vec<_> = requests
        .all()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [&b"127.0.0.1"[..], b"collector.test", b"own"]);
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_told_with_what_to_change() {
    let (folder, authority) = (Folder::new(), Authority::new("private"));
    let ca = folder.write("ca.pem", &authority.pem());
    let other = folder.write("other.pem", &Authority::new("other").pem());
    let fits = authority.issue(LOCAL);
    let expired = authority.issue_for_years(LOCAL, 2020, 2021);
    let early = authority.issue_for_years(LOCAL, 2119, 2120);
    let elsewhere = authority.issue(&["o2.example.com", "10.0.0.1"]);
    for (issued, ca, cause, remedy) in [
        (
            &fits,
            Some(&other),
            "issued by an authority that is not trusted",
            CA,
        ),
        (
            &fits,
            None,
            "issued by an authority that is not trusted",
            "set OTEL_EXPORTER_OTLP_CERTIFICATE to",
        ),
        (&expired, Some(&ca), "has expired", "renew it"),
        (&early, Some(&ca), "not valid yet", "clock"),
        (&elsewhere, Some(&ca), "is for o2.example.com, ", ENDPOINT),
    ] {
        let settings = Settings::new(server(issued, None));
        let address = secure_collector(&settings, &Requests::default()).await;
        let url = https("collector.test", address);
        let mut pairs = vec![(ENDPOINT, url.as_str())];
        pairs.extend(ca.map(|ca| (CA, ca.as_str())));
        let failure = failed(post(&pairs, "x").await);
        assert!(failure.cause.contains(cause), "{failure:?}");
        assert!(
            failure.remedy.as_ref().unwrap().contains(remedy),
            "{failure:?}"
        );
        assert!(!failure.may_have_arrived, "{failure:?}");
    }
}

#[tokio::test]
async fn the_certificate_of_an_authority_is_no_certificate_of_a_server() {
    let (folder, authority) = (Folder::new(), Authority::new("private"));
    let ca = folder.write("ca.pem", &authority.pem());
    let settings = Settings::new(server(&authority.itself(), None));
    let address = secure_collector(&settings, &Requests::default()).await;
    let url = https("127.0.0.1", address);
    let failure = failed(post(&[(ENDPOINT, &url), (CA, &ca)], "x").await);
    assert!(
        failure.cause.contains("that of an authority"),
        "{failure:?}"
    );
    assert!(
        failure
            .remedy
            .unwrap()
            .contains("not marked as that of a CA")
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_server_wants_one() {
    let (folder, authority) = (Folder::new(), Authority::new("private"));
    let clients = Authority::new("clients");
    let client = clients.issue(&["kitchen"]);
    let stranger = authority.issue(&["stranger"]);
    let ca = folder.write("ca.pem", &authority.pem());
    let certificate = folder.write("client.pem", &client.pem);
    let key = folder.write("client.key", &client.key_pem);
    let requests = Requests::default();
    let issued = authority.issue(LOCAL);
    for config in [
        server(&issued, Some(&clients)),
        server_with(&issued, Some(&clients), &[&TLS12]),
    ] {
        let address = secure_collector(&Settings::new(config), &requests).await;
        let url = https("127.0.0.1", address);
        let pairs = [(ENDPOINT, url.as_str()), (CA, &ca)];
        let with = |certificate, key| [&pairs[..], &[(CLIENT, certificate), (KEY, key)]].concat();
        assert_taken(&post(&with(&certificate, &key), "mTLS").await);
        let failure = failed(post(&pairs, "x").await);
        assert_eq!(failure.cause, "it wants a client certificate");
        let remedy = failure.remedy.unwrap();
        assert!(remedy.contains(CLIENT) && remedy.contains(KEY), "{remedy}");
        let (certificate, key) = (
            folder.write("stranger.pem", &stranger.pem),
            folder.write("stranger.key", &stranger.key_pem),
        );
        let failure = failed(post(&with(&certificate, &key), "x").await);
        assert!(
            failure.cause.contains("refuses the client certificate"),
            "{failure:?}"
        );
        assert!(failure.remedy.unwrap().contains(CLIENT));
        assert!(!failure.may_have_arrived);
    }
    assert_eq!(requests.all().len(), 2);
}

#[tokio::test]
async fn replaced_files_are_used_after_the_first_failure() {
    let (folder, old, new) = (Folder::new(), Authority::new("old"), Authority::new("new"));
    let ca = folder.write("ca.pem", &old.pem());
    let client = old.issue(&["kitchen"]);
    let certificate = folder.write("client.pem", &client.pem);
    let key = folder.write("client.key", &client.key_pem);
    let requests = Requests::default();
    let settings = Settings::new(server(&old.issue(LOCAL), Some(&old)));
    let address = secure_collector(&settings, &requests).await;
    let url = https("127.0.0.1", address);
    let target = target(&[
        (ENDPOINT, &url),
        (CA, &ca),
        (CLIENT, &certificate),
        (KEY, &key),
    ]);
    let transport = transport(&target);
    let post = async |body| transport.post(&target, payload(body)).await;
    assert_taken(&post("1").await);
    // Half of the new file is there when the old certificates are still right.
    settings.set(server(&new.issue(LOCAL), Some(&new)));
    folder.write("ca.pem", &new.pem()[..100]);
    assert!(failed(post("x").await).cause.contains("not trusted"));
    settings.set(server(&old.issue(LOCAL), Some(&old)));
    assert_taken(&post("2").await);
    // The whole file, then the certificate, then its key: each becomes visible by a failure.
    settings.set(server(&new.issue(LOCAL), Some(&new)));
    folder.write("ca.pem", &new.pem());
    assert!(failed(post("x").await).cause.contains("not trusted"));
    let client = new.issue(&["kitchen"]);
    folder.write("client.pem", &client.pem);
    assert!(
        failed(post("x").await)
            .cause
            .contains("refuses the client certificate")
    );
    folder.write("client.key", &client.key_pem);
    assert!(
        failed(post("x").await)
            .cause
            .contains("refuses the client certificate")
    );
    assert_taken(&post("3").await);
    let bodies: Vec<_> = requests
        .all()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [b"1", b"2", b"3"]);
}

#[tokio::test]
async fn a_file_that_is_missing_at_start_is_used_once_it_is_there() {
    let (folder, authority) = (Folder::new(), Authority::new("late"));
    let settings = Settings::new(server(&authority.issue(LOCAL), None));
    let address = secure_collector(&settings, &Requests::default()).await;
    let url = https("127.0.0.1", address);
    let pairs = [(ENDPOINT, url.as_str()), (CA, &folder.path("ca.pem"))];
    let (all, problems) = super::super::support::read(&pairs);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let target = all.signal(crate::export::Signal::Logs).unwrap().clone();
    let transport = transport(&target);
    failed(transport.post(&target, payload("x")).await);
    folder.write("ca.pem", &authority.pem());
    failed(transport.post(&target, payload("x")).await);
    assert_taken(&transport.post(&target, payload("x")).await);
}

#[test]
fn nothing_of_the_files_is_printed() {
    let (folder, authority) = (Folder::new(), Authority::new("private"));
    let client = authority.issue(&["kitchen"]);
    let target = target(&[
        (ENDPOINT, "https://127.0.0.1"),
        (CA, &folder.write("ca.pem", &authority.pem())),
        (CLIENT, &folder.write("client.pem", &client.pem)),
        (KEY, &folder.write("client.key", &client.key_pem)),
    ]);
    let printed = format!("{target:?} {target} {:?}", transport(&target));
    assert!(
        printed.contains(CLIENT) && !printed.contains("BEGIN"),
        "{printed}"
    );
    assert!(printed.len() < 2_000, "{printed}");
}
