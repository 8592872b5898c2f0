//! A folder of its own for each test, removed afterwards.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// An empty folder; dropping it removes it, unless the test is failing.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes a folder that no other test has.
    #[must_use]
    pub fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("obs-e2e-{}-{count}", process::id()));
        // What is left of an earlier process with the same id.
        let _absent = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it, as text.
    #[must_use]
    pub fn join(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !thread::panicking() {
            // A folder that stays is a nuisance, not a failure.
            let _left_behind = fs::remove_dir_all(&self.path);
        }
    }
}
