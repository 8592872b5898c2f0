//! Proxies: tunnels, requests in absolute form, refusals, and servers that are reached directly.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use super::authority::{Authority, Folder, server};
use super::servers::{
    Nowhere, Request, Requests, Settings, answering, assert_taken, collector, failed, listen, post,
    read_head, secure_collector, target,
};

const CA: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const BASIC: &str = "Proxy-Authorization: Basic bWU6aHVudGVyMg==";

/// A proxy that opens tunnels to ports of this machine, whatever the host, and notes what it was asked.
async fn tunnelling(asked: &Requests) -> SocketAddr {
    let asked = asked.clone();
    listen(move |stream| tunnel(stream, asked.clone())).await
}

async fn tunnel(mut stream: impl super::servers::Stream, asked: Requests) {
    let head = read_head(&mut stream).await.unwrap();
    let port = head.split([':', ' ']).nth(2).unwrap().parse().unwrap();
    asked.note(Request {
        head,
        body: Vec::new(),
    });
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    drop(copy_bidirectional(&mut stream, &mut server).await);
}

fn with_credentials(proxy: SocketAddr) -> String {
    format!("http://me:hunter2@{proxy}")
}

/// An https server with a private authority: its URL under a name, and the file to trust.
async fn secure(folder: &Folder, requests: &Requests) -> (String, String) {
    let authority = Authority::new("private");
    let issued = authority.issue(&["collector.test"]);
    let address = secure_collector(&Settings::new(server(&issued, None)), requests).await;
    let url = format!("https://collector.test:{}", address.port());
    (url, folder.write("ca.pem", &authority.pem()))
}

