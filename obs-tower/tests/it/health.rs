//! Health endpoints: exact bodies, what each one depends on, and what checks may do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get as route_get;
use obs_tower::Check;

use crate::support::{Running, get, get_until, request};

const SOON: Duration = Duration::from_millis(5);

/// The body with its timestamp, checked for its form, replaced by `T`.
fn timeless(body: &str) -> String {
    let (before, rest) = body.split_once(r#""timestamp":""#).unwrap();
    let (timestamp, after) = rest.split_once('"').unwrap();
    let pattern: String = timestamp
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(pattern, "0000-00-00T00:00:00.000Z");
    format!(r#"{before}"timestamp":"T"{after}"#)
}

async fn passes() -> Result<(), String> {
    Ok(())
}

async fn fails() -> Result<(), String> {
    Err("password=hunter2 refused by db.internal".to_owned())
}

#[tokio::test]
async fn answers_with_the_documented_bodies() {
    let server = Running::start(Router::new(), |server| {
        server
            .health_at("/health")
            .check(Check::critical("database", passes))
            .check(Check::optional("redis", fails))
    })
    .await;
    let ready = get_until(server.address, "/health/ready", |answer| {
        answer.status == 200
    })
    .await;
    assert_eq!(
        timeless(&ready.body),
        r#"{"status":"ok","timestamp":"T","checks":{"database":"ok","redis":"degraded"}}"#
    );
    assert_eq!(ready.header("content-type"), Some("application/json"));
    assert_eq!(ready.header("cache-control"), Some("no-store"));
    let live = get(server.address, "/health/live").await;
    assert_eq!(
        timeless(&live.body),
        r#"{"status":"ok","timestamp":"T","uptime":0,"version":"1.2.3"}"#
    );
    let startup = get(server.address, "/health/startup").await;
    assert_eq!(
        timeless(&startup.body),
        r#"{"status":"started","timestamp":"T"}"#
    );
    let overall = get(server.address, "/health").await;
    assert_eq!(
        timeless(&overall.body),
        r#"{"status":"ok","timestamp":"T"}"#
    );
}

#[tokio::test]
async fn only_get_and_head_are_allowed() {
    let server = Running::start(Router::new(), |server| server.health_at("/health")).await;
    let head = request(server.address, "HEAD", "/health/live").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("x-request-id").map(str::len), Some(36));
    let post = request(server.address, "POST", "/health/live").await;
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[tokio::test]
async fn other_paths_belong_to_the_application() {
    let app = Router::new().fallback(async || "application");
    let server = Running::start(app, |server| server.health_at("/health")).await;
    for path in ["/health/", "/healthz", "/health/other", "/"] {
        assert_eq!(
            get(server.address, path).await.body,
            "application",
            "{path}"
        );
    }
}

#[tokio::test]
async fn without_a_mount_there_are_no_endpoints() {
    let server = Running::start(Router::new(), |server| server).await;
    assert_eq!(get(server.address, "/health").await.status, 404);
}

#[tokio::test]
async fn failing_critical_check_makes_unready_and_recovery_is_noticed() {
    let works = Arc::new(AtomicBool::new(true));
    let check = {
        let works = works.clone();
        Check::critical("database", move || {
            let works = works.load(Ordering::SeqCst);
            async move {
                if works {
                    Ok(())
                } else {
                    Err("password=hunter2 refused")
                }
            }
        })
    };
    let server = Running::start(Router::new(), |server| {
        server.health_at("/health").check(check.every(SOON))
    })
    .await;
    get_until(server.address, "/health/ready", |answer| {
        answer.status == 200
    })
    .await;

    works.store(false, Ordering::SeqCst);
    let unready = get_until(server.address, "/health/ready", |answer| {
        answer.status == 503
    })
    .await;
    assert_eq!(
        timeless(&unready.body),
        r#"{"status":"unhealthy","timestamp":"T","checks":{"database":"unhealthy"}}"#
    );
    assert_eq!(get(server.address, "/health").await.status, 503);
    assert_eq!(get(server.address, "/health/live").await.status, 200);
    assert_eq!(
        get(server.address, "/health/startup").await.status,
        200,
        "startup latches"
    );

    works.store(true, Ordering::SeqCst);
    get_until(server.address, "/health/ready", |answer| {
        answer.status == 200
    })
    .await;
}

#[tokio::test]
async fn startup_waits_for_critical_checks() {
    let works = Arc::new(AtomicBool::new(false));
    let check = {
        let works = works.clone();
        Check::critical("database", move || {
            let works = works.load(Ordering::SeqCst);
            async move { if works { Ok(()) } else { Err("not yet") } }
        })
    };
    let server = Running::start(Router::new(), |server| {
        server.health_at("/health").check(check.every(SOON))
    })
    .await;
    let starting = get(server.address, "/health/startup").await;
    assert_eq!(starting.status, 503);
    assert_eq!(
        timeless(&starting.body),
        r#"{"status":"starting","timestamp":"T"}"#
    );
    works.store(true, Ordering::SeqCst);
    get_until(server.address, "/health/startup", |answer| {
        answer.status == 200
    })
    .await;
}

#[tokio::test]
async fn check_that_panics_or_never_answers_fails_and_nothing_else() {
    let server = Running::start(
        Router::new().route("/", route_get(async || "up")),
        |server| {
            server
                .health_at("/health")
                .check(Check::optional("panics", || async {
                    panic!("on purpose") as Result<(), String>
                }))
                .check(
                    Check::optional("hangs", std::future::pending::<Result<(), String>>)
                        .timeout(SOON),
                )
                .check(Check::critical("works", passes))
        },
    )
    .await;
    let ready = get_until(server.address, "/health/ready", |answer| {
        answer.status == 200
    })
    .await;
    assert!(
        ready
            .body
            .ends_with(r#"{"panics":"degraded","hangs":"degraded","works":"ok"}}"#),
        "{}",
        ready.body
    );
    assert_eq!(get(server.address, "/").await.body, "up");
}

#[tokio::test]
async fn check_that_hung_is_asked_again() {
    let runs = Arc::new(AtomicUsize::new(0));
    let check = Check::critical("hangs once", move || {
        let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            Ok::<_, String>(())
        }
    });
    let server = Running::start(Router::new(), |server| {
        server
            .health_at("/health")
            .check(check.every(SOON).timeout(SOON))
    })
    .await;
    get_until(server.address, "/health/ready", |answer| {
        answer.status == 200
    })
    .await;
}

#[tokio::test]
async fn check_that_blocks_its_thread_is_timed_out_and_not_started_twice() {
    let (runs, gate) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(std::sync::Barrier::new(2)),
    );
    let check = {
        let (runs, gate) = (runs.clone(), gate.clone());
        Check::critical("blocks", move || {
            let (runs, gate) = (runs.clone(), gate.clone());
            async move {
                if runs.fetch_add(1, Ordering::SeqCst) == 1 {
                    gate.wait();
                }
                Ok::<_, String>(())
            }
        })
    };
    let server = Running::start(Router::new(), |server| {
        server
            .health_at("/health")
            .check(check.every(SOON).timeout(SOON))
    })
    .await;
    get_until(server.address, "/health/ready", |answer| {
        answer.status == 503 && runs.load(Ordering::SeqCst) == 2
    })
    .await;
    gate.wait();
    get_until(server.address, "/health/ready", |answer| {
        answer.status == 200
    })
    .await;
}

#[tokio::test]
async fn changes_are_logged_once_and_probes_are_not_observed() {
    let t = obs_core::testing::pipeline();
    let works = Arc::new(AtomicBool::new(false));
    let runs = Arc::new(AtomicUsize::new(0));
    let check = {
        let (works, runs) = (works.clone(), runs.clone());
        Check::critical("database", move || {
            runs.fetch_add(1, Ordering::SeqCst);
            let works = works.load(Ordering::SeqCst);
            async move {
                if works {
                    Ok(())
                } else {
                    Err("password=hunter2 refused")
                }
            }
        })
    };
    let app = Router::new().layer(obs_tower::observe(t.telemetry()));
    // While there is one subscriber, `tracing` asks that of the current thread about a new callsite,
    // and tests on other threads have none: their answer would be cached for this one.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    // All tasks of this test run on this thread.
    let _captured = tracing::dispatcher::set_default(t.dispatch());
    let server = Running::start(app, |server| {
        server.health_at("/health").check(check.every(SOON))
    })
    .await;
    while runs.load(Ordering::SeqCst) < 3 {
        assert_eq!(get(server.address, "/health").await.status, 503);
    }
    works.store(true, Ordering::SeqCst);
    get_until(server.address, "/health", |answer| answer.status == 200).await;
    assert_eq!(server.stop().exit_code().await, 0);

    let logs = t.logs();
    let warning = logs.target("obs::health").one("health check failed");
    warning.has("check", "database").has("critical", true);
    logs.target("obs::health")
        .one("health check passes again")
        .has("check", "database");
    assert!(
        logs.level("http").is_empty(),
        "probes are not in the access log"
    );
    assert!(t.spans().is_empty(), "probes are not traced");
    t.assert_absent("hunter2");
}
