//! The tables of the database, version by version.

use sqlx::{
    SqlSafeStr, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
};

use super::StoreError;

/// Applies the migrations that the database has not seen yet.
pub(super) async fn apply(pool: &SqlitePool) -> Result<(), StoreError> {
    let migrations = SQLITE
        .into_iter()
        .map(|(version, name, sql)| {
            let kind = MigrationType::Simple;
            Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
        })
        .collect();
    Migrator::with_migrations(migrations)
        .run(pool)
        .await
        .map_err(|error| StoreError::Migrate(Box::new(error)))
}

/// Version, name and text. Published ones never change, new ones follow.
const SQLITE: [(i64, &str, &str); 1] = [(
    1,
    "recipes",
    include_str!("../../migrations/sqlite/0001_recipes.sql"),
)];
