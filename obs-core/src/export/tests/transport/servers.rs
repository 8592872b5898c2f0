//! Servers and proxies on loopback, written by hand so that they can misbehave.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hyper::body::Bytes;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::export::Signal;
use crate::export::settings::Target;
use crate::export::tests::support::read;
use crate::export::transport::{Answer, Failure, Payload, Resolver, Transport};

/// A connection, secured or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A request that a server has read whole.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// Every request that a server has read.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Arc<Mutex<Vec<Request>>>);

impl Requests {
    pub(super) fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn note(&self, request: Request) {
        self.0.lock().unwrap().push(request);
    }

    pub(super) fn one(&self) -> Request {
        let all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }
}

/// An address that refuses connections as long as this lives: that of a client, where nobody can
/// listen.
pub(super) struct Nowhere {
    client: std::net::TcpStream,
    _server: std::net::TcpListener,
}

impl Nowhere {
    pub(super) fn new() -> Self {
        let server = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        Self {
            client,
            _server: server,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.client.local_addr().unwrap()
    }
}

/// Handles each connection as a test says.
pub(super) async fn listen<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// An OTLP server that takes everything, one request a connection.
pub(super) async fn collector(requests: &Requests) -> SocketAddr {
    let requests = requests.clone();
    listen(move |stream| take(Box::new(stream), requests.clone())).await
}

/// The TLS settings of a server, which can change between two connections.
#[derive(Clone)]
pub(super) struct Settings(Arc<Mutex<Arc<ServerConfig>>>);

impl Settings {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self(Arc::new(Mutex::new(config.into())))
    }

    pub(super) fn set(&self, config: ServerConfig) {
        *self.0.lock().unwrap() = config.into();
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> Option<Box<dyn Stream>> {
        let config = Arc::clone(&self.0.lock().unwrap());
        match TlsAcceptor::from(config)
            .accept(stream)
            .into_fallible()
            .await
        {
            Ok(stream) => Some(Box::new(stream)),
            Err((_, mut stream)) => {
                // Closed after everything was read: a reset could overtake the alert.
                let mut rest = Vec::new();
                drop(stream.shutdown().await);
                drop(stream.read_to_end(&mut rest).await);
                None
            }
        }
    }
}

/// The same over TLS.
pub(super) async fn secure_collector(settings: &Settings, requests: &Requests) -> SocketAddr {
    let (settings, requests) = (settings.clone(), requests.clone());
    listen(move |stream| {
        let (settings, requests) = (settings.clone(), requests.clone());
        async move {
            if let Some(stream) = settings.accept(stream).await {
                take(stream, requests).await;
            }
        }
    })
    .await
}

/// A server that reads a request and then answers with these bytes, whatever they are.
pub(super) async fn answering(bytes: &'static [u8]) -> SocketAddr {
    listen(move |mut stream| async move {
        read_request(&mut stream).await;
        finish(&mut stream, bytes).await;
    })
    .await
}

async fn take(mut stream: Box<dyn Stream>, requests: Requests) {
    if let Some(request) = read_request(&mut stream).await {
        requests.note(request);
        finish(&mut stream, TAKEN).await;
    }
}

/// Writes the last bytes, and closes when the other end has.
pub(super) async fn finish(stream: &mut (impl Stream + ?Sized), bytes: &[u8]) {
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    drop(stream.read_to_end(&mut Vec::new()).await);
}

/// Reads a head and as much of a body as it announces.
pub(super) async fn read_request(stream: &mut (impl Stream + ?Sized)) -> Option<Request> {
    let head = read_head(stream).await?;
    let announced = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; announced.map_or(0, |len| len.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { head, body })
}

pub(super) async fn read_head(stream: &mut (impl Stream + ?Sized)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// The target of logs with these variables; `collector.test` and below are this machine.
pub(super) fn target(pairs: &[(&str, &str)]) -> Target {
    let (settings, problems) = read(pairs);
    assert_eq!(problems, []);
    let mut target = settings
        .signal(Signal::Logs)
        .expect("logs are sent")
        .clone();
    target.resolver = Resolver::Fixed(Arc::new(|name| match name {
        "collector.test" => Ok(vec![(Ipv4Addr::LOCALHOST, 0).into()]),
        _ => Err(std::io::Error::other("no such name")),
    }));
    target
}

/// A transport for one target.
pub(super) fn transport(target: &Target) -> Transport {
    Transport::for_targets([target].into_iter()).0.remove(0)
}

/// Sends one request over connections of its own.
pub(super) async fn post(pairs: &[(&str, &str)], body: &'static str) -> Answer {
    let target = target(pairs);
    transport(&target).post(&target, payload(body)).await
}

pub(super) fn payload(body: &'static str) -> Payload {
    Payload::new(vec![Bytes::from_static(body.as_bytes())])
}

#[track_caller]
pub(super) fn assert_taken(answer: &Answer) {
    assert!(
        matches!(answer, Answer::Taken { rejected: 0, .. }),
        "{answer:?}"
    );
}

/// The failure, after the check that it says nothing secret.
#[track_caller]
pub(super) fn failed(answer: Answer) -> Failure {
    let Answer::Failed(failure) = answer else {
        panic!("an answer: {answer:?}")
    };
    assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
    failure
}

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                       connection: close\r\ncontent-length: 0\r\n\r\n";
