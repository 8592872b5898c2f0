//! The table of variables in code is the documentation; `UPDATE_DOCS=1 cargo test` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use obs_core::config::{NOT_HONOURED, VARIABLES};

#[test]
fn documentation_is_the_table_in_code() {
    check("docs/configuration.md", &render());
    check(".env.example", &example());
}

fn check(file: &str, rendered: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, rendered).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == rendered,
        "{file} differs: run UPDATE_DOCS=1 cargo test -p obs-core --test it"
    );
}

/// All variables, commented out: the defaults hold until a line is uncommented.
fn example() -> String {
    let mut text = String::from(
        "# Settings of the libraries; docs/configuration.md says more. Made from the table in code.\n",
    );
    for (subject, variables) in VARIABLES {
        write!(text, "\n# {subject}\n").unwrap();
        for variable in *variables {
            let (form, default) = (variable.form, variable.default);
            writeln!(text, "# {form}; default: {default}").unwrap();
            for name in expand(variable.name) {
                writeln!(text, "#{name}=").unwrap();
            }
        }
    }
    text
}

#[test]
fn each_variable_stands_once() {
    let mut names: Vec<&str> = VARIABLES
        .iter()
        .flat_map(|(_, group)| *group)
        .map(|variable| variable.name)
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// What is read and not in the table cannot be found by those who run the service.
#[test]
fn every_variable_in_the_source_is_in_the_table_or_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = Vec::new();
    for folder in [root.join("src"), root.join("../obs-tower/src")] {
        collect_names(&folder, &mut names);
    }
    assert!(names.len() > 40, "the search finds them: {names:?}");
    let known: Vec<String> = VARIABLES
        .iter()
        .flat_map(|(_, group)| *group)
        .flat_map(|variable| expand(variable.name))
        .collect();
    let refused = |name: &str| NOT_HONOURED.iter().any(|(refused, _)| *refused == name);
    names.retain(|name| !known.contains(name) && !refused(name));
    assert!(names.is_empty(), "not in config/variables.rs: {names:?}");
}

/// `A_{B,C}_D` as `A_B_D` and `A_C_D`.
fn expand(name: &str) -> Vec<String> {
    let Some((start, rest)) = name.split_once('{') else {
        return vec![name.to_owned()];
    };
    let (choices, end) = rest.split_once('}').unwrap();
    choices
        .split(',')
        .map(|choice| format!("{start}{choice}{end}"))
        .collect()
}

/// Strings that are spelled like our variables, in all source files but their tests.
fn collect_names(folder: &Path, names: &mut Vec<String>) {
    const STARTS: [&str; 13] = [
        "ALL_PROXY",
        "APP_",
        "HEALTH_",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LOG_",
        "NO_COLOR",
        "NO_PROXY",
        "OBS_",
        "OPENOBSERVE_",
        "OTEL_",
        "REDACT_",
        "SHUTDOWN_",
    ];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") && !path.ends_with("testing") {
                collect_names(&path, names);
            }
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let spelled = |part: &&str| {
            part.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let found = code
            .split('"')
            .filter(spelled)
            .filter(|part| STARTS.iter().any(|start| part.starts_with(start)));
        names.extend(
            found
                .filter(|name| !name.ends_with('_') && !PREFIXES.contains(name))
                .map(str::to_owned),
        );
    }
}

/// Beginnings that the source puts names together from.
const PREFIXES: [&str; 2] = ["OTEL_BSP", "OTEL_BLRP"];

fn render() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         Made from the table in `obs-core/src/config/variables.rs`; do not edit.\n\n\
         An explicit call of the program wins over a variable, a variable over what `init!` reads from the package, \
         and that over the default.\n\
         An empty value counts as unset.\n\
         A bare number in a duration is milliseconds; `250ms`, `30s`, `15min` say their unit.\n\
         A mistaken value is one warning that names the variable, its value, what would be right and what is used; \
         `REDACT_*` and `OBS_CONFIG=strict` make it a start-up error.\n",
    );
    for (subject, variables) in VARIABLES {
        write!(
            text,
            "\n## {subject}\n\n| variable | form | default | meaning |\n|---|---|---|---|\n"
        )
        .unwrap();
        for variable in *variables {
            writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                variable.name, variable.form, variable.default, variable.meaning
            )
            .unwrap();
        }
    }
    text.push_str(
        "\n## Not honoured\n\nSetting one of these is told in the start-up warning, with the reason.\n\n\
         | variable | reason |\n|---|---|\n",
    );
    for (name, reason) in NOT_HONOURED {
        writeln!(text, "| `{name}` | {reason} |").unwrap();
    }
    text
}
