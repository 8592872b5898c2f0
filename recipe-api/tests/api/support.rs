//! A running service on a free port, and a small client for it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use obs_core::{Telemetry, config::Env};
use obs_tower::Server;
use recipe_api::{
    app::App, config::Config, domain::RecipeContent, import::parse_recipe, store::Store,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tracing_subscriber::{Layer, Registry};

/// A folder that is gone at the end of the test.
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("recipe-api-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A service on a free port with a database of its own.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
    _folder: TempFolder,
}

impl TestApp {
    /// With the demo recipes.
    pub(crate) async fn with_demo() -> Self {
        Self::spawn(TempFolder::new()).await
    }

    /// With these recipes and no others.
    pub(crate) async fn with_recipes(recipes: &[(String, RecipeContent)]) -> Self {
        let folder = TempFolder::new();
        let store = Store::open(folder.path()).await.unwrap();
        store.import(recipes).await.unwrap();
        store.close().await;
        Self::spawn(folder).await
    }

    async fn spawn(folder: TempFolder) -> Self {
        let config = Config {
            port: 0,
            host: [127, 0, 0, 1].into(),
            data_dir: folder.path().to_owned(),
        };
        let telemetry = telemetry();
        let app = App::build(&config, &telemetry.handle()).await.unwrap();
        let address = app.address();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            let server = Server::new(telemetry).shutdown_on(shutdown);
            assert_eq!(app.run(server).await, ExitCode::SUCCESS);
        });
        Self {
            address,
            stop: Some(stop),
            running,
            _folder: folder,
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    /// Sends a request as it is and reads the answer to its end.
    pub(crate) async fn send(&self, request: &str) -> Answer {
        send(self.address, request).await
    }

    /// Stops the service and waits for its end.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        (&mut self.running).await.unwrap();
    }
}

/// A pipeline without outputs, and the layer that captures into it.
pub(crate) fn capture() -> (Telemetry, impl Layer<Registry>) {
    let env = Env::from_pairs([("LOG_FORMAT", "off"), ("LOG_FILE_PATH", "off")]);
    obs_core::builder("recipe-api").env(env).build().unwrap()
}

/// A pipeline without outputs, for this service alone.
pub(crate) fn telemetry() -> Telemetry {
    capture().0
}

/// Sends a request as it is and reads the answer to its end.
pub(crate) async fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    Answer {
        status: status.parse().unwrap(),
        headers: lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect(),
        body: body.to_owned(),
    }
}

/// What the service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The titles of a list in order.
    pub(crate) fn titles(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.body);
        let list = self.json();
        let data = list["data"].as_array().unwrap();
        data.iter()
            .map(|recipe| recipe["title"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Checks that this is a problem body of this code, and gives its details.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let body = self.json();
        assert_eq!(body["status"], status);
        assert_eq!(body["error"]["code"], code);
        let request_id = body["requestId"].as_str().unwrap();
        assert_eq!(body["instance"], format!("urn:request:{request_id}"));
        assert_eq!(body["traceId"].as_str().unwrap().len(), 32);
        body["error"]["details"].clone()
    }
}

/// A recipe of this title with one ingredient, one step, and tags.
pub(crate) fn recipe(title: &str, ingredient: &str, tags: &str) -> (String, RecipeContent) {
    let text = format!(
        "---\ntitle: {title:?}\ntags: [{tags}]\n---\n\n## Ingredients\n\n- {ingredient}\n\n\
         ## Directions\n\n1. Cook it.\n"
    );
    (title.to_owned(), parse_recipe(&text).unwrap())
}
