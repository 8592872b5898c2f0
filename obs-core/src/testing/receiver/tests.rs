//! The receiver misbehaves as it is told, and keeps its port while it does.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;

use super::{Payload, Receiver, Reply};

/// A connection that sends log records with ids.
struct Client(TcpStream);

impl Client {
    fn connect(receiver: &Receiver) -> io::Result<Self> {
        let stream = TcpStream::connect(receiver.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self(stream))
    }

    fn send(&mut self, ids: &[i64]) -> io::Result<()> {
        let body = export(ids);
        let head = format!(
            "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.write_all(head.as_bytes())?;
        self.0.write_all(&body)
    }

    /// What comes until the connection ends.
    fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.0.read_to_end(&mut all)?;
        Ok(all)
    }

    fn status_line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while byte != *b"\r" {
            self.0.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim().to_owned()
    }
}

fn export(ids: &[i64]) -> Vec<u8> {
    let record = |id: &i64| LogRecord {
        attributes: vec![KeyValue {
            key: "id".to_owned(),
            value: Some(AnyValue {
                value: Some(Value::IntValue(*id)),
            }),
            ..KeyValue::default()
        }],
        ..LogRecord::default()
    };
    let scope = ScopeLogs {
        log_records: ids.iter().map(record).collect(),
        ..ScopeLogs::default()
    };
    let resource = ResourceLogs {
        scope_logs: vec![scope],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![resource],
    }
    .encode_to_vec()
}

#[test]
fn a_port_that_refuses_is_nobody_elses_and_listens_again() {
    let receiver = Receiver::start();
    let mut open = Client::connect(&receiver).unwrap();
    receiver.wait_until(|receiver| receiver.connections() == 1);
    for _ in 0..3 {
        receiver.refuse();
        // Whatever was left of an answer, and the end.
        open.rest().unwrap();
        let refused = Client::connect(&receiver).err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::ConnectionRefused));
        let taken = TcpListener::bind(receiver.address()).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        receiver.listen();
        open = Client::connect(&receiver).unwrap();
        open.send(&[1]).unwrap();
        assert_eq!(open.status_line(), "HTTP/1.1 200 OK");
    }
    assert_eq!(receiver.log_batches("id"), [[1], [1], [1]]);
}

#[test]
fn what_is_sent_to_a_stalled_receiver_is_read_later() {
    let receiver = Receiver::start();
    receiver.stall();
    let mut client = Client::connect(&receiver).unwrap();
    client.send(&[1]).unwrap();
    assert_eq!((receiver.connections(), receiver.requests().len()), (0, 0));
    receiver.listen();
    assert_eq!(client.status_line(), "HTTP/1.1 200 OK");
    assert_eq!(receiver.log_batches("id"), [[1]]);
}

#[test]
fn what_was_looked_at_can_be_forgotten_and_what_has_no_answer_stays() {
    let receiver = Receiver::start();
    let mut answered = Client::connect(&receiver).unwrap();
    answered.send(&[1]).unwrap();
    assert_eq!(answered.status_line(), "HTTP/1.1 200 OK");
    receiver.hold();
    let mut waiting = Client::connect(&receiver).unwrap();
    waiting.send(&[2]).unwrap();
    receiver.wait_until(|receiver| receiver.requests().len() == 2);
    let settled = receiver.take_settled();
    assert!(settled.len() == 1 && settled[0].is_taken());
    assert_eq!(receiver.log_count(), 0, "nothing that is kept was taken");
    receiver.release();
    assert_eq!(waiting.status_line(), "HTTP/1.1 200 OK");
    assert_eq!(receiver.log_batches("id"), [[2]]);
}

#[test]
fn answers_can_take_their_time() {
    let receiver = Receiver::start();
    let delay = Duration::from_millis(30);
    receiver.answer_after(delay);
    let mut client = Client::connect(&receiver).unwrap();
    let begin = std::time::Instant::now();
    client.send(&[1]).unwrap();
    assert_eq!(client.status_line(), "HTTP/1.1 200 OK");
    assert!(begin.elapsed() >= delay);
}

#[test]
fn a_reset_may_come_after_the_request_was_taken_or_before() {
    let receiver = Receiver::start();
    for (reply, taken) in [(Reply::ResetUntaken, 0), (Reply::ResetTaken, 1)] {
        receiver.reply_next(reply);
        let mut client = Client::connect(&receiver).unwrap();
        client.send(&[1]).unwrap();
        assert_eq!(
            client.rest().unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(receiver.log_count(), taken);
    }
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.status().is_none()));
}

#[test]
fn a_connection_may_end_without_an_answer_or_with_something_else() {
    let receiver = Receiver::start();
    for (reply, expected) in [
        (Reply::Close, ""),
        (Reply::Raw(b"SSH-2.0".into()), "SSH-2.0"),
    ] {
        receiver.reply_next(reply);
        let mut client = Client::connect(&receiver).unwrap();
        client.send(&[1]).unwrap();
        assert_eq!(client.rest().unwrap(), expected.as_bytes());
    }
    assert_eq!(receiver.log_count(), 0);
}

#[test]
fn a_rule_looks_at_what_was_sent() {
    let receiver = Receiver::start();
    receiver.reply_when(|request| {
        let Payload::Logs(logs) = request.payload() else {
            return None;
        };
        let records = logs.resource_logs[0].scope_logs[0].log_records.len();
        (records > 1).then(|| Reply::status(413))
    });
    let mut client = Client::connect(&receiver).unwrap();
    for (ids, status) in [(&[1, 2][..], 413), (&[1], 200), (&[2], 200)] {
        client.send(ids).unwrap();
        receiver.wait_until(|receiver| {
            receiver.requests().last().and_then(|last| last.status()) == Some(status)
        });
    }
    receiver.answer_all(200);
    client.send(&[3, 4]).unwrap();
    receiver.wait_until(|receiver| receiver.log_count() == 4);
    assert_eq!(receiver.log_batches("id"), [&[1][..], &[2], &[3, 4]]);
}
