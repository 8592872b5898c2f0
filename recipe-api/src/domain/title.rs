//! The title of a recipe.

use serde::Serialize;

/// A title: 1 to 200 characters on one line, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Title(String);

impl Title {
    /// The most characters that a title may have.
    pub const MAX_CHARS: usize = 200;

    /// Makes a title from text, with white space at both ends cut off.
    ///
    /// `None` if nothing is left, if it is too long, or if it has control characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty()
            && text.chars().count() <= Self::MAX_CHARS
            && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// The text of the title.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
