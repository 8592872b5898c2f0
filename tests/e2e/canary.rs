//! Secrets in every place that a client can reach: none comes out, and what is logged by design does.

use std::fs;

use obs_core::testing::Receiver;
use obs_tests::{
    http::{Answer, Request},
    logs, otlp, secret,
    service::{Ended, Service, Setup},
};
use serde_json::json;

use crate::planted::{self, Planted};

#[test]
fn no_secret_of_a_client_comes_out_anywhere() {
    let receiver = Receiver::start();
    // Everything that any library says is captured, and comes out everywhere.
    let service = Setup::new()
        .sends_to(&receiver)
        .var("LOG_LEVEL", "trace")
        .start();
    let recipe = service.get("/api/v1/recipes?limit=1").json()["data"][0]["id"].clone();
    let recipe = format!("/api/v1/recipes/{}", recipe.as_str().unwrap());

    let planted = planted::everywhere(&recipe);
    for Planted {
        place,
        request,
        status,
        ..
    } in &planted
    {
        let answer = service.ask(request);
        assert_eq!(answer.status, *status, "{place}: {answer:?}");
    }
    assert!(planted.len() > 100, "{}", planted.len());

    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    assert!(receiver.span_count() >= planted.len() && receiver.log_count() >= planted.len());
    let outputs = outputs(&ended, &receiver);
    assert!(outputs.len() >= 7, "two streams, two files, three signals");
    let found: Vec<String> = planted
        .iter()
        .flat_map(|planted| places_of(planted, &outputs))
        .collect();
    assert!(found.is_empty(), "secrets came out:\n{}", found.join("\n"));
}

#[test]
fn what_is_logged_by_design_is_there() {
    let receiver = Receiver::start();
    let service = Setup::new().sends_to(&receiver).start();
    let [id, agent, term, segment] = [(); 4].map(|()| secret::word());
    let search = format!("/api/v1/recipes?q={term}&limit=7");
    let searched = ask_as(&service, &search, &id, &agent);
    assert_eq!(searched.status, 200);
    let lost = ask_as(&service, &format!("/plain/{segment}"), &segment, &agent);
    assert_eq!(lost.status, 404);
    let ended = service.stop();

    let lines = ended.log_lines();
    let of_search = logs::with(&lines, "requestId", &id);
    let line = of_search
        .iter()
        .find(|line| line["level"] == "http")
        .unwrap();
    assert_eq!(line["path"], "/api/v1/recipes");
    assert_eq!(line["route"], "/api/v1/recipes");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["ip"], "127.0.0.1");
    assert_eq!(line["statusCode"], 200);
    let lost = logs::with(&lines, "requestId", &segment);
    assert!(
        lost.iter()
            .any(|line| line["path"] == format!("/plain/{segment}"))
    );

    let spans = otlp::Spans::of(&receiver);
    let span = otlp::attributes(&spans.of_request(&id).attributes);
    assert_eq!(span["url.query"], json!(format!("q={term}&limit=7")));
    assert_eq!(span["user_agent.original"], json!(agent));
    assert_eq!(span["client.address"], json!("127.0.0.1"));
    let path = &otlp::attributes(&spans.of_request(&segment).attributes)["url.path"];
    assert_eq!(*path, json!(format!("/plain/{segment}")));
    for shown in [&id, &agent, &segment] {
        assert!(receiver.raw_bytes_contain(shown), "{shown}");
    }
    assert!(ended.terminal().contains(&id), "on the terminal");
}

fn ask_as(service: &Service, target: &str, id: &str, agent: &str) -> Answer {
    let request = Request::get(target)
        .header("X-Request-ID", id)
        .header("User-Agent", agent);
    service.ask(&request)
}

/// Everything that came out: files, terminal, and whatever was sent, each with its name.
fn outputs(ended: &Ended, receiver: &Receiver) -> Vec<(String, String)> {
    let mut outputs = vec![
        ("stdout".to_owned(), ended.stdout.clone()),
        ("stderr".to_owned(), ended.stderr.clone()),
    ];
    for entry in fs::read_dir(ended.logs_folder()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().display().to_string();
        outputs.push((name, fs::read_to_string(entry.path()).unwrap()));
    }
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        let requests = receiver.requests();
        let sent: Vec<_> = requests.iter().filter(|sent| sent.path == path).collect();
        assert!(!sent.is_empty(), "nothing was sent to {path}");
        let text = sent.iter().map(|sent| {
            let body = String::from_utf8_lossy(&sent.body);
            format!("{:?}\n{body}\n", sent.headers)
        });
        outputs.push((path.to_owned(), text.collect()));
    }
    outputs
}

/// Where a secret came out.
fn places_of(planted: &Planted, outputs: &[(String, String)]) -> Vec<String> {
    let Planted { place, secret, .. } = planted;
    let mut found = Vec::new();
    for telltale in secret.telltales() {
        for (output, text) in outputs {
            if let Some((before, _)) = text.split_once(telltale) {
                let before = before.chars().rev().take(40).collect::<Vec<_>>();
                let around: String = before.into_iter().rev().collect();
                let around = around + telltale;
                found.push(format!("{place}: in {output}: …{around:?}…"));
            }
        }
    }
    found
}
