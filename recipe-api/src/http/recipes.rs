//! The recipes: `GET /recipes` and `GET /recipes/{id}`.

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ETAG, IF_NONE_MATCH, LINK},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    domain::{RecipeId, Tag},
    error::ApiError,
    store::{RecipeFilter, Store},
};

use super::{
    pagination::{Paged, Pagination, take_page},
    query::{QueryParams, encode},
};

pub(super) fn routes() -> Router<Store> {
    Router::new()
        .route("/recipes", get(list))
        .route("/recipes/{id}", get(read))
}

/// A page of recipes: by title, or with `q` by relevance.
async fn list(State(store): State<Store>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let mut params = QueryParams::parse(query.as_deref(), &LIST_PARAMS);
    let page = take_page(&mut params);
    let filter = take_filter(&mut params);
    params.finish()?;

    let found = store.recipes(&filter, page).await?;
    let pagination = Pagination::new(page, found.total);
    if filter.text.is_some() {
        tracing::info!(
            result_count = found.total,
            page = page.number,
            "recipes searched"
        );
    } else {
        tracing::debug!(
            result_count = found.total,
            page = page.number,
            "recipes listed"
        );
    }
    let next = pagination.next("/api/v1/recipes", &encode_filter(&filter));
    let body = Json(Paged {
        data: found.recipes,
        pagination,
    });
    let mut response = body.into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

/// One recipe.
///
/// An id that is no UUID is a mistake in the request and told as such; one that names nothing is
/// not found.
async fn read(
    State(store): State<Store>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    QueryParams::parse(query.as_deref(), &[]).finish()?;
    let id: RecipeId = id
        .ok()
        .and_then(|Path(id)| id.parse().ok())
        .ok_or_else(|| ApiError::invalid("id", "must be a UUID"))?;

    let recipe = store
        .recipe(id)
        .await?
        .ok_or_else(|| ApiError::NotFound("there is no recipe of this id".to_owned()))?;
    tracing::info!(recipe_id = %id, "recipe loaded");

    let etag = format!("\"{}\"", recipe.version);
    let mut response = if is_known(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(recipe).into_response()
    };
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}

fn take_filter(params: &mut QueryParams) -> RecipeFilter {
    let text = params.take("q");
    if text
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_SEARCH_CHARS)
    {
        params.problem(
            "q",
            format!("must have at most {MAX_SEARCH_CHARS} characters"),
        );
    }
    let tag = params.take("tag").and_then(|tag| {
        let slug = Tag::new(&tag).map(|tag| tag.slug().to_owned());
        if slug.is_none() {
            let expected = format!("must have letters or digits, at most {}", Tag::MAX_CHARS);
            params.problem("tag", expected);
        }
        slug
    });
    let cuisine = params
        .take("cuisine")
        .map(|cuisine| cuisine.trim().to_lowercase());
    RecipeFilter { text, tag, cuisine }
}

/// The filter as the beginning of a query.
fn encode_filter(filter: &RecipeFilter) -> String {
    [
        ("q", &filter.text),
        ("tag", &filter.tag),
        ("cuisine", &filter.cuisine),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name}={}&", encode(value.as_deref()?))))
    .collect()
}

/// Whether the client says that it has this version.
///
/// Source: RFC 9110, section 13.1.2, with the weak comparison it asks for.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

const LIST_PARAMS: [&str; 5] = ["cuisine", "limit", "page", "q", "tag"];

const MAX_SEARCH_CHARS: usize = 200;
