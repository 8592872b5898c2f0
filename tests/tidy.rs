//! House rules that can be checked by reading the repository's text.

#![expect(
    clippy::expect_used,
    reason = "a file that cannot be read fails the test, as it should"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A text file of the repository.
struct File {
    /// Relative to the root, with `/` between the parts.
    path: String,
    text: String,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Its lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The places whose line `is_wrong`.
    fn places(&self, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
        self.lines()
            .filter(|(_, line)| is_wrong(line))
            .map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim()))
            .collect()
    }
}

#[test]
fn every_rust_file_says_its_purpose_first() {
    none_of(rust_files().into_iter().filter_map(|file| {
        let first = file
            .text
            .lines()
            .find(|line| !line.starts_with("#!/"))
            .unwrap_or_default();
        (!first.starts_with("//! ")).then_some(file.path)
    }));
}

#[test]
fn no_rust_file_has_over_500_lines_of_code() {
    none_of(rust_files().into_iter().filter_map(|file| {
        let lines = code_lines(&file.text);
        (lines > 500).then(|| format!("{}: {lines} lines of code", file.path))
    }));
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let says_nothing = |name: &str| {
        [
            "utils", "util", "common", "helpers", "misc", "types", "internal",
        ]
        .contains(&name)
    };
    none_of(rust_files().into_iter().flat_map(|file| {
        let by_path = file
            .path
            .split('/')
            .any(|part| says_nothing(part.trim_end_matches(".rs")))
            .then(|| file.path.clone());
        let inline = file.places(|line| module_name(line).is_some_and(says_nothing));
        by_path.into_iter().chain(inline).collect::<Vec<_>>()
    }));
}

#[test]
fn no_mod_file_has_a_function_of_its_own() {
    let files = rust_files()
        .into_iter()
        .filter(|file| file.name() == "mod.rs");
    none_of(files.flat_map(|file| file.places(is_free_function)));
}

#[test]
fn nothing_is_left_for_later_or_commented_out() {
    none_of(
        text_files(&["rs", "toml", "sh", "yml", ""])
            .into_iter()
            .flat_map(|file| {
                file.places(|line| is_reminder(line) || is_dead_code(line) || is_banner(line))
            }),
    );
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let machine_paths = ["work", "tmp", "root"].map(|folder| format!("/{folder}/"));
    none_of(
        text_files(&["rs", "toml", "md", "sh", "yml", "sql", ""])
            .into_iter()
            .flat_map(|file| {
                file.places(|line| {
                    machine_paths
                        .iter()
                        .any(|path| line.contains(path.as_str()))
                })
            }),
    );
}

#[test]
fn every_crate_inherits_the_lints_of_the_workspace() {
    none_of(members().into_iter().filter_map(|(member, manifest)| {
        let lints = manifest
            .split_once("[lints]\n")
            .map(|(_, rest)| rest)
            .unwrap_or_default();
        (!lints.starts_with("workspace = true")).then_some(member)
    }));
}

