//! Route templates, kept so that their span names are made once and shared.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::semconv::KnownMethod;

/// A route template with the span name of each method.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) template: Arc<str>,
    span_names: [OnceLock<Box<str>>; KnownMethod::COUNT],
}

impl Route {
    fn new(template: &str) -> Arc<Self> {
        Arc::new(Self {
            template: template.into(),
            span_names: [const { OnceLock::new() }; KnownMethod::COUNT],
        })
    }

    /// `{method} {route}`.
    pub(super) fn span_name(&self, method: KnownMethod) -> &str {
        let make = || format!("{} {}", method.span_word(), self.template).into_boxed_str();
        self.span_names
            .get(method.index())
            .map_or(&self.template, |name| name.get_or_init(make))
    }
}

/// The routes seen so far.
#[derive(Debug, Default)]
pub(super) struct Routes {
    known: RwLock<HashMap<Box<str>, Arc<Route>>>,
}

impl Routes {
    pub(super) fn of(&self, template: &str) -> Arc<Route> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = known.get(template) {
            return route.clone();
        }
        let full = known.len() >= MAX_ROUTES;
        drop(known);
        if full {
            return Route::new(template);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(template.into())
            .or_insert_with(|| Route::new(template))
            .clone()
    }
}

/// More templates than this are not kept: a program that makes them from raw input must not fill
/// the memory.
const MAX_ROUTES: usize = 4096;
