//! What holds for every input, tried on many made-up ones.

use std::borrow::Cow;

use obs_redact::{REDACTED, Redactor};

use crate::secrets::{cards, jwt, letters, pem, vendor_keys};

/// A sequence of numbers that is the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }

    /// Pieces that mean something to some rule, in an order that means nothing.
    fn soup(&mut self, pieces: usize) -> String {
        (0..self.below(pieces))
            .map(|_| *self.pick(PIECES))
            .collect()
    }
}

type Redact = fn(&Redactor, &str) -> Option<String>;

#[expect(clippy::ptr_arg, reason = "asks which kind of text it is")]
fn owned(text: &Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Owned(text) => Some(text.clone()),
        Cow::Borrowed(_) => None,
    }
}

const WAYS: &[(&str, Redact)] = &[
    ("text", |redactor, text| owned(&redactor.redact_text(text))),
    ("url", |redactor, text| owned(&redactor.redact_url(text))),
    ("query", |redactor, text| {
        owned(&redactor.redact_query(text))
    }),
    ("field", |redactor, text| {
        owned(&redactor.redact_field("a", text))
    }),
    ("header", |redactor, text| {
        owned(&redactor.redact_header("referer", text))
    }),
    ("postgresql", |redactor, text| {
        owned(&redactor.redact_sql("postgresql", text))
    }),
    ("mysql", |redactor, text| {
        owned(&redactor.redact_sql("mysql", text))
    }),
    ("oracle", |redactor, text| {
        owned(&redactor.redact_sql("oracle", text))
    }),
    ("mssql", |redactor, text| {
        owned(&redactor.redact_sql("mssql", text))
    }),
    ("other", |redactor, text| {
        owned(&redactor.redact_sql("other", text))
    }),
    ("redis", |redactor, text| {
        owned(&redactor.redact_sql("redis", text))
    }),
];

/// Never panics, is stable, and owns exactly what it changed.
fn check_all_ways(redactor: &Redactor, text: &str) {
    for (way, redact) in WAYS {
        let Some(once) = redact(redactor, text) else {
            continue;
        };
        assert_ne!(once, text, "{way} owns what it did not change");
        assert_eq!(
            redact(redactor, &once),
            None,
            "{way} of {text:?} is not stable: {once:?}"
        );
    }
}

#[test]
fn redacting_twice_is_redacting_once() {
    let redactor = Redactor::new();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        check_all_ways(&redactor, &random.soup(12));
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let redactor = Redactor::builder().field("ab").allow("cd").build().unwrap();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..10_000 {
        let bytes: Vec<u8> = (0..random.below(60))
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        for (_, redact) in WAYS {
            redact(&redactor, &text);
        }
        redactor.is_sensitive_field(&text);
    }
}

#[test]
fn a_planted_secret_never_survives() {
    let redactor = Redactor::new();
    let mut random = Random(0xd1b5_4a32_d192_ed03);
    let mut secrets = vendor_keys();
    secrets.extend([jwt(), pem("\n"), pem("\\n")]);
    for secret in &secrets {
        for _ in 0..200 {
            // A letter directly before may make a longer word of it, which is another thing.
            let text = format!("{} {secret} {}", random.soup(8), random.soup(8));
            assert_absent(&redactor, &text, secret);
            let text = format!(
                "{}{}{secret}{}",
                random.soup(8),
                random.pick(BORDERS),
                random.soup(8)
            );
            assert_absent(&redactor, &text, secret);
        }
    }
}

#[test]
fn a_planted_card_never_survives() {
    let redactor = Redactor::new();
    let mut random = Random(0xa076_1d64_78bd_642f);
    for card in cards() {
        for _ in 0..200 {
            let (before, after) = (random.pick(BORDERS), random.pick(BORDERS));
            let text = format!("{}{before}{card}{after}{}", random.soup(8), random.soup(8));
            assert_absent(&redactor, &text, &card);
        }
    }
}

#[test]
fn a_planted_value_of_a_sensitive_name_never_survives() {
    let redactor = Redactor::new();
    let mut random = Random(0xe703_7ed1_a0b4_28db);
    let secret = letters(14);
    for _ in 0..20_000 {
        let (name, form) = (random.pick(NAMES), random.pick(FORMS));
        let pair = form.replace('N', name).replace("V", &secret);
        let text = format!(
            "{} {pair} {}",
            random.soup(6).replace(['"', '\'', '`', '\\'], ""),
            random.soup(6)
        );
        assert_absent(&redactor, &text, &secret);
    }
}

