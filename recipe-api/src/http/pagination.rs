//! Pages of a list: the numbers in the body and the link to the next page.

use axum::http::HeaderValue;
use serde::Serialize;

use crate::store::Page;

use super::query::QueryParams;

/// A page of a list, as clients see it.
#[derive(Serialize)]
pub(super) struct Paged<T> {
    pub(super) data: Vec<T>,
    pub(super) pagination: Pagination,
}

/// Where the page is in the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    page: u32,
    limit: u32,
    total: u64,
    total_pages: u64,
}

impl Pagination {
    pub(super) fn new(page: Page, total: u64) -> Self {
        Self {
            page: page.number,
            limit: page.limit,
            total,
            total_pages: total.div_ceil(u64::from(page.limit.max(1))),
        }
    }

    /// The `Link` header to the next page; `query` has the other parameters, ready encoded.
    pub(super) fn next(&self, path: &str, query: &str) -> Option<HeaderValue> {
        let next = self.page + 1;
        let is_reachable = u64::from(next) <= self.total_pages && is_within_depth(next, self.limit);
        is_reachable.then_some(())?;
        let limit = self.limit;
        let link = format!("<{path}?{query}page={next}&limit={limit}>; rel=\"next\"");
        HeaderValue::try_from(link).ok()
    }
}

/// Takes `page` and `limit`.
pub(super) fn take_page(params: &mut QueryParams) -> Page {
    let page = Page {
        number: params.take_number("page", 1, 1, MAX_DEPTH),
        limit: params.take_number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
    };
    if !is_within_depth(page.number, page.limit) {
        let expected = format!("page times limit must be at most {MAX_DEPTH}; narrow the search");
        params.problem("page", expected);
    }
    page
}

fn is_within_depth(page: u32, limit: u32) -> bool {
    u64::from(page) * u64::from(limit) <= u64::from(MAX_DEPTH)
}

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// Pages cost what comes before them, so there is an end.
const MAX_DEPTH: u32 = 10_000;
