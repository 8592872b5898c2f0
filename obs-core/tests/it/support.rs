//! A pipeline that writes to a folder of its own, and what it wrote.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use obs_core::Telemetry;
use obs_core::config::Env;
use serde_json::Value;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// A folder that is removed at the end of the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!(
            "obs-core-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        Self(std::env::temp_dir().join(unique))
    }

    /// The text of all files whose name begins with this.
    pub(crate) fn text(&self, prefix: &str) -> String {
        let mut paths: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.retain(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
        });
        paths.sort();
        paths
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _missing = std::fs::remove_dir_all(&self.0);
    }
}

/// A pipeline with files only.
pub(crate) struct Files {
    pub(crate) folder: Folder,
    telemetry: Telemetry,
    dispatch: Dispatch,
}

impl Files {
    pub(crate) fn with(vars: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let own = [
            ("LOG_FILE_PATH", folder.0.to_str().unwrap()),
            ("LOG_FORMAT", "off"),
        ];
        let env = Env::from_pairs(own.into_iter().chain(vars.iter().copied()));
        let (telemetry, layer) = obs_core::builder("shop")
            .version("1.2.3")
            .env(env)
            .quiet()
            .build()
            .unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        Self {
            folder,
            telemetry,
            dispatch,
        }
    }

    pub(crate) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// The lines of the combined file so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert!(self.telemetry.flush(Duration::from_secs(30)));
        let text = self.folder.text("combined");
        text.lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    pub(crate) fn line(&self) -> Value {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines.into_iter().next().unwrap()
    }
}
