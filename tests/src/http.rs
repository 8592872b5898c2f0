//! A client for HTTP/1.1 over a plain socket, which can also send what no proper client would.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use crate::wait::PATIENCE;

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// A request with no headers but those that it needs: a `Host`, and the length of its body.
    #[must_use]
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// `GET` of a path with its query.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// Adds a header, as it is and however often it was added before.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Adds a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The target as it was given.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let has = |wanted: &str| {
            self.headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        if !has("host") {
            bytes.extend_from_slice(b"Host: localhost\r\n");
        }
        if !self.body.is_empty() && !has("content-length") {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        for (name, value) in &self.headers {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// A connection that stays open as long as the server lets it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the answer breaks off after it began; another kind if
    /// there is none at all.
    pub fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        // A server may refuse a body before it has read it all, so the answer counts.
        let sent = self.stream.write_all(&request.to_bytes());
        let answer = self.receive(request.method == "HEAD");
        match (sent, answer) {
            (_, Ok(answer)) => Ok(answer),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the connection does not take them.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads the next answer.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn receive(&mut self, to_head: bool) -> io::Result<Answer> {
        let begun = |this: &Self, error: io::Error| match error.kind() {
            _ if this.received.is_empty() => error,
            _ => io::Error::new(io::ErrorKind::UnexpectedEof, error),
        };
        let answer = self.read_answer(to_head);
        answer.map_err(|error| begun(self, error))
    }

    fn read_answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let (status, headers, mut at) = loop {
            let end = self.find(0, b"\r\n\r\n")?;
            let head = String::from_utf8_lossy(self.received.get(..end).unwrap_or_default());
            let (status, headers) = parse_head(&head)?;
            if status >= 200 {
                break (status, headers, end + 4);
            }
            // Interim answers such as 100 come before the answer.
            self.received.drain(..end + 4);
        };
        let answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        let body = if to_head || status == 204 || status == 304 {
            Vec::new()
        } else if answer.header("transfer-encoding") == Some("chunked") {
            self.read_chunks(&mut at)?
        } else {
            let length = answer.header("content-length").unwrap_or("0");
            let length = length.parse().map_err(io::Error::other)?;
            self.take(&mut at, length)?
        };
        self.received.drain(..at);
        Ok(Answer { body, ..answer })
    }

    fn read_chunks(&mut self, at: &mut usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = self.find(*at, b"\r\n")?;
            let line = String::from_utf8_lossy(self.received.get(*at..end).unwrap_or_default());
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
            *at = end + 2;
            body.extend(self.take(at, length)?);
            self.take(at, 2)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    /// The place of `wanted` at or after `from`.
    fn find(&mut self, from: usize, wanted: &[u8]) -> io::Result<usize> {
        loop {
            let rest = self.received.get(from..).unwrap_or_default();
            if let Some(found) = rest.windows(wanted.len()).position(|bytes| bytes == wanted) {
                return Ok(from + found);
            }
            self.read_more()?;
        }
    }

    /// The next bytes after `at`, which moves behind them.
    fn take(&mut self, at: &mut usize, length: usize) -> io::Result<Vec<u8>> {
        loop {
            if let Some(bytes) = self.received.get(*at..*at + length) {
                *at += length;
                return Ok(bytes.to_owned());
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        let length = self.stream.read(&mut bytes)?;
        if length == 0 {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.received
            .extend_from_slice(bytes.get(..length).unwrap_or_default());
        Ok(())
    }
}

/// Asks on a connection of its own.
///
/// # Errors
/// As [`Connection::ask`], and if nobody listens.
pub fn ask(address: SocketAddr, request: &Request) -> io::Result<Answer> {
    Connection::open(address)?.ask(request)
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header that comes once.
    ///
    /// # Panics
    /// If it comes more often.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(
            values.next().is_none(),
            "{name} comes twice: {:?}",
            self.headers
        );
        value
    }

    /// The request id, which every answer has.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.header("x-request-id")
            .unwrap_or_else(|| panic!("an answer without a request id: {self:?}"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON, {error}: {text}"))
    }
}

fn parse_head(head: &str) -> io::Result<(u16, Vec<(String, String)>)> {
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status in {status_line:?}")))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok((status, headers.collect()))
}
