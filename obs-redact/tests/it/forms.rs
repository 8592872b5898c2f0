//! Ways to write a name and its secret value in text, all of which lose the value.

use obs_redact::Redactor;

/// Checks that `V` goes and that nothing else changes.
fn check(text: &str) {
    check_becomes(text, &text.replace("hunter2S", "[REDACTED]"));
}

fn check_becomes(text: &str, expected: &str) {
    let redactor = Redactor::new();
    assert_eq!(redactor.redact_text(text), expected, "{text:?}");
    assert_eq!(redactor.redact_text(expected), expected, "a second time");
}

#[test]
fn values_in_debug_output_go_whole() {
    for (value, rest) in [
        ("Some(\n    \"hunter2S\",\n)", ",\n}"),
        (
            "Some(\n    Token(\n        \"a)\\\"hunter2S\",\n    ),\n)",
            ",",
        ),
        ("AuthToken { inner: \"hunter2S\" }", ", x: 1 }"),
        ("AuthToken {\n    inner: \"hunter2S\",\n}", "\n"),
        ("my::AuthToken<Kind> { a: [1], b: \"hunter2S\" }", " x"),
        ("Box<dyn Fn(&'a str)> { b: \"hunter2S\" }", " x"),
        (
            "CookieJar { original: {Cookie { name: \"a\", value: \"hunter2S\" }} }",
            ", b: 1",
        ),
        ("Token2(\"hunter2S\")", ", b: 1"),
        ("Token[value=hunter2S]", ", b=1"),
        ("Secret { value: \"hunter2S\"", ""),
        ("[\n    \"hunter2S\",\n]", ","),
        ("{\n    \"a\": \"hunter2S\",\n}", ","),
        ("some(\"hunter2S\")", ", b"),
        ("Expired { token: \"hunter2S\" }", ", b"),
    ] {
        for name in ["password: ", "auth_token: ", "cookies=", "a.session = "] {
            check_becomes(
                &format!("{name}{value}{rest}"),
                &format!("{name}[REDACTED]{rest}"),
            );
        }
    }
    check("password: &\"hunter2S\", x: 1");
    check("password: r#\"hunter2S\"#, x: 1");
    check("password: &b\"hunter2S\", x: 1");
    check_becomes("password: User {id} gone", "password: [REDACTED] gone");
}

#[test]
fn values_below_their_name_go() {
    check("{\n  \"password\":\n    \"hunter2S\",\n  \"a\": 1\n}");
    check("{\\n  \\\"password\\\":\\n    \\\"hunter2S\\\",\\n  \\\"a\\\": 1\\n}");
    check("password:\n  \"hunter2S\"\nuser: ada");
    check("password =\n    'hunter2S';");
    check_becomes("{\"pin\":\n  1234}", "{\"pin\":\n  \"[REDACTED]\"}");
    check_becomes(
        "{\"tokens\":\n  [\"a\"]}",
        "{\"tokens\":\n  \"[REDACTED]\"}",
    );
    for block in [
        "|\n  hunter2S",
        "|-\n  hunter2S\n\n    b",
        ">2\r\n  hunter2S",
        "|\nhunter2S",
    ] {
        check_becomes(
            &format!("password: {block}\nuser: ada"),
            "password: [REDACTED]\nuser: ada",
        );
    }
    check_becomes("\"password: |\\n  hunter2S\"", "\"password: [REDACTED]\"");
    for text in [
        "password:\nhello",
        "\"token\":\nhello \"you\"",
        "token:\n\"a\"",
    ] {
        check_becomes(text, text);
    }
}

#[test]
fn aligned_values_go() {
    check("password      = hunter2S");
    check("password\t\t:\thunter2S");
    check(&format!(
        "password{}={}hunter2S",
        " ".repeat(40),
        " ".repeat(40)
    ));
}

