//! `Sensitive<T>`: a live value that never prints.

use std::fmt;

use crate::REDACTED;

/// A value that is in use but must never be seen: a password, a key, a connection string.
///
/// `Debug` and `Display` show `[REDACTED]` whatever `T` is, so that it can sit in any struct, span
/// or error. [`expose`](Self::expose) is the only way to the value and easy to search for. Memory
/// is not wiped when it is dropped.
///
/// # Examples
/// ```
/// use obs_redact::Sensitive;
///
/// #[derive(Debug)]
/// struct Settings {
///     user: &'static str,
///     password: Sensitive<String>,
/// }
///
/// let settings = Settings { user: "ada", password: Sensitive::new("hunter2".to_owned()) };
/// assert_eq!(format!("{settings:?}"), r#"Settings { user: "ada", password: [REDACTED] }"#);
/// assert_eq!(settings.password.expose(), "hunter2");
/// ```
#[derive(Clone, Default)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Hides the value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value to code that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Gives the value back, unprotected.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Sensitive<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}
