//! The recipes that come with the program.

use crate::domain::RecipeContent;

use super::{ImportError, parse_recipe};

/// The recipes of the demo set, each with the key it is stored under.
///
/// # Errors
/// [`ImportError`] if one of them is not a recipe, which a test rules out.
pub fn recipes() -> Result<Vec<(String, RecipeContent)>, ImportError> {
    FILES
        .iter()
        .map(|(name, text)| Ok((format!("demo/{name}"), parse_recipe(text)?)))
        .collect()
}

macro_rules! demo_files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../demo/", $name, ".md")))),+]
    };
}

const FILES: [(&str, &str); 14] = demo_files![
    "buttermilk-pancakes",
    "chana-masala",
    "creme-caramel",
    "greek-lentil-soup",
    "kartoffelsuppe",
    "mushroom-risotto",
    "pho-ga",
    "poblano-corn-chowder",
    "raeksmorrebrod",
    "shakshuka",
    "soda-bread",
    "spaghetti-al-limone",
    "tacos-de-coliflor",
    "tofu-teriyaki-don",
];

#[cfg(test)]
mod tests {
    use super::recipes;

    #[test]
    fn every_demo_recipe_is_complete() {
        let recipes = recipes().expect("the demo set is valid");
        assert_eq!(recipes.len(), 14);
        for (key, recipe) in recipes {
            assert!(recipe.description.is_some(), "{key}: description");
            assert!(recipe.servings.is_some(), "{key}: servings");
            assert!(recipe.prep_minutes.is_some(), "{key}: prep time");
            assert!(recipe.cook_minutes.is_some(), "{key}: cook time");
            assert!(recipe.cuisine.is_some(), "{key}: cuisine");
            assert!(recipe.ingredients.len() >= 5, "{key}: ingredients");
            assert!(recipe.steps.len() >= 4, "{key}: steps");
        }
    }
}
