//! The template of the route that matched; the only file that names a web framework.

use std::borrow::Cow;

use http::Extensions;

/// The template of the matched route, such as `/recipes/{id}`.
///
/// With the feature `axum`, templates come from axum's `MatchedPath` and nothing is to be done. For
/// other routers, put this into the extensions of the request (before [`observe`](crate::observe())
/// sees it) or of the response. Use a closed set of values: it becomes a metric attribute.
///
/// # Examples
/// ```
/// use obs_tower::RouteTemplate;
///
/// let mut response = http::Response::new(());
/// response.extensions_mut().insert(RouteTemplate::new("/recipes/{id}"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RouteTemplate(Cow<'static, str>);

impl RouteTemplate {
    /// A template.
    #[must_use]
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self(template.into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The template that a router or the program left in these extensions.
pub(crate) fn template(extensions: &Extensions) -> Option<&str> {
    match extensions.get::<RouteTemplate>() {
        Some(template) => Some(template.as_str()),
        None => matched_path(extensions),
    }
}

#[cfg(feature = "axum")]
fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions
        .get::<axum::extract::MatchedPath>()
        .map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched_path(_: &Extensions) -> Option<&str> {
    None
}
