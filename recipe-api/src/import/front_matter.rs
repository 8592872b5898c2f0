//! The YAML block at the head of a file.

use serde::Deserialize;

use super::ImportError;

/// What the head of a recipe file says; other keys are ignored.
#[derive(Debug, Deserialize)]
pub struct FrontMatter {
    /// The name of the dish.
    pub title: String,
    /// The day it was written down.
    #[serde(default)]
    pub date: Option<String>,
    /// Words by which it is grouped.
    #[serde(default)]
    pub tags: Option<Words>,
    /// Who wrote it.
    #[serde(default)]
    pub author: Option<String>,
}

/// One word or a list of words.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Words {
    /// A single word.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl Words {
    /// The words, one by one.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::Many(words) => words,
        }
    }
}

/// Splits a file into its front matter and the Markdown below it.
///
/// # Errors
/// [`ImportError`] if there is no front matter, or if it is not YAML with a title.
pub fn split(text: &str) -> Result<(FrontMatter, &str), ImportError> {
    let mut rest = text;
    if next_line(&mut rest).map(str::trim_end) != Some(FENCE) {
        return Err(ImportError::NoFrontMatter);
    }
    let yaml_and_body = rest;
    let yaml = loop {
        let end = yaml_and_body.len() - rest.len();
        match next_line(&mut rest).map(str::trim_end) {
            Some(FENCE) => break yaml_and_body.get(..end).unwrap_or_default(),
            Some(_) => {}
            None => return Err(ImportError::UnclosedFrontMatter),
        }
    };
    Ok((parse(yaml)?, rest))
}

fn parse(yaml: &str) -> Result<FrontMatter, ImportError> {
    serde_saphyr::from_str(yaml).map_err(|error| {
        let error = error.without_snippet();
        // The fence is line 1 of the file.
        let line = error.location().map_or(1, |location| location.line()) + 1;
        let message = error.to_string();
        let reason = message.lines().next().unwrap_or_default();
        // The library ends with the place inside the YAML, which is not the place in the file.
        let reason = reason
            .rsplit_once(" at line ")
            .map_or(reason, |(what, _)| what);
        ImportError::FrontMatter {
            line,
            reason: reason.trim_start_matches("error: ").to_owned(),
        }
    })
}

fn next_line<'a>(rest: &mut &'a str) -> Option<&'a str> {
    if rest.is_empty() {
        return None;
    }
    let (line, tail) = rest.split_once('\n').unwrap_or((rest, ""));
    *rest = tail;
    Some(line)
}

const FENCE: &str = "---";
