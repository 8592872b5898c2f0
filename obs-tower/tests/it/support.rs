//! What several test files need: a served application and a client that is easy to misuse.

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::Router;
use obs_core::Telemetry;
use obs_core::config::Env;
use obs_tower::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Telemetry that writes and sends nothing.
pub(crate) fn silent_telemetry(settings: &[(&str, &str)]) -> Telemetry {
    let quiet = [("LOG_FORMAT", "off"), ("LOG_FILE_PATH", "off")];
    let env = Env::from_pairs(quiet.into_iter().chain(settings.iter().copied()));
    let (telemetry, _layer) = obs_core::builder("it")
        .version("1.2.3")
        .env(env)
        .quiet()
        .build::<tracing_subscriber::Registry>()
        .unwrap();
    telemetry
}

/// A server that runs until told to stop.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<ExitCode>,
}

impl Running {
    pub(crate) async fn start(app: Router, setup: impl FnOnce(Server) -> Server) -> Self {
        Self::start_with(silent_telemetry(&[]), app, setup).await
    }

    pub(crate) async fn start_with(
        telemetry: Telemetry,
        app: Router,
        setup: impl FnOnce(Server) -> Server,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = setup(Server::new(telemetry)).shutdown_on(async { drop(stopped.await) });
        let ended = tokio::spawn(server.run(listener, app));
        Self {
            address,
            stop,
            ended,
        }
    }

    /// Triggers shutdown.
    pub(crate) fn stop(self) -> Stopping {
        self.stop.send(()).unwrap();
        Stopping {
            address: self.address,
            ended: self.ended,
        }
    }
}

/// A server that was told to stop.
pub(crate) struct Stopping {
    pub(crate) address: SocketAddr,
    ended: JoinHandle<ExitCode>,
}

impl Stopping {
    /// The exit code, as a number.
    pub(crate) async fn exit_code(self) -> u8 {
        code(self.ended.await.unwrap())
    }
}

pub(crate) fn code(code: ExitCode) -> u8 {
    let code = format!("{code:?}");
    (0..=u8::MAX)
        .find(|number| format!("{:?}", ExitCode::from(*number)) == code)
        .unwrap()
}

/// A response as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    fn parse(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no response in {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

/// Sends a head as it is; the connection stays open.
pub(crate) async fn send(address: SocketAddr, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads a response up to the end of the connection.
pub(crate) async fn receive(mut stream: TcpStream) -> Answer {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    Answer::parse(&String::from_utf8(text).unwrap())
}

/// One request on a connection of its own.
pub(crate) async fn request(address: SocketAddr, method: &str, path: &str) -> Answer {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n");
    receive(send(address, &head).await).await
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path).await
}

/// Asks until the answer is as wanted: for what happens in the background.
pub(crate) async fn get_until(
    address: SocketAddr,
    path: &str,
    wanted: impl Fn(&Answer) -> bool,
) -> Answer {
    loop {
        let answer = get(address, path).await;
        if wanted(&answer) {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}
