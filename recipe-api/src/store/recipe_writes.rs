//! Writing recipes that were read from files.

use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use crate::domain::{Instant, Line, RecipeContent, RecipeId, Tag, Visibility, fold};

use super::{Store, StoreError, statement};

/// A recipe and the key of the source it comes from.
pub type ImportedRecipe = (String, RecipeContent);

/// What became of imported recipes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Not known before.
    pub loaded: usize,
    /// Known by their key, and replaced.
    pub updated: usize,
}

impl Store {
    /// Stores recipes for everybody to see, all or none of them.
    ///
    /// A recipe whose key is known replaces the content of the stored one, which keeps its id.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing is stored.
    pub async fn import(&self, recipes: &[ImportedRecipe]) -> Result<ImportCounts, StoreError> {
        let mut counts = ImportCounts::default();
        let mut tx = self.write().await?;
        for (key, content) in recipes {
            let saved = save_recipe(&mut tx, key, content).await?;
            if saved.is_new {
                counts.loaded += 1;
            } else {
                counts.updated += 1;
                delete_parts(&mut tx, saved.id).await?;
            }
            let ingredients = "recipe_ingredients";
            save_lines(
                &mut tx,
                ingredients,
                INGREDIENTS,
                saved.id,
                &content.ingredients,
            )
            .await?;
            save_lines(&mut tx, "recipe_steps", STEPS, saved.id, &content.steps).await?;
            save_tags(&mut tx, saved.id, &content.tags).await?;
            save_search_text(&mut tx, saved.seq, content).await?;
        }
        statement::run_unrecorded("COMMIT", tx.commit()).await?;
        Ok(counts)
    }
}

struct Saved {
    seq: i64,
    id: Uuid,
    is_new: bool,
}

async fn save_recipe(
    connection: &mut SqliteConnection,
    key: &str,
    content: &RecipeContent,
) -> Result<Saved, StoreError> {
    let notes =
        serde_json::to_string(&content.notes).map_err(|_| StoreError::Corrupt { what: "notes" })?;
    let query = sqlx::query(RECIPE)
        .bind(RecipeId::random().as_uuid())
        .bind(key)
        .bind(content.title.as_str())
        .bind(fold(content.title.as_str()))
        .bind(&content.description)
        .bind(&content.source_url)
        .bind(&content.author)
        .bind(Visibility::Public.as_str())
        .bind(&content.cuisine)
        .bind(content.prep_minutes)
        .bind(content.cook_minutes)
        .bind(content.total_minutes())
        .bind(content.servings)
        .bind(&content.yield_text)
        .bind(content.published_on.map(|date| date.to_string()))
        .bind(notes)
        .bind(Instant::now().as_micros())
        .fetch_one(connection);
    let row = statement::run("INSERT", "recipes", query).await?;
    let corrupt = |_| StoreError::Corrupt { what: "recipe" };
    let version: i64 = row.try_get("version").map_err(corrupt)?;
    Ok(Saved {
        seq: row.try_get("seq").map_err(corrupt)?,
        id: row.try_get("id").map_err(corrupt)?,
        is_new: version == 1,
    })
}

async fn delete_parts(connection: &mut SqliteConnection, id: Uuid) -> Result<(), StoreError> {
    for (collection, sql) in DELETE_PARTS {
        let query = sqlx::query(sql).bind(id).execute(&mut *connection);
        statement::run("DELETE", collection, query).await?;
    }
    Ok(())
}

async fn save_lines(
    connection: &mut SqliteConnection,
    collection: &'static str,
    sql: &'static str,
    id: Uuid,
    lines: &[Line],
) -> Result<(), StoreError> {
    for (chunk_index, chunk) in lines.chunks(MAX_ROWS).enumerate() {
        let mut query = sqlx::query(statement::with_rows(sql, chunk.len(), 4, ""));
        for (index, line) in chunk.iter().enumerate() {
            query = query
                .bind(id)
                .bind(position(chunk_index * MAX_ROWS + index))
                .bind(&line.section)
                .bind(&line.text);
        }
        statement::run("INSERT", collection, query.execute(&mut *connection)).await?;
    }
    Ok(())
}

