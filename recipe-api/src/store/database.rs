//! The connections to the database.

use std::{fs, path::Path, time::Duration};

use sqlx::{
    ConnectOptions, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{StoreError, migrations, statement};

/// The recipes; cheap to clone.
///
/// Writes go through one connection, since SQLite has one writer at a time and a queue of ours is
/// fairer than its waiting. Readers never wait for the writer.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the database in this folder; creates both when missing and brings the tables up to
    /// date.
    ///
    /// # Errors
    /// [`StoreError`] if the folder cannot be written or the database cannot be used.
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(data_dir).map_err(|source| StoreError::Folder {
            path: data_dir.to_owned(),
            source,
        })?;
        let path = data_dir.join(FILE_NAME);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            // Statements are recorded by `statement`, once.
            .disable_statement_logging();
        let failed = |source| StoreError::Open {
            path: path.clone(),
            source,
        };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        migrations::apply(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(MAX_READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true))
            .await
            .map_err(failed)?;
        Ok(Self { writer, readers })
    }

    /// Asks the database for an answer, to see whether it is there.
    ///
    /// # Errors
    /// [`StoreError`] if it does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let query = sqlx::query("SELECT 1").execute(&self.readers);
        statement::run_unrecorded("SELECT", query).await.map(drop)
    }

    /// Closes all connections once the statements under way are done.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A view of the database that does not change while its statements run.
    pub(super) async fn read(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        statement::run_unrecorded("BEGIN", self.readers.begin()).await
    }

    /// The one transaction that may write.
    ///
    /// `IMMEDIATE`, because SQLite refuses at once, without the busy timeout, when a transaction
    /// that began with reading wants to write after somebody else did.
    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let begin = self.writer.begin_with("BEGIN IMMEDIATE");
        statement::run_unrecorded("BEGIN", begin).await
    }
}

const FILE_NAME: &str = "recipes.db";

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request waits for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

const MAX_READERS: u32 = 8;
