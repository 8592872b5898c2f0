//! A word by which recipes are grouped.

use serde::{Serialize, Serializer};

use super::fold;

/// A tag: a name as written, and the slug under which spellings of it meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    name: String,
    slug: String,
}

impl Tag {
    /// The most characters that a tag may have.
    pub const MAX_CHARS: usize = 50;

    /// Makes a tag from text. `None` if it has no letter or digit, or is too long.
    ///
    /// # Examples
    /// ```
    /// use recipe_api::domain::Tag;
    ///
    /// let tag = Tag::new("Slow Cooked").ok_or("no tag")?;
    /// assert_eq!(tag.slug(), "slow-cooked");
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let name = text.trim();
        if name.chars().count() > Self::MAX_CHARS || name.chars().any(char::is_control) {
            return None;
        }
        let folded = fold(name);
        let words: Vec<&str> = folded
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        (!words.is_empty()).then(|| Self {
            name: name.to_owned(),
            slug: words.join("-"),
        })
    }

    /// The tag as written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lower case letters and digits, joined by hyphens.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}
