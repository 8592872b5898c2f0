//! What arrives of a body, and whether a failed request may have arrived.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::io::AsyncReadExt;

use super::servers::{
    Requests, collector, failed, finish, listen, payload, read_head, read_request, target,
    transport,
};
use crate::export::Signal;
use crate::export::tests::support::read;
use crate::export::transport::{Answer, Payload, Transport};
use crate::testing::Receiver;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

async fn send(address: SocketAddr, timeout: &str, payload: Payload) -> Answer {
    let url = format!("http://{address}");
    let target = target(&[(ENDPOINT, &url), ("OTEL_EXPORTER_OTLP_TIMEOUT", timeout)]);
    transport(&target).post(&target, payload).await
}

#[tokio::test]
async fn many_parts_arrive_as_one_body_of_known_length() {
    let parts: Vec<Bytes> = (0..5_000_u32)
        .map(|index| vec![index as u8; index as usize % 997].into())
        .chain([vec![7; 1_000_000].into()])
        .collect();
    let whole = parts.concat();
    let requests = Requests::default();
    let answer = send(collector(&requests).await, "30000", Payload::new(parts)).await;
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    let request = requests.one();
    let length = format!("content-length: {}", whole.len());
    assert!(
        request.head.lines().any(|line| line == length),
        "{}",
        request.head
    );
    assert!(
        !request.head.contains("transfer-encoding"),
        "{}",
        request.head
    );
    assert!(request.body == whole);
}

#[tokio::test]
async fn silence_after_the_body_may_mean_that_it_arrived() {
    let hanging = listen(|mut stream| async move {
        read_request(&mut stream).await;
        drop(stream.read_to_end(&mut Vec::new()).await);
    });
    let failure = failed(send(hanging.await, "1000", payload("x")).await);
    assert_eq!(failure.cause, "no answer within 1s");
    assert!(failure.may_have_arrived);
}

#[tokio::test]
async fn a_reset_after_the_body_may_mean_that_it_arrived() {
    let resetting = listen(|mut stream| async move {
        read_request(&mut stream).await;
        // Closing is a reset then.
        stream.set_zero_linger().unwrap();
    });
    let failure = failed(send(resetting.await, "30000", payload("x")).await);
    assert!(failure.cause.contains("reset"), "{failure:?}");
    assert!(failure.may_have_arrived);
}

#[tokio::test]
async fn targets_with_equal_settings_share_connections() {
    let receiver = Receiver::start();
    let url = receiver.endpoint();
    let other = ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "7000");
    let (settings, problems) = read(&[(ENDPOINT, &url), other]);
    assert_eq!(problems, []);
    let targets = settings.into_targets();
    let (transports, problems) = Transport::for_targets(targets.iter());
    assert_eq!((transports.len(), problems), (3, Vec::new()));
    let mut connections = Vec::new();
    for (target, transport) in targets.iter().zip(&transports) {
        let answer = transport.post(target, Payload::new(Vec::new())).await;
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        connections.push((target.signal, receiver.connections()));
        // The tasks of this thread: one puts the connection back.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    let expected = [(Signal::Traces, 1), (Signal::Metrics, 2), (Signal::Logs, 2)];
    assert_eq!(connections, expected);
}

/// More than the buffers of both ends can hold.
fn large() -> Payload {
    Payload::new(vec![Bytes::from(vec![0; 64 * 1024 * 1024])])
}

#[tokio::test]
async fn a_body_that_was_not_read_has_not_arrived() {
    let closing = listen(|mut stream| async move {
        read_head(&mut stream).await;
    });
    let failure = failed(send(closing.await, "30000", large()).await);
    assert!(!failure.may_have_arrived, "{failure:?}");
    let hanging = listen(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    });
    let failure = failed(send(hanging.await, "1000", large()).await);
    assert_eq!(failure.cause, "the request was not read within 1s");
    assert!(!failure.may_have_arrived);
}

#[tokio::test]
async fn a_success_that_comes_before_the_body_was_sent_is_none() {
    let hasty = listen(|mut stream| async move {
        read_head(&mut stream).await;
        finish(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    });
    let failure = failed(send(hasty.await, "30000", large()).await);
    assert!(!failure.may_have_arrived, "{failure:?}");
}

async fn answer(bytes: &'static [u8]) -> Answer {
    let address = listen(move |mut stream| async move {
        read_request(&mut stream).await;
        finish(&mut stream, bytes).await;
    });
    send(address.await, "30000", payload("x")).await
}

#[tokio::test]
async fn answers_are_read_as_otlp_has_them() {
    let taken = answer(b"HTTP/1.1 200 OK\r\n\r\n\x0a\x07\x08\x03\x12\x03old").await;
    let Answer::Taken {
        rejected,
        message,
        is_suspect,
    } = taken
    else {
        panic!("{taken:?}")
    };
    assert_eq!((rejected, message.as_str(), is_suspect), (3, "old", false));
    let suspect = answer(b"HTTP/1.1 200 OK\r\n\r\n\x0a\x00").await;
    assert!(
        matches!(
            suspect,
            Answer::Taken {
                rejected: 0,
                is_suspect: true,
                ..
            }
        ),
        "{suspect:?}"
    );
    for sound in [
        &b"HTTP/1.1 204 \r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\n\r\n{\"partialSuccess\":null}",
    ] {
        let taken = answer(sound).await;
        assert!(
            matches!(
                taken,
                Answer::Taken {
                    rejected: 0,
                    is_suspect: false,
                    ..
                }
            ),
            "{taken:?}"
        );
    }
}

#[tokio::test]
async fn other_answers_keep_their_status_and_what_they_say() {
    let page = answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>").await;
    let Answer::Status {
        status, message, ..
    } = page
    else {
        panic!("{page:?}")
    };
    assert_eq!((status.as_u16(), message.as_str()), (200, "a web page"));
    let busy = answer(b"HTTP/1.1 429 x\r\nRetry-After: 7\r\nContent-Type: application/x-protobuf\r\n\r\n\x08\x08\x12\x04wait").await;
    let Answer::Status {
        status,
        message,
        retry_after,
    } = busy
    else {
        panic!("{busy:?}")
    };
    assert_eq!((status.as_u16(), message.as_str()), (429, "wait"));
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    let text = answer(b"HTTP/1.1 500 x\r\n\r\nout of memory").await;
    let Answer::Status { message, .. } = text else {
        panic!("{text:?}")
    };
    assert_eq!(message, "out of memory");
}
