//! The variables for certificates and proxies, right and wrong.

use super::authority::Folder;
use super::servers::target;
use crate::config::Problem;
use crate::export::Signal;
use crate::export::tests::support::read;

const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn one(problems: &[Problem]) -> String {
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].to_string()
}

#[test]
fn a_pem_file_that_cannot_be_used_is_told_once_with_what_is_used() {
    let folder = Folder::new();
    let key = "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector");
    for (name, content, expected) in [
        ("empty.pem", "", "it is empty"),
        ("text.pem", "hunter2", "it has no line BEGIN CERTIFICATE"),
        ("key.pem", key, "it holds a private key and no certificate"),
        (
            "half.pem",
            &certificate[..40],
            "it breaks off before a line END",
        ),
        (
            "base64.pem",
            &certificate.replace('a', "!"),
            "it is no valid Base64",
        ),
        (
            "der.pem",
            certificate,
            "none of its certificates is valid X.509",
        ),
    ] {
        let path = folder.write(name, content);
        let problem = one(&read(&[base, ("OTEL_EXPORTER_OTLP_CERTIFICATE", &path)]).1);
        let begin =
            format!("OTEL_EXPORTER_OTLP_CERTIFICATE={path:?}: expected the path of a PEM file");
        assert!(problem.starts_with(&begin), "{problem}");
        assert!(problem.contains(expected), "{problem}");
        assert!(
            problem.ends_with("using the authorities that the system trusts"),
            "{problem}"
        );
        assert!(
            !problem.contains("hunter2") && !problem.contains("aHVu"),
            "{problem}"
        );
    }
    let missing = folder.path("missing.pem");
    let problem = one(&read(&[base, ("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", &missing)]).1);
    assert!(problem.contains("there is no such file"), "{problem}");
    let folder = one(&read(&[base, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/")]).1);
    assert!(folder.contains("it is not a file"), "{folder}");
    // The text itself in place of a path.
    let problem = one(&read(&[base, ("OTEL_EXPORTER_OTLP_CERTIFICATE", key)]).1);
    assert!(
        problem.contains("not its content") && !problem.contains("aHVu"),
        "{problem}"
    );
    // Nothing is read where nothing is secured.
    assert_eq!(read(&[BASE, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/")]).1, []);
}

#[test]
fn a_client_certificate_needs_its_own_key() {
    const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
    const KEY: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";
    let folder = Folder::new();
    let pair = || rcgen::generate_simple_self_signed(["kitchen".to_owned()]).unwrap();
    let (ours, theirs) = (pair(), pair());
    let certificate = folder.write("client.pem", &ours.cert.pem());
    let key = folder.write("client.key", &ours.signing_key.serialize_pem());
    let foreign = folder.write("foreign.key", &theirs.signing_key.serialize_pem());
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = folder.write("locked.key", locked);
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector");
    let problems = |pairs: &[(&str, &str)]| read(&[&[base], pairs].concat()).1;
    assert_eq!(problems(&[(CERTIFICATE, &certificate), (KEY, &key)]), []);
    let own = "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY";
    let check = |pairs: &[(&str, &str)], variable: &str, expected: &str| {
        let problem = one(&problems(pairs));
        assert!(problem.starts_with(&format!("{variable}=")), "{problem}");
        assert!(problem.contains(expected), "{problem}");
        assert!(
            problem.ends_with("using no client certificate"),
            "{problem}"
        );
    };
    check(
        &[(CERTIFICATE, &certificate)],
        KEY,
        "the key of OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    );
    check(
        &[(KEY, &key)],
        CERTIFICATE,
        "the certificate of OTEL_EXPORTER_OTLP_CLIENT_KEY",
    );
    check(
        &[(CERTIFICATE, &certificate), (KEY, &foreign)],
        KEY,
        "it is not the key of the certificate in",
    );
    check(
        &[(CERTIFICATE, &certificate), (KEY, &locked)],
        KEY,
        "it is encrypted",
    );
    check(
        &[(CERTIFICATE, &certificate), (KEY, &certificate)],
        KEY,
        "it has no line BEGIN PRIVATE KEY",
    );
    check(
        &[(CERTIFICATE, &key), (KEY, &key)],
        CERTIFICATE,
        "it holds a private key",
    );
    check(
        &[(CERTIFICATE, &certificate), (KEY, &key), (own, &foreign)],
        own,
        "it is not the key",
    );
}

#[test]
fn a_proxy_is_chosen_by_the_scheme_of_the_server() {
    let via = |url: &str, pairs: &[(&str, &str)]| {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", url);
        let target = target(&[&[base], pairs].concat());
        target.proxy.map(|proxy| proxy.to_string())
    };
    let all = [
        ("HTTP_PROXY", "plain"),
        ("HTTPS_PROXY", "https://secure:1"),
        ("ALL_PROXY", "rest"),
    ];
    assert_eq!(via("http://a", &all).as_deref(), Some("http://plain"));
    assert_eq!(via("https://a", &all).as_deref(), Some("https://secure:1"));
    assert_eq!(via("https://a", &all[..1]), None);
    assert_eq!(via("https://a", &all[2..]).as_deref(), Some("http://rest"));
    assert_eq!(via("http://localhost", &all), None);
    assert_eq!(via("http://a", &[all[0], ("no_proxy", "a")]), None);
    let lower = ("http_proxy", "http://lower/path?x");
    assert_eq!(
        via("http://a", &[all[0], lower]).as_deref(),
        Some("http://plain")
    );
    // In a CGI program the name in upper case can come from the header of a request.
    let cgi = ("REQUEST_METHOD", "GET");
    assert_eq!(via("http://a", &[all[0], cgi]), None);
    assert_eq!(
        via("http://a", &[all[0], cgi, lower]).as_deref(),
        Some("http://lower")
    );
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_once_where_it_is_needed() {
    for (url, expected) in [
        (
            "socks5h://me:hunter2@proxy:1080",
            "SOCKS is not spoken here",
        ),
        (
            "ftp://me:hunter2@proxy",
            "the URL of an HTTP proxy such as http://proxy:3128",
        ),
        ("http://me:hunter2@", "the URL of an HTTP proxy"),
        ("http://proxy:99999?hunter2", "the URL of an HTTP proxy"),
    ] {
        let (settings, problems) = read(&[BASE, ("ALL_PROXY", url)]);
        let problem = one(&problems);
        assert!(
            problem.starts_with("ALL_PROXY=") && problem.contains(expected),
            "{problem}"
        );
        assert!(
            problem.ends_with("using no proxy") && !problem.contains("hunter2"),
            "{problem}"
        );
        assert!(settings.signal(Signal::Logs).unwrap().proxy.is_none());
        let near = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert_eq!(read(&[near, ("ALL_PROXY", url)]).1, []);
    }
}