async fn save_tags(
    connection: &mut SqliteConnection,
    id: Uuid,
    tags: &[Tag],
) -> Result<(), StoreError> {
    let now = Instant::now().as_micros();
    for (chunk_index, chunk) in tags.chunks(MAX_ROWS).enumerate() {
        let sql = statement::with_rows(NEW_TAGS, chunk.len(), 4, NEW_TAGS_END);
        let mut query = sqlx::query(sql);
        for tag in chunk {
            query = query
                .bind(Uuid::now_v7())
                .bind(tag.name())
                .bind(tag.slug())
                .bind(now);
        }
        statement::run("INSERT", "tags", query.execute(&mut *connection)).await?;

        let mut query = sqlx::query(statement::with_rows(TAGS, chunk.len(), 3, TAGS_END));
        for (index, tag) in chunk.iter().enumerate() {
            query = query
                .bind(id)
                .bind(tag.slug())
                .bind(position(chunk_index * MAX_ROWS + index));
        }
        statement::run("INSERT", "recipe_tags", query.execute(&mut *connection)).await?;
    }
    Ok(())
}

async fn save_search_text(
    connection: &mut SqliteConnection,
    seq: i64,
    content: &RecipeContent,
) -> Result<(), StoreError> {
    let ingredients: Vec<&str> = content
        .ingredients
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    let tags: Vec<&str> = content.tags.iter().map(Tag::name).collect();
    let query = sqlx::query(SEARCH_TEXT)
        .bind(seq)
        .bind(fold(content.title.as_str()))
        .bind(fold(content.description.as_deref().unwrap_or_default()))
        .bind(fold(&ingredients.join("\n")))
        .bind(fold(&tags.join("\n")))
        .bind(content.cuisine.as_deref().unwrap_or_default())
        .execute(connection);
    statement::run("INSERT", "recipes_fts", query)
        .await
        .map(drop)
}

fn position(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

const RECIPE: &str = "\
    INSERT INTO recipes (id, source_key, title, title_norm, description, source_url, author, \
        visibility, cuisine, prep_minutes, cook_minutes, total_minutes, servings, yield_text, \
        published_on, notes, version, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $17) \
    ON CONFLICT (source_key) DO UPDATE SET title = excluded.title, \
        title_norm = excluded.title_norm, description = excluded.description, \
        source_url = excluded.source_url, author = excluded.author, cuisine = excluded.cuisine, \
        prep_minutes = excluded.prep_minutes, cook_minutes = excluded.cook_minutes, \
        total_minutes = excluded.total_minutes, servings = excluded.servings, \
        yield_text = excluded.yield_text, published_on = excluded.published_on, \
        notes = excluded.notes, version = recipes.version + 1, updated_at = excluded.updated_at \
    RETURNING seq, id, version";

const DELETE_PARTS: [(&str, &str); 3] = [
    (
        "recipe_ingredients",
        "DELETE FROM recipe_ingredients WHERE recipe_id = $1",
    ),
    (
        "recipe_steps",
        "DELETE FROM recipe_steps WHERE recipe_id = $1",
    ),
    (
        "recipe_tags",
        "DELETE FROM recipe_tags WHERE recipe_id = $1",
    ),
];

const INGREDIENTS: &str =
    "INSERT INTO recipe_ingredients (recipe_id, position, section, text) VALUES ";

const STEPS: &str = "INSERT INTO recipe_steps (recipe_id, position, section, text) VALUES ";

const NEW_TAGS: &str = "\
    INSERT INTO tags (id, kind, name, slug, created_at) \
    SELECT column1, 'tag', column2, column3, column4 FROM (VALUES ";

/// `WHERE true` keeps the parser from reading `ON` as the condition of a join.
const NEW_TAGS_END: &str = ") WHERE true ON CONFLICT (kind, slug) DO NOTHING";

const TAGS: &str = "\
    INSERT INTO recipe_tags (recipe_id, tag_id, position) \
    SELECT column1, tags.id, column3 FROM (VALUES ";

const TAGS_END: &str = ") AS wanted JOIN tags ON kind = 'tag' AND slug = column2";

/// Replacing is how an index without its text forgets the old words.
const SEARCH_TEXT: &str = "\
    INSERT OR REPLACE INTO recipes_fts (rowid, title, description, ingredients, tags, cuisine) \
    VALUES ($1, $2, $3, $4, $5, $6)";

/// Keeps a statement far below the 32,766 parameters that SQLite takes.
const MAX_ROWS: usize = 500;
