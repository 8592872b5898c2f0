//! Asks an HTTP proxy for a tunnel to a server.
//!
//! # Source
//! RFC 9110, section 9.3.6 "CONNECT".

use std::io;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why there is no tunnel.
#[derive(Debug)]
pub(super) enum TunnelError {
    /// The proxy says so.
    Refused(StatusCode),
    /// What the proxy answers is not HTTP.
    NotHttp,
    /// The connection to the proxy broke.
    Broken(io::Error),
}

/// Asks the proxy at the other end of `stream` for a tunnel to `authority`, a host and a port.
pub(super) async fn open<S>(
    stream: &mut S,
    authority: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream
        .write_all(&request)
        .await
        .map_err(TunnelError::Broken)?;
    stream.flush().await.map_err(TunnelError::Broken)?;
    let head = read_head(stream).await?;
    match status(&head).ok_or(TunnelError::NotHttp)? {
        status if status.is_success() => Ok(()),
        status => Err(TunnelError::Refused(status)),
    }
}

/// Reads up to the empty line. Byte by byte: what follows belongs to the server, and a head is short.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, TunnelError> {
    let mut head = Vec::with_capacity(128);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD || head.first().is_some_and(|first| *first != b'H') {
            return Err(TunnelError::NotHttp);
        }
        head.push(stream.read_u8().await.map_err(TunnelError::Broken)?);
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<StatusCode> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    match rest {
        [b'0' | b'1', b' ', code @ ..] => StatusCode::from_bytes(code.get(..3)?).ok(),
        _ => None,
    }
}

const MAX_HEAD: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(answer: &[u8]) -> (Result<(), TunnelError>, String, Vec<u8>) {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(answer).await.unwrap();
        let mut authorization = HeaderValue::from_static("Basic dTpw");
        authorization.set_sensitive(true);
        let result = open(&mut near, "[::1]:4318", Some(&authorization)).await;
        let mut asked = vec![0; 1024];
        let len = far.read(&mut asked).await.unwrap();
        drop(far);
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await.unwrap();
        (
            result,
            String::from_utf8_lossy(&asked[..len]).into_owned(),
            rest,
        )
    }

    #[tokio::test]
    async fn a_tunnel_is_asked_for_and_its_bytes_are_left_alone() {
        let (result, asked, rest) =
            ask(b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\nhello").await;
        assert!(result.is_ok(), "{result:?}");
        let expected = "CONNECT [::1]:4318 HTTP/1.1\r\nHost: [::1]:4318\r\n\
                        Proxy-Authorization: Basic dTpw\r\n\r\n";
        assert_eq!(asked, expected);
        assert_eq!(rest, b"hello");
        assert!(ask(b"HTTP/1.0 204 \r\n\r\n").await.0.is_ok());
    }

    #[tokio::test]
    async fn anything_else_is_no_tunnel() {
        for (answer, expected) in [
            (&b"HTTP/1.1 407 x\r\n\r\n"[..], "Refused(407)"),
            (b"HTTP/1.1 503 \r\n\r\n", "Refused(503)"),
            (b"HTTP/1.1 2x0 OK\r\n\r\n", "NotHttp"),
            (b"HTTP/2.0 200 OK\r\n\r\n", "NotHttp"),
            (b"\x15\x03\x01", "NotHttp"),
            (&[b'H'; MAX_HEAD + 1], "NotHttp"),
        ] {
            let (result, ..) = ask(answer).await;
            assert_eq!(format!("{:?}", result.unwrap_err()), expected);
        }
    }
}
