//! Why the store could not do its work.

use std::{io, path::PathBuf};

use thiserror::Error;

/// A failure of the database or of what it holds.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder of the database cannot be made.
    #[error("cannot create the data folder {path:?}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The database file cannot be opened.
    #[error("cannot open the database {path:?}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the driver says.
        source: sqlx::Error,
    },
    /// The tables could not be brought up to date.
    #[error("cannot bring the tables of the database up to date")]
    Migrate(#[source] Box<sqlx::migrate::MigrateError>),
    /// A statement failed.
    #[error("statement {operation} {collection} failed")]
    Statement {
        /// What it does, such as `SELECT`.
        operation: &'static str,
        /// The table it is for.
        collection: &'static str,
        /// What the driver says.
        source: sqlx::Error,
    },
    /// A row holds what no version of this program writes.
    #[error("invalid {what} in the database")]
    Corrupt {
        /// The name of the value.
        what: &'static str,
    },
}

impl StoreError {
    /// The database is busy or closing: the same request may succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        let Self::Statement { source, .. } = self else {
            return false;
        };
        match source {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            // SQLITE_BUSY; extended codes hold it in their low byte.
            sqlx::Error::Database(error) => error
                .code()
                .and_then(|code| code.parse::<u32>().ok())
                .is_some_and(|code| code & 0xff == 5),
            _ => false,
        }
    }
}