#[test]
fn dependencies_point_down_only() {
    let below: [(&str, &[&str]); 3] = [
        ("obs-redact", &[]),
        ("obs-core", &["obs-redact"]),
        ("obs-tower", &["obs-redact", "obs-core"]),
    ];
    let members = members();
    let names: Vec<String> = members
        .iter()
        .map(|(_, manifest)| package_name(manifest))
        .collect();
    none_of(members.iter().flat_map(|(member, manifest)| {
        let allowed = below
            .iter()
            .find(|(library, _)| library == member)
            .map(|(_, below)| *below);
        // A program may use every library, and no program is used by another; tests see all.
        let is_allowed = move |name: &str| match allowed {
            Some(libraries) => libraries.contains(&name),
            None => below.iter().any(|(library, _)| *library == name) || member == "tests",
        };
        dependency_names(manifest)
            .into_iter()
            .filter(|name| names.contains(name) && !is_allowed(name))
            .map(|name| format!("{member} depends on {name}"))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn libraries_name_axum_in_one_file_only() {
    let libraries = rust_files()
        .into_iter()
        .filter(|file| is_library_source(&file.path) && file.path != "obs-tower/src/route.rs");
    none_of(libraries.flat_map(|file| {
        file.places(|line| is_code(line) && (line.contains("axum::") || line.contains("use axum")))
    }));
}

#[test]
fn no_library_root_exports_over_25_names() {
    for library in ["obs-redact", "obs-core", "obs-tower"] {
        let exports: usize = rust_files()
            .iter()
            .filter(|file| file.path.starts_with(&format!("{library}/src/")))
            .map(|file| {
                let in_root = if file.name() == "lib.rs" {
                    exported_names(&file.text)
                } else {
                    0
                };
                in_root + file.text.matches("#[macro_export]").count()
            })
            .sum();
        assert!(
            exports <= 25,
            "{library} exports {exports} names at its root"
        );
    }
}

#[test]
fn the_checks_see_what_they_look_for() {
    assert!(is_dead_code("    // let total = count(&lines);"));
    assert!(is_dead_code("// if total > 3 {"));
    assert!(!is_dead_code("// The caller holds the lock; see above."));
    assert!(!is_dead_code("/// let total = 1;"));
    assert!(is_banner("// -------- setup"));
    assert!(!is_banner("// The dash - one of them - is fine."));
    assert!(is_free_function("pub(crate) async fn run() {"));
    assert!(!is_free_function("    fn method(&self) {"));
    assert_eq!(code_lines("//! a\n\n/* b\nc */\nfn d() {} // e\n"), 1);
    assert_eq!(
        exported_names("pub mod a;\npub use b::{C, D,\n    E};\npub use f::G;\nmod h;\n"),
        5
    );
    assert_eq!(
        dependency_names("[dependencies]\na.workspace = true\nb = \"1\"\n[lints]\nc = 1\n"),
        ["a", "b"]
    );
}

/// Fails with the list of places that break a rule.
fn none_of(violations: impl IntoIterator<Item = String>) {
    let violations: Vec<String> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the package is a folder of the repository")
        .to_owned()
}

fn rust_files() -> Vec<File> {
    text_files(&["rs"])
}

/// The files with one of these extensions, in the order of their paths.
fn text_files(extensions: &[&str]) -> Vec<File> {
    let root = root();
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let wanted = paths.into_iter().filter(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extensions.contains(&extension.unwrap_or_default())
    });
    wanted
        .filter_map(|path| {
            let relative = path.strip_prefix(&root).expect("found below the root");
            let path_text = relative.to_string_lossy().replace('\\', "/");
            // What is no text has no lines to check.
            fs::read_to_string(&path).ok().map(|text| File {
                path: path_text,
                text,
            })
        })
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository can be read") {
        let path = entry
            .expect("a folder of the repository can be read")
            .path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            let made_by_a_build_or_a_run = ["target", "data", "logs"].contains(&name.as_str());
            let hidden = name.starts_with('.') && ![".ci", ".github"].contains(&name.as_str());
            if !made_by_a_build_or_a_run && !hidden {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

/// The workspace's members: folder and manifest.
fn members() -> Vec<(String, String)> {
    let manifests = text_files(&["toml"]).into_iter().filter_map(|file| {
        file.path
            .strip_suffix("/Cargo.toml")
            .map(|member| (member.to_owned(), file.text.clone()))
    });
    let members: Vec<_> = manifests.collect();
    assert!(members.len() >= 7, "found only {} manifests", members.len());
    members
}

fn package_name(manifest: &str) -> String {
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = "))
        .unwrap_or_default();
    line.trim_matches('"').to_owned()
}

/// Names below every `dependencies` table of a manifest, those for tests and builds included.
fn dependency_names(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            in_dependencies = table.trim_end_matches(']').ends_with("dependencies");
        } else if in_dependencies && let Some((key, _)) = line.split_once('=') {
            let name = key.split('.').next().unwrap_or_default().trim();
            if !name.starts_with(['#', ' ']) && !name.is_empty() {
                names.push(name.to_owned());
            }
        }
    }
    names
}

fn is_library_source(path: &str) -> bool {
    ["obs-redact/src/", "obs-core/src/", "obs-tower/src/"]
        .iter()
        .any(|src| path.starts_with(src))
}

fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

/// Lines that are neither blank nor comment.
fn code_lines(text: &str) -> usize {
    let mut in_comment = false;
    text.lines()
        .filter(|line| {
            let line = line.trim();
            let begins = line.starts_with("/*");
            let skipped = in_comment || begins || !is_code(line);
            in_comment = (in_comment || begins) && !line.ends_with("*/");
            !skipped
        })
        .count()
}

/// The name that a `mod` line declares.
fn module_name(line: &str) -> Option<&str> {
    let declaration = line
        .trim_start()
        .trim_start_matches("pub(crate) ")
        .trim_start_matches("pub ");
    let name = declaration.strip_prefix("mod ")?;
    name.split([';', ' ', '{']).next()
}

fn is_free_function(line: &str) -> bool {
    let words: Vec<&str> = line
        .split(' ')
        .take_while(|word| !word.contains("fn"))
        .collect();
    let qualifiers = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "async",
        "unsafe",
    ];
    words.len() < line.split(' ').count()
        && line.split(' ').nth(words.len()) == Some("fn")
        && words.iter().all(|word| qualifiers.contains(word))
}

fn is_reminder(line: &str) -> bool {
    [concat!("TO", "DO"), concat!("FIX", "ME")]
        .iter()
        .any(|word| line.contains(word))
}

/// The text of a plain comment, in Rust or in a file with `#` comments.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let doc_comment = ["///", "//!", "#!", "#["]
        .iter()
        .any(|start| line.starts_with(start));
    if doc_comment {
        None
    } else {
        line.strip_prefix("//").or_else(|| line.strip_prefix("# "))
    }
}

fn is_dead_code(line: &str) -> bool {
    comment(line).is_some_and(|text| {
        let text = text.trim();
        let is_statement = text.ends_with(';') && text.contains(['(', '=']);
        is_statement || text.ends_with('{') || text == "}"
    })
}

fn is_banner(line: &str) -> bool {
    ["---", "===", "***", "###", "////"]
        .iter()
        .any(|rule| match comment(line) {
            Some(text) => text.trim().starts_with(rule) || text.trim().ends_with(rule),
            None => line.trim_start().starts_with("////"),
        })
}

/// Names that the text of a crate root makes public; macros are counted where they are written.
fn exported_names(text: &str) -> usize {
    let code: String = text
        .lines()
        .filter(|line| is_code(line))
        .fold(String::new(), |code, line| code + line + " ");
    code.split(';').map(exported_by).sum()
}

fn exported_by(statement: &str) -> usize {
    if let Some((_, uses)) = statement.split_once("pub use ") {
        return match uses.split_once('{') {
            Some((_, list)) => list
                .split(['}', ','])
                .filter(|name| !name.trim().is_empty())
                .count(),
            None => 1,
        };
    }
    let items = [
        "mod ", "fn ", "struct ", "enum ", "trait ", "type ", "const ", "static ",
    ];
    items
        .iter()
        .map(|item| statement.matches(&format!("pub {item}")).count())
        .sum()
}
