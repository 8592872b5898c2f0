//! Reading recipes: one, or a page of them.

use std::collections::HashMap;

use sqlx::{Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};
use uuid::Uuid;

use crate::domain::{Date, Instant, Line, Recipe, RecipeContent, RecipeId, Tag, Title, Visibility};

use super::{Store, StoreError, search, statement};

/// Which recipes a list is about; parts that are `None` do not narrow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipeFilter {
    /// Words to find; the best match comes first.
    pub text: Option<String>,
    /// The slug of a tag.
    pub tag: Option<String>,
    /// A cuisine in lower case.
    pub cuisine: Option<String>,
}

/// A stretch of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Counted from 1.
    pub number: u32,
    /// How many recipes a page has.
    pub limit: u32,
}

impl Page {
    fn offset(self) -> i64 {
        i64::from(self.number.saturating_sub(1)) * i64::from(self.limit)
    }
}

/// The recipes of one page.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipePage {
    /// The recipes in order.
    pub recipes: Vec<Recipe>,
    /// How many there are on all pages.
    pub total: u64,
}

impl Store {
    /// Reads a recipe that everybody may see; `None` if there is none of this id.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn recipe(&self, id: RecipeId) -> Result<Option<Recipe>, StoreError> {
        let mut tx = self.read().await?;
        let query = sqlx::query(ONE).bind(id.as_uuid()).fetch_optional(&mut *tx);
        let row = statement::run("SELECT", "recipes", query).await?;
        let recipes = with_parts(&mut tx, row.as_slice()).await?;
        end(tx).await?;
        Ok(recipes.into_iter().next())
    }

    /// Reads a page of the recipes that everybody may see: by title, or by relevance when the
    /// filter has a text.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn recipes(
        &self,
        filter: &RecipeFilter,
        page: Page,
    ) -> Result<RecipePage, StoreError> {
        let (count_sql, page_sql, words) = match &filter.text {
            None => (COUNT, PAGE, None),
            Some(text) => match search::match_query(text) {
                Some(words) => (COUNT_MATCHES, PAGE_OF_MATCHES, Some(words)),
                // A text without a word matches nothing.
                None => {
                    return Ok(RecipePage {
                        recipes: Vec::new(),
                        total: 0,
                    });
                }
            },
        };
        let mut tx = self.read().await?;
        let query = sqlx::query(count_sql)
            .bind(&filter.cuisine)
            .bind(&filter.tag)
            .bind(&words)
            .fetch_one(&mut *tx);
        let row = statement::run("SELECT", "recipes", query).await?;
        let total: i64 = column(&row, "total")?;

        let query = sqlx::query(page_sql)
            .bind(&filter.cuisine)
            .bind(&filter.tag)
            .bind(&words)
            .bind(i64::from(page.limit))
            .bind(page.offset())
            .fetch_all(&mut *tx);
        let rows = statement::run("SELECT", "recipes", query).await?;
        let recipes = with_parts(&mut tx, &rows).await?;
        end(tx).await?;
        Ok(RecipePage {
            recipes,
            total: u64::try_from(total).unwrap_or(0),
        })
    }

    /// Whether there is no recipe at all.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let mut tx = self.read().await?;
        let query = sqlx::query("SELECT 1 FROM recipes LIMIT 1").fetch_optional(&mut *tx);
        let row = statement::run("SELECT", "recipes", query).await?;
        end(tx).await?;
        Ok(row.is_none())
    }
}

async fn end(tx: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
    statement::run_unrecorded("COMMIT", tx.commit()).await
}

/// Adds ingredients, steps and tags: three statements, however many recipes.
async fn with_parts(
    connection: &mut SqliteConnection,
    rows: &[SqliteRow],
) -> Result<Vec<Recipe>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = rows
        .iter()
        .map(|row| column(row, "id"))
        .collect::<Result<Vec<Uuid>, _>>()?;
    let mut ingredients = parts(connection, "recipe_ingredients", INGREDIENTS, &ids, line).await?;
    let mut steps = parts(connection, "recipe_steps", STEPS, &ids, line).await?;
    let mut tags = parts(connection, "recipe_tags", TAGS, &ids, tag).await?;
    rows.iter()
        .zip(ids)
        .map(|(row, id)| {
            recipe(
                row,
                id,
                Parts {
                    ingredients: ingredients.remove(&id).unwrap_or_default(),
                    steps: steps.remove(&id).unwrap_or_default(),
                    tags: tags.remove(&id).unwrap_or_default(),
                },
            )
        })
        .collect()
}

