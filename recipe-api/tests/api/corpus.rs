//! Real recipes: a folder of some four hundred files by many hands.
//!
//! The folder is no part of this repository. `RECIPE_CORPUS` says where it is.

use std::{fs, path::Path};

use recipe_api::import::folder;

/// What a plain look at the lines of a file finds, without a Markdown parser.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    ingredients: usize,
    steps: usize,
}

#[test]
fn every_recipe_of_the_corpus_loads_with_all_its_lines() {
    let Some(corpus) = std::env::var_os("RECIPE_CORPUS").filter(|path| !path.is_empty()) else {
        assert!(
            std::env::var_os("OBS_TESTS_REQUIRE_ALL").is_none_or(|required| required != "1"),
            "RECIPE_CORPUS is required here: set it to a folder of Markdown recipes"
        );
        eprintln!("skipped: RECIPE_CORPUS is not set to a folder of Markdown recipes");
        return;
    };
    let mut loaded = 0;
    let mut unread = Vec::new();
    let mut different = Vec::new();
    for file in folder::find(Path::new(&corpus)).unwrap() {
        match file.read() {
            Ok(recipe) => {
                loaded += 1;
                let read = Counts {
                    ingredients: recipe.ingredients.len(),
                    steps: recipe.steps.len(),
                };
                let counted = count(&fs::read_to_string(&file.path).unwrap());
                if read != counted {
                    different.push(format!("{}: read {read:?}, counted {counted:?}", file.key));
                }
            }
            Err(error) => unread.push(format!("{}: {error}", file.key)),
        }
    }
    assert_eq!(
        unread,
        ["_index: no recipe: no ingredients section with a line in it"]
    );
    assert_eq!(loaded, 410);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn count(text: &str) -> Counts {
    let body: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with('#'))
        .collect();
    let mut counts = Counts::default();
    let mut part = "";
    let mut main = "";
    let mut is_after_gap = true;
    for (index, line) in body.iter().enumerate() {
        let text = line.trim();
        if let Some(heading) = text.strip_prefix('#') {
            let is_main = !heading.starts_with("##");
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            if is_main {
                main = match heading.as_str() {
                    name if name.contains("ingredients") => "ingredients",
                    name if name.contains("directions") => "steps",
                    "spice blend" => "ingredients",
                    // Headings after the directions that go on with them.
                    "frying" => "steps",
                    name if name.ends_with("suggestion") && has_list(&body, index) => "steps",
                    name if name.ends_with("recommendation") && has_list(&body, index) => "steps",
                    _ => "",
                };
            }
            part = if heading.contains("note") { "" } else { main };
            is_after_gap = true;
            continue;
        }
        let begins = is_item(text) || (is_after_gap && !line.starts_with([' ', '\t']));
        let is_text = text.contains(char::is_alphanumeric) && !text.starts_with("![");
        match part {
            "ingredients" if is_item(text) => counts.ingredients += 1,
            "steps" if is_item(text) => counts.steps += 1,
            "steps" if begins && is_text && !is_label(&body, index) && !is_origin(text) => {
                counts.steps += sentences(&body, index);
            }
            _ => {}
        }
        is_after_gap = text.is_empty();
    }
    counts
}

/// `- flour`, `* flour`, `+ flour`, `1. Mix`.
fn is_item(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let mark = if number.len() < text.len() {
        number.strip_prefix('.')
    } else {
        text.strip_prefix(['-', '*', '+'])
    };
    mark.is_some_and(|rest| rest.starts_with([' ', '\t']) && rest.contains(char::is_alphanumeric))
}

/// A line that names the list below it.
fn is_label(body: &[&str], index: usize) -> bool {
    let text = body[index].trim();
    let following = body[index + 1..]
        .iter()
        .find(|line| !line.trim().is_empty());
    (text.ends_with(':') || text.starts_with("**"))
        && following.is_some_and(|line| is_item(line.trim()))
}

/// A line that says where the recipe comes from.
fn is_origin(text: &str) -> bool {
    text.starts_with("Originally published at ")
}

/// How many lines of a paragraph are sentences of their own: all, or none but the first.
fn sentences(body: &[&str], index: usize) -> usize {
    let lines = body[index..]
        .iter()
        .take_while(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let lines: Vec<_> = lines.collect();
    if lines
        .iter()
        .all(|line| line.starts_with(char::is_uppercase))
    {
        lines.len()
    } else {
        1
    }
}

fn has_list(body: &[&str], index: usize) -> bool {
    body[index + 1..]
        .iter()
        .take_while(|line| !line.starts_with('#'))
        .any(|line| is_item(line.trim()))
}
