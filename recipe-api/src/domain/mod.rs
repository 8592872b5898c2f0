//! What a recipe is: plain values that cannot be invalid.

mod date;
mod fold;
mod instant;
mod recipe;
mod tag;
mod title;

pub use self::{
    date::Date,
    fold::fold,
    instant::Instant,
    recipe::{Line, Recipe, RecipeContent, RecipeId, Visibility},
    tag::Tag,
    title::Title,
};
