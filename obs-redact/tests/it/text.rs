//! What is replaced in free text, and what stays.

use obs_redact::Redactor;

use crate::secrets::{capitals, cards, hex, jwt, letters, pem, vendor_keys};

fn check(text: &str, expected: &str) {
    let redactor = Redactor::new();
    assert_eq!(redactor.redact_text(text), expected, "{text:?}");
    assert_eq!(redactor.redact_text(expected), expected, "a second time");
}

fn check_unchanged(text: &str) {
    check(text, text);
}

#[test]
fn credentials_after_a_scheme_go_and_the_scheme_stays() {
    check("got Bearer abc123, ok", "got Bearer [REDACTED], ok");
    check("got bEaReR abc.d-e_f~g+h/i== x", "got bEaReR [REDACTED] x");
    check(
        "Bearer%20abc123 Bearer\tx1",
        "Bearer%20[REDACTED] Bearer\t[REDACTED]",
    );
    check(&format!("Bearer {}", jwt()), "Bearer [REDACTED]");
    check("use Basic dXNlcjpodW50ZXIy now", "use Basic [REDACTED] now");
    check("BASIC YTpi", "BASIC [REDACTED]");
    check("Bearer hunter", "Bearer [REDACTED]");
}

#[test]
fn prose_about_schemes_stays() {
    for text in [
        "the bearer token is missing",
        "Bearer of bad news",
        "Bearer authentication required.",
        r#"Bearer realm="api", error="invalid""#,
        "basic authentication failed",
        "Basic instructions: stir",
        "music theory, classic recipes, wanderer abc",
        "bearer",
        "Basic ",
    ] {
        check_unchanged(text);
    }
}

#[test]
fn tokens_with_three_parts_go_wherever_they_stand() {
    for (before, after) in [
        ("", ""),
        ("x", "."),
        ("\"", "\""),
        ("/", "/a"),
        ("é", "é"),
        ("=", "&b=1"),
    ] {
        check(
            &format!("{before}{}{after}", jwt()),
            &format!(
                "{before}[REDACTED]{}",
                if after == "." { "" } else { after }
            ),
        );
    }
    check_unchanged("eyJhbGciOiJIUzI1NiJ9 alone, eyJ.eyJ.x, eyJhb.c");
}

#[test]
fn credentials_in_urls_go() {
    check(
        "to postgres://app:hunter2@db:5432/x",
        "to postgres://[REDACTED]@db:5432/x",
    );
    check("redis://:pass@cache/0", "redis://[REDACTED]@cache/0");
    check("https://token@host/a", "https://[REDACTED]@host/a");
    check("mongodb://u:p@ss@h1,h2/x", "mongodb://[REDACTED]@h1,h2/x");
    check("amqp://u:p/a?s#s@host/v", "amqp://[REDACTED]@host/v");
    check("a://u:p@h b://v:q@i", "a://[REDACTED]@h b://[REDACTED]@i");
    check("é://é:é@é", "é://[REDACTED]@é");
    for text in [
        "https://example.com:8080/a@b",
        "http://[::1]:3001/@x",
        "see https://a.example/x and mail c@d.example",
        "https://example.com/~user?to=a@b.example",
        "://@host",
    ] {
        check_unchanged(text);
    }
}

#[test]
fn values_of_sensitive_names_go() {
    check("password=hunter2&x=1", "password=[REDACTED]&x=1");
    check("password=hunter2 x=1", "password=[REDACTED] x=1");
    check("password: hunter2, x: 1", "password: [REDACTED], x: 1");
    check("password=a,b;c&d x", "password=[REDACTED] x");
    check("Pwd=a;Server=b;Uid=c", "Pwd=[REDACTED];Server=b;Uid=c");
    check("api_key => 'k1', b", "api_key => '[REDACTED]', b");
    check("let token := x1;", "let token := [REDACTED];");
    check("token == \"x1\"", "token == \"[REDACTED]\"");
    check(
        "user[password]=x&user[name]=ada",
        "user[password]=[REDACTED]&user[name]=ada",
    );
    check("p%61ssword=x&a=1", "p%61ssword=[REDACTED]&a=1");
    check(
        "--password=x --user=ada",
        "--password=[REDACTED] --user=ada",
    );
    check(
        "(token=abc) {pin: 1234}",
        "(token=[REDACTED]) {pin: [REDACTED]}",
    );
    check(
        "API key: k1; card number: 12",
        "API key: [REDACTED]; card number: [REDACTED]",
    );
    check("session id=s1", "session id=[REDACTED]");
    check("<a>token=abc</a>", "<a>token=[REDACTED]</a>");
    check("password: token: abc", "password: [REDACTED] [REDACTED]");
    check("contraseña=uno", "contraseña=[REDACTED]");
    check("日本語pin=1234 x", "日本語pin=[REDACTED] x");
    check(
        "password = \"it's \\\" mine\" x",
        "password = \"[REDACTED]\" x",
    );
    check("password='it''s' x", "password='[REDACTED]' x");
    check("password=\"open to the end", "password=\"[REDACTED]");
    check("password=b'ab cd'", "password=b'[REDACTED]'");
    check("token=ab\"cd e", "token=[REDACTED] e");
}

