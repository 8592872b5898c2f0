//! Database statements.

use obs_redact::Redactor;

fn check(system: &str, statement: &str, expected: &str) {
    let redactor = Redactor::new();
    assert_eq!(
        redactor.redact_sql(system, statement),
        expected,
        "{system}: {statement}"
    );
    assert_eq!(
        redactor.redact_sql(system, expected),
        expected,
        "a second time"
    );
}

#[test]
fn literals_become_question_marks() {
    for system in [
        "postgresql",
        "mysql",
        "sqlite",
        "microsoft.sql_server",
        "oracle.db",
        "other_sql",
    ] {
        check(
            system,
            "SELECT t1.c2, -5, .5 FROM t1 WHERE a = 'it''s' AND b IN (1, 2.5, 1e-3, 0xFF, X'1F', N'x') LIMIT 10",
            "SELECT t1.c2, -?, ? FROM t1 WHERE a = ? AND b IN (?, ?, ?, ?, ?, ?) LIMIT ?",
        );
        check(
            system,
            "SELECT a FROM t WHERE b IS NULL AND c = TRUE",
            "SELECT a FROM t WHERE b IS NULL AND c = TRUE",
        );
        check(system, "", "");
    }
}

#[test]
fn placeholders_and_names_stay() {
    for statement in [
        "SELECT * FROM recipes_2026 WHERE id = $1 AND x = ? AND y = :name AND z = @p1 AND v = ?2",
        "SELECT \"weird name 1\", `b 2` FROM \"s\".\"t\"",
        "SELECT password FROM users WHERE password = ?",
        "SELECT a::int FROM t",
    ] {
        check("postgresql", statement, statement);
        check("sqlite", statement, statement);
    }
    check(
        "mssql",
        "SELECT [a 'b' 1] FROM t",
        "SELECT [a 'b' 1] FROM t",
    );
    check(
        "oracle",
        "SELECT a FROM t WHERE b = :1",
        "SELECT a FROM t WHERE b = :1",
    );
    check(
        "postgresql",
        "SELECT a[1:2], ARRAY[1]",
        "SELECT a[?:?], ARRAY[?]",
    );
}

#[test]
fn strings_are_read_as_the_system_writes_them() {
    check(
        "mysql",
        r#"SELECT 'a\'b', "c""d", 'e' FROM t"#,
        "SELECT ?, ?, ? FROM t",
    );
    check(
        "postgresql",
        r"SELECT 'a\', E'b\'c', 'd' FROM t",
        "SELECT ?, ?, ? FROM t",
    );
    check(
        "postgresql",
        "SELECT $$a 'b$$, $x$c $$ d$x$ FROM t",
        "SELECT ?, ? FROM t",
    );
    check(
        "oracle.db",
        "SELECT q'[it's]', nq'!x'y!' FROM t",
        "SELECT ?, ? FROM t",
    );
    check("mysql", "SELECT _utf8'a' # 'b\nFROM t", "SELECT ? \nFROM t");
    check(
        "postgresql",
        "SELECT DATE '2026-01-01', interval'1 day'",
        "SELECT DATE ?, interval?",
    );
    check("mysql", "SELECT 'é', \"日本\" FROM t", "SELECT ?, ? FROM t");
}

#[test]
fn comments_go() {
    check(
        "postgresql",
        "SELECT 1 -- secret 'x\nFROM t",
        "SELECT ? \nFROM t",
    );
    check("mysql", "SELECT/* a 'b */1/*c*/FROM t", "SELECT ? FROM t");
    check("postgresql", "SELECT /* a /* b */ 'c' */ 1", "SELECT  ?");
}

#[test]
fn what_does_not_end_is_cut() {
    check(
        "postgresql",
        "SELECT a FROM t WHERE b = 'secret",
        "SELECT a FROM t WHERE b = ?",
    );
    check("postgresql", "SELECT a, \"b", "SELECT a, ?");
    check("postgresql", "SELECT $$a", "SELECT ?");
    check("postgresql", "SELECT a /* b", "SELECT a ?");
    check("mysql", r"SELECT 'a\' FROM t", "SELECT ?");
    check("other_sql", r"SELECT 'a\', secret, ' FROM t", "SELECT ?");
}

#[test]
fn commands_keep_their_word_only() {
    check("redis", "SET session:1 \"a b\" EX 10", "SET ? ? ? ? ?");
    check("redis", "PING", "PING");
    check("redis", "JSON.SET k $ v", "JSON.SET ? ? ?");
    check("redis", "AUTH hunter2\nGET x", "AUTH ?\n? ?");
    check("redis", "hunter2! x", "? ?");
    check("memcached", "  get k", "  get ?");
}

#[test]
fn what_is_no_sql_goes_whole() {
    check("mongodb", r#"{"find":"users","filter":{"email":"a"}}"#, "?");
    check("other_sql", r#" {"a": "b"}"#, "?");
    check("elasticsearch", "GET /x?q=secret", "?");
    check("", "SELECT 'x'", "SELECT ?");
}