#[tokio::test]
async fn an_https_server_is_reached_through_a_tunnel() {
    let (folder, requests, asked) = (Folder::new(), Requests::default(), Requests::default());
    let (url, ca) = secure(&folder, &requests).await;
    let proxy = with_credentials(tunnelling(&asked).await);
    let http = ("HTTP_PROXY", "http://elsewhere.example.com");
    let pairs = [
        (ENDPOINT, url.as_str()),
        (CA, &ca),
        http,
        ("HTTPS_PROXY", &proxy),
    ];
    assert_taken(&post(&pairs, "through").await);
    let port = url.rsplit(':').next().unwrap();
    let authority = format!("collector.test:{port}");
    let expected = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{BASIC}\r\n\r\n");
    assert_eq!(asked.one().head, expected);
    let request = requests.one();
    assert_eq!(request.body, b"through");
    assert!(
        request.head.starts_with("POST /v1/logs HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    assert!(
        !request.head.to_ascii_lowercase().contains("proxy"),
        "{}",
        request.head
    );
}

#[tokio::test]
async fn the_connection_to_the_proxy_can_be_secured_too() {
    let (folder, requests, asked) = (Folder::new(), Requests::default(), Requests::default());
    let authority = Authority::new("private");
    let ca = folder.write("ca.pem", &authority.pem());
    let config = || {
        Settings::new(server(
            &authority.issue(&["collector.test", "127.0.0.1"]),
            None,
        ))
    };
    let address = secure_collector(&config(), &requests).await;
    let (front, noted) = (config(), asked.clone());
    let proxy = listen(move |stream| {
        let (front, noted) = (front.clone(), noted.clone());
        async move { tunnel(front.accept(stream).await.unwrap(), noted).await }
    });
    let proxy = format!("https://{}", proxy.await);
    let url = format!("https://collector.test:{}", address.port());
    assert_taken(&post(&[(ENDPOINT, &url), (CA, &ca), ("all_proxy", &proxy)], "x").await);
    assert_eq!((requests.all().len(), asked.all().len()), (1, 1));
}

#[tokio::test]
async fn an_http_server_is_asked_for_by_its_whole_url() {
    let requests = Requests::default();
    let proxy = with_credentials(collector(&requests).await);
    let url = "http://o2.example.com/api/default";
    let taken = post(&[(ENDPOINT, url), ("http_proxy", &proxy)], "x").await;
    assert_taken(&taken);
    let head = requests.one().head;
    let begin = "POST http://o2.example.com/api/default/v1/logs HTTP/1.1\r\n";
    assert!(head.starts_with(begin), "{head}");
    assert!(
        head.lines()
            .any(|line| line.eq_ignore_ascii_case("host: o2.example.com")),
        "{head}"
    );
    assert!(
        head.lines().any(|line| line.eq_ignore_ascii_case(BASIC)),
        "{head}"
    );
}

#[tokio::test]
async fn some_servers_are_reached_directly() {
    let refusing = Nowhere::new();
    let nowhere = &format!("http://{}", refusing.address());
    for exempt in ["collector.test", ".test", "*", "a,collector.test:{port}"] {
        let requests = Requests::default();
        let port = collector(&requests).await.port();
        let exempt = exempt.replace("{port}", &port.to_string());
        let url = format!("http://collector.test:{port}");
        let pairs = [
            (ENDPOINT, url.as_str()),
            ("ALL_PROXY", nowhere),
            ("NO_PROXY", &exempt),
        ];
        assert_taken(&post(&pairs, "x").await);
        assert!(requests.one().head.starts_with("POST /v1/logs "));
        let narrower = [
            (ENDPOINT, url.as_str()),
            ("ALL_PROXY", nowhere),
            ("NO_PROXY", "collector.test:1"),
        ];
        assert!(
            failed(post(&narrower, "x").await)
                .cause
                .starts_with(&format!("proxy {nowhere}: "))
        );
    }
    // This machine never needs a proxy.
    let url = format!("http://{}", collector(&Requests::default()).await);
    assert_taken(&post(&[(ENDPOINT, &url), ("HTTP_PROXY", nowhere)], "x").await);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_with_its_variable() {
    for (answer, credentials, cause, remedy) in [
        (
            &b"HTTP/1.1 407 x\r\n\r\n"[..],
            "me:hunter2@",
            "407",
            "check the user and password in HTTPS_PROXY",
        ),
        (
            b"HTTP/1.1 407 x\r\n\r\n",
            "",
            "407",
            "put user and password into HTTPS_PROXY",
        ),
        (
            b"HTTP/1.1 403 x\r\n\r\n",
            "",
            "403",
            "allow the connection there",
        ),
        (
            b"HTTP/1.1 503 x\r\n\r\n",
            "",
            "503",
            "host in OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
        (b"SSH-2.0", "", "does not speak HTTP", "check HTTPS_PROXY"),
        (b"", "", "no tunnel", "check HTTPS_PROXY"),
    ] {
        let proxy = listen(move |mut stream| async move {
            read_head(&mut stream).await;
            super::servers::finish(&mut stream, answer).await;
        });
        let proxy = proxy.await;
        let url = format!("http://{credentials}{proxy}");
        let pairs = [(ENDPOINT, "https://o2.example.com"), ("HTTPS_PROXY", &url)];
        let failure = failed(post(&pairs, "x").await);
        let named = format!("proxy http://{proxy}: ");
        assert!(
            failure.cause.starts_with(&named) && failure.cause.contains(cause),
            "{failure:?}"
        );
        let told = failure.remedy.unwrap();
        assert!(
            told.contains(remedy) && told.ends_with("o2.example.com to NO_PROXY"),
            "{told}"
        );
        assert!(!failure.may_have_arrived);
    }
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_for_a_plain_request_is_named() {
    let proxy = answering(b"HTTP/1.1 407 x\r\n\r\n").await;
    let url = with_credentials(proxy);
    let pairs = [(ENDPOINT, "http://o2.example.com"), ("HTTP_PROXY", &url)];
    let failure = failed(post(&pairs, "x").await);
    assert!(
        failure
            .cause
            .starts_with(&format!("proxy http://{proxy}: it answers 407")),
        "{failure:?}"
    );
    assert_eq!(
        failure.remedy.unwrap(),
        "check the user and password in HTTP_PROXY"
    );
    assert!(!failure.may_have_arrived);
}

#[tokio::test]
async fn a_proxy_that_hangs_takes_no_longer_than_a_request() {
    let proxy = listen(|mut stream| async move {
        drop(stream.read_to_end(&mut Vec::new()).await);
    });
    let url = format!("http://{}", proxy.await);
    let timeout = ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000");
    let begin = Instant::now();
    let pairs = [
        (ENDPOINT, "https://o2.example.com"),
        ("HTTPS_PROXY", &url),
        timeout,
    ];
    let failure = failed(post(&pairs, "x").await);
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(
        failure.cause,
        format!("proxy {url}: no answer to CONNECT within 750ms")
    );
    assert!(failure.remedy.unwrap().starts_with("check HTTPS_PROXY"));
}

#[test]
fn the_start_line_names_the_proxy_and_no_credentials() {
    let shown = |url, proxy| target(&[(ENDPOINT, url), proxy]).to_string();
    let proxy = ("ALL_PROXY", "me:hunter2@proxy.example.com:3128");
    assert_eq!(
        shown("http://o2", proxy),
        "http://o2/v1/logs (gzip, via http://proxy.example.com:3128)"
    );
    assert_eq!(
        shown("http://localhost:4318", proxy),
        "http://localhost:4318/v1/logs"
    );
    let printed = format!("{:?}", target(&[(ENDPOINT, "http://o2"), proxy]));
    assert!(!printed.contains("hunter2"), "{printed}");
}
