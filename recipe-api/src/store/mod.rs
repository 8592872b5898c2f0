//! Recipes in SQLite, and the search over them.
//!
//! Reading order: the [`Store`] with its pools and migrations, reading recipes, writing them, the
//! [`search`] text, and the one place through which every statement goes.

mod database;
mod error;
mod migrations;
mod recipe_reads;
mod recipe_writes;
pub mod search;
mod statement;

pub use self::{
    database::Store,
    error::StoreError,
    recipe_reads::{Page, RecipeFilter, RecipePage},
    recipe_writes::{ImportCounts, ImportedRecipe},
};
