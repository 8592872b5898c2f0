//! The log files of the program, line by line.

use std::{fs, path::Path};

use serde_json::Value;

/// All lines of the combined files in a folder, in order.
///
/// # Panics
/// If a line is no JSON object, or a file does not end with its last line.
#[must_use]
pub fn combined(folder: &Path) -> Vec<Value> {
    read(folder, "combined-")
}

/// All lines of the error files in a folder, in order.
///
/// # Panics
/// As [`combined`].
#[must_use]
pub fn errors(folder: &Path) -> Vec<Value> {
    read(folder, "error-")
}

/// The lines of a text, each a JSON object.
///
/// # Panics
/// If one is not.
#[must_use]
pub fn parse(text: &str) -> Vec<Value> {
    let line = |line: &str| match serde_json::from_str(line) {
        Ok(object @ Value::Object(_)) => object,
        _ => panic!("not a JSON object: {line}"),
    };
    text.lines().map(line).collect()
}

/// The lines in which a key has a value.
#[must_use]
pub fn with<'l>(lines: &'l [Value], key: &str, value: &str) -> Vec<&'l Value> {
    lines
        .iter()
        .filter(|line| line.get(key).and_then(Value::as_str) == Some(value))
        .collect()
}

fn read(folder: &Path, prefix: &str) -> Vec<Value> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the log folder can be read").path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    paths.sort();
    let text: String = paths
        .iter()
        .map(|path| fs::read_to_string(path).expect("a log file is text"))
        .collect();
    // While the program runs, its last line may be half there.
    let end = text.rfind('\n').map_or(0, |end| end + 1);
    parse(text.get(..end).unwrap_or_default())
}
