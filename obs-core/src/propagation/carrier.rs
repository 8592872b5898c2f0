//! What a context travels in: headers, message attributes, any map of names to values.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

/// Something that a context can be read from.
///
/// # Examples
/// ```
/// use obs_core::propagation::Extract;
///
/// /// The headers of a message of some queue.
/// struct Headers(Vec<(String, Vec<u8>)>);
///
/// impl Extract for Headers {
///     fn values<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c [u8]> {
///         self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
///     }
/// }
/// ```
pub trait Extract {
    /// All values under a lower-case name, one for each line, in their order; names in the carrier
    /// match whatever their case.
    fn values<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c [u8]>;
}

/// Something that a context can be written to.
pub trait Inject {
    /// Sets a value, replacing all that were there under this lower-case name.
    fn set(&mut self, name: &'static str, value: String);
}

impl<H: BuildHasher> Extract for HashMap<String, String, H> {
    fn values<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c [u8]> {
        self.iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_bytes())
    }
}

impl<H: BuildHasher> Inject for HashMap<String, String, H> {
    fn set(&mut self, name: &'static str, value: String) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), value);
    }
}

impl Extract for BTreeMap<String, String> {
    fn values<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c [u8]> {
        self.iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_bytes())
    }
}

impl Inject for BTreeMap<String, String> {
    fn set(&mut self, name: &'static str, value: String) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), value);
    }
}
