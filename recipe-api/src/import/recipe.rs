//! One file becomes the content of a recipe.

use crate::domain::{Date, RecipeContent, Tag, Title};

use super::{ImportError, cuisine, front_matter, markdown, sections::Sections};

/// Reads a recipe from the text of a Markdown file.
///
/// # Errors
/// [`ImportError`] if the front matter is not valid, or if there are no ingredients or no
/// directions.
///
/// # Examples
/// ```
/// let text = "---\ntitle: Toast\ntags: [quick]\n---\n\n## Ingredients\n\n- 2 slices of bread\n\n\
///             ## Directions\n\n1. Toast the bread.\n";
/// let recipe = recipe_api::import::parse_recipe(text)?;
/// assert_eq!(recipe.title.as_str(), "Toast");
/// assert_eq!(recipe.ingredients.len(), 1);
/// # Ok::<(), recipe_api::import::ImportError>(())
/// ```
pub fn parse_recipe(text: &str) -> Result<RecipeContent, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (head, body) = front_matter::split(text)?;
    let title = Title::new(&head.title).ok_or(ImportError::Title)?;
    let published_on = match head.date {
        Some(date) => Some(Date::parse(date.trim()).ok_or(ImportError::Date(date))?),
        None => None,
    };
    let tags = tags(
        head.tags
            .map_or_else(Vec::new, front_matter::Words::into_vec),
    )?;

    let sections = Sections::of(&markdown::blocks(body));
    if sections.ingredients.is_empty() {
        return Err(ImportError::NoIngredients);
    }
    if sections.steps.is_empty() {
        return Err(ImportError::NoDirections);
    }
    Ok(RecipeContent {
        title,
        description: (!sections.description.is_empty()).then(|| sections.description.join("\n\n")),
        servings: sections.servings,
        yield_text: sections.yield_text,
        prep_minutes: sections.prep_minutes,
        cook_minutes: sections.cook_minutes,
        cuisine: cuisine::of_tags(&tags).map(ToOwned::to_owned),
        tags,
        ingredients: sections.ingredients,
        steps: sections.steps,
        notes: sections.notes,
        source_url: sections.source_url,
        author: head
            .author
            .map(|author| author.trim().to_owned())
            .filter(|author| !author.is_empty()),
        published_on,
    })
}

fn tags(words: Vec<String>) -> Result<Vec<Tag>, ImportError> {
    let mut tags: Vec<Tag> = Vec::new();
    for word in words {
        let tag = Tag::new(&word).ok_or(ImportError::Tag(word))?;
        if !tags.iter().any(|known| known.slug() == tag.slug()) {
            tags.push(tag);
        }
    }
    Ok(tags)
}
