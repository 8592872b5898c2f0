//! `seed`: a folder of Markdown recipes goes into the database.

use std::{error::Error, fmt::Write, path::Path};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use obs_core::config::Env;
use tracing::Instrument;

use crate::{
    config::Config,
    import::{
        ImportError,
        folder::{self, RecipeFile},
    },
    store::{ImportCounts, ImportedRecipe, Store, StoreError},
    telemetry,
};

use super::{run::Failure, terminal};

/// Reads every recipe of a folder and says what became of each file that is none.
///
/// Reading the same folder again updates its recipes.
pub(super) async fn seed(folder: &Path) -> Result<(), Failure> {
    let config = Config::from_env(&Env::process())?;
    if !folder.is_dir() {
        return Err(Failure::usage(format!(
            "--from {}: expected a folder that exists",
            folder.display()
        )));
    }
    let files = folder::find(folder)
        .map_err(|error| Failure::usage(format!("--from cannot be searched: {error}")))?;
    if files.is_empty() {
        return Err(Failure::work(format!(
            "--from {}: expected a folder with recipes (*.md)",
            folder.display()
        )));
    }
    let _telemetry = telemetry::for_command(&config)?;
    let store = Store::open(&config.data_dir).await?;
    let summary = load(&store, &files).await;
    store.close().await;
    let summary = summary?;
    terminal::print(&summary.to_text());
    if summary.counts == ImportCounts::default() {
        return Err(Failure::said());
    }
    Ok(())
}

struct Summary<'a> {
    counts: ImportCounts,
    unread: Vec<(&'a RecipeFile, ImportError)>,
}

impl Summary<'_> {
    fn to_text(&self) -> String {
        let ImportCounts { loaded, updated } = self.counts;
        let unread = self.unread.len();
        let mut text = format!("{loaded} loaded, {updated} updated, {unread} not read");
        for (file, error) in &self.unread {
            let path = file.path.to_string_lossy();
            let path = path.escape_debug();
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {path}: {error}");
            if let Some(cause) = error.source() {
                let _ = write!(text, ": {cause}");
            }
        }
        text
    }
}

async fn load<'a>(store: &Store, files: &'a [RecipeFile]) -> Result<Summary<'a>, StoreError> {
    let mut summary = Summary {
        counts: ImportCounts::default(),
        unread: Vec::new(),
    };
    let progress = progress_bar(files.len());
    for chunk in files.chunks(RECIPES_PER_TRANSACTION) {
        let mut recipes: Vec<ImportedRecipe> = Vec::with_capacity(chunk.len());
        for file in chunk {
            match file.read() {
                Ok(recipe) => recipes.push((file.key.clone(), recipe)),
                Err(error) => summary.unread.push((file, error)),
            }
            progress.inc(1);
        }
        let import = tracing::info_span!("import recipes", count = recipes.len());
        let counts = store.import(&recipes).instrument(import).await?;
        summary.counts.loaded += counts.loaded;
        summary.counts.updated += counts.updated;
    }
    progress.finish_and_clear();
    Ok(summary)
}

/// On the standard error, and only if that is a terminal.
fn progress_bar(files: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} files, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Large enough that the disk does not set the pace, small enough that others get to write.
const RECIPES_PER_TRANSACTION: usize = 100;
