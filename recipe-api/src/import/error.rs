//! Why a file is not a recipe.

use std::io;

use thiserror::Error;

use crate::domain::{Tag, Title};

/// Why a file did not become a recipe.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file could not be read.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// The file is larger than a recipe should be.
    #[error("too large: a recipe file may have at most {max} bytes")]
    TooLarge {
        /// The limit in bytes.
        max: u64,
    },
    /// The file is not text.
    #[error("not UTF-8: byte {offset} is the first that is not text")]
    NotUtf8 {
        /// How many bytes before it are text.
        offset: usize,
    },
    /// The file does not begin with front matter.
    #[error("no front matter: the first line must be ---")]
    NoFrontMatter,
    /// The front matter does not end.
    #[error("front matter without end: no second line is ---")]
    UnclosedFrontMatter,
    /// The front matter is not what it should be.
    #[error("invalid front matter, line {line}: {reason}")]
    FrontMatter {
        /// The line of the file, counted from 1.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The title cannot be one.
    #[error(
        "invalid title: expected 1 to {} characters on one line",
        Title::MAX_CHARS
    )]
    Title,
    /// The date is not one.
    #[error("invalid date {0:?}: expected YYYY-MM-DD")]
    Date(String),
    /// A tag cannot be one.
    #[error("invalid tag {0:?}: expected 1 to {max} letters, digits and spaces", max = Tag::MAX_CHARS)]
    Tag(String),
    /// There is nothing to cook with.
    #[error("no recipe: no ingredients section with a line in it")]
    NoIngredients,
    /// There is nothing to do.
    #[error("no recipe: no directions section with a line in it")]
    NoDirections,
}