#[test]
fn pairs_with_a_comma_go() {
    for name in ["password", "x-api-key", "authorization", "apiKey"] {
        for pair in [
            "(\"N\", \"hunter2S\")",
            "(\"N\",\"hunter2S\", true)",
            "[(\"a\", \"b\"), (\"N\", \"hunter2S\"), (\"c\", \"d\")]",
            "[\"N\", \"hunter2S\"]",
            "[\"N\",\"Bearer\\\"s hunter2S\"",
            "[['N', 'hunter2S'], ['a', 'b']]",
            "{\"N\", \"hunter2S\"}",
            "(b\"N\", b\"hunter2S\")",
            "(\\\"N\\\", \\\"hunter2S\\\")",
            "(\n    \"N\",\n    \"hunter2S\",\n)",
            "[\n    \"N\",\n    \"hunter2S\",\n]",
            "(\\n    \\\"N\\\",\\n    \\\"hunter2S\\\",\\n)",
            "(\"N\", Some(\"hunter2S\"))",
            "(\"N\", String(\"hunter2S\"))",
        ] {
            let text = pair.replace('N', name);
            let redacted = Redactor::new().redact_text(&text).into_owned();
            assert!(!redacted.contains("hunter2S"), "{text} became {redacted}");
            assert!(redacted.contains(name), "{text} became {redacted}");
            check_becomes(&text, &redacted);
        }
    }
    check("headers: [(\"accept\", \"*/*\"), (\"x-api-key\", \"hunter2S\"), (\"a\", \"b\")]");
    check("[[\"authorization\", \"hunter2S\"], [\"accept\", \"*/*\"]]");
}

#[test]
fn lists_of_names_stay() {
    for text in [
        "{\"kind\":\"password\",\"user\":\"ada\"}",
        "missing [\"user\", \"password\", \"email\"]",
        "missing [\"password\", \"user\", \"email\"]",
        "one of 'password', 'key'",
        "the \"password\", \"user\"",
        "(\"user\", \"ada\") (\"key\", \"b\")",
    ] {
        check_becomes(text, text);
    }
}

#[test]
fn values_beside_their_name_go() {
    for text in [
        r#"{"name":"password","value":"hunter2S"}"#,
        r#"{"key": "api_key", "value": "hunter2S", "x": 1}"#,
        r#"Param { name: "password", value: "hunter2S" }"#,
        r#"Param { key: "password", val: "hunter2S" }"#,
        "Param {\n    name: \"password\",\n    value: \"hunter2S\",\n}",
        r#"[{\"name\":\"password\",\"value\":\"hunter2S\"}]"#,
        r#"{"header_name":"x-api-key","header_value":"hunter2S"}"#,
        r#"<input name="password" value="hunter2S"/>"#,
        r#"KeyValue { key: Static("password"), value: "hunter2S" }"#,
        "name=\"password\" value=\"hunter2S\"",
    ] {
        check(text);
    }
    check_becomes(
        r#"KeyValue { key: Static("password"), value: String(Static("hunter2S")) }"#,
        r#"KeyValue { key: Static("password"), value: [REDACTED] }"#,
    );
    for text in [
        r#"{"name":"user","value":"ada"}"#,
        r#"{"name":"password","label":"Your word"}"#,
        r#"{"name":"password","value":null}"#,
    ] {
        check_becomes(text, text);
    }
}

#[test]
fn values_of_options_go() {
    for text in [
        "mysql --password hunter2S --user ada",
        "--password hunter2S",
        "mysql --password=hunter2S -v",
        "mysql --db-password 'hunter2S' -v",
        "--token \"hunter2S\"",
        r#"["mysql", "--password", "hunter2S", "-v"]"#,
        r#"[\"--password\", \"hunter2S\"]"#,
        r#""mysql" "--password" "hunter2S""#,
        "[\n    \"--password\",\n    \"hunter2S\",\n]",
        "curl -u ada:hunter2S https://example.com",
        "curl -uada:hunter2S -v",
        "curl -U ada:hunter2S -v",
        "curl -u 'ada:hunter2S' https://example.com",
        "curl --user ada:hunter2S https://example.com",
        "curl --user=ada:hunter2S https://example.com",
        "curl --proxy-user \"ada:hunter2S\" -v",
        r#"["curl", "-u", "ada:hunter2S", "-v"]"#,
        r#"["curl", "--user", "ada:hunter2S"]"#,
    ] {
        check(text);
    }
}

#[test]
fn options_without_a_secret_stay() {
    for text in [
        "--password --verbose",
        "--password <PASSWORD> the word",
        "--token [TOKEN] --x",
        "use --password to log in",
        "the `--password` option is missing",
        "--password, --token and --secret",
        "--password-file /run/x --token-count 5",
        "docker run -u 1000:1000 -v a:b",
        "git push -u origin main",
        "get -u https://example.com",
        "--user ada --name b",
        "a--password b ----- -- x",
    ] {
        check_becomes(text, text);
    }
}

