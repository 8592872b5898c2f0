//! A fault of the service itself: the client learns nothing of it, and whoever is on call all.

use obs_core::testing::Receiver;
use obs_tests::{logs, service::Setup};
use sqlx::{Connection as _, SqliteConnection};

#[test]
fn a_server_error_is_told_in_every_signal_and_to_no_client() {
    let receiver = Receiver::start();
    let setup = Setup::new().sends_to(&receiver);
    let database = setup.folder().join("data/recipes.db");
    let service = setup.start();
    lose_a_table(&database);

    let answer = service.get("/api/v1/recipes");
    assert_eq!(answer.status, 500);
    let problem = answer.json();
    assert_eq!(problem["error"]["code"], "INTERNAL");
    assert!(!problem.to_string().contains("no such table"), "{problem}");
    let id = answer.request_id().to_owned();
    assert_eq!(problem["requestId"], id.as_str());
    let ended = service.stop();

    let errors = logs::errors(&ended.logs_folder());
    let line = errors
        .iter()
        .find(|line| line["requestId"] == id.as_str())
        .unwrap();
    assert_eq!(line["level"], "error");
    assert_eq!(
        line["error"]
            .as_str()
            .unwrap()
            .matches("no such table")
            .count(),
        1,
        "{line}"
    );
    assert_eq!(line["traceId"], problem["traceId"]);

    let spans = receiver.spans();
    let server = spans
        .iter()
        .find(|span| span.attribute("request.id").as_deref() == Some(&id))
        .unwrap();
    assert_eq!(server.status.as_ref().unwrap().code, 2);
    assert_eq!(server.attribute("error.type").as_deref(), Some("500"));
    let statement = spans
        .iter()
        .filter(|span| span.kind == 3 && span.trace_id == server.trace_id)
        .find(|span| span.status.as_ref().is_some_and(|status| status.code == 2))
        .unwrap();
    assert!(statement.attribute("error.type").is_some());
    let logs = receiver.logs();
    let log = logs
        .iter()
        .find(|log| {
            log.severity_text == "ERROR" && log.attribute("request.id").as_deref() == Some(&id)
        })
        .unwrap();
    assert_eq!(log.trace_id, server.trace_id);
}

fn lose_a_table(database: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&format!("sqlite://{database}"))
            .await
            .unwrap();
        sqlx::query("ALTER TABLE recipe_steps RENAME TO lost")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}
