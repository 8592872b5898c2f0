//! What strings and comments look like in each database system.

use super::{command, literal};
use crate::REDACTED;

/// Replaces the literals of a statement as its system writes them.
pub(crate) fn redact_literals(system: &str, statement: &str) -> Option<String> {
    match Language::of(system, statement) {
        Language::Sql(dialect) => literal::redact(statement, dialect),
        Language::Command => command::redact(statement),
        Language::Unknown => (statement != "?" && !statement.is_empty()).then(|| "?".to_owned()),
    }
}

/// What a backslash means in a string.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Backslash {
    /// Nothing.
    Plain,
    /// It escapes what follows.
    Escape,
    /// One or the other: a quotation mark after it makes the rest of the statement unreadable.
    Unclear,
}

/// What text between double quotation marks is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DoubleQuoted {
    Name,
    String,
}

/// The ways to write a statement that differ between systems.
#[derive(Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a syntax, set in constants only"
)]
pub(super) struct Dialect {
    pub(super) backslash: Backslash,
    pub(super) double_quoted: DoubleQuoted,
    /// `$tag$ … $tag$` is a string.
    pub(super) has_dollar_quotes: bool,
    /// `q'[ … ]'` is a string.
    pub(super) has_q_quotes: bool,
    /// `# …` is a comment.
    pub(super) has_hash_comments: bool,
    /// `[ … ]` is a name.
    pub(super) has_bracket_names: bool,
}

enum Language {
    Sql(Dialect),
    /// A word and its arguments.
    Command,
    Unknown,
}

impl Language {
    /// Names as in `db.system.name`, and as they were in `db.system`.
    fn of(system: &str, statement: &str) -> Self {
        let dialect = match system {
            "redis" | "valkey" | "keydb" | "memcached" => return Self::Command,
            "mongodb" | "elasticsearch" | "opensearch" | "couchdb" | "gcp.bigquery"
            | "bigquery" | "gcp.spanner" | "spanner" => return Self::Unknown,
            "postgresql" | "postgres" | "cockroachdb" | "redshift" | "aws.redshift" | "edb"
            | "cassandra" => ANSI,
            "mysql" | "mariadb" => Dialect {
                has_hash_comments: true,
                ..MYSQL_LIKE
            },
            "hive" | "spark" | "databricks" | "neo4j" | "snowflake" => Dialect {
                has_dollar_quotes: true,
                ..MYSQL_LIKE
            },
            "clickhouse" => Dialect {
                double_quoted: DoubleQuoted::Name,
                has_dollar_quotes: true,
                ..MYSQL_LIKE
            },
            "sqlite" | "mssql" | "microsoft.sql_server" => Dialect {
                has_dollar_quotes: false,
                has_bracket_names: true,
                ..ANSI
            },
            "oracle" | "oracle.db" => Dialect {
                has_dollar_quotes: false,
                has_q_quotes: true,
                ..ANSI
            },
            _ => Dialect {
                backslash: Backslash::Unclear,
                ..ANSI
            },
        };
        // JSON, XML and the like: what looks like a name in SQL is a value there.
        let start = statement.trim_start();
        if start.starts_with(['{', '[', '<']) && !start.starts_with(REDACTED) {
            return Self::Unknown;
        }
        Self::Sql(dialect)
    }
}

const ANSI: Dialect = Dialect {
    backslash: Backslash::Plain,
    double_quoted: DoubleQuoted::Name,
    has_dollar_quotes: true,
    has_q_quotes: false,
    has_hash_comments: false,
    has_bracket_names: false,
};

const MYSQL_LIKE: Dialect = Dialect {
    backslash: Backslash::Escape,
    double_quoted: DoubleQuoted::String,
    has_dollar_quotes: false,
    ..ANSI
};
