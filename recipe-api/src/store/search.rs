//! What people type becomes a query of the full-text index.

use crate::domain::fold;

/// Turns text into an FTS5 query that finds rows with all of its words.
///
/// The last word may be the beginning of one, so that results come while somebody types. Every
/// word is quoted: nothing that is typed is query syntax. `None` if there is no word in the text.
///
/// # Examples
/// ```
/// use recipe_api::store::search::match_query;
///
/// assert_eq!(match_query("Crème brû").as_deref(), Some(r#""creme" "bru"*"#));
/// assert_eq!(match_query(" * \" "), None);
/// ```
#[must_use]
pub fn match_query(text: &str) -> Option<String> {
    let folded = fold(text);
    let words: Vec<String> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\""))
        .collect();
    (!words.is_empty()).then(|| words.join(" ") + "*")
}
