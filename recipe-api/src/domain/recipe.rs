//! A recipe, its content and its parts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Date, Instant, Tag, Title};

/// A recipe as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipe {
    /// Names the recipe for good.
    pub id: RecipeId,
    /// What the recipe says.
    #[serde(flatten)]
    pub content: RecipeContent,
    /// Minutes from start to table; known only if both parts are.
    pub total_minutes: Option<u32>,
    /// Who may see it.
    pub visibility: Visibility,
    /// When it came into this book.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// Grows by one with every change; the entity tag of the resource.
    #[serde(skip)]
    pub version: i64,
}

/// What a recipe says, whoever wrote it down.
///
/// What its source does not say is `None`; nothing is guessed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecipeContent {
    /// The name of the dish.
    pub title: Title,
    /// What the dish is, in plain text; paragraphs are separated by an empty line.
    pub description: Option<String>,
    /// How many it serves; of a range the first number.
    pub servings: Option<u32>,
    /// The yield as written, such as `6-8 people`.
    pub yield_text: Option<String>,
    /// Minutes of preparation; of a range the first number.
    pub prep_minutes: Option<u32>,
    /// Minutes of cooking; of a range the first number.
    pub cook_minutes: Option<u32>,
    /// The cuisine, in lower case.
    pub cuisine: Option<String>,
    /// Words by which recipes are grouped, each once.
    pub tags: Vec<Tag>,
    /// What goes in, in order.
    pub ingredients: Vec<Line>,
    /// What to do, in order.
    pub steps: Vec<Line>,
    /// What else the source says: tips, equipment, remarks.
    pub notes: Vec<Line>,
    /// Where it was first published.
    pub source_url: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// The day its source gives.
    pub published_on: Option<Date>,
}

impl RecipeContent {
    /// Minutes of preparation and cooking together, if both are known.
    #[must_use]
    pub fn total_minutes(&self) -> Option<u32> {
        self.prep_minutes?.checked_add(self.cook_minutes?)
    }
}

/// One line of a recipe: an ingredient, a step or a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The line in plain text.
    pub text: String,
    /// The part of the recipe that it belongs to, such as `Filling`.
    pub section: Option<String>,
}

/// Names a recipe: a UUID of version 7, so that later ones sort last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RecipeId(Uuid);

impl RecipeId {
    /// A name that no other recipe has.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The UUID behind the name.
    #[must_use]
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for RecipeId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for RecipeId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for RecipeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who may see a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Visibility {
    /// Everybody.
    Public,
    /// The household that owns it.
    Household,
    /// Its owner.
    Private,
}

impl Visibility {
    /// The word under which it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Household => "household",
            Self::Private => "private",
        }
    }

    /// The visibility of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Public, Self::Household, Self::Private]
            .into_iter()
            .find(|visibility| visibility.as_str() == name)
    }
}
