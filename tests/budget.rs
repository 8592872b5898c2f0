//! What a library costs those who add it: how many crates come along, and which must not.

#![expect(
    clippy::expect_used,
    reason = "without cargo or a lock file there is nothing to test"
)]

use std::{collections::BTreeSet, env, ffi::OsString, fs, path::Path, process::Command};

#[test]
fn obs_redact_brings_at_most_12_crates() {
    assert_budget("obs-redact", &["--all-features"], 12);
}

#[test]
fn obs_core_brings_at_most_30_crates_without_defaults_and_95_with() {
    assert_budget("obs-core", &["--no-default-features"], 30);
    assert_budget("obs-core", &[], 95);
}

#[test]
fn obs_tower_adds_at_most_60_crates_to_obs_core_without_defaults() {
    let core = tree("obs-core", &["--no-default-features"]);
    let tower = tree("obs-tower", &["--features", "axum,server"]);
    let added: Vec<&String> = tower.difference(&core).collect();
    say(&format!(
        "obs-tower with axum and server: {} crates over obs-core",
        added.len()
    ));
    assert!(
        added.len() <= 60,
        "obs-tower adds {} crates: {added:?}",
        added.len()
    );
}

#[test]
fn obs_tower_does_not_make_its_users_pay_for_export() {
    let tower = tree("obs-tower", &["--features", "axum,server"]);
    let export = [
        "opentelemetry_sdk",
        "opentelemetry-proto",
        "prost",
        "rustls",
        "ring",
    ];
    let found: Vec<_> = tower
        .iter()
        .filter(|name| export.iter().any(|word| is_crate(name, word)))
        .collect();
    assert!(found.is_empty(), "obs-tower without OTLP brings {found:?}");
}

#[test]
fn the_graph_has_one_version_of_what_must_be_one() {
    let locked = locked();
    for name in [
        "opentelemetry",
        "opentelemetry_sdk",
        "opentelemetry-proto",
        "tracing-core",
    ] {
        let versions: Vec<_> = locked
            .iter()
            .filter(|entry| is_crate(entry, name))
            .collect();
        assert_eq!(
            versions.len(),
            1,
            "two versions cannot see each other: {versions:?}"
        );
    }
}

#[test]
fn ring_is_the_only_crypto_provider() {
    let locked = locked();
    let others = [
        "openssl",
        "openssl-sys",
        "native-tls",
        "aws-lc-rs",
        "aws-lc-sys",
        "boring",
    ];
    let found: Vec<_> = locked
        .iter()
        .filter(|entry| others.iter().any(|name| is_crate(entry, name)))
        .collect();
    assert!(
        found.is_empty(),
        "a second TLS stack or crypto provider: {found:?}"
    );
    assert!(
        locked.iter().any(|entry| is_crate(entry, "ring")),
        "ring is gone"
    );
}

#[test]
fn our_crates_never_come_from_a_registry() {
    let lock = lock_file();
    for package in lock.split("[[package]]") {
        let ours = ["obs-redact", "obs-core", "obs-tower"]
            .iter()
            .any(|name| package.contains(&format!("name = \"{name}\"\n")));
        assert!(
            !ours || !package.contains("source = "),
            "not from this repository: {package}"
        );
    }
}

/// Fails if the library's normal dependencies, itself not counted, are over the budget.
fn assert_budget(library: &str, features: &[&str], budget: usize) {
    let mut crates = tree(library, features);
    crates.retain(|name| !is_crate(name, library));
    say(&format!(
        "{library} {}: {} crates of {budget}",
        features.join(" "),
        crates.len()
    ));
    assert!(
        crates.len() <= budget,
        "{library} brings {} crates: {crates:?}",
        crates.len()
    );
}

/// Names and versions of the normal dependencies on this machine's platform.
fn tree(library: &str, features: &[&str]) -> BTreeSet<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from(env!("CARGO")));
    let output = Command::new(cargo)
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}", "--package", library])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("crate names are text");
    // `name v1.2.3 (source) (*)`: a name and a version make a crate.
    text.lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .filter(|name| !name.is_empty())
        .collect()
}

fn is_crate(entry: &str, name: &str) -> bool {
    entry.split(' ').next() == Some(name)
}

/// Names and versions in the lock file: every platform, every member, the measurements too.
fn locked() -> BTreeSet<String> {
    lock_file()
        .split("[[package]]")
        .filter_map(|package| {
            let value = |key: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(key))?;
                Some(line.trim_matches('"').to_owned())
            };
            Some(format!("{} {}", value("name = ")?, value("version = ")?))
        })
        .collect()
}

fn lock_file() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    fs::read_to_string(path).expect("Cargo.lock is committed")
}

/// The counts go into the log of the run, past the capture of passing tests.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}
