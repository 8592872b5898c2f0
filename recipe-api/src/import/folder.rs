//! A folder of recipe files.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::domain::RecipeContent;

use super::{ImportError, parse_recipe};

/// The most bytes that a recipe file may have.
pub const MAX_FILE_BYTES: u64 = 256 * 1024;

/// A Markdown file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its place below the folder without the suffix, such as `soups/borscht`; names the recipe
    /// when the folder is read again.
    pub key: String,
}

impl RecipeFile {
    /// Reads the recipe in this file.
    ///
    /// # Errors
    /// [`ImportError`] if it cannot be read or is not a recipe.
    pub fn read(&self) -> Result<RecipeContent, ImportError> {
        let mut bytes = Vec::new();
        File::open(&self.path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(ImportError::Read)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(ImportError::TooLarge {
                max: MAX_FILE_BYTES,
            });
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| ImportError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        parse_recipe(text)
    }
}

/// Finds the Markdown files (`*.md`) of a folder and its subfolders, sorted by path.
///
/// Hidden entries are left out. Links to folders are not followed, so that a loop cannot trap us.
///
/// # Errors
/// If a folder cannot be listed; the error names it.
pub fn find(folder: &Path) -> io::Result<Vec<RecipeFile>> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", current.display()))
        };
        for entry in fs::read_dir(&current).map_err(named)? {
            let entry = entry.map_err(named)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            if entry.file_type().map_err(named)?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "md") && path.is_file() {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths
        .into_iter()
        .map(|path| {
            let below = path.strip_prefix(folder).unwrap_or(&path);
            let key = below.with_extension("").to_string_lossy().into_owned();
            RecipeFile { path, key }
        })
        .collect())
}
