//! Servers that speak something else than the variables say: what it is, and what to write instead.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::authority::{Authority, Folder, server};
use super::servers::{
    Nowhere, Requests, Settings, answering, assert_taken, collector, failed, finish, listen,
    payload, post, secure_collector, target, transport,
};
use crate::export::transport::{Failure, Resolver};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

async fn fail(scheme: &str, address: SocketAddr) -> (String, String, bool) {
    let url = format!("{scheme}://{address}");
    let Failure {
        cause,
        remedy,
        may_have_arrived,
    } = failed(post(&[(ENDPOINT, &url)], "x").await);
    (cause, remedy.unwrap_or_default(), may_have_arrived)
}

#[tokio::test]
async fn a_tls_server_that_is_asked_in_plain_text() {
    let use_https = "use https:// in OTEL_EXPORTER_OTLP_ENDPOINT".to_owned();
    let speaks_tls = ("it speaks TLS".to_owned(), use_https.clone(), false);
    let alert = answering(b"\x15\x03\x01\x00\x02\x02\x46").await;
    assert_eq!(fail("http", alert).await, speaks_tls);
    // As Go and nginx say it.
    let go = answering(
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    );
    assert_eq!(fail("http", go.await).await, speaks_tls);
    let nginx = answering(
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 57\r\n\r\n\
          <h1>The plain HTTP request was sent to HTTPS port</h1>...",
    );
    assert_eq!(fail("http", nginx.await).await, speaks_tls);
    let silent = answering(b"").await;
    let (cause, remedy, may_have_arrived) = fail("http", silent).await;
    assert_eq!(cause, "the connection was closed before an answer");
    assert_eq!(remedy, format!("if the server speaks TLS, {use_https}"));
    assert!(may_have_arrived);
    let real = Settings::new(server(&Authority::new("a").issue(&["127.0.0.1"]), None));
    let real = secure_collector(&real, &Requests::default()).await;
    assert_eq!(fail("http", real).await, speaks_tls);
}

#[tokio::test]
async fn a_plain_server_that_is_asked_for_tls() {
    let plain = listen(|mut stream| async move {
        finish(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let (cause, remedy, may_have_arrived) = fail("https", plain.await).await;
    assert_eq!(cause, "it does not speak TLS");
    assert_eq!(remedy, "use http:// in OTEL_EXPORTER_OTLP_ENDPOINT");
    assert!(!may_have_arrived);
    let closing = listen(|stream| async move { drop(stream) }).await;
    let (_, remedy, _) = fail("https", closing).await;
    assert!(
        remedy.starts_with("if the server does not speak TLS, use http://"),
        "{remedy}"
    );
}

#[tokio::test]
async fn a_grpc_server_is_recognised() {
    let settings_frame = listen(|mut stream| async move {
        finish(
            &mut stream,
            b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00",
        )
        .await;
    });
    let (cause, remedy, may_have_arrived) = fail("http", settings_frame.await).await;
    assert_eq!(cause, "it speaks HTTP/2 only, as gRPC does");
    assert!(
        remedy.contains("usually 4318, in OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{remedy}"
    );
    assert!(!may_have_arrived);

    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let mut config = server(&authority.issue(&["127.0.0.1"]), None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = secure_collector(&Settings::new(config), &Requests::default()).await;
    let (url, ca) = (
        format!("https://{address}"),
        folder.write("ca.pem", &authority.pem()),
    );
    let failure = failed(
        post(
            &[(ENDPOINT, &url), ("OTEL_EXPORTER_OTLP_CERTIFICATE", &ca)],
            "x",
        )
        .await,
    );
    assert_eq!(failure.cause, "it does not speak HTTP/1.1");
    assert!(failure.remedy.unwrap().contains("usually 4318"));
}

#[tokio::test]
async fn a_port_where_nothing_listens() {
    let nowhere = Nowhere::new();
    let (cause, remedy, may_have_arrived) = fail("http", nowhere.address()).await;
    assert!(cause.contains("refused"), "{cause}");
    assert!(
        remedy.starts_with("nothing listens there") && remedy.contains(ENDPOINT),
        "{remedy}"
    );
    assert!(!may_have_arrived);
}

#[tokio::test]
async fn a_name_that_resolves_later() {
    let requests = Requests::default();
    let address = collector(&requests).await;
    let url = format!("http://later.test:{}", address.port());
    let mut target = target(&[(ENDPOINT, &url)]);
    let lookups = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&lookups);
    target.resolver = Resolver::Fixed(Arc::new(move |name| {
        assert_eq!(name, "later.test");
        match counter.fetch_add(1, Ordering::Relaxed) {
            0 => Err(std::io::Error::other(
                "temporary failure in name resolution",
            )),
            1 => Ok(Vec::new()),
            _ => Ok(vec![(Ipv4Addr::LOCALHOST, 0).into()]),
        }
    }));
    let transport = transport(&target);
    for why in ["temporary failure", "no address"] {
        let failure = failed(transport.post(&target, payload("x")).await);
        assert!(
            failure.cause.contains("later.test") && failure.cause.contains(why),
            "{failure:?}"
        );
        let remedy = failure.remedy.unwrap();
        assert_eq!(remedy, "check the host name in OTEL_EXPORTER_OTLP_ENDPOINT");
        assert!(!failure.may_have_arrived);
    }
    assert_taken(&transport.post(&target, payload("at last")).await);
    assert_eq!(requests.one().body, b"at last");
    assert_eq!(lookups.load(Ordering::Relaxed), 3);
}
