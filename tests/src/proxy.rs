//! A proxy for HTTP, which alone knows where invented names are.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::TcpStream,
};

use crate::front::Front;

/// A proxy that knows some names; dropping it stops it.
#[derive(Debug)]
pub struct Proxy {
    front: Front,
    log: Arc<Mutex<Vec<String>>>,
}

/// What a proxy lets through.
#[derive(Clone, Debug, Default)]
struct Rules {
    /// Ports of the loopback interface by invented names; any port of a name leads there.
    names: HashMap<String, u16>,
    /// The value of `Proxy-Authorization` without which nothing goes.
    authorization: Option<String>,
}

impl Proxy {
    /// Starts a proxy that knows these names and nothing else.
    #[must_use]
    pub fn start(names: &[(&str, SocketAddr)]) -> Self {
        Self::with(names, None)
    }

    /// The same for those who have the credentials: the value of `Proxy-Authorization`.
    #[must_use]
    pub fn start_for(authorization: &str, names: &[(&str, SocketAddr)]) -> Self {
        Self::with(names, Some(authorization.to_owned()))
    }

    fn with(names: &[(&str, SocketAddr)], authorization: Option<String>) -> Self {
        let port = |(name, address): &(&str, SocketAddr)| ((*name).to_owned(), address.port());
        let rules = Arc::new(Rules {
            names: names.iter().map(port).collect(),
            authorization,
        });
        let log = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&log);
        let front = Front::start(move |stream| {
            let (rules, log) = (Arc::clone(&rules), Arc::clone(&shared));
            async move { rules.serve(stream, &log).await }
        });
        Self { front, log }
    }

    /// Its URL without credentials, for `HTTPS_PROXY` and `HTTP_PROXY`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// What it was asked for: method, target and the status of the answer, in order. A tunnel is
    /// `CONNECT name:port 200`.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Rules {
    async fn serve(&self, mut client: TcpStream, log: &Mutex<Vec<String>>) -> io::Result<()> {
        let head = read_head(&mut client).await?;
        let mut words = head.split(' ');
        let (method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let decision = self.decide(&head, method, target);
        let status = *decision.as_ref().err().unwrap_or(&200);
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(format!("{method} {target} {status}"));
        let port = match decision {
            Ok(port) => port,
            Err(status) => {
                let challenge = "Proxy-Authenticate: Basic realm=\"test\"\r\n";
                let answer = format!(
                    "HTTP/1.1 {status} No\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n"
                );
                return client.write_all(answer.as_bytes()).await;
            }
        };
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        if method == "CONNECT" {
            client
                .write_all(b"HTTP/1.1 200 Established\r\n\r\n")
                .await?;
        } else {
            // The connection serves one request, so that every request is in the log.
            let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            server.write_all(head.as_bytes()).await?;
        }
        copy_bidirectional(&mut client, &mut server).await?;
        Ok(())
    }

    /// The port that a request leads to, or the status that refuses it.
    fn decide(&self, head: &str, method: &str, target: &str) -> Result<u16, u16> {
        if let Some(wanted) = &self.authorization
            && header(head, "proxy-authorization") != Some(wanted)
        {
            return Err(407);
        }
        let authority = if method == "CONNECT" {
            target
        } else {
            let (_, rest) = target.split_once("://").ok_or(400_u16)?;
            rest.split('/').next().unwrap_or_default()
        };
        let name = authority
            .rsplit_once(':')
            .map_or(authority, |(name, _)| name);
        self.names.get(name).copied().ok_or(502)
    }
}

/// Request line and headers, with the empty line.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn header<'h>(head: &'h str, wanted: &str) -> Option<&'h str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(value.trim())
}