async fn parts<T>(
    connection: &mut SqliteConnection,
    collection: &'static str,
    (before, after): (&'static str, &'static str),
    ids: &[Uuid],
    read: fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<HashMap<Uuid, Vec<T>>, StoreError> {
    let mut query = sqlx::query(statement::with_list(before, ids.len(), after));
    for id in ids {
        query = query.bind(id);
    }
    let rows = statement::run("SELECT", collection, query.fetch_all(connection)).await?;
    let mut parts: HashMap<Uuid, Vec<T>> = HashMap::with_capacity(ids.len());
    for row in &rows {
        let id = column(row, "recipe_id")?;
        parts.entry(id).or_default().push(read(row)?);
    }
    Ok(parts)
}

struct Parts {
    ingredients: Vec<Line>,
    steps: Vec<Line>,
    tags: Vec<Tag>,
}

fn recipe(row: &SqliteRow, id: Uuid, parts: Parts) -> Result<Recipe, StoreError> {
    let title: String = column(row, "title")?;
    let notes: String = column(row, "notes")?;
    let published_on: Option<String> = column(row, "published_on")?;
    let visibility: String = column(row, "visibility")?;
    let content = RecipeContent {
        title: Title::new(&title).ok_or(StoreError::Corrupt { what: "title" })?,
        description: column(row, "description")?,
        servings: column(row, "servings")?,
        yield_text: column(row, "yield_text")?,
        prep_minutes: column(row, "prep_minutes")?,
        cook_minutes: column(row, "cook_minutes")?,
        cuisine: column(row, "cuisine")?,
        tags: parts.tags,
        ingredients: parts.ingredients,
        steps: parts.steps,
        notes: serde_json::from_str(&notes).map_err(|_| StoreError::Corrupt { what: "notes" })?,
        source_url: column(row, "source_url")?,
        author: column(row, "author")?,
        published_on: published_on.as_deref().and_then(Date::parse),
    };
    Ok(Recipe {
        id: RecipeId::from(id),
        content,
        total_minutes: column(row, "total_minutes")?,
        visibility: Visibility::from_name(&visibility)
            .ok_or(StoreError::Corrupt { what: "visibility" })?,
        created_at: Instant::from_micros(column(row, "created_at")?),
        updated_at: Instant::from_micros(column(row, "updated_at")?),
        version: column(row, "version")?,
    })
}

fn line(row: &SqliteRow) -> Result<Line, StoreError> {
    Ok(Line {
        text: column(row, "text")?,
        section: column(row, "section")?,
    })
}

fn tag(row: &SqliteRow) -> Result<Tag, StoreError> {
    let name: String = column(row, "name")?;
    Tag::new(&name).ok_or(StoreError::Corrupt { what: "tag" })
}

fn column<'r, T>(row: &'r SqliteRow, name: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(name)
        .map_err(|_| StoreError::Corrupt { what: name })
}

macro_rules! recipe_columns {
    () => {
        "recipes.id, recipes.title, recipes.description, source_url, author, visibility, recipes.cuisine, \
         prep_minutes, cook_minutes, total_minutes, servings, yield_text, published_on, notes, \
         version, created_at, updated_at"
    };
}

/// $1 is a cuisine or NULL, $2 the slug of a tag or NULL.
macro_rules! filter {
    () => {
        " visibility = 'public' AND ($1 IS NULL OR recipes.cuisine = $1) \
          AND ($2 IS NULL OR EXISTS (SELECT 1 FROM recipe_tags JOIN tags ON tags.id = tag_id \
                                     WHERE recipe_id = recipes.id AND slug = $2))"
    };
}

const ONE: &str = concat!(
    "SELECT ",
    recipe_columns!(),
    " FROM recipes WHERE id = $1 AND visibility = 'public'"
);

/// $3 is unused here, so that both kinds of list take the same parameters.
const COUNT: &str = concat!(
    "SELECT count(*) AS total FROM recipes WHERE $3 IS NULL AND",
    filter!()
);

const PAGE: &str = concat!(
    "SELECT ",
    recipe_columns!(),
    " FROM recipes WHERE $3 IS NULL AND",
    filter!(),
    " ORDER BY title_norm, recipes.id LIMIT $4 OFFSET $5"
);

const COUNT_MATCHES: &str = concat!(
    "SELECT count(*) AS total FROM recipes_fts JOIN recipes ON recipes.seq = recipes_fts.rowid \
     WHERE recipes_fts MATCH $3 AND",
    filter!()
);

/// The weights are those of title, description, ingredients, tags and cuisine.
const PAGE_OF_MATCHES: &str = concat!(
    "SELECT ",
    recipe_columns!(),
    " FROM recipes_fts JOIN recipes ON recipes.seq = recipes_fts.rowid \
     WHERE recipes_fts MATCH $3 AND",
    filter!(),
    " ORDER BY bm25(recipes_fts, 10.0, 2.0, 3.0, 5.0, 4.0), title_norm, recipes.id \
     LIMIT $4 OFFSET $5"
);

const INGREDIENTS: (&str, &str) = (
    "SELECT recipe_id, section, text FROM recipe_ingredients WHERE recipe_id IN ",
    " ORDER BY recipe_id, position",
);

const STEPS: (&str, &str) = (
    "SELECT recipe_id, section, text FROM recipe_steps WHERE recipe_id IN ",
    " ORDER BY recipe_id, position",
);

const TAGS: (&str, &str) = (
    "SELECT recipe_id, name FROM recipe_tags JOIN tags ON tags.id = tag_id WHERE recipe_id IN ",
    " ORDER BY recipe_id, position",
);
