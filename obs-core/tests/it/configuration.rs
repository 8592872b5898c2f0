//! The table of variables in code is the documentation; `UPDATE_DOCS=1 cargo test` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use obs_core::config::VARIABLES;

#[test]
fn documentation_is_the_table_in_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let rendered = render();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == rendered,
        "docs/configuration.md differs: run UPDATE_DOCS=1 cargo test -p obs-core --test it"
    );
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
    text
}
