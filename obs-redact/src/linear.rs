//! Shows without a clock that hostile input costs linear work: counts the bytes looked at.

use std::cell::Cell;

use crate::Redactor;

thread_local! {
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// Counts bytes that a rule looked at.
pub(crate) fn spend(bytes: usize) {
    WORK.with(|work| work.set(work.get() + bytes));
}

fn work(run: impl FnOnce()) -> usize {
    WORK.with(|work| work.set(0));
    run();
    WORK.with(Cell::get)
}

/// Every byte may be looked at a bounded number of times, at any length.
///
/// Quadratic work would be thousands of times at the longer one.
fn check(name: &str, unit: &str, run: impl Fn(&str)) {
    for length in [1 << 12, 1 << 15] {
        let text = unit.repeat(length / unit.len());
        let per_byte = work(|| run(&text)) / text.len();
        assert!(
            per_byte <= MOST_PER_BYTE,
            "{name}: {per_byte} at {length} B of {unit:?}"
        );
    }
}

#[test]
fn hostile_text_costs_linear_work() {
    let redactor = Redactor::new();
    for unit in HOSTILE {
        check("text", unit, |text| drop(redactor.redact_text(text)));
    }
}

#[test]
fn hostile_urls_cost_linear_work() {
    let redactor = Redactor::new();
    for unit in HOSTILE {
        check("url", unit, |text| drop(redactor.redact_url(text)));
        check("query", unit, |text| drop(redactor.redact_query(text)));
    }
}

#[test]
fn hostile_statements_cost_linear_work() {
    let redactor = Redactor::new();
    for unit in HOSTILE {
        for system in [
            "postgresql",
            "mysql",
            "oracle.db",
            "sqlite",
            "other",
            "redis",
        ] {
            check(system, unit, |text| drop(redactor.redact_sql(system, text)));
        }
    }
}

#[test]
fn hostile_names_cost_linear_work() {
    let redactor = Redactor::builder().field("b").allow("c").build().unwrap();
    for unit in HOSTILE {
        check("name", unit, |text| {
            redactor.is_sensitive_field(text);
        });
    }
}

const MOST_PER_BYTE: usize = 60;

const HOSTILE: &[&str] = &[
    "a",
    " ",
    "=",
    ":",
    "://",
    "@",
    "\"",
    "\\",
    "\\\"",
    "'",
    "`",
    "%",
    "%3D",
    "%3A%2F",
    "-",
    "&",
    ";",
    ",",
    "?",
    "(",
    "[",
    "{",
    "/*",
    "$",
    "$a$",
    "q'[",
    "e'",
    "--\n",
    "[]",
    ")(",
    "é",
    "\n",
    "password=",
    "password:",
    "password: ",
    "password='",
    "password=\"",
    "password=\\\"",
    "password=[",
    "password={\"",
    "password=a(",
    "password=,a",
    "password=a;",
    "password=a&",
    "\"password\":",
    "\"password\":[",
    "password=\"\\",
    "x=",
    "x: ",
    "a:b://",
    "://a:b",
    "://a:b@",
    "://user",
    "://a:b/c",
    "https%3A%2F%2F",
    "token%3D",
    "token%3D%25",
    "eyJ",
    "eyJeyJhbGci.",
    "eyJhbGciOiJ.eyJ",
    "-----BEGIN",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PUBLIC KEY-----",
    "-----BEGIN PRIVATE KEY-----\n-----END",
    "4242 ",
    "4242-",
    "42424242",
    "4 ",
    "1-",
    "4242 4242 4242 4241 ",
    "Bearer ",
    "bearer a",
    "Basic ",
    "basic YWFh",
    "sk-",
    "sk-a",
    "sk-aaaaaaaaaaaaaaaaaaaaaaa ",
    "AKIA",
    "ghp_",
    "key-",
    "SG.",
    "SK0",
    "12345678:AA",
    "hf_a",
    "cookie: a; ",
    "cookie=a;",
    "authorization: x ",
    "authorization: bearer ",
    "api key: ",
    "é=",
    "a.b[c]%41=",
    "aB",
    "password: Some(\n",
    "password: A<",
    "password: A<B> {",
    "password: |\n  ",
    "password: |\n",
    "password:\n",
    "password:\\n",
    "\"password\":\n",
    "password: expired ",
    "tokens: 5 ",
    "tokens: a=",
    "password    ",
    "\",",
    "\", \"",
    "',",
    "(\"password\",\"",
    "[\"password\",",
    "[\"password\",\"a\",",
    "[\"password\",'",
    "[\"password\",\\\"",
    "password\",\n",
    "name:\"",
    "name:\"password\"",
    "name:\"password\",value:",
    "name=a(",
    "--",
    "--a",
    " --a",
    " --password",
    " --password ",
    " --password \"",
    "\"--password\",\"",
    " --user a",
    " -u",
    " -u \"",
    " -u a:",
    " -ua:",
    " -ua",
    "<password>",
    "<password>a",
    "</",
    "</a>",
    "</password>",
    "</password",
    "]]></password>",
    "&quot;",
    "&quot;:",
    "&quot;password&quot;:",
    "&quot;password&quot;:&quot;",
    "&quot;password&quot;:\\&quot;",
    "\\u0022:",
    "u0022password\\u0022:\\u0022",
    ")=(",
    "(password)=(",
    "(password)=",
    "password '",
    "password 'a",
    "password (",
    "identified by '",
    "d by",
    "@tcp(",
    "a:b@tcp(",
    ":@tcp(",
    "=4111111111111111",
    "a_ns=4111111111111111 ",
];