fn assert_absent(redactor: &Redactor, text: &str, secret: &str) {
    let redacted = redactor.redact_text(text);
    assert!(redacted.contains(REDACTED), "{text:?}");
    assert!(!redacted.contains(secret), "{text:?} became {redacted:?}");
}

const BORDERS: &[&str] = &[
    " ", "\"", "'", "=", ":", "/", "?", "&", ",", ";", "(", ")", "[", "<", "\n", "\t", "é", "日",
    "|", "#", "!", "~",
];

const NAMES: &[&str] = &[
    "password",
    "apiKey",
    "X-Auth-Token",
    "user[secret]",
    "client_secret",
    "p%61ssword",
    "PIN",
];

const FORMS: &[&str] = &[
    "N=V",
    "N: V",
    "N:V",
    "N = V",
    "N=\"V\"",
    "N: 'V'",
    "\"N\":\"V\"",
    "\"N\": \"a V b\"",
    "\\\"N\\\":\\\"V\\\"",
    "N => V",
    "'N' => 'V'",
    "N:=V",
    "/a?N=V&b=1",
    "?b=1&N=V",
    "{\"N\":[\"V\"]}",
    "{\"N\":{\"a\":\"V\"}}",
    "N: Some(\"V\")",
    "N=V;a=b",
    "N=V, a=b",
    "(N=V)",
    "[N: V]",
    "N=\"a\\\"V\"",
    "<N=V>",
    "N=Bearer V",
    "%3FN%3DV%26a",
    "N: Some(\n    \"V\",\n)",
    "N: a::Kind<B> { inner: \"V\" }",
    "\"N\":\n  \"V\"",
    "N: |\n  V",
    "N: &\"V\"",
    "N          = V",
    "(\"N\", \"V\")",
    "[\"N\",\"V\"]",
    "{\"name\":\"N\",\"value\":\"V\"}",
    "Param { name: \"N\", value: \"V\" }",
    "\\u0022N\\u0022:\\u0022V\\u0022",
    "&quot;N&quot;:&quot;V&quot;",
    "Key (N)=(V) already exists.",
];

const PIECES: &[&str] = &[
    " ",
    " ",
    "=",
    ":",
    "\"",
    "'",
    "`",
    "\\",
    "\\\"",
    ",",
    ";",
    "&",
    "?",
    "#",
    "/",
    "://",
    "@",
    "%",
    "%3D",
    "%26",
    "%3A",
    "%22",
    "+",
    "-",
    "_",
    ".",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    "</",
    ">",
    "|",
    "\n",
    "\r\n",
    "\t",
    "\u{0}",
    "é",
    "日本",
    "a",
    "B",
    "x1",
    "0",
    "12",
    "4242",
    "4000056655665556",
    "4000 0566 5566 5556",
    "3782",
    "password",
    "token",
    "api key",
    "\"pin\"",
    "authorization",
    "cookie",
    "sig",
    "user",
    "bearer",
    "Bearer ",
    "Basic ",
    "YTpi",
    "Digest",
    "eyJ",
    "eyJhbGciOiJI",
    "-----BEGIN",
    " PRIVATE KEY",
    "-----",
    "-----END",
    "sk-",
    "AKIA",
    "ghp_",
    "key-",
    "SG.",
    "SK0",
    ":AA",
    "aaaaaaaaaaaaaaaaaaaa",
    "ABCDEFGHIJKLMNOP",
    "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "[REDACTED]",
    "[REDACTED",
    "REDACTED]",
    "SELECT ",
    "E'",
    "$$",
    "$a$",
    "--",
    "/*",
    "*/",
    "q'[",
    "::",
    "=>",
    ":=",
    "null",
    "Some(",
    "b\"",
    "\", \"",
    "(\"password\", ",
    "[\"--password\",",
    " --password ",
    " -u a:b",
    "--user",
    "</password>",
    "<password>",
    "<![CDATA[",
    "]]>",
    "&quot;",
    "&quot;token&quot;:",
    "\\u0022",
    "Password '",
    "IDENTIFIED BY ",
    "(pin)=(",
    "Foo {",
    "a::B<C>",
    "|\n  ",
    "\\n",
    "\"name\":\"password\"",
    "value: ",
    "u:p@tcp(",
    "expired",
    "tokens: 5",
];
