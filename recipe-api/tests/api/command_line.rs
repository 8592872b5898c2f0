//! The program as it is started from a shell.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
};

use recipe_api::import::folder::MAX_FILE_BYTES;

use crate::support::{TempFolder, send};

const GOOD: &str = "---\ntitle: Toast\n---\n## Ingredients\n- bread\n## Directions\n1. Toast it.\n";

/// The program without the variables of whoever runs the tests.
fn program(data: &TempFolder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipe-api"));
    command
        .env_clear()
        .env("DATA_DIR", data.path())
        .current_dir(data.path());
    command
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn version_and_help_print_to_the_standard_output() {
    let data = TempFolder::new();
    let expected = concat!("recipe-api ", env!("CARGO_PKG_VERSION"), "\n");
    for argument in ["version", "--version"] {
        let output = program(&data).arg(argument).output().unwrap();
        assert_eq!(
            (out(&output).as_str(), output.status.code()),
            (expected, Some(0))
        );
    }
    let output = program(&data).arg("--help").output().unwrap();
    assert!(out(&output).contains("seed"), "{}", out(&output));
    let output = program(&data).arg("cook").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_wrong_port_is_one_clear_error() {
    let data = TempFolder::new();
    let output = program(&data).env("PORT", "99999").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(out(&output), "");
    assert_eq!(
        err(&output),
        "error: 1 setting(s) cannot be used\n  PORT=\"99999\": expected a number from 0 to 65535\n"
    );
}

#[test]
fn seed_loads_what_is_a_recipe_and_names_the_rest() {
    let data = TempFolder::new();
    let recipes = TempFolder::new();
    recipes.write("toast.md", GOOD);
    recipes.write("more/toast.md", GOOD.replace("Toast\n", "Other toast\n"));
    recipes.write("about.md", "---\ntitle: About\n---\nHello.\n");
    recipes.write("broken.md", "---\ntitle: [\n---\n");
    recipes.write("latin.md", b"---\ntitle: Cr\xe8me\n---\n");
    recipes.write(
        "large.md",
        "a".repeat(usize::try_from(MAX_FILE_BYTES).unwrap() + 1),
    );
    recipes.write("list.txt", "not looked at");
    recipes.write(".hidden/toast.md", GOOD);

    let seed = || {
        program(&data)
            .arg("seed")
            .arg("--from")
            .arg(recipes.path())
            .output()
            .unwrap()
    };
    let output = seed();
    let text = out(&output);
    assert_eq!(
        (output.status.code(), err(&output).as_str()),
        (Some(0), ""),
        "{text}"
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(lines[0], "2 loaded, 0 updated, 4 not read");
    let folder = recipes.path().display();
    assert_eq!(
        lines[1],
        format!("  {folder}/about.md: no recipe: no ingredients section with a line in it")
    );
    let broken = format!("  {folder}/broken.md: invalid front matter, line ");
    assert!(lines[2].starts_with(&broken), "{text}");
    assert_eq!(
        lines[3],
        format!("  {folder}/large.md: too large: a recipe file may have at most 262144 bytes")
    );
    assert_eq!(
        lines[4],
        format!("  {folder}/latin.md: not UTF-8: byte 13 is the first that is not text")
    );

    let text = out(&seed());
    assert!(
        text.starts_with("0 loaded, 2 updated, 4 not read\n"),
        "{text}"
    );
}

#[test]
fn seed_without_any_recipe_fails() {
    let data = TempFolder::new();
    let recipes = TempFolder::new();
    let seed = |path: &str| {
        program(&data)
            .args(["seed", "--from", path])
            .output()
            .unwrap()
    };
    let path = recipes.path().to_str().unwrap();

    let output = seed(&format!("{path}/missing"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        err(&output),
        format!("error: --from {path}/missing: expected a folder that exists\n")
    );
    let output = seed(path);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        err(&output),
        format!("error: --from {path}: expected a folder with recipes (*.md)\n")
    );
    recipes.write("about.md", "Hello.\n");
    let output = seed(path);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).starts_with("0 loaded, 0 updated, 1 not read\n"));
    assert_eq!(
        program(&data).arg("seed").output().unwrap().status.code(),
        Some(2)
    );
}

#[tokio::test]
async fn serve_greets_answers_and_ends_at_a_signal() {
    let data = TempFolder::new();
    let mut service = Running(
        program(&data)
            .env("PORT", "0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(service.0.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first
        .split("http://")
        .nth(1)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let request =
        "GET /api/v1/recipes?q=lemon+pasta HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = send(address, request).await;
    assert_eq!(answer.titles(), ["Spaghetti al limone"]);
    let kill = Command::new("kill")
        .arg(service.0.id().to_string())
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(service.0.wait().unwrap().code(), Some(0));
}

/// A program that does not outlive the test, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
