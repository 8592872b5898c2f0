//! The answers to probes.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};

use super::monitor::Health;
use super::timestamp;

/// What a probe is answered.
pub(crate) type Answer = Response<Bytes>;

/// The health endpoints under one path.
#[derive(Debug)]
pub(crate) struct Endpoints {
    mount: String,
    version: String,
    health: Arc<Health>,
}

impl Endpoints {
    /// Endpoints under a path such as `/health`.
    pub(crate) fn new(mount: &str, version: &str, health: Arc<Health>) -> Self {
        Self {
            mount: mount.trim_end_matches('/').to_owned(),
            version: version.to_owned(),
            health,
        }
    }

    /// The answer, if the path is one of the endpoints.
    pub(crate) fn answer(&self, method: &Method, path: &str) -> Option<Answer> {
        let probe: fn(&Self) -> Answer = match path.strip_prefix(self.mount.as_str())? {
            "" => Self::overall,
            "/live" => Self::live,
            "/ready" => Self::ready,
            "/startup" => Self::startup,
            _ => return None,
        };
        if method == Method::GET || method == Method::HEAD {
            return Some(probe(self));
        }
        let mut answer = answer(StatusCode::METHOD_NOT_ALLOWED, String::new());
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        Some(answer)
    }

    fn live(&self) -> Answer {
        let mut body = opening("ok");
        // Writing to a string cannot fail.
        let _always = write!(
            body,
            r#","uptime":{},"version":"#,
            self.health.uptime().as_secs()
        );
        push_string(&mut body, &self.version);
        body.push('}');
        answer(StatusCode::OK, body)
    }

    fn overall(&self) -> Answer {
        let (status, word) = self.readiness();
        answer(status, opening(word) + "}")
    }

    fn ready(&self) -> Answer {
        let (status, word) = self.readiness();
        let mut body = opening(word);
        body.push_str(r#","checks":{"#);
        for (index, (name, verdict)) in self.health.verdicts().enumerate() {
            if index > 0 {
                body.push(',');
            }
            push_string(&mut body, name);
            body.push(':');
            push_string(&mut body, verdict);
        }
        body.push_str("}}");
        answer(status, body)
    }

    fn startup(&self) -> Answer {
        let (status, word) = if self.health.is_started() {
            (StatusCode::OK, "started")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "starting")
        };
        answer(status, opening(word) + "}")
    }

    fn readiness(&self) -> (StatusCode, &'static str) {
        if self.health.is_ready() {
            (StatusCode::OK, "ok")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
        }
    }
}

fn opening(status: &str) -> String {
    format!(
        r#"{{"status":"{status}","timestamp":"{}""#,
        timestamp::now()
    )
}

fn answer(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Appends a JSON string; names and versions come from the program, so this need not be fast.
fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                let _always = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let mut out = String::new();
        push_string(&mut out, "a\"b\\c\n");
        assert_eq!(out, r#""a\"b\\c\u000a""#);
    }

    #[test]
    fn only_exact_paths_are_answered() {
        let endpoints = Endpoints::new("/health/", "1.0.0", Arc::new(Health::new(Vec::new())));
        let check = |path, known: bool| {
            assert_eq!(
                endpoints.answer(&Method::GET, path).is_some(),
                known,
                "{path}"
            );
        };
        check("/health", true);
        check("/health/live", true);
        check("/health/ready", true);
        check("/health/startup", true);
        check("/health/", false);
        check("/healthy", false);
        check("/health/ready/x", false);
        check("/api/health", false);
    }
}
