//! The one place through which every statement goes.

use std::future::Future;

use sqlx::AssertSqlSafe;
use tracing::{Instrument, Span, field};

use super::StoreError;

/// Runs a statement in a client span of its own and names it in its error.
///
/// The span follows the semantic conventions for databases; it has no values of the statement.
///
/// # Source
/// OpenTelemetry semantic conventions, database client spans.
pub(super) async fn run<T>(
    operation: &'static str,
    collection: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    let span = tracing::info_span!(
        "db.statement",
        otel.name = format_args!("{operation} {collection}"),
        otel.kind = "client",
        otel.status_code = field::Empty,
        db.system.name = "sqlite",
        db.operation.name = operation,
        db.collection.name = collection,
        error.type = field::Empty,
    );
    async {
        statement.await.map_err(|source| {
            Span::current().record("otel.status_code", "ERROR");
            Span::current().record("error.type", error_type(&source));
            StoreError::Statement {
                operation,
                collection,
                source,
            }
        })
    }
    .instrument(span)
    .await
}

/// Begins or ends a transaction, or asks for a sign of life: named in its error, but without a
/// span, since it would tell nothing that the statements around it do not tell.
pub(super) async fn run_unrecorded<T>(
    operation: &'static str,
    command: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    command.await.map_err(|source| StoreError::Statement {
        operation,
        collection: "recipes",
        source,
    })
}

/// A statement whose last part is a list of `count` parameters in parentheses.
///
/// The only place that makes SQL at run time: it adds nothing but numbers.
pub(super) fn with_list(
    before: &'static str,
    count: usize,
    after: &'static str,
) -> AssertSqlSafe<String> {
    let mut sql = String::from(before);
    for n in 1..=count {
        sql.push_str(if n == 1 { "($" } else { ", $" });
        sql.push_str(&n.to_string());
    }
    sql.push(')');
    sql.push_str(after);
    AssertSqlSafe(sql)
}

/// A statement that ends in `rows` groups of `columns` parameters each.
pub(super) fn with_rows(
    before: &'static str,
    rows: usize,
    columns: usize,
    after: &'static str,
) -> AssertSqlSafe<String> {
    let mut sql = String::from(before);
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            sql.push_str(if column == 1 { "$" } else { ", $" });
            sql.push_str(&(row * columns + column).to_string());
        }
        sql.push(')');
    }
    sql.push_str(after);
    AssertSqlSafe(sql)
}

fn error_type(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Database(_) => "database",
        sqlx::Error::PoolTimedOut => "pool_timed_out",
        sqlx::Error::PoolClosed => "pool_closed",
        sqlx::Error::Io(_) => "io",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::{with_list, with_rows};

    #[test]
    fn numbers_parameters_from_one() {
        assert_eq!(with_list("a IN ", 3, " b").0, "a IN ($1, $2, $3) b");
        assert_eq!(
            with_rows("VALUES ", 2, 2, "").0,
            "VALUES ($1, $2), ($3, $4)"
        );
    }
}
