//! Markdown files become recipes.
//!
//! A recipe file has front matter (title, date, tags, author) between lines of `---`, a
//! description, optional lines such as `⏲️ Prep time: 30 min`, and headings named Ingredients and
//! Directions with lists or paragraphs below. Nothing of a file is lost: what is neither
//! ingredient nor step becomes the description or a note.
//!
//! Reading order: a [`folder`] of files, the [`front_matter`] and the [`markdown`] of each, the
//! [`sections`] it falls into, the [`facts`] it states, the [`cuisine`] its tags name; at the end
//! the [`demo`] set.

pub mod cuisine;
pub mod demo;
mod error;
pub mod facts;
pub mod folder;
pub mod front_matter;
pub mod markdown;
mod recipe;
pub mod sections;

pub use self::{error::ImportError, recipe::parse_recipe};