#[test]
fn elements_go() {
    for text in [
        "<password>hunter2S</password>",
        "<a><user>ada</user><wsse:Password Type=\"x\">hunter2S</wsse:Password></a>",
        "<apiKey>\n  hunter2S\n</apiKey>",
        "<password><![CDATA[hunter2S]]></password>",
        "<a><password>hunter2S",
        "<token>hunter2S</token><token>hunter2S</token>",
    ] {
        check(text);
    }
    for text in [
        "<b>password</b>",
        "<password></password>",
        "<password><a/></password>",
        "x</password>",
        "login <user> <password>",
        "<user>:<password>@host",
        "a <password> b",
    ] {
        check_becomes(text, text);
    }
}

#[test]
fn spelled_quotation_marks_are_marks() {
    for text in [
        "{&quot;a&quot;:&quot;b&quot;,&quot;password&quot;:&quot;hunter2S&quot;,&quot;c&quot;:1}",
        "&#34;password&#34;: &#34;hunter2S&#34;",
        "&#39;password&#39;: &#39;hunter2S&#39;",
        r"{\u0022a\u0022:1,\u0022password\u0022:\u0022hunter2S\u0022,\u0022b\u0022:2}",
        r"\\u0022password\\u0022 : \\u0022hunter2S\\u0022"
            .replace(" :", ":")
            .as_str(),
        "&quot;pin&quot;:hunter2S,&quot;a&quot;:1",
    ] {
        check(text);
    }
    check_becomes(
        r"\u0022password\u0022:\u0022a\\\u0022hunter2S\u0022,b",
        r"\u0022password\u0022:\u0022[REDACTED]\u0022,b",
    );
    check_becomes(
        "&quot;password&quot;:&quot;hunter2S",
        "&quot;password&quot;:&quot;[REDACTED]",
    );
    check_becomes("&quot;password&quot;:null", "&quot;password&quot;:null");
    check_becomes("&quot;a&quot;:&quot;b&quot;", "&quot;a&quot;:&quot;b&quot;");
}

#[test]
fn messages_and_statements_of_databases_lose_values() {
    for text in [
        "Key (api_token)=(hunter2S) already exists.",
        "Key (email, api_token)=(hunter2S) already exists.",
        "Key (api_token, id)=(hunter2S) is not present in table \"a\".",
        "Key (lower(api_token::text))=(hunter2S) already exists.",
        "CREATE ROLE a WITH PASSWORD 'hunter2S' LOGIN",
        "ALTER USER a PASSWORD E'hunter2S'",
        "alter user a with encrypted password  'hunter2S';",
        "CREATE USER a IDENTIFIED BY 'hunter2S'",
        "CREATE USER a IDENTIFIED BY \"hunter2S\"",
        "create user a identified with mysql_native_password by 'hunter2S'",
        "SET PASSWORD FOR a = PASSWORD('hunter2S')",
    ] {
        check(text);
    }
    check_becomes(
        "Key (api_token)=(a)b (c) already exists.",
        "Key (api_token)=([REDACTED]) already exists.",
    );
    for text in [
        "Key (email)=(a@b.example) already exists.",
        "closed by 'peer' and sorted by \"name\"",
        "{\"label\":\"enter password \",\"n\":1}",
        "ALTER USER a PASSWORD NULL",
        "f(x)=(y)",
    ] {
        check_becomes(text, text);
    }
}

#[test]
fn addresses_of_drivers_lose_credentials() {
    check(
        "open hunter2S@tcp(db:3306)/x"
            .replace("hunter2S", "[REDACTED]")
            .as_str(),
    );
    for (text, expected) in [
        (
            "open ada:hunter2S@tcp(db:3306)/x",
            "open [REDACTED]@tcp(db:3306)/x",
        ),
        (
            "\"ada:p@ss=w@unix(/run/a)/x\"",
            "\"[REDACTED]@unix(/run/a)/x\"",
        ),
        ("url=ada:hunter2S@tcp(db)/x", "url=[REDACTED]@tcp(db)/x"),
        ("ada@tcp(db)/x", "ada@tcp(db)/x"),
    ] {
        check_becomes(text, expected);
    }
}