#[test]
fn values_in_json_text_go_and_it_stays_json() {
    check(
        r#"{"user":"ada","password":"hun\"ter2","pin":1234,"n":1}"#,
        r#"{"user":"ada","password":"[REDACTED]","pin":"[REDACTED]","n":1}"#,
    );
    check(
        r#"{"credentials": {"a": "}", "b": [1, 2]}, "tokens": ["x", "y"], "n": 1}"#,
        r#"{"credentials": "[REDACTED]", "tokens": "[REDACTED]", "n": 1}"#,
    );
    check(
        r#"body="{\"password\":\"hun\\\"ter2\",\"pin\":12,\"a\":\"b\"}""#,
        r#"body="{\"password\":\"[REDACTED]\",\"pin\":\"[REDACTED]\",\"a\":\"b\"}""#,
    );
    check(r#"{"API Key" : "k1"}"#, r#"{"API Key" : "[REDACTED]"}"#);
    check(
        r#"{'password': 'x', 'a': 'b'}"#,
        r#"{'password': '[REDACTED]', 'a': 'b'}"#,
    );
}

#[test]
fn values_in_debug_output_go() {
    check(
        r#"Login { user: "ada", password: Some("hunter2"), pin: Pin(12) }"#,
        "Login { user: \"ada\", password: [REDACTED], pin: [REDACTED] }",
    );
    check(
        r#"{"authorization": "Bearer abc", "accept": "*/*"}"#,
        r#"{"authorization": "[REDACTED]", "accept": "*/*"}"#,
    );
}

#[test]
fn header_lines_go_whole() {
    check(
        "> Authorization: Bearer abc\r\n> Accept: */*",
        "> Authorization: [REDACTED]\r\n> Accept: */*",
    );
    check(
        "Authorization: Digest username=\"a\", response=\"b\"\nx",
        "Authorization: [REDACTED]\nx",
    );
    check("Cookie: sid=a; theme=b; c=d\nx", "Cookie: [REDACTED]\nx");
    check("cookie=a=b; c=d", "cookie=[REDACTED]");
    check(
        "authorization=Basic YTpi status=200",
        "authorization=[REDACTED] status=200",
    );
    check("Cookie: a=\"b c\"; d=e\nx", "Cookie: [REDACTED]\nx");
    check(
        "-H \"X-Api-Key: abc def\" -v \\\"Pin: 1 2\\\" x",
        "-H \"X-Api-Key: [REDACTED]\" -v \\\"Pin: [REDACTED]\\\" x",
    );
    check(
        "authorization=Digest username=\"a\", response=\"b\"",
        "authorization=[REDACTED]",
    );
    check(
        "-H 'Authorization: Bearer abc' -v",
        "-H 'Authorization: [REDACTED]' -v",
    );
}

#[test]
fn parameters_in_text_go() {
    check(
        "GET /a?page=2&X-Amz-Signature=abc&sig=d#x",
        "GET /a?page=2&X-Amz-Signature=[REDACTED]&sig=[REDACTED]#x",
    );
    check(
        "/a?next=%2Fb%3Ftoken%3Dabc%26c%3Dd&e=f",
        "/a?next=%2Fb%3Ftoken%3D[REDACTED]%26c%3Dd&e=f",
    );
    check_unchanged("sig=1 Signature: none /a?SIG=1&key=salt&code=12");
}

#[test]
fn vendor_keys_go_wherever_they_stand() {
    for key in vendor_keys() {
        for (before, after) in [
            ("", ""),
            ("(", ")"),
            ("/", "/x"),
            ("\"", "\","),
            ("é", "é"),
            ("a=", "&b"),
            ("\\n", "\\n"),
        ] {
            let text = format!("{before}{key}{after}");
            check(&text, &format!("{before}[REDACTED]{after}"));
        }
        check(&format!("{key}{}", letters(9)), "[REDACTED]");
    }
}

#[test]
fn what_only_begins_like_a_vendor_key_stays() {
    for text in [
        "AKIA and ASIA are prefixes".to_owned(),
        format!("xAKIA{}", capitals(16)),
        "sk-learn sk-button-primary-large-variant risk-aaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        format!("monkey-{}", hex(32)),
        "ghp_short glpat-short hf_hub npm_config_registry pypi-package-name SG.1".to_owned(),
        format!("12:AA{}", letters(33)),
        format!("TASK{}", hex(32)),
    ] {
        check_unchanged(&text);
    }
}

#[test]
fn private_key_blocks_go_to_their_end() {
    for line_end in ["\n", "\\n", "\r\n", " "] {
        check(&format!("a {} b", pem(line_end)), "a [REDACTED] b");
    }
    let cut: String = pem("\n").chars().take(60).collect();
    check(&format!("a {cut}"), "a [REDACTED]");
    check_unchanged("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----");
    check_unchanged("-----BEGIN CERTIFICATE-----");
    check_unchanged("-----BEGIN ");
}

#[test]
fn card_numbers_go_in_one_piece_and_in_groups() {
    for card in cards() {
        for (before, after) in [
            ("", ""),
            ("card ", "."),
            ("=", "&a"),
            ("\"", "\""),
            ("é", "é"),
            ("(", ") 1.5"),
            ("\\n", "-1"),
        ] {
            check(
                &format!("{before}{card}{after}"),
                &format!("{before}[REDACTED]{after}"),
            );
        }
    }
    for text in [
        ["4242 4242", " 4242 4242"].concat(),
        ["4242-4242", "-4242-4242"].concat(),
        ["4242.4242", ".4242.4242"].concat(),
        ["3782 822", "463 10005"].concat(),
    ] {
        check(&text, "[REDACTED]");
    }
    check(
        &["1234 4242 4242", " 4242 4242 12/27"].concat(),
        "1234 [REDACTED] 12/27",
    );
}

#[test]
fn other_numbers_stay() {
    for text in [
        "4242424242424241 order 1234567890123456 ts 1767225600000 ns 1767225600000000000",
        "a4242424242424242 4242424242424242a _4242424242424242 0.4242424242424242",
        "4bf92f3577b34da6a3ce929d0e0e4736 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "550e8400-e29b-41d4-a716-446655440000 42424242-4242-4242-4242-424242424242",
        "2026-08-21T12:00:00.000000Z 2026-08-21 12:00:00 4111.1111 42424242424242424242",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2 424 2424 2424 24242 42 42 42",
        "0000000000000000 9999999999999995",
    ] {
        check_unchanged(text);
    }
}

#[test]
fn clean_lines_stay() {
    for text in [
        "",
        "=",
        ":",
        "a: b",
        "2026-08-21T12:00:00.000Z INFO recipe_api::http: request finished status=200 duration=12ms",
        r#"{"level":"info","message":"stored","recipe":"Pasta: al pesto","ratio":"1:2","key":"a"}"#,
        "max_tokens=512 token_type=Bearer cache_key=recipes:1 author=ada public_key: abc",
        "std::io::Error: token_count::X = 5",
        "recipe_api::session: started",
        "https://example.com/recipes?page=2&limit=10#top",
        "Keyboard: yes. Monkey=1; compass => north",
        "password= , token:",
        "日本語: テキスト=値",
    ] {
        check_unchanged(text);
    }
}

#[test]
fn several_secrets_in_one_text_all_go() {
    let text = format!(
        "{} password={} {} https://u:p@h/?sig=a {}",
        jwt(),
        "x y",
        cards().concat().chars().take(16).collect::<String>(),
        pem("\n")
    );
    check(
        &text,
        "[REDACTED] password=[REDACTED] y [REDACTED] https://[REDACTED]@h/?sig=[REDACTED] [REDACTED]",
    );
}
